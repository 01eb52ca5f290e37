//! Measures what cosines mean in a space: names of tags as queries against the tags' own vectors and each other's.

use std::sync::Arc;

use super::{EmbedError, Embedder, service::store_error};
use crate::{
    domain::Calibration,
    store::{Store, TagVector},
};

/// Tags whose names are compared with each other's vectors.
const SAMPLE: usize = 128;

/// Measures this space if its library has changed much since it was last measured; whether it did.
pub(super) async fn calibrate_space(
    store: &dyn Store,
    embedder: &Arc<dyn Embedder>,
    space: &str,
) -> Result<bool, EmbedError> {
    let (sample, tags) = store.sample_vectors(space, SAMPLE).await.map_err(|error| store_error(&error))?;
    if !store.calibration(space).is_stale(tags) {
        return Ok(false);
    }
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for (place, tag) in sample.iter().enumerate() {
        let query = embedder.embed_query(&tag.name).await?;
        for (other, TagVector { vector, .. }) in sample.iter().enumerate() {
            let cosine = query.iter().zip(vector).map(|(x, y)| x * y).sum();
            if other == place {
                own.push(cosine);
            } else {
                others.push(cosine);
            }
        }
    }
    let Some(calibration) = Calibration::measure(&mut own, &mut others, tags) else { return Ok(false) };
    let Calibration { floor, ceiling, .. } = calibration;
    tracing::info!(embedding.space = space, floor, ceiling, tags, "what cosines mean was measured");
    store.set_calibration(space, &calibration).await.map_err(|error| store_error(&error))?;
    Ok(true)
}
