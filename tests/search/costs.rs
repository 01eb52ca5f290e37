//! What searches cost: an embedding for each distinct query, whatever is written meanwhile.

use std::sync::{Arc, atomic::Ordering};

use musonym::{
    domain::{Section, TagType},
    search::SearchRequest,
};

use crate::{Library, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_searches_of_a_hundred_queries_cost_a_hundred_embeddings_while_tags_are_written() {
    let library =
        Arc::new(Library::with(&[row(TagType::Genre, "house", &[(Section::SearchTerms, "deep bass".into())])]).await);
    library.embedder.queries.store(0, Ordering::Relaxed);
    let writer = {
        let library = Arc::clone(&library);
        tokio::spawn(async move {
            for number in 0..500 {
                let name = format!("written {number}");
                let rows = [row(TagType::Genre, &name, &[(Section::SearchTerms, format!("deep house {number}"))])];
                library.store.import_rows(&rows, false).await.unwrap();
            }
        })
    };
    let mut searches = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let library = Arc::clone(&library);
        searches.spawn(async move {
            let request = SearchRequest::new(&format!("deep house number {}", number % 100));
            library.searcher.search_encoded(&request).await.unwrap();
        });
    }
    searches.join_all().await;
    writer.await.unwrap();
    // And once more, now that every answer of before is outdated.
    for number in 0..100 {
        let request = SearchRequest::new(&format!("deep house number {number}"));
        assert!(!library.searcher.search_encoded(&request).await.unwrap().cached);
    }
    assert_eq!(library.embedder.queries.load(Ordering::Relaxed), 100);
}
