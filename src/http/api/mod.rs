//! The REST API: one file per resource, one function per operation.

pub(super) mod batches;
pub(super) mod deliveries;
pub(super) mod enrich;
pub(super) mod events;
pub(super) mod jobs;
pub(super) mod lint;
pub(super) mod merge;
pub(super) mod resolve;
pub(super) mod review;
pub(super) mod revisions;
pub(super) mod search;
pub(super) mod steering;
pub(super) mod synonyms;
mod synonyms_wire;
pub(super) mod tags;
