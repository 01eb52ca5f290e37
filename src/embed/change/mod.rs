//! Changing over to another model (docs/adr/0010): a second set of vectors is filled beside the active one, while that goes on
//! serving, and takes its place in one transaction. What is done so far lies in the database, so that whoever is interrupted
//! goes on where it stood.

mod begin;
mod error;
mod fill;

pub use error::ChangeError;
pub use fill::ModelChange;

/// What a step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStep {
    /// Some more tags have got their vectors.
    Embedded,
    /// Nothing is missing: it can be switched.
    Filled,
}

/// A change that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Vectors that this process has made for it: more than there are tags, where tags changed meanwhile.
    pub embedded: u64,
    /// Tags that could not be embedded; jobs try them again.
    pub failed: usize,
    /// The last error among them.
    pub error: Option<String>,
    /// Jobs for tags that have no vector now.
    pub queued: u64,
}

/// What was asked for, and how it stands.
pub enum SpaceChange {
    /// It is in force: rows that lack a vector have got jobs.
    InForce {
        /// The active space.
        space: String,
        /// How many jobs are new.
        queued: u64,
    },
    /// It is to be filled.
    Begun(Box<ModelChange>),
}
