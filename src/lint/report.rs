//! A whole report: two readings of the store, and what they come to.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    LintError,
    check::{Check, Waiting},
    finding::{Finding, FindingKind},
    meaning::{self, Nearest, Pair, Vectors},
    rows::{self, EndedJobs},
    vocabulary::Vocabulary,
};
use crate::{
    domain::{JobState, TagType},
    generate::MIN_ENTRIES_FOR_SHARES,
    store::{ContentToLint, JobFilter, Page, Store, StoreError, TagToLint},
};

/// Tags that are read at once: looking at their terms keeps a thread for some milliseconds.
const PAGE: usize = 200;

/// Ended jobs of each state that are looked at, the newest.
const MAX_JOBS: usize = 5_000;

/// What the linter found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Tells this report from others.
    pub number: u32,
    /// What was found, by kind, then by the type and number of the first tag.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub looked_at: LookedAt,
    /// What was asked of vectors; `None` where nothing was embedded yet.
    pub meaning: Option<Meaning>,
    /// What was not looked at, and why, a sentence each.
    pub not_looked_at: Vec<String>,
}

/// How much a report looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LookedAt {
    /// Tags.
    pub tags: usize,
    /// Terms of their active rows.
    pub terms: usize,
    /// Vectors that were compared.
    pub vectors: usize,
}

/// From which cosine on two tags mean one thing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Meaning {
    /// The embedding space whose vectors were compared.
    pub space: String,
    /// The cosine.
    pub threshold: f64,
    /// How it came about, a sentence.
    pub explanation: String,
}

impl Report {
    /// How many findings there are of each kind that has some, of one tag type or of both.
    pub fn counts(&self, tag_type: Option<TagType>) -> BTreeMap<FindingKind, usize> {
        let mut counts = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| is_of(finding, tag_type)) {
            *counts.entry(finding.kind).or_default() += 1;
        }
        counts
    }
}

/// Whether a finding is about tags of this type.
pub(super) fn is_of(finding: &Finding, tag_type: Option<TagType>) -> bool {
    tag_type.is_none_or(|wanted| finding.tags.iter().all(|tag| tag.tag_type == wanted))
}

/// Looks at the whole vocabulary, or at the tags of one type: no rule looks at both types at once.
///
/// # Errors
/// [`LintError`] when the store cannot be read.
pub async fn report(store: &dyn Store, tag_type: Option<TagType>) -> Result<Report, LintError> {
    let active_space = store.active_space();
    let space = active_space.as_deref();
    let mut vocabulary = Vocabulary::default();
    let mut vectors: HashMap<TagType, Vectors> = HashMap::new();
    let mut unusable = 0;
    let mut page = Page::first(PAGE);
    loop {
        let listing = store.tags_to_lint(tag_type, &page).await?;
        let mut places: HashMap<i64, (usize, TagType)> = HashMap::new();
        for tag in &listing.items {
            let place = vocabulary.learn(tag);
            if let Some(row) = embedded_row(tag, space) {
                places.insert(row, (place, tag.tag_type));
            }
        }
        unusable += add_vectors(store, space, &places, &mut vectors).await?;
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }

    let calibration = space.map(|space| store.calibration(space));
    let threshold = calibration.map_or(1.0, |calibration| calibration.one_meaning());
    let mut notes = Notes::default();
    let compared = vectors.values().map(Vectors::len).sum();
    let pairs = nearest(vectors, threshold, &mut notes).await?;

    let mut check = Check::new(&vocabulary, space, ended_jobs(store).await?);
    page = Page::first(PAGE);
    loop {
        let listing = store.tags_to_lint(tag_type, &page).await?;
        for tag in &listing.items {
            check.tag(tag);
        }
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    let (findings, waiting) = check.finish(&pairs, threshold);

    notes.of_vocabulary(&vocabulary, tag_type, waiting);
    notes.of_vectors(space, unusable);
    let meaning = space.zip(calibration).map(|(space, calibration)| Meaning {
        space: space.to_owned(),
        threshold: (threshold * 1e6).round() / 1e6,
        explanation: meaning::explanation(&calibration),
    });
    let looked_at = LookedAt { tags: vocabulary.len(), terms: vocabulary.terms(), vectors: compared };
    Ok(Report { number: fastrand::u32(..), findings, looked_at, meaning, not_looked_at: notes.0 })
}

/// The number of a tag's active row that has a vector in this space.
fn embedded_row(tag: &TagToLint, space: Option<&str>) -> Option<i64> {
    match &tag.content {
        ContentToLint::Row(row) if !rows::lacks_vector(row, space?) => Some(row.synonym_id),
        _ => None,
    }
}

/// Reads the vectors of a page of rows; how many of them cannot be compared.
async fn add_vectors(
    store: &dyn Store,
    space: Option<&str>,
    places: &HashMap<i64, (usize, TagType)>,
    vectors: &mut HashMap<TagType, Vectors>,
) -> Result<usize, StoreError> {
    let Some(space) = space.filter(|_| !places.is_empty()) else { return Ok(0) };
    let ids: Vec<i64> = places.keys().copied().collect();
    let mut read = store.vectors(space, &ids).await?;
    // In the order of the tags, so that two readings compare alike.
    read.sort_unstable_by_key(|(id, _)| places.get(id).map(|(place, _)| *place));
    let mut unusable = 0;
    for (id, vector) in read {
        if let Some((place, tag_type)) = places.get(&id) {
            unusable += usize::from(!vectors.entry(*tag_type).or_default().add(*place, &vector));
        }
    }
    Ok(unusable)
}

/// Compares vectors, type by type, on a thread of their own: with many tags it takes seconds.
async fn nearest(
    mut vectors: HashMap<TagType, Vectors>,
    threshold: f64,
    notes: &mut Notes,
) -> Result<Vec<Pair>, LintError> {
    let mut pairs = Vec::new();
    for tag_type in TagType::ALL {
        let Some(of_type) = vectors.remove(&tag_type) else { continue };
        let compare = move || (of_type.nearest(threshold), of_type);
        let (found, of_type) =
            tokio::task::spawn_blocking(compare).await.map_err(|error| LintError::Stopped(error.to_string()))?;
        notes.of_comparison(tag_type, &of_type, &found);
        pairs.extend(found.pairs);
    }
    Ok(pairs)
}

/// The last job of each tag and row that ended without success.
async fn ended_jobs(store: &dyn Store) -> Result<EndedJobs, StoreError> {
    const JOBS_A_PAGE: usize = 500;
    let mut ended = EndedJobs::default();
    for state in [JobState::Failed, JobState::Dead, JobState::Cancelled] {
        let filter = JobFilter { state: Some(state), kind: None };
        let mut page = Page::first(JOBS_A_PAGE);
        for _ in 0..MAX_JOBS / JOBS_A_PAGE {
            let listing = store.list_jobs(&filter, &page).await?;
            for job in listing.items {
                ended.add(job);
            }
            match listing.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
    }
    Ok(ended)
}

/// What was not looked at, a sentence each.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    fn of_vocabulary(&mut self, vocabulary: &Vocabulary, tag_type: Option<TagType>, waiting: Waiting) {
        for one_type in TagType::ALL.into_iter().filter(|one_type| tag_type.is_none_or(|wanted| wanted == *one_type)) {
            let rows = vocabulary.rows_of(one_type);
            if (1..MIN_ENTRIES_FOR_SHARES).contains(&rows) {
                self.0.push(format!(
                    "Frequent terms of {one_type}s: {rows} with synonyms are too few, from {MIN_ENTRIES_FOR_SHARES} on a share says something."
                ));
            }
        }
        if waiting.tags > 0 {
            self.0.push(format!("Tags whose synonyms are queued or being written: {}.", waiting.tags));
        }
        if waiting.rows > 0 {
            self.0.push(format!("Rows whose vectors are queued or being made: {}.", waiting.rows));
        }
    }

    fn of_vectors(&mut self, space: Option<&str>, unusable: usize) {
        if space.is_none() {
            self.0.push(
                "Meanings and missing vectors: nothing was embedded yet (`musonym serve` or `musonym worker` does)."
                    .to_owned(),
            );
        }
        if unusable > 0 {
            self.0.push(format!("Vectors without a direction, or of another length than the others: {unusable}."));
        }
    }

    fn of_comparison(&mut self, tag_type: TagType, vectors: &Vectors, found: &Nearest) {
        if vectors.left_out() > 0 {
            self.0.push(format!(
                "Meanings of {} {tag_type}s: the vectors of the first {} were compared.",
                vectors.left_out(),
                vectors.len()
            ));
        }
        let Some(how) = found.by_hash else { return };
        self.0.push(format!(
            "Some pairs of {tag_type}s that mean one thing: {} vectors are too many to compare each with each, so hashes chose \
             the pairs; they miss {:.0} % of those at the threshold, and fewer above it.",
            vectors.len(),
            (how.missed * 100.0).ceil()
        ));
        if how.cut_runs {
            self.0.push(format!("Some pairs of {tag_type}s whose vectors are nearly all alike: there are too many."));
        }
    }
}
