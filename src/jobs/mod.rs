//! Background work: claims jobs from the store, runs them, records how they ended.

mod events;
mod runner;

pub use events::{Event, Events};
pub use runner::{Runner, RunnerSettings};
