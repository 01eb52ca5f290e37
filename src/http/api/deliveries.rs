//! `/api/webhooks/deliveries`: what subscribers were told, and what has become of it.
#![expect(unused_qualifications, reason = "utoipa's expansion of `params(…)` qualifies the type")]

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::DeliveryState,
    http::{
        AppState,
        error::ApiError,
        extract::{ApiQuery, IdPath, page},
        openapi::{BadRequest, Conflicts, Failures, Missing, Unauthorized, Unwritable},
    },
    store::{OutboundDelivery, OutboundSubscriber},
};

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DeliveriesQuery {
    /// In one state only.
    state: Option<DeliveryState>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeliveriesPage {
    /// The deliveries, newest first.
    items: Vec<OutboundDelivery>,
    /// The subscribers that are configured.
    subscribers: Vec<OutboundSubscriber>,
    /// The cursor of the next page; `null` at the end.
    next: Option<String>,
}

/// What subscribers were told, page by page, and who they are
#[utoipa::path(
    get,
    path = "/api/webhooks/deliveries",
    tag = "webhooks",
    params(DeliveriesQuery),
    responses(
        (status = 200, description = "Deliveries, newest first", body = DeliveriesPage),
        BadRequest, Unauthorized, Failures,
    ),
)]
pub(in crate::http) async fn list_deliveries(
    State(state): State<AppState>,
    ApiQuery(query): ApiQuery<DeliveriesQuery>,
) -> Result<Json<DeliveriesPage>, ApiError> {
    let page = page(query.cursor, query.limit)?;
    let (listing, subscribers) =
        tokio::try_join!(state.store.list_deliveries(query.state, &page), state.store.outbound_subscribers())?;
    Ok(Json(DeliveriesPage { items: listing.items, subscribers, next: listing.next }))
}

/// Send a webhook again
///
/// Now and with fresh attempts, under the same `webhook-id`, whatever has become of it.
#[utoipa::path(
    post,
    path = "/api/webhooks/deliveries/{id}/retry",
    tag = "webhooks",
    params(("id" = i64, Path, description = "Number of the delivery", minimum = 1)),
    responses(
        (status = 200, description = "The delivery, pending", body = OutboundDelivery),
        BadRequest, Unauthorized, Missing, Conflicts, Unwritable, Failures,
    ),
)]
pub(in crate::http) async fn retry_delivery(
    State(state): State<AppState>,
    IdPath(id): IdPath,
) -> Result<Json<OutboundDelivery>, ApiError> {
    Ok(Json(state.store.retry_delivery(id).await?))
}
