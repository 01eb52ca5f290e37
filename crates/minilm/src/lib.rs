//! all-MiniLM-L6-v2 in this process: an English embedding model of 384 dimensions, its weights in 8 bits part of the binary.
//!
//! A crate of its own, because it computes and the rest of musonym mostly waits: it is compiled with all optimisations where
//! the rest is compiled quickly (`Cargo.toml`, profiles).

mod model;
mod weights;

pub use model::{Model, WEIGHTS, is_token};

/// Starts the threads that all models of the process share: they have the priority of whoever calls this, and else of whoever
/// embeds first, which may be background work.
pub fn start_threads() {
    candle_core::utils::barrier_pool();
}
