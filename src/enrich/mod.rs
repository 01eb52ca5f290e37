//! What an application makes of tags: raw strings as they stand in files become tags ([`resolve`]).
//!
//! All of it is pure logic over a vocabulary in memory ([`vocabulary`]); [`Enricher`] reads that from the store when it has
//! changed, and holds it.

mod enricher;
mod lists;
pub mod resolve;
mod spelling;
pub mod vocabulary;

pub use enricher::{EnrichError, Enricher};
