//! The gate of meaning: generated terms of a row that was embedded are compared with what its name and its other terms say,
//! and those that stand apart are put aside for a person (`store/sql/meaning.rs`).
//!
//! The row's own vector would not do: the term is in its text, and so is near to it whatever it means.
//!
//! A term stands apart when two things hold. Among the row's own terms it is an outlier, for a tag that the embedder does not
//! understand is far from all of them. And it is strange: its cosine is that of two worlds by the space's calibration
//! ([`Calibration::is_elsewhere`]), or no higher than that of most texts which are about no music at all, embedded in the
//! same call; in the spaces of some models everything is somewhat alike, and only such a comparison tells how much that is.
//!
//! Left alone are: what a person wrote or accepted; terms of imports and of the lexicon's own entries, which people wrote and
//! review in one place; spellings of the name, whose words it shares; and French, which the row's text leaves out
//! (`embed/text.rs`) and the usual embedders do not hear. Whether another one would cannot be told from its name.
//!
//! With the built-in model, of 102 entries of the lexicon with one absurd search term put into each, 67 % of these are put
//! aside, and 0.9 % of the entries' own terms.

use std::time::Duration;

use crate::{
    domain::{Calibration, Lang, Section, Source, Term, stem_groups},
    embed::EmbedError,
    generate::is_composed,
    search::may_be_french,
    store::{EmbedInput, MeaningCheck},
};

use super::{embed::Item, runner::Runner};

/// Fewest terms among which one can be an outlier.
const FEWEST_TERMS: usize = 5;

/// Most terms of a row that are compared: as many as a full answer of a model has in English.
const MOST_TERMS: usize = 28;

/// Most texts of one call beside [`STRANGERS`]: as many as `embed.batch` can ask for. Eight full answers fit.
const MOST_TEXTS: usize = 256;

/// From so many deviations below the median on a value is an outlier; a deviation is the median absolute one, scaled to the
/// standard deviation of a normal distribution (Leys et al., "Detecting outliers: Do not use standard deviation around the
/// mean, use absolute deviation around the median", 2013, who give 2, 2.5 and 3 to choose from).
const OUTLIER: f64 = 2.0;
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Texts about no music at all.
const STRANGERS: [&str; 12] = [
    "tax return form",
    "diesel engine repair",
    "chicken soup recipe",
    "dental surgery",
    "quarterly sales report",
    "garden hose",
    "bus timetable",
    "laundry detergent",
    "house insurance",
    "printer cartridge",
    "knee injury",
    "database migration",
];

impl Runner {
    /// Compares the generated terms of these rows, which were just embedded in this space, with one call for all that fit;
    /// what is refused is halved until the bad row stands alone. A failure loses nothing: the rows of which it
    /// could not be told are to be stored and tried again. Also the reason, where the embedder is out of service.
    pub(super) async fn check_meanings(&self, space: &str, batch: &[Item<'_>]) -> (Vec<MeaningCheck>, Option<String>) {
        let mut made = vec![MeaningCheck::NotNeeded; batch.len()];
        let mut outage = None;
        if !self.settings.meaning_gate {
            return (made, outage);
        }
        let rows: Vec<Row<'_>> = batch
            .iter()
            .enumerate()
            .map(|(place, (_, input))| Row { place, name: &input.tag_name, terms: comparable(input) })
            .filter(|row| !row.terms.is_empty())
            .collect();
        let calibration = self.store.calibration(space);
        let mut calls = calls(&rows);
        while let Some(rows) = calls.pop() {
            let (reason, is_outage) = match &outage {
                Some(reason) => (reason.clone(), true),
                None => match self.compare(space, rows, &calibration).await {
                    Ok(checks) => {
                        rows.iter().zip(checks).for_each(|(row, check)| made[row.place] = check);
                        continue;
                    }
                    Err(error) if rows.len() > 1 && error.is_refusal() => {
                        let (one, other) = rows.split_at(rows.len() / 2);
                        calls.extend([other, one]);
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the meanings of generated terms could not be checked; they will be");
                        (error.to_string(), error.is_outage())
                    }
                },
            };
            for row in rows {
                let attempts = batch[row.place].0.job.attempts;
                let delay = if is_outage { Duration::ZERO } else { self.retry_delay(attempts) };
                made[row.place] = MeaningCheck::Failed { reason: reason.clone(), delay, is_outage };
            }
            if is_outage {
                outage = Some(reason);
            }
        }
        (made, outage)
    }

    /// One call.
    async fn compare(
        &self,
        space: &str,
        rows: &[Row<'_>],
        calibration: &Calibration,
    ) -> Result<Vec<MeaningCheck>, EmbedError> {
        let texts = STRANGERS.iter().copied().chain(rows.iter().flat_map(Row::texts)).map(str::to_owned);
        let (offered, vectors) = self.embedder.embed_queries(&texts.collect::<Vec<_>>()).await?;
        if offered != space {
            return Err(EmbedError::SpaceChanged { active: offered, offered: space.to_owned() });
        }
        let (strangers, mut rest) = vectors.split_at_checked(STRANGERS.len()).unwrap_or((&vectors, &[]));
        let mut checks = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((vectors, later)) = rest.split_at_checked(row.terms.len() + 1) else { break };
            rest = later;
            let doubtful = apart(vectors, strangers, calibration).into_iter().map(|place| row.terms[place].clone());
            checks.push(MeaningCheck::Made { terms: row.terms.len(), doubtful: doubtful.collect() });
        }
        Ok(checks)
    }
}

/// A row with something to compare.
struct Row<'a> {
    /// Its place in the batch.
    place: usize,
    name: &'a str,
    terms: Vec<&'a Term>,
}

impl<'a> Row<'a> {
    /// What is embedded for it: its name, then its terms.
    fn texts(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(self.terms.iter().map(|term| term.term.as_str()))
    }
}

/// The rows by calls of at most [`MOST_TEXTS`], the last call first.
fn calls<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<&'r [Row<'a>]> {
    let mut calls = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut texts = 0;
        let fits = |row: &&Row<'_>| {
            texts += row.terms.len() + 1;
            texts <= MOST_TEXTS
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (call, later) = rest.split_at(count);
        calls.insert(0, call);
        rest = later;
    }
    calls
}

/// The terms of a row that a machine wrote, that nobody has decided on, and that an English embedder understands.
fn comparable(input: &EmbedInput) -> Vec<&Term> {
    if input.is_checked || input.source == Source::Manual {
        return Vec::new();
    }
    let generated = |term: &&Term| match term.source {
        Source::Ollama => true,
        Source::Lexicon => is_composed(input.source, input.confidence),
        Source::Manual | Source::Import => false,
    };
    let name: Vec<Vec<String>> = stem_groups(&input.tag_name);
    let own_key = crate::domain::key(&input.tag_name);
    let is_spelling = |term: &Term| {
        let key = term.key();
        let shares_key = key.contains(&own_key) || own_key.contains(&key);
        let shares_word =
            || stem_groups(&term.term).iter().flatten().any(|stem| name.iter().flatten().any(|own| own == stem));
        shares_key || shares_word()
    };
    let is_english = |term: &Term| match term.lang {
        Some(lang) => lang == Lang::En,
        // The name of another tag has no language; of other terms none was recognised.
        None => term.section == Section::RelatedTags || !may_be_french(&term.term),
    };
    let terms = input.terms.iter().filter(generated);
    let terms = terms.filter(|term| !term.is_accepted() && is_english(term) && !is_spelling(term));
    let terms: Vec<&Term> = terms.take(MOST_TERMS).collect();
    if terms.len() < FEWEST_TERMS { Vec::new() } else { terms }
}

/// The places of the terms that stand apart. `vectors` are those of the name and of the terms.
fn apart(vectors: &[Vec<f32>], strangers: &[Vec<f32>], calibration: &Calibration) -> Vec<usize> {
    let Some(terms) = vectors.get(1..).filter(|terms| terms.len() >= FEWEST_TERMS) else { return Vec::new() };
    let together = sum(vectors);
    let without = |term: &Vec<f32>| together.iter().zip(term).map(|(all, one)| all - one).collect::<Vec<f32>>();
    let values: Vec<f64> = terms.iter().map(|term| cosine(term, &without(term))).collect();
    let stranger = upper(&strangers.iter().map(|text| cosine(text, &together)).collect::<Vec<_>>());
    #[expect(clippy::cast_possible_truncation, reason = "a cosine")]
    let is_strange = |value: f64| calibration.is_elsewhere(value as f32) || value <= stranger;
    let middle = median(values.clone());
    // Where half of the terms are strange, it is the tag that the embedder does not understand.
    if is_strange(middle) {
        return Vec::new();
    }
    let deviation = MAD_TO_DEVIATION * median(values.iter().map(|value| (value - middle).abs()).collect());
    let is_apart = |value: f64| middle - value > OUTLIER * deviation && is_strange(value);
    (0..values.len()).filter(|place| is_apart(values[*place])).collect()
}

fn sum(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vectors.first().cloned().unwrap_or_default();
    for vector in vectors.iter().skip(1) {
        sum.iter_mut().zip(vector).for_each(|(all, one)| *all += one);
    }
    sum
}

/// Of a vector of length 1 and one of any.
fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let length = other.iter().map(|value| value * value).sum::<f32>().sqrt();
    let product: f32 = one.iter().zip(other).map(|(x, y)| x * y).sum();
    if length > 0.0 { f64::from(product / length) } else { 0.0 }
}

/// One standard deviation above the mean, which five of six values stay below where they are distributed normally; -1, as far
/// away as can be, of none.
fn upper(values: &[f64]) -> f64 {
    if values.is_empty() {
        return -1.0;
    }
    let count = values.iter().map(|_| 1.0).sum::<f64>();
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    mean + variance.sqrt()
}

/// The middle of the values, the lower one of two; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Confidence, TagType, TermStatus};

    const CALIBRATION: Calibration = Calibration { floor: 0.37, ceiling: 0.66, tags: 0 };

    /// A vector of length 1 with this cosine to the first axis, its rest on an axis of its own.
    fn vector(cosine: f32, own: usize) -> Vec<f32> {
        let mut vector = vec![0.0; 16];
        (vector[0], vector[own]) = (cosine, (1.0 - cosine * cosine).sqrt());
        vector
    }

    /// Vectors of a name and terms with these cosines to what they are about, and of texts about something else.
    fn found(cosines: &[f32], strangers: f32) -> Vec<usize> {
        let vectors: Vec<_> = cosines.iter().enumerate().map(|(n, cosine)| vector(*cosine, n + 1)).collect();
        apart(&vectors, &[vector(strangers, 14), vector(strangers, 15)], &CALIBRATION)
    }

    #[test]
    fn a_term_far_below_its_sisters_and_like_a_stranger_stands_apart() {
        assert_eq!(found(&[0.8, 0.75, 0.8, 0.7, 0.02, 0.78, 0.72], 0.0), [3]);
        assert_eq!(found(&[0.8, 0.75, 0.8, 0.7, 0.4, 0.78, 0.72], 0.0), [0; 0], "an outlier, but no stranger");
        assert_eq!(found(&[0.8, 0.75, 0.8, 0.7, 0.4, 0.78, 0.72], 0.45), [3], "where all is alike, 0.4 is nothing");
        assert_eq!(found(&[0.8, 0.9, 0.1, 0.6, 0.15, 0.9, 0.3], 0.0), [0; 0], "a row of many kinds of terms");
    }

    #[test]
    fn a_tag_that_is_not_understood_has_no_doubtful_terms() {
        assert_eq!(found(&[0.1, 0.2, 0.2, 0.2, -0.5, 0.2, 0.2], 0.3), [0; 0]);
        assert_eq!(found(&[0.8, 0.8, 0.8, 0.0], 0.0), [0; 0], "too few to tell");
        assert_eq!(found(&[], 0.0), [0; 0]);
    }

    fn term(section: Section, lang: Option<Lang>, text: &str, source: Source) -> Term {
        let confidence = Confidence::clamped(0.7);
        Term { section, lang, term: text.to_owned(), source, confidence, status: TermStatus::Active }
    }

    fn input(source: Source, confidence: f64, terms: Vec<Term>) -> EmbedInput {
        EmbedInput {
            synonym_id: 1,
            version: 1,
            tag_type: TagType::Genre,
            tag_name: "trip hop".to_owned(),
            terms,
            source,
            confidence: Confidence::clamped(confidence),
            is_checked: false,
        }
    }

    fn compared(input: &EmbedInput) -> Vec<&str> {
        comparable(input).into_iter().map(|term| term.term.as_str()).collect()
    }

    /// Enough terms that nothing speaks against.
    fn plain(source: Source) -> Vec<Term> {
        ["smoky beats", "dusty breaks", "moody samples", "late club", "downtempo"]
            .map(|text| term(Section::SearchTerms, None, text, source))
            .to_vec()
    }

    #[test]
    fn french_spellings_and_what_a_person_said_are_left_alone() {
        let mut terms = plain(Source::Ollama);
        let accepted = term(Section::SearchTerms, None, "accepted words", Source::Ollama);
        terms.extend([
            term(Section::SearchTerms, Some(Lang::Fr), "ambiance enfumée", Source::Ollama),
            term(Section::UsageContext, None, "guitare planante", Source::Ollama),
            term(Section::Translations, Some(Lang::Fr), "plomberie", Source::Ollama),
            term(Section::SearchTerms, None, "triphop", Source::Ollama),
            term(Section::SearchTerms, None, "tripping out", Source::Ollama),
            term(Section::SearchTerms, None, "by hand", Source::Manual),
            term(Section::SearchTerms, None, "from a file", Source::Import),
            Term { confidence: Confidence::CERTAIN, ..accepted },
            term(Section::RelatedTags, None, "dub", Source::Ollama),
        ]);
        let all = input(Source::Ollama, 0.7, terms);
        assert_eq!(compared(&all), ["smoky beats", "dusty breaks", "moody samples", "late club", "downtempo", "dub"]);
        assert_eq!(compared(&EmbedInput { is_checked: true, ..all.clone() }), [""; 0]);
        assert_eq!(compared(&EmbedInput { source: Source::Manual, ..all }), [""; 0]);
    }

    #[test]
    fn of_the_lexicon_only_what_is_composed_is_compared() {
        assert_eq!(compared(&input(Source::Lexicon, 0.8, plain(Source::Lexicon))), [""; 0]);
        assert_eq!(compared(&input(Source::Lexicon, 0.5, plain(Source::Lexicon))).len(), 5);
    }
}
