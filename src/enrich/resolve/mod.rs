//! Raw strings as they stand in files become tags: what holds several values is parted, numbers of ID3v1 are read, broken text
//! is mended, and each value is looked up by every key that the vocabulary has. `docs/RESOLVE.md` has the rules.

mod answer;
mod clean;
mod find;
mod numbers;
mod period;
mod split;

use std::collections::HashSet;

pub use answer::{
    Alternative, MAX_ALTERNATIVES, MAX_RAW_CHARS, MAX_STRINGS, MAX_WHITELIST, OptionsError, PartKind, Period,
    ResolveOptions, ResolveProblem, ResolvedPart, ResolvedString, ResolvedTag, Suggestion,
};

use super::{
    lists::NumberedGenre,
    vocabulary::{Place, Vocabulary},
};
use clean::{mended, trimmed};
use find::{Finder, Finding};
use split::{MAX_PARTS, split};

/// How much of a raw string is given back.
const SHOWN_CHARS: usize = 200;

/// Resolves strings over one vocabulary, with one set of options.
pub struct Resolver<'a> {
    vocabulary: &'a Vocabulary,
    options: &'a ResolveOptions,
    allowed: Option<HashSet<Place>>,
}

/// A part with the places of its tags, before what concerns the whole string.
struct Found {
    part: ResolvedPart,
    place: Option<Place>,
}

impl<'a> Resolver<'a> {
    /// A resolver with these options.
    ///
    /// # Errors
    /// [`OptionsError`] names the option that cannot be.
    pub fn new(vocabulary: &'a Vocabulary, options: &'a ResolveOptions) -> Result<Self, OptionsError> {
        options.validate()?;
        let finder = Finder { vocabulary, tag_type: options.tag_type };
        let mut allowed = HashSet::new();
        for name in &options.whitelist {
            let found = finder.find(name.as_str());
            match found.hits.first() {
                Some((place, score)) if *score >= options.min_score => allowed.insert(*place),
                _ => return Err(OptionsError::UnknownTag(shown(name.as_str()))),
            };
        }
        Ok(Self { vocabulary, options, allowed: (!allowed.is_empty()).then_some(allowed) })
    }

    /// What a raw string holds.
    pub fn resolve(&self, raw: &str) -> ResolvedString {
        let length = raw.chars().count();
        if length > MAX_RAW_CHARS {
            let detail = format!("The string has {length} characters, at most {MAX_RAW_CHARS} are read.");
            let error = Some(ResolveProblem { code: "too_long".to_owned(), detail });
            return ResolvedString { raw: shown(raw), tags: Vec::new(), parts: Vec::new(), error };
        }
        let finder = Finder { vocabulary: self.vocabulary, tag_type: self.options.tag_type };
        let text = mended(raw);
        let mut found = Vec::new();
        let values = split(&text, &|value: &str| finder.is_known(value));
        let cut = values.len() > MAX_PARTS;
        for value in values.into_iter().take(MAX_PARTS) {
            match numbers::numbers(value) {
                Some(numbered) => self.numbered(&finder, &numbered, &mut found),
                None => self.add(value, finder.find(value), &mut found),
            }
        }
        self.choose(&mut found);
        let mut tags: Vec<ResolvedTag> = Vec::new();
        for tag in found.iter().filter_map(|found| found.part.tag.as_ref()) {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        let detail = format!("It holds more than {MAX_PARTS} values; the rest was left out.");
        let error = cut.then(|| ResolveProblem { code: "too_many_values".to_owned(), detail });
        ResolvedString { raw: shown(raw), tags, parts: found.into_iter().map(|found| found.part).collect(), error }
    }

    /// A value of ID3v1 numbers: what stands behind them, where that is understood, else their genres.
    fn numbered(&self, finder: &Finder<'_>, numbered: &numbers::Numbered<'_>, found: &mut Vec<Found>) {
        // `(36)Game`: the name of the list itself says no more than its number.
        let repeats = |(_, genre): &(u32, Option<NumberedGenre>)| {
            genre.is_some_and(|genre| genre.name.eq_ignore_ascii_case(numbered.refinement))
        };
        if !numbered.refinement.is_empty() && !numbered.genres.iter().any(repeats) {
            let before = found.len();
            for value in split(numbered.refinement, &|value: &str| finder.is_known(value)) {
                self.add(value, finder.find(value), found);
            }
            if found[before..].iter().any(|found| found.place.is_some()) {
                return;
            }
        }
        for (number, genre) in &numbered.genres {
            let (text, finding) = match genre {
                None => {
                    let why = format!("ID3v1 has no genre of the number {number}.");
                    (number.to_string(), Finding { why, ..unknown() })
                }
                Some(NumberedGenre { name, reads: None }) => {
                    let why = format!("The number {number} of ID3v1 is `{name}`, which is no genre here.");
                    ((*name).to_owned(), Finding { kind: PartKind::SetAside, why, ..unknown() })
                }
                Some(NumberedGenre { name, reads: Some(reads) }) => {
                    for value in split(reads, &|value: &str| finder.is_known(value)) {
                        let mut finding = finder.find(value);
                        finding.why = format!("The number {number} of ID3v1 is `{name}`. {}", finding.why);
                        self.add(value, finding, found);
                    }
                    continue;
                }
            };
            self.add(&text, finding, found);
        }
    }

    /// Turns a finding into a part; what is two genres at once becomes two.
    fn add(&self, text: &str, finding: Finding, found: &mut Vec<Found>) {
        let Finding { kind, hits, also, period, why } = finding;
        let means_one = !matches!(kind, PartKind::Ambiguous);
        let sure = |(_, score): &&(Place, f64)| means_one && *score >= self.options.min_score;
        let chosen = hits.first().filter(sure).copied();
        let others = hits.iter().skip(usize::from(chosen.is_some())).take(self.options.alternatives);
        let alternatives = others.map(|(place, score)| self.alternative(*place, *score)).collect();
        let mut part = ResolvedPart {
            text: shown(trimmed(text)),
            tag: None,
            kind,
            score: hits.first().map(|(_, score)| rounded(*score)),
            alternatives,
            suggestion: None,
            rolled_up_from: None,
            period,
            why,
        };
        let place = chosen.map(|(place, _)| place);
        if let Some(place) = also {
            // The other one stands for itself, with the same reason.
            let twin = ResolvedPart { alternatives: Vec::new(), ..part.clone() };
            found.push(self.settled(twin, Some(place)));
        }
        if chosen.is_none() && !hits.is_empty() && means_one && kind != PartKind::Unknown {
            part.why = format!("{} Its score is below min_score.", part.why);
        }
        found.push(self.settled(part, place));
    }

    /// Rolls a tag up, keeps to the whitelist, and tells what only the lexicon has.
    fn settled(&self, mut part: ResolvedPart, place: Option<Place>) -> Found {
        let Some(mut place) = place else { return Found { part, place: None } };
        let is_allowed = |place: &Place| self.allowed.as_ref().is_none_or(|allowed| allowed.contains(place));
        if self.options.roll_up {
            let ancestors = self.vocabulary.ancestors(place);
            let target = match &self.allowed {
                Some(_) if is_allowed(&place) => None,
                Some(_) => ancestors.iter().find(|place| is_allowed(place)).copied(),
                None => ancestors.iter().rev().find(|place| !self.vocabulary.is_suggestion(**place)).copied(),
            };
            if let Some(target) = target {
                part.rolled_up_from = Some(self.vocabulary.at(place).name.clone());
                place = target;
            }
        }
        if !is_allowed(&place) {
            let name = &self.vocabulary.at(place).name;
            part.why = format!("{} `{name}` is not on the whitelist.", part.why);
            return Found { part, place: None };
        }
        let tag = self.vocabulary.at(place);
        if let Some(id) = tag.id {
            part.tag = Some(ResolvedTag { tag_type: tag.tag_type, tag_name: tag.name.clone(), id });
        } else {
            part.kind = PartKind::Lexicon;
            part.why = format!("{} The library does not have it, the lexicon does.", part.why);
            part.suggestion = Some(Suggestion { tag_type: tag.tag_type, tag_name: tag.name.clone() });
        }
        Found { part, place: Some(place) }
    }

    /// Leaves out parents where that is wanted, and what is beyond the limit.
    fn choose(&self, found: &mut [Found]) {
        if self.options.prefer_specific {
            let places: Vec<Place> = found.iter().filter_map(|found| found.place).collect();
            let parents: HashSet<Place> = places.iter().flat_map(|place| self.vocabulary.ancestors(*place)).collect();
            for found in found.iter_mut().filter(|found| found.place.is_some_and(|place| parents.contains(&place))) {
                leave_out(found, "A more specific tag stands beside it.");
            }
        }
        if let Some(limit) = self.options.limit {
            let mut order: Vec<usize> = (0..found.len()).filter(|at| found[*at].part.tag.is_some()).collect();
            order.sort_by(|a, b| found[*b].part.score.partial_cmp(&found[*a].part.score).unwrap_or(a.cmp(b)));
            let mut kept: HashSet<Option<Place>> = HashSet::new();
            for at in order {
                if kept.len() >= limit && !kept.contains(&found[at].place) {
                    leave_out(&mut found[at], "It is beyond the limit.");
                } else {
                    kept.insert(found[at].place);
                }
            }
        }
    }

    fn alternative(&self, place: Place, score: f64) -> Alternative {
        let tag = self.vocabulary.at(place);
        Alternative {
            tag_type: tag.tag_type,
            tag_name: tag.name.clone(),
            score: rounded(score),
            in_library: tag.id.is_some(),
        }
    }
}

fn unknown() -> Finding {
    Finding { kind: PartKind::Unknown, hits: Vec::new(), also: None, period: None, why: String::new() }
}

fn leave_out(found: &mut Found, why: &str) {
    found.part.tag = None;
    found.part.why = format!("{} {why}", found.part.why);
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// To three decimals.
fn rounded(score: f64) -> f64 {
    (score * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
