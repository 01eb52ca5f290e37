//! What an application makes of tags: raw strings as they stand in files become tags ([`resolve`]), a track's tags and measures
//! become words ([`summary`]) and what a language model should know of it ([`context`]), which may also call for itself ([`tools`]).
//!
//! All of it is pure logic over a vocabulary in memory ([`vocabulary`]); [`Enricher`] reads that from the store when it has
//! changed, and holds it.

pub mod characteristics;
pub mod context;
mod enricher;
mod lists;
mod phrases;
pub mod resolve;
mod spelling;
pub mod summary;
pub mod tools;
pub mod track;
pub mod vocabulary;

pub use enricher::{EnrichError, Enricher, on_all_processors};
