//! A search whose query was embedded just before the database changed over to another model.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use musonym::{
    search::{Branches, SearchRequest},
    store::{NextSpace, SpaceSwitch},
};

use super::*;

const FORMER: &str = "former:hash:64";
const LATTER: &str = "latter:hash:64";

/// Text as [`embed`] has it, but that the latter space knows nothing of the former.
fn embed_in(space: &str, text: &str) -> Vec<f32> {
    let mut vector = embed(text);
    if space == LATTER {
        vector.reverse();
    }
    vector
}

/// Makes one of the two spaces. That of the former changes the database over while it embeds a query.
struct Switching {
    space: &'static str,
    store: OnceLock<Arc<dyn Store>>,
    switched: AtomicBool,
}

impl Switching {
    fn of(space: &'static str) -> Arc<Self> {
        Arc::new(Self { space, store: OnceLock::new(), switched: AtomicBool::new(false) })
    }
}

/// Fills the latter space and makes it the active one.
async fn change_over(store: &dyn Store) {
    store.begin_space_change(&NextSpace { space: LATTER.to_owned(), model: "latter".to_owned() }).await.unwrap();
    let rows = store.rows_without_vector(LATTER, 0, 100).await.unwrap();
    let vectors: Vec<_> =
        rows.iter().map(|row| (row.synonym_id, row.version, embed_in(LATTER, &row.tag_name))).collect();
    assert_eq!(store.store_next_vectors(LATTER, &vectors).await.unwrap(), Some(vectors.len()));
    store.switch_embedding_space(&SpaceSwitch::at_once(LATTER)).await.unwrap();
}

#[async_trait]
impl Embedder for Switching {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok(self.space.to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|text| embed_in(self.space, text)).collect())
    }
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        if let Some(store) = self.store.get()
            && !self.switched.swap(true, Ordering::Relaxed)
        {
            change_over(&**store).await;
        }
        Ok(embed_in(self.space, query))
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        if self.space == FORMER { "former:" } else { "latter:" }
    }
    fn describe(&self) -> String {
        self.space.to_owned()
    }
}

#[tokio::test]
async fn a_query_embedded_before_the_model_changed_is_answered_in_the_new_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("musonym.db"))).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let (former, latter) = (Switching::of(FORMER), Switching::of(LATTER));
    let embedders = Embedders { allowed: vec![former.clone(), latter], ..Embedders::default() };
    let service = Arc::new(EmbedService::new(Arc::clone(&store), embedders));
    let rows = [row(TagType::Mood, "warm evening", &[]), row(TagType::Genre, "techno", &[])];
    store.import_rows(&rows, false).await.unwrap();
    let runner = Runner::new(
        Arc::clone(&store),
        Arc::new(LexiconGenerator::default()),
        Arc::clone(&service),
        Events::default(),
        RunnerSettings::default(),
    );
    runner.drain(CancellationToken::new()).await;
    assert_eq!(store.active_space().as_deref(), Some(FORMER));

    let settings = SearchSettings { embed_deadline: Duration::from_secs(60) };
    let cache = Cache::in_memory(CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 1 << 20 });
    let searcher = Searcher::new(Arc::clone(&store), service, Arc::new(cache), settings);
    let by_meaning =
        SearchRequest { branches: Branches::Vector, explain: true, ..SearchRequest::new("an evening, warm") };
    former.store.set(Arc::clone(&store)).ok().unwrap();
    let answer = searcher.search(&by_meaning).await.unwrap();

    assert!(former.switched.load(Ordering::Relaxed), "the model changed while the query was embedded");
    assert_eq!(store.active_space().as_deref(), Some(LATTER));
    assert_eq!(answer.explain.as_ref().unwrap().space.as_deref(), Some(LATTER));
    assert_eq!(answer.results.iter().map(|hit| hit.tag_name.as_str()).collect::<Vec<_>>(), ["warm evening"]);
    assert_eq!(answer.results[0].vector_score, Some(1.0));
    assert!(answer.degraded.is_empty(), "{:?}", answer.degraded);
}
