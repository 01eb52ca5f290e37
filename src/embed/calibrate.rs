//! Measures what cosines mean in a space: names of tags as queries against the tags' own vectors and each other's.

use std::sync::Arc;

use super::{EmbedError, Embedder, Halves, service::store_error};
use crate::{
    domain::Calibration,
    store::{Store, TagVector},
};

/// Tags whose names are compared with each other's vectors.
const SAMPLE: usize = 128;

/// Names embedded in one call: few enough that a query need not wait long behind it.
const BATCH: usize = 32;

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
    for (place, query) in embed_names(embedder, &sample).await? {
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

/// The vectors of the names as queries, each with its place in the sample. A name that the embedder refuses is left out.
async fn embed_names(embedder: &Arc<dyn Embedder>, sample: &[TagVector]) -> Result<Vec<(usize, Vec<f32>)>, EmbedError> {
    let mut halves = Halves::by_chars((0..sample.len()).collect(), BATCH, |_| 1);
    let mut made = Vec::with_capacity(sample.len());
    while let Some(places) = halves.next_batch() {
        let names: Vec<String> = places.iter().map(|place| sample[*place].name.to_string()).collect();
        match embedder.embed_queries(&names).await {
            Ok(vectors) => made.extend(places.into_iter().zip(vectors)),
            Err(error) if error.is_refusal() => _ = halves.refused(places),
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}
