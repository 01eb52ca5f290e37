//! Background work: claims jobs from the store, runs them, records how they ended.

pub mod celery;
mod crash;
mod embed;
mod events;
mod generate;
mod lane;
mod meaning;
pub mod outbound;
mod phases;
mod restraint;
mod runner;

pub use events::{Event, Events};
pub use restraint::{Hours, Restraint};
pub use runner::{Runner, RunnerSettings};
