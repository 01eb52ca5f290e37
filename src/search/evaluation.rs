//! How well search finds: labelled queries, the measures of the field, and tables of them.
//!
//! Relevance is binary. nDCG@10 has a gain of 1 for each relevant tag, a discount of log2(rank + 1), and as ideal the first
//! min(10, relevant) ranks (Järvelin and Kekäläinen, 2002, "Cumulated gain-based evaluation of IR techniques"). MRR is
//! the mean of 1 / rank of the first relevant tag among the first ten.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SearchHit;
use crate::domain::{Lang, TagName, TagType, key, word_enum};

/// Ranks that are looked at.
pub const DEPTH: usize = 10;

word_enum! {
    /// What makes a query hard.
    QueryKind, "kind" {
        /// Another name of the tag.
        Alias => "alias",
        /// The name in another spelling.
        Spelling => "spelling",
        /// The name in another language.
        Translation => "translation",
        /// The name with a typing error.
        Typo => "typo",
        /// Words that describe it.
        Description => "description",
        /// An occasion to play it.
        Context => "context",
        /// Of several parts, wanted or not.
        Composite => "composite",
    }
}

/// A query with the tags that answer it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LabelledQuery {
    /// What is typed.
    pub q: String,
    /// Its language.
    pub lang: Lang,
    /// What makes it hard.
    pub kind: QueryKind,
    /// Every right answer, the most direct one first; none for a query that must find nothing.
    pub relevant: Vec<RelevantTag>,
}

/// A right answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RelevantTag {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name in any spelling.
    pub name: TagName,
}

/// Means over some queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// How many queries.
    pub queries: usize,
    /// Share whose first result is relevant.
    pub hit_at_1: f64,
    /// Mean share of the relevant tags among the first ten.
    pub recall_at_10: f64,
    /// See the module.
    pub ndcg_at_10: f64,
    /// See the module.
    pub mrr: f64,
}

/// The measures of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Over all queries.
    pub all: Measures,
    /// By language.
    pub by_lang: BTreeMap<String, Measures>,
    /// By kind and language: `alias/en`.
    pub by_kind: BTreeMap<String, Measures>,
    /// Queries that must find nothing, and did not.
    pub false_finds: Vec<String>,
}

/// Adds up what each query gave.
#[derive(Debug, Default)]
pub struct Tally {
    sums: BTreeMap<String, Measures>,
    false_finds: Vec<String>,
}

/// The sum over all queries.
const ALL: &str = "";

impl Tally {
    /// Takes in the results of one query.
    pub fn add(&mut self, query: &LabelledQuery, hits: &[SearchHit]) {
        if query.relevant.is_empty() {
            if !hits.is_empty() {
                self.false_finds.push(query.q.clone());
            }
            return;
        }
        let ranks = relevant_ranks(query, hits);
        let one = measure(&ranks, query.relevant.len());
        for group in [ALL.to_owned(), query.lang.to_string(), format!("{}/{}", query.kind, query.lang)] {
            let sum = self.sums.entry(group).or_default();
            sum.queries += 1;
            sum.hit_at_1 += one.hit_at_1;
            sum.recall_at_10 += one.recall_at_10;
            sum.ndcg_at_10 += one.ndcg_at_10;
            sum.mrr += one.mrr;
        }
    }

    /// The means.
    pub fn scores(self) -> Scores {
        let mut scores = Scores { false_finds: self.false_finds, ..Scores::default() };
        for (group, sum) in self.sums {
            let count = count(sum.queries);
            let mean = Measures {
                queries: sum.queries,
                hit_at_1: sum.hit_at_1 / count,
                recall_at_10: sum.recall_at_10 / count,
                ndcg_at_10: sum.ndcg_at_10 / count,
                mrr: sum.mrr / count,
            };
            if group == ALL {
                scores.all = mean;
            } else if group.contains('/') {
                scores.by_kind.insert(group, mean);
            } else {
                scores.by_lang.insert(group, mean);
            }
        }
        scores
    }
}

/// The ranks (from 0) of the relevant tags among the first ten results.
pub fn relevant_ranks(query: &LabelledQuery, hits: &[SearchHit]) -> Vec<usize> {
    let is_relevant = |hit: &SearchHit| {
        query.relevant.iter().any(|tag| hit.tag_type == tag.tag_type && key(&hit.tag_name) == tag.name.key())
    };
    hits.iter().take(DEPTH).enumerate().filter(|(_, hit)| is_relevant(hit)).map(|(rank, _)| rank).collect()
}

/// The measures of one query.
fn measure(ranks: &[usize], relevant: usize) -> Measures {
    let gain = |rank: usize| 1.0 / (count(rank) + 2.0).log2();
    let ideal: f64 = (0..relevant.min(DEPTH)).map(gain).sum();
    Measures {
        queries: 1,
        hit_at_1: f64::from(u8::from(ranks.first() == Some(&0))),
        recall_at_10: count(ranks.len()) / count(relevant.max(1)),
        ndcg_at_10: if ideal > 0.0 { ranks.iter().map(|rank| gain(*rank)).sum::<f64>() / ideal } else { 0.0 },
        mrr: ranks.first().map_or(0.0, |rank| 1.0 / (count(*rank) + 1.0)),
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_those_of_the_definition() {
        let one = measure(&[0, 2], 3);
        let ideal = 1.0 + 1.0 / 3f64.log2() + 0.5;
        assert!((one.ndcg_at_10 - 1.5 / ideal).abs() < 1e-12);
        assert_eq!((one.hit_at_1, one.mrr), (1.0, 1.0));
        assert!((one.recall_at_10 - 2.0 / 3.0).abs() < 1e-12);
        let late = measure(&[3], 1);
        assert_eq!((late.hit_at_1, late.mrr, late.recall_at_10), (0.0, 0.25, 1.0));
        assert_eq!(measure(&[], 2), Measures { queries: 1, ..Measures::default() });
        // More relevant tags than ranks: ten of them are ideal.
        assert_eq!(measure(&(0..10).collect::<Vec<_>>(), 25).ndcg_at_10, 1.0);
    }
}
