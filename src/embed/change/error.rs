//! Why a change of the model does not go on, in words for the person who asked for it.

use crate::{
    embed::EmbedError,
    store::{SpaceProgress, StoreError},
};

/// Why a change of the model does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The embedder cannot be used.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A change to another model has been begun.
    #[error(
        "a change to {model} is under way, {} of {} tags are done\n\
         `musonym reembed --model {model}` goes on with it; --abandon gives it up and drops what it has made.",
        .progress.done, .progress.rows
    )]
    UnderWay {
        /// The other model.
        model: String,
        /// How far it has come.
        progress: SpaceProgress,
    },
    /// Another process works on a change now.
    #[error(
        "another `musonym reembed` works on this database: let it come to its end, or stop it (what it has done stays)"
    )]
    AtWork,
    /// Another process has given this change up.
    #[error("the change to {0} was given up by another `musonym reembed`")]
    GivenUp(String),
    /// The model is another one than at the beginning.
    #[error("the model {0} was replaced meanwhile: run `musonym reembed --model {0}` again, which begins anew")]
    Replaced(String),
    /// Without a model named, another one than the database's would have been taken only because that is not there.
    #[error("{problem}\n`musonym reembed --model builtin` takes the built-in model in its place.")]
    Fallback {
        /// Why the configured model cannot be used.
        problem: EmbedError,
    },
    /// More texts were refused than embedded.
    #[error("{failed} of {rows} tags could not be embedded, so nothing was switched; the last error: {error}")]
    Useless {
        /// How many.
        failed: usize,
        /// Of how many.
        rows: u64,
        /// What the embedder said.
        error: String,
    },
    /// The embedder cannot be made here.
    #[error("no embedder can be made for {0}")]
    Unknown(String),
}

impl ChangeError {
    /// Whether waiting helps.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Embed(error) => error.is_outage(),
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }
}
