//! The gate of meaning: generated terms of a row that has its vector are compared with it, and those that stand apart are put
//! aside for a person (`store/sql/meaning.rs`).
//!
//! A term stands apart when two things hold, neither of which is a number of ours. Its cosine with the row lies below the
//! space's floor: there lie 95 % of the pairs that have nothing to do with each other ([`Calibration`]). And among the row's
//! own terms it is an outlier, for a tag that the embedder does not understand is far from all of them.
//!
//! Left alone are: what a person wrote or accepted; terms of imports and of the lexicon's own entries, which people wrote and
//! review in one place; spellings of the name, whose words it shares; and French, which the row's text leaves out
//! (`embed/text.rs`) and the usual embedders do not hear. Whether another one would cannot be told from its name.

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

/// Most texts of one call: as many as `embed.batch` can ask for. Eight full answers fit.
const MOST_TEXTS: usize = 256;

/// From so many median absolute deviations on, scaled to standard deviations by 0.6745, a value is an outlier (Iglewicz and
/// Hoaglin, "How to Detect and Handle Outliers", 1993).
const OUTLIER: f64 = 3.5;
const MAD_TO_DEVIATION: f64 = 0.6745;

impl Runner {
    /// Compares the generated terms of these rows with the vectors that were just made in this space, with one call for all
    /// that fit; what is refused is halved until the bad row stands alone. A failure loses nothing: the rows of which it
    /// could not be told are to be stored and tried again. Also the reason, where the embedder is out of service.
    pub(super) async fn check_meanings(
        &self,
        space: &str,
        batch: &[Item<'_>],
        vectors: &[Vec<f32>],
    ) -> (Vec<MeaningCheck>, Option<String>) {
        let mut made = vec![MeaningCheck::NotNeeded; batch.len()];
        let mut outage = None;
        if !self.settings.meaning_gate {
            return (made, outage);
        }
        let rows: Vec<Row<'_>> = batch
            .iter()
            .zip(vectors)
            .enumerate()
            .map(|(place, ((_, input), vector))| Row { place, terms: comparable(input), vector })
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
        let texts: Vec<String> = rows.iter().flat_map(|row| &row.terms).map(|term| term.term.clone()).collect();
        let (offered, terms) = self.embedder.embed_queries(&texts).await?;
        if offered != space {
            return Err(EmbedError::SpaceChanged { active: offered, offered: space.to_owned() });
        }
        let mut terms = terms.iter();
        let check = |row: &Row<'_>| {
            let cosine = |term: &Vec<f32>| term.iter().zip(row.vector).map(|(x, y)| x * y).sum();
            let cosines: Vec<f32> = terms.by_ref().take(row.terms.len()).map(cosine).collect();
            let doubtful = apart(&cosines, calibration).into_iter().map(|place| row.terms[place].clone()).collect();
            MeaningCheck::Made { terms: row.terms.len(), doubtful }
        };
        Ok(rows.iter().map(check).collect())
    }
}

/// A row with something to compare.
struct Row<'a> {
    /// Its place in the batch.
    place: usize,
    terms: Vec<&'a Term>,
    vector: &'a [f32],
}

/// The rows by calls of at most [`MOST_TEXTS`], the last call first.
fn calls<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<&'r [Row<'a>]> {
    let mut calls = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut texts = 0;
        let fits = |row: &&Row<'_>| {
            texts += row.terms.len();
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

/// The places of the cosines that stand apart from the others and lie below the floor.
fn apart(cosines: &[f32], calibration: &Calibration) -> Vec<usize> {
    let values: Vec<f64> = cosines.iter().map(|cosine| f64::from(*cosine)).collect();
    let median = median(values.clone());
    let deviation = self::median(values.iter().map(|value| (value - median).abs()).collect());
    // Where half of the terms mean nothing beside the tag, it is the tag that the embedder does not understand.
    if values.len() < FEWEST_TERMS || median < calibration.floor {
        return Vec::new();
    }
    let is_apart = |value: f64| value < calibration.floor && MAD_TO_DEVIATION * (median - value) > OUTLIER * deviation;
    (0..values.len()).filter(|place| is_apart(values[*place])).collect()
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

    #[test]
    fn a_term_far_below_its_sisters_and_the_floor_stands_apart() {
        assert_eq!(apart(&[0.55, 0.6, 0.52, 0.05, 0.58, 0.5], &CALIBRATION), [3]);
        assert_eq!(apart(&[0.75, 0.8, 0.72, 0.4, 0.78, 0.7], &CALIBRATION), [0; 0], "above the floor");
        assert_eq!(apart(&[0.55, 0.3, 0.42, 0.2, 0.6, 0.45], &CALIBRATION), [0; 0], "a row of many kinds of terms");
    }

    #[test]
    fn a_tag_that_is_not_understood_has_no_doubtful_terms() {
        assert_eq!(apart(&[0.3, 0.31, 0.3, 0.01, 0.32, 0.3], &CALIBRATION), [0; 0]);
        assert_eq!(apart(&[0.5, 0.6, 0.0], &CALIBRATION), [0; 0], "too few to tell");
        assert_eq!(apart(&[], &CALIBRATION), [0; 0]);
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
        ["smoky beats", "slow breaks", "moody samples", "late club", "downtempo"]
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
        assert_eq!(compared(&all), ["smoky beats", "slow breaks", "moody samples", "late club", "downtempo", "dub"]);
        assert_eq!(compared(&EmbedInput { is_checked: true, ..all.clone() }), [""; 0]);
        assert_eq!(compared(&EmbedInput { source: Source::Manual, ..all }), [""; 0]);
    }

    #[test]
    fn of_the_lexicon_only_what_is_composed_is_compared() {
        assert_eq!(compared(&input(Source::Lexicon, 0.8, plain(Source::Lexicon))), [""; 0]);
        assert_eq!(compared(&input(Source::Lexicon, 0.5, plain(Source::Lexicon))).len(), 5);
    }
}
