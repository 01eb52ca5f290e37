//! Background work: claims jobs from the store, runs them, records how they ended.

pub mod celery;
mod embed;
mod events;
mod generate;
mod lane;
mod meaning;
mod runner;

pub use events::{Event, Events};
pub use runner::{Runner, RunnerSettings};
