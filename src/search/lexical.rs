//! The lexical score: how well a tag's terms say what the query says, 0..=1.
//!
//! A term meets the query in one of three ways: its key is the query's key (it is that name), it shares words with it
//! (by their stems), or it is a few typing errors away. The best evidence of a tag counts.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use crate::{
    domain::{
        Lang, Section, differs_by_noise, key, loose_key, parse_stems, rarity, split_elisions, stem_groups,
        telling_words, words,
    },
    store::{ById, MatchedTerm, Recalled},
};

use super::{
    answer::{Match, MatchKind},
    compound::{Compound, compounds, in_english},
    gloss::{Gloss, other_stems},
    typing::{errors, letters, may_be_near},
};

/// How much words found in a section say of the tag: its names say what it is, related tags only what it is near to.
const fn section_weight(section: Section) -> f64 {
    match section {
        Section::Name => 1.0,
        Section::Translations => 0.95,
        Section::SearchTerms => 0.9,
        Section::UsageContext => 0.85,
        Section::RelatedTags => 0.45,
    }
}

/// What a tag's words say together, where no single term says it all, counts somewhat less.
const SPREAD_WEIGHT: f64 = 0.85;

/// Most words of a phrase that may be a name.
const LONGEST_PHRASE: usize = 4;

/// What a name is worth that begins with the query: from the first, where hardly a letter was typed, by the second to where
/// hardly one is missing.
const BEGINNING_FLOOR: f64 = 0.5;
const BEGINNING_WIDTH: f64 = 0.4;

/// A typing error costs this many times its share of the word: `speedd metal` keeps 0.86 of the score.
const TYPO_COST: f64 = 1.5;

/// The query, read once.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// Its key.
    pub(super) key: String,
    /// Its key without noise words.
    pub(super) loose_key: String,
    /// Its words by their stems: of each word its own, then those of its English.
    pub(super) stems: Vec<Vec<String>>,
    /// How many stems of each word are its own.
    own_stems: Vec<usize>,
    /// By the keys of the query's phrases, which words they take up: `hiphop beats` has `hip hop` as its first.
    phrases: HashMap<String, Range<usize>>,
    /// Words of it that a term may write apart or together.
    compounds: Vec<Compound>,
    /// Its language, where the caller said.
    pub(super) lang: Option<Lang>,
}

impl Query {
    /// Words that were put into English are met by that, too, and misspelt ones by what was meant (`corrected`, the text
    /// with its words spelt rightly).
    pub(super) fn new(text: &str, corrected: &str, lang: Option<Lang>, gloss: &Gloss) -> Self {
        let mut stems = stem_groups(text);
        let own_stems = stems.iter().map(Vec::len).collect();
        let right = stem_groups(corrected);
        // A word that was read as one that says nothing leaves the others without their places.
        let spelt = if right.len() == stems.len() { corrected } else { text };
        for (group, right) in stems.iter_mut().zip(right).filter(|_| spelt == corrected) {
            let more: Vec<String> = right.into_iter().filter(|stem| !group.contains(stem)).collect();
            group.extend(more);
        }
        let others = other_stems(gloss);
        for group in &mut stems {
            let mut more: Vec<&String> = group.iter().filter_map(|stem| others.get(stem)).flatten().collect();
            more.sort_unstable();
            more.dedup();
            let more: Vec<String> = more.into_iter().filter(|stem| !group.contains(stem)).cloned().collect();
            group.extend(more);
        }
        let phrases = phrases(spelt);
        Self { key: key(text), loose_key: loose_key(text), stems, own_stems, phrases, compounds: Vec::new(), lang }
    }

    /// Lets words be met that the vocabulary writes apart or together, and phrases by their English; `are_known` says of some stems
    /// which stand in a term.
    #[must_use]
    pub(super) fn with_compounds(
        self,
        text: &str,
        gloss: &Gloss,
        are_known: impl Fn(&[Vec<String>]) -> Vec<bool>,
    ) -> Self {
        let mut compounds = compounds(text);
        compounds.extend(in_english(text, gloss));
        // A word that was read as one that says nothing leaves the others without their places.
        compounds.retain(|compound| compound.words().end <= self.stems.len());
        // An unknown stem would make the query look misspelt.
        let each = |compound: &Compound| compound.looked_up().iter().map(|stem| vec![stem.clone()]).collect::<Vec<_>>();
        let looked_up: Vec<Vec<String>> = compounds.iter().flat_map(each).collect();
        if !looked_up.is_empty() {
            let mut known = are_known(&looked_up).into_iter();
            compounds.retain_mut(|compound| compound.keep(|_| known.next().unwrap_or_default()));
        }
        Self { compounds, ..self }
    }

    /// The stems that terms are looked up by, of each word: its own and those of its compounds.
    pub(super) fn looked_up_stems(&self) -> Cow<'_, [Vec<String>]> {
        if self.compounds.is_empty() {
            return Cow::Borrowed(&self.stems);
        }
        let mut stems = self.stems.clone();
        for compound in &self.compounds {
            let Some(group) = stems.get_mut(compound.words().start) else { continue };
            let more = compound.looked_up().iter().filter(|stem| !group.contains(stem)).cloned();
            let more: Vec<String> = more.collect();
            group.extend(more);
        }
        Cow::Owned(stems)
    }

    /// The keys of its phrases.
    pub(super) fn phrase_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.phrases.keys().cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// The keys that are met exactly.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.key.clone()];
        if self.loose_key != self.key {
            keys.push(self.loose_key.clone());
        }
        keys
    }
}

/// The keys of all phrases of a query that are not the query itself, with the telling words that they take up.
fn phrases(text: &str) -> HashMap<String, Range<usize>> {
    let (all, telling) = (words(&split_elisions(text)), telling_words(text));
    let mut phrases = HashMap::new();
    for (first, (start, _)) in telling.iter().enumerate() {
        for (last, (end, _)) in telling.iter().enumerate().skip(first).take(LONGEST_PHRASE) {
            if last - first + 1 < telling.len() {
                phrases.entry(all[*start..=*end].concat()).or_insert(first..last + 1);
            }
        }
    }
    phrases
}

/// What the lexical branch says of one tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// How the best term met the query.
    pub(super) matched: Match,
    /// 0..=1; for exact names, aliases and translations the confidence of the term.
    pub(super) score: f64,
    /// Whether that term is an occasion to play the tag.
    pub(super) is_occasion: bool,
}

/// A term that met the query, how, and how well.
#[derive(Clone, Copy)]
struct Hit<'a> {
    kind: MatchKind,
    term: &'a MatchedTerm,
    score: f64,
}

impl Hit<'_> {
    /// Names before aliases before translations before the rest, then by score, then the query's language, then the
    /// alphabet: one order, whatever the order of insertion.
    fn beats(&self, other: &Self, lang: Option<Lang>) -> bool {
        let rank = |hit: &Self| {
            let band = match hit.kind {
                MatchKind::Exact => 2,
                MatchKind::Alias | MatchKind::Translation => 1,
                _ => 0,
            };
            (band, hit.score, lang.is_some() && hit.term.lang == lang)
        };
        let (mine, theirs) = (rank(self), rank(other));
        mine.partial_cmp(&theirs).is_some_and(|order| match order {
            std::cmp::Ordering::Equal => *self.term.term < *other.term.term,
            order => order.is_gt(),
        })
    }

    fn evidence(&self) -> Evidence {
        let matched = Match { kind: self.kind, term: Some(self.term.term.to_string()), lang: self.term.lang };
        Evidence { matched, score: self.score, is_occasion: self.term.section == Section::UsageContext }
    }
}

/// A word that is met by some of its stems alone ("cours" by "courir") counts somewhat less than one that has all, and
/// much less where the stem is so short that it may be any word's ("régiment" by "regea").
const PARTLY_MET: f64 = 0.85;
const BARELY_MET: f64 = 0.5;

/// Shortest stem, in bytes, that tells something beside another that is not met.
const TELLING_STEM: usize = 4;

/// The words of the query with their weights.
struct Words<'a> {
    query: &'a Query,
    /// Of each word its share of what the query says, rare words more: 1 together.
    weights: Vec<f64>,
}

impl<'a> Words<'a> {
    fn new(query: &'a Query, recalled: &Recalled) -> Self {
        let rarities: Vec<f64> = (0..query.stems.len())
            .map(|word| rarity(recalled.word_tags.get(word).copied().unwrap_or_default(), recalled.tag_count))
            .collect();
        let sum: f64 = rarities.iter().sum();
        Self { query, weights: rarities.iter().map(|rarity| rarity / sum.max(f64::MIN_POSITIVE)).collect() }
    }

    /// How well each word of the query is met by the term, 0 to 1, and the share of the term's words that meet one.
    /// `None` where they share nothing.
    fn shared(&self, term: &MatchedTerm) -> Option<(Vec<f64>, f64)> {
        let mut met = vec![0.0f64; self.weights.len()];
        let (mut of_term, mut words) = (0u32, 0u32);
        for group in parse_stems(&term.stems) {
            words += 1;
            let mut is_met = false;
            for ((word, own), best) in self.query.stems.iter().zip(&self.query.own_stems).zip(&mut met) {
                let (mut shared, mut all, mut longest) = (0, 0, 0);
                for stem in group.clone() {
                    all += 1;
                    if word.iter().any(|own| own == stem) {
                        shared += 1;
                        longest = longest.max(stem.len());
                    }
                }
                if shared > 0 {
                    is_met = true;
                    *best = best.max(match (shared == all && shared >= *own, longest >= TELLING_STEM) {
                        (true, _) => 1.0,
                        (false, true) => PARTLY_MET,
                        (false, false) => BARELY_MET,
                    });
                }
            }
            of_term += u32::from(is_met);
        }
        for compound in &self.query.compounds {
            let more = compound.words_met(&term.stems);
            if more > 0 {
                met[compound.words()].fill(1.0);
                of_term = (of_term + more).min(words);
            }
        }
        (of_term > 0).then(|| (met, f64::from(of_term) / f64::from(words.max(1))))
    }

    /// What a name that is a phrase of the query meets: the words of the phrase, by all it says.
    fn of_phrase(&self, phrase: &Range<usize>) -> (Vec<f64>, f64) {
        let met = (0..self.weights.len()).map(|word| if phrase.contains(&word) { 1.0 } else { 0.0 });
        (met.collect(), 1.0)
    }

    /// What this share of the query's words comes to.
    fn weigh(&self, met: &[f64]) -> f64 {
        self.weights.iter().zip(met).map(|(weight, met)| weight * met).sum()
    }
}

/// The evidence for each row among the recalled terms that count.
pub(super) fn evidence(query: &Query, recalled: &Recalled, counts: impl Fn(&MatchedTerm) -> bool) -> ById<Evidence> {
    let words = Words::new(query, recalled);
    let mut best: ById<Hit<'_>> = ById::default();
    let mut spread: ById<SpreadWords<'_>> = ById::default();
    for term in recalled.terms.iter().filter(|term| counts(term)) {
        let meeting = meet(&words, term);
        if let Some(met) = &meeting.words {
            spread.entry(term.synonym_id).or_insert_with(|| SpreadWords::new(query)).add(met, term);
        }
        if let Some(found) = meeting.hit {
            keep_better(&mut best, found, query.lang);
        }
    }
    for met in spread.into_values() {
        if let Some(found) = met.hit(&words) {
            keep_better(&mut best, found, query.lang);
        }
    }
    best.into_iter().map(|(synonym_id, hit)| (synonym_id, hit.evidence())).collect()
}

fn keep_better<'a>(best: &mut ById<Hit<'a>>, found: Hit<'a>, lang: Option<Lang>) {
    let known = best.entry(found.term.synonym_id).or_insert(found);
    if found.beats(known, lang) {
        *known = found;
    }
}

/// How one term meets the query.
struct Meeting<'a> {
    hit: Option<Hit<'a>>,
    /// How well it meets each word of the query.
    words: Option<Vec<f64>>,
}

fn meet<'a>(words: &Words<'_>, term: &'a MatchedTerm) -> Meeting<'a> {
    let query = words.query;
    let by_name = match term.section {
        Section::Name if *term.key == query.key => Some(MatchKind::Exact),
        Section::Name | Section::SearchTerms if is_same_name(query, term) => Some(MatchKind::Alias),
        Section::Translations if is_same_name(query, term) => Some(MatchKind::Translation),
        _ => None,
    };
    if let Some(kind) = by_name {
        // A name met only without its noise words ("jazz music") is a little less certain.
        let certainty = if *term.key == query.key { 1.0 } else { 0.8 };
        return Meeting { hit: Some(Hit { kind, term, score: term.confidence.value() * certainty }), words: None };
    }
    let weight = section_weight(term.section);
    let is_name = term.section.is_name();
    let phrase = query.phrases.get(&*term.key).filter(|_| is_name).map(|range| words.of_phrase(range));
    let shared = phrase.or_else(|| words.shared(term));
    let text = shared.as_ref().map(|(met, of_term)| {
        // What the query says and the term lacks weighs more than what the term says besides.
        let coverage = words.weigh(met) * (0.5 + 0.5 * of_term);
        Hit { kind: MatchKind::Text, term, score: weight * coverage }
    });
    let fuzzy = typo_similarity(&query.key, &term.key).map(|similarity| Hit {
        kind: MatchKind::Fuzzy,
        term,
        score: weight * similarity,
    });
    let beginning = beginning_similarity(&query.key, &term.key).filter(|_| is_name).map(|similarity| Hit {
        kind: MatchKind::Text,
        term,
        score: weight * similarity,
    });
    let hit = [text, fuzzy, beginning]
        .into_iter()
        .flatten()
        .reduce(|best, next| if next.score > best.score { next } else { best });
    Meeting { hit, words: shared.map(|(met, _)| met) }
}

fn is_same_name(query: &Query, term: &MatchedTerm) -> bool {
    *term.key == query.key
        || *term.key == query.loose_key
        // Normalising is dear: first whether noise words alone can make the difference.
        || (differs_by_noise(&term.key, &query.loose_key) && loose_key(&term.term) == query.loose_key)
}

/// The words of the query that a tag's terms share between them.
struct SpreadWords<'a> {
    /// For each word, how well it is met at best, by the weight of the section it stands in.
    met: Vec<f64>,
    term: Option<(f64, &'a MatchedTerm)>,
}

impl<'a> SpreadWords<'a> {
    fn new(query: &Query) -> Self {
        Self { met: vec![0.0; query.stems.len()], term: None }
    }

    fn add(&mut self, met: &[f64], term: &'a MatchedTerm) {
        let weight = section_weight(term.section);
        for (best, met) in self.met.iter_mut().zip(met) {
            *best = best.max(weight * met);
        }
        let better =
            self.term.is_none_or(|(known, other)| weight > known || (weight == known && *term.term < *other.term));
        if better {
            self.term = Some((weight, term));
        }
    }

    fn hit(self, words: &Words<'_>) -> Option<Hit<'a>> {
        let score = SPREAD_WEIGHT * words.weigh(&self.met);
        self.term.map(|(_, term)| Hit { kind: MatchKind::Text, term, score })
    }
}

/// How alike two keys are but for typing errors (optimal string alignment: insert, delete, replace, swap neighbours);
/// `None` where so many errors would make it another word.
fn typo_similarity(query: &str, term: &str) -> Option<f64> {
    let (length, term_length) = (query.chars().count(), term.chars().count());
    let allowed = match length.max(term_length) {
        0..=3 => return None,
        4..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    let may_be =
        length.abs_diff(term_length) <= allowed as usize && may_be_near(letters(query), letters(term), allowed);
    if !may_be || strsim::osa_distance(query, term) > allowed as usize {
        return None;
    }
    let share = errors(query, term, f64::INFINITY)? / f64::from(u32::try_from(length.max(term_length)).ok()?);
    Some((1.0 - TYPO_COST * share).max(0.0))
}

/// How much a name is met by its beginning, as one types; `None` where it does not begin so.
fn beginning_similarity(query: &str, term: &str) -> Option<f64> {
    if query.len() < 2 || query == term || !term.starts_with(query) {
        return None;
    }
    let share = f64::from(u32::try_from(query.len()).ok()?) / f64::from(u32::try_from(term.len()).ok()?);
    Some(BEGINNING_FLOOR + BEGINNING_WIDTH * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Confidence, SharedText, stems};

    fn term(synonym_id: i64, section: Section, text: &str) -> MatchedTerm {
        let [term, key, stems] = SharedText::of([text, &key(text), &stems(text)]);
        MatchedTerm { synonym_id, section, lang: None, term, key, stems, confidence: Confidence::clamped(0.9) }
    }

    fn best(query: &str, terms: &[MatchedTerm]) -> Evidence {
        let terms = terms.iter().cloned().map(std::sync::Arc::new).collect();
        let query = Query::new(query, query, None, &Gloss::default());
        evidence(&query, &Recalled { terms, ..Recalled::default() }, |_| true).remove(&1).unwrap()
    }

    #[test]
    fn the_kind_says_how_the_query_was_met() {
        for (query, section, text, kind) in [
            ("Hip-Hop", Section::Name, "hip hop", MatchKind::Exact),
            ("hip hop music", Section::Name, "hip hop", MatchKind::Alias),
            ("rap", Section::SearchTerms, "rap", MatchKind::Alias),
            ("triste", Section::Translations, "musique triste", MatchKind::Translation),
            ("parties", Section::UsageContext, "party", MatchKind::Text),
            ("melancolic", Section::Name, "melancholic", MatchKind::Fuzzy),
        ] {
            assert_eq!(best(query, &[term(1, section, text)]).matched.kind, kind, "{query} ~ {text}");
        }
    }

    #[test]
    fn a_name_beats_an_alias_and_an_alias_beats_words() {
        let terms = [
            term(1, Section::UsageContext, "acid techno night"),
            term(1, Section::SearchTerms, "acid techno"),
            term(1, Section::Name, "acid techno"),
        ];
        assert_eq!(best("acid techno", &terms).matched.kind, MatchKind::Exact);
        assert_eq!(best("acid techno", &terms[..2]).matched.kind, MatchKind::Alias);
    }

    #[test]
    fn words_spread_over_terms_count_together() {
        let terms = [term(1, Section::SearchTerms, "slow guitars"), term(1, Section::UsageContext, "night driving")];
        let together = best("slow night", &terms).score;
        assert!(together > best("slow night", &terms[..1]).score);
        assert!(together < 0.8);
    }

    #[test]
    fn words_are_met_that_are_written_apart_or_together() {
        for (query, text, other) in [
            ("getting over a breakup", "break-up ballads", "break dance"),
            ("candle light dinner", "candlelight", "light show"),
            ("campfire singalong", "sing-along classics", "singing lessons"),
        ] {
            let gloss = Gloss::default();
            let query =
                Query::new(query, query, None, &gloss).with_compounds(query, &gloss, |stems| vec![true; stems.len()]);
            let terms = [term(1, Section::UsageContext, text), term(2, Section::UsageContext, other)];
            let terms = terms.into_iter().map(std::sync::Arc::new).collect();
            let found = evidence(&query, &Recalled { terms, ..Recalled::default() }, |_| true);
            let score = |id: i64| found.get(&id).map_or(0.0, |evidence| evidence.score);
            assert!(score(1) > 0.2 && score(1) > score(2), "{text} {}, {other} {}", score(1), score(2));
        }
    }

    #[test]
    fn a_misspelt_name_is_met_and_another_word_is_not() {
        assert!(typo_similarity("speeddmetal", "speedmetal").unwrap() > 0.8);
        assert!(typo_similarity("tehcno", "techno").unwrap() > 0.7);
        assert_eq!(typo_similarity("jazz", "techno"), None);
        assert_eq!(typo_similarity("pop", "bop"), None);
    }

    #[test]
    fn a_related_tag_says_less_than_a_name() {
        let related = best("jazz", &[term(1, Section::RelatedTags, "jazz")]).score;
        let usage = best("party", &[term(1, Section::UsageContext, "party")]).score;
        assert!(related < 0.5 && usage > 0.8);
    }
}
