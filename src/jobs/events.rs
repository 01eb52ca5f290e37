//! What happens in the background, told to whoever listens (the SSE stream): best effort, never waited for.

use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::domain::{JobKind, JobState, TagType};

/// Events kept for a listener that reads slowly; what is older is skipped for it.
const BACKLOG: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type")]
pub enum Event {
    /// A job of this process changed its state.
    #[serde(rename = "job.changed")]
    JobChanged {
        /// The job.
        job_id: i64,
        /// What it does.
        kind: JobKind,
        /// Its new state.
        state: JobState,
        /// Why it failed or waits.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Synonyms were stored.
    #[serde(rename = "synonyms.updated")]
    SynonymsUpdated {
        /// The row.
        synonym_id: i64,
        /// Genre or mood.
        tag_type: TagType,
        /// The tag's name.
        tag_name: String,
        /// The row's version.
        version: i64,
    },
    /// A row got its vector.
    #[serde(rename = "synonyms.embedded")]
    SynonymsEmbedded {
        /// The row.
        synonym_id: i64,
    },
    /// A model is downloaded into Ollama.
    #[serde(rename = "model.pulled")]
    ModelPulled {
        /// The model.
        model: String,
        /// What Ollama is doing; `success` at the end.
        status: String,
        /// Bytes of the layer in hand that are there.
        #[serde(skip_serializing_if = "Option::is_none")]
        completed: Option<u64>,
        /// Bytes of that layer.
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// Anything in the database changed, by this process or another.
    #[serde(rename = "vocabulary.changed")]
    VocabularyChanged {
        /// The vocabulary version.
        version: i64,
    },
}

impl Event {
    /// The event's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JobChanged { .. } => "job.changed",
            Self::SynonymsUpdated { .. } => "synonyms.updated",
            Self::SynonymsEmbedded { .. } => "synonyms.embedded",
            Self::ModelPulled { .. } => "model.pulled",
            Self::VocabularyChanged { .. } => "vocabulary.changed",
        }
    }
}

/// The channel of events within a process.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Events {
    /// Tells the listeners, if any.
    pub fn publish(&self, event: Event) {
        // Without listeners there is nobody to miss it.
        let _ = self.0.send(event);
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
