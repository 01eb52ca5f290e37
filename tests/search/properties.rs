//! What holds for every vocabulary, whatever it says.

use std::collections::BTreeMap;

use musonym::{
    domain::{Section, TagType},
    search::{MatchKind, SearchAnswer, SearchRequest},
    store::ExportRow,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{Library, row};

/// Few words, so that tags share them.
const WORDS: [&str; 16] = [
    "rock", "jazz", "slow", "fast", "night", "danse", "triste", "piano", "acid", "house", "summer", "été", "deep",
    "folk", "drum", "bass",
];

const SECTIONS: [Section; 4] =
    [Section::SearchTerms, Section::RelatedTags, Section::UsageContext, Section::Translations];

fn phrase() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 1..4).prop_map(|words| words.join(" "))
}

/// Tags with terms, no name twice within a type.
fn rows() -> impl Strategy<Value = Vec<ExportRow>> {
    let terms = proptest::collection::vec((proptest::sample::select(&SECTIONS[..]), phrase()), 1..6);
    let tag = (proptest::bool::ANY, phrase(), terms);
    proptest::collection::vec(tag, 2..10).prop_map(|tags| {
        let mut rows = BTreeMap::new();
        for (is_mood, name, terms) in tags {
            let tag_type = if is_mood { TagType::Mood } else { TagType::Genre };
            rows.entry((tag_type, musonym::domain::key(&name))).or_insert_with(|| row(tag_type, &name, &terms));
        }
        rows.into_values().collect()
    })
}

async fn search(library: &Library, query: &str) -> SearchAnswer {
    let mut request = SearchRequest::new(query);
    request.limit = 100;
    library.searcher.search(&request).await.unwrap()
}

/// What a user sees of an answer; numbers of rows depend on the order of insertion.
fn seen(answer: &SearchAnswer) -> Vec<String> {
    answer
        .results
        .iter()
        .map(|hit| format!("{} {} {:.4} {:?}", hit.tag_type, hit.tag_name, hit.score, hit.matched))
        .collect()
}

fn assert_bands(answer: &SearchAnswer) {
    let mut last = 1.0;
    for hit in &answer.results {
        let band = match hit.matched.kind {
            MatchKind::Exact => 1.0..=1.0,
            MatchKind::Alias | MatchKind::Translation => 0.90..=0.99,
            MatchKind::Text | MatchKind::Fuzzy | MatchKind::Vector => 0.0..=0.89,
        };
        assert!(band.contains(&hit.score), "{hit:?}");
        assert!(hit.score <= last, "out of order: {hit:?}");
        for part in [hit.fts_score, hit.vector_score].into_iter().flatten() {
            assert!((0.0..=1.0).contains(&part), "{hit:?}");
        }
        last = hit.score;
    }
}

/// Runs a property; each case makes files, so that there are few.
fn holds<S: Strategy>(strategy: &S, property: impl AsyncFn(S::Value)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(strategy, |value| {
            runtime.block_on(property(value));
            Ok(())
        })
        .unwrap();
}

#[test]
fn answers_do_not_depend_on_the_order_of_insertion_and_scores_keep_to_their_bands() {
    holds(&(rows(), proptest::collection::vec(phrase(), 4)), async |(rows, queries)| {
        let library = Library::with(&rows).await;
        let turned: Vec<ExportRow> = rows.iter().rev().cloned().collect();
        let other = Library::with(&turned).await;
        for query in &queries {
            let answer = search(&library, query).await;
            assert_bands(&answer);
            assert_eq!(seen(&answer), seen(&search(&other, query).await), "{query}");
        }
    });
}

#[test]
fn an_unrelated_tag_never_takes_an_exact_match_away() {
    holds(&rows(), async |rows| {
        let library = Library::with(&rows).await;
        let unrelated = row(TagType::Genre, "zydeco", &[(Section::SearchTerms, "accordion from Louisiana".to_owned())]);
        library.store.import_rows(&[unrelated], false).await.unwrap();
        library.work().await;
        for row in &rows {
            let answer = search(&library, row.name.as_str()).await;
            let is_exact = |hit: &musonym::search::SearchHit| {
                hit.tag_type == row.tag_type && hit.tag_name == row.name.as_str() && hit.score == 1.0
            };
            assert!(answer.results.iter().any(is_exact), "{}: {answer:?}", row.name);
        }
    });
}
