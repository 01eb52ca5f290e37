//! The second reading: every rule over every tag, against what the first reading learnt. Nothing here reads a database.

use super::{
    finding::{Finding, FindingKind},
    meaning::Pair,
    mend,
    names::{self, about_tags},
    rows::{self, EndedJobs},
    terms,
    vocabulary::{Holders, Vocabulary, found, terms_of},
};
use crate::{
    domain::key,
    store::{ContentToLint, TagToLint},
};

/// The rules at work.
pub(super) struct Check<'a> {
    vocabulary: &'a Vocabulary,
    /// `None` before anything was embedded: then no row lacks a vector.
    active_space: Option<&'a str>,
    ended: EndedJobs,
    findings: Vec<Finding>,
    shared: Holders,
    frequent: Holders,
    waiting: Waiting,
}

/// What is on its way, and no finding yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Tags whose synonyms are being written.
    pub(super) tags: usize,
    /// Rows whose vectors are being made.
    pub(super) rows: usize,
}

impl<'a> Check<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary, active_space: Option<&'a str>, ended: EndedJobs) -> Self {
        Self {
            vocabulary,
            active_space,
            ended,
            findings: Vec::new(),
            shared: Holders::default(),
            frequent: Holders::default(),
            waiting: Waiting::default(),
        }
    }

    /// Looks at a tag.
    pub(super) fn tag(&mut self, tag: &TagToLint) {
        let named = found(tag);
        let row = match &tag.content {
            ContentToLint::Row(row) => row,
            ContentToLint::Nothing { waits: true } => return self.waiting.tags += 1,
            ContentToLint::Nothing { waits: false } => {
                return self.findings.push(rows::no_synonyms(named, &self.ended));
            }
            // A person's decision.
            ContentToLint::Tombstone => return,
        };
        let (own_key, terms) = (key(&tag.name), terms_of(row));
        self.findings.extend(names::aliases_that_are_names(&named, &own_key, &terms, self.vocabulary));
        self.findings.extend(terms::suspicious(&named, &own_key, row, &terms, self.vocabulary));
        names::collect_shared(&named, &own_key, &terms, self.vocabulary, &mut self.shared);
        terms::collect_frequent(&named, &terms, self.vocabulary, &mut self.frequent);
        if terms.is_empty() && !row.waits {
            self.findings.push(rows::empty_row(named.clone(), row));
        }
        if self.active_space.is_some_and(|space| rows::lacks_vector(row, space)) {
            if row.waits {
                self.waiting.rows += 1;
            } else {
                self.findings.push(rows::no_vector(named, row, &self.ended));
            }
        }
    }

    /// What was found, with the pairs of tags that mean one thing.
    pub(super) fn finish(mut self, pairs: &[Pair], threshold: f64) -> (Vec<Finding>, Waiting) {
        self.findings.extend(names::duplicates(self.vocabulary));
        self.findings.extend(pairs.iter().filter_map(|pair| same_meaning(pair, threshold, self.vocabulary)));
        self.findings.extend(names::shared(self.shared, self.vocabulary));
        self.findings.extend(terms::frequent(self.frequent, self.vocabulary));
        super::finding::sort(&mut self.findings);
        (self.findings, self.waiting)
    }
}

/// Two tags of one meaning; spellings of one name are duplicates already.
fn same_meaning(pair: &Pair, threshold: f64, vocabulary: &Vocabulary) -> Option<Finding> {
    let group = [vocabulary.at(pair.first), vocabulary.at(pair.second)];
    if group[0].key == group[1].key {
        return None;
    }
    let (from, into) = vocabulary.goes_and_stays(&group[0].tag, &group[1].tag);
    let why = format!(
        "The vectors of `{}` and `{}` have a cosine of {:.3}; from {threshold:.3} on two tags mean one thing here.",
        from.tag_name, into.tag_name, pair.cosine
    );
    let text = "If they are one, merge them (without --dry-run); if not, give each terms that the other has not.";
    let mend = mend::merge(from, into, true, text.to_owned());
    Some(about_tags(FindingKind::SameMeaning, vec![from.clone(), into.clone()], why, mend))
}
