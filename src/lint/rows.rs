//! Tags that have nothing, and rows without a vector, where nothing is on its way.

use std::collections::HashMap;

use super::{
    finding::{Finding, FindingKind, FoundTag},
    mend,
    names::about_tags,
};
use crate::{
    domain::{EmbedPayload, GeneratePayload, Job, JobKind, Source, TagType},
    store::RowToLint,
};

/// What a job worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    Generate(TagType, i64),
    Embed(i64),
}

/// The last job of each tag and row that ended without success.
#[derive(Debug, Default)]
pub(super) struct EndedJobs(HashMap<Work, Job>);

impl EndedJobs {
    /// Takes in a job that failed, is dead or was cancelled.
    pub(super) fn add(&mut self, job: Job) {
        let work = match job.kind {
            JobKind::Generate => serde_json::from_value(job.payload.clone())
                .map(|GeneratePayload { tag_type, tag_id, .. }| Work::Generate(tag_type, tag_id)),
            JobKind::Embed => {
                serde_json::from_value(job.payload.clone()).map(|EmbedPayload { synonym_id }| Work::Embed(synonym_id))
            }
        };
        // A payload that does not read is the worker's to tell.
        let Ok(work) = work else { return };
        match self.0.get(&work) {
            Some(known) if known.id > job.id => {}
            _ => {
                self.0.insert(work, job);
            }
        }
    }
}

/// How a job ended, for a sentence.
fn ending(job: &Job) -> String {
    let error = job.last_error.as_deref().map(|error| format!(": {}", error.trim_end_matches('.'))).unwrap_or_default();
    format!("job {} is {}{error}", job.id, job.state)
}

/// A tag for which nothing was ever written.
pub(super) fn no_synonyms(tag: FoundTag, ended: &EndedJobs) -> Finding {
    let (why, mend) = if let Some(job) = ended.0.get(&Work::Generate(tag.tag_type, tag.tag_id)) {
        let text = "Mend what the job says and try it again, or write the synonyms by hand (POST /api/synonyms).";
        (format!("`{}` has no synonyms: {}.", tag.tag_name, ending(job)), mend::retry(job.id, text.to_owned()))
    } else {
        let text = "Have them written, or write them by hand (POST /api/synonyms).".to_owned();
        let why = format!("`{}` has no synonyms, and no job will bring any: only its name finds it.", tag.tag_name);
        (why, mend::generate(&tag, text))
    };
    about_tags(FindingKind::NoSynonyms, vec![tag], why, mend)
}

/// A tag whose row has no active term.
pub(super) fn empty_row(tag: FoundTag, row: &RowToLint) -> Finding {
    let why = format!("`{}` has a row without any term: only its name finds it.", tag.tag_name);
    let id = row.synonym_id;
    let by_hand =
        format!("decide on what waits (`musonym review --row {id}`), or write some by hand (PUT /api/synonyms/{id}).");
    let mend = match row.source {
        // Generators leave it alone.
        Source::Manual => mend::decide(format!("Either {by_hand}")),
        _ => mend::generate(&tag, format!("Have them written, {by_hand}")),
    };
    about_tags(FindingKind::NoSynonyms, vec![tag], why, mend)
}

/// Whether a row lacks a vector of the active space.
pub(super) fn lacks_vector(row: &RowToLint, active_space: &str) -> bool {
    row.space.as_deref() != Some(active_space)
}

/// A row without a vector of the active space.
pub(super) fn no_vector(tag: FoundTag, row: &RowToLint, ended: &EndedJobs) -> Finding {
    let lacks = format!("`{}` has no vector in the active space", tag.tag_name);
    let (why, mend) = if let Some(job) = ended.0.get(&Work::Embed(row.synonym_id)) {
        let text = "Mend what the job says and try it again.".to_owned();
        (format!("{lacks}: {}.", ending(job)), mend::retry(job.id, text))
    } else {
        let text = "Queue the embedding of every row that lacks its vector.".to_owned();
        (format!("{lacks}, and no job will bring one: only words find it."), mend::embed_missing(text))
    };
    about_tags(FindingKind::NoVector, vec![tag], why, mend)
}
