//! The service over PostgreSQL against PostgreSQL alone: `scripts/services run cargo bench --bench postgres`.
//!
//! Prints, in one run and for each size (10,000 and 100,000 tags; `BENCH_TAGS=10000` for one): how well the index of the
//! vectors finds, with and without a tag type; the rate and the median of the recall statement under pgbench, at 1 and 8
//! connections; the same of the service's search over HTTP, whose query vectors are known and whose answers are not, the
//! ratio, and what it adds to the median of a question (the median over all questions, which differ more than anything else);
//! and the rate of answers from the cache. `BENCH_SECONDS` (20) is how long each is measured, by turns.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use musonym::{
    cache::{Cache, CacheSettings},
    domain::{key, stems},
    embed::{EmbedError, EmbedService, Embedder, Embedders},
    enrich::Enricher,
    http::{AppState, Auth, Component, HttpLimits, StatusSource, prometheus_builder},
    jobs::Events,
    lint::Linter,
    search::{SearchSettings, Searcher},
    store::{
        AdminStore as _, SETTING_EMBEDDING_SPACE, Store,
        postgres::{PostgresOptions, PostgresStore, TRIGRAM_SIMILARITY},
    },
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tracing_subscriber::{Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Without a colon, which begins a variable of pgbench.
const SPACE: &str = "bench-clusters";
const DIMENSIONS: usize = 768;
/// Stands for it where pgbench has no such value.
const NULL: &str = "-";
/// The types of the statement's parameters, which pgbench has to be told. Those that may be NULL are texts.
const PARAMETERS: [&str; 12] =
    ["text[]", "text[]", "float8[]", "text", "text", "real[]", "text", "text", "float8", "int4", "text[]", "text"];
/// Turns that pgbench and the service take.
const ROUNDS: u32 = 10;
/// Different questions; the service is asked each again and again, each time for another answer.
const QUESTIONS: usize = 16;
/// Musical neighbourhoods that the vectors lie in, one for so many tags.
const TAGS_A_CLUSTER: usize = 60;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Words of a vocabulary whose frequencies fall as those of a language do.
fn word(rank: usize) -> String {
    const BEGINNINGS: [&str; 18] =
        ["b", "d", "r", "m", "k", "t", "l", "v", "g", "p", "s", "h", "z", "cr", "n", "f", "st", "ch"];
    const ENDS: [&str; 15] = ["a", "e", "i", "o", "u", "an", "er", "il", "on", "us", "ak", "ed", "is", "oo", "ay"];
    let syllables = BEGINNINGS.len() * ENDS.len();
    let mut text = String::new();
    // Scattered, so that neighbours in rank do not look alike.
    let mut rest = (rank + 1) * 7_919;
    while rest > 0 {
        let syllable = rest % syllables;
        text.push_str(BEGINNINGS[syllable % BEGINNINGS.len()]);
        text.push_str(ENDS[syllable / BEGINNINGS.len()]);
        rest /= syllables;
    }
    text
}

/// A rank by Zipf's law, roughly.
fn zipf(random: &mut fastrand::Rng, words: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank")]
    let rank = (words as f64).powf(random.f64()) as usize;
    rank.min(words) - 1
}

fn phrase(random: &mut fastrand::Rng, words: usize) -> String {
    let count = random.usize(1..=3);
    (0..count).map(|_| word(zipf(random, words))).collect::<Vec<_>>().join(" ")
}

/// A direction, the same for the same number.
fn direction(seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..DIMENSIONS).map(|_| (0..4).map(|_| random.f32() - 0.5).sum()).collect()
}

fn vector(cluster: u64, seed: u64, spread: f32) -> Vec<f32> {
    let mixed: Vec<f32> =
        direction(cluster).iter().zip(direction(1_000_000 + seed)).map(|(centre, own)| centre + spread * own).collect();
    let norm = mixed.iter().map(|value| value * value).sum::<f32>().sqrt();
    mixed.iter().map(|value| value / norm).collect()
}

/// Stands in for a model that is never late: a query lies near the tags of one cluster.
struct ClusterEmbedder {
    clusters: u64,
}

#[async_trait]
impl Embedder for ClusterEmbedder {
    async fn space(&self) -> Result<String, EmbedError> {
        Ok(SPACE.to_owned())
    }
    async fn embed_documents(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(texts.iter().map(|_| vector(0, 0, 1.0)).collect())
    }
    async fn embed_query(&self, query: &str) -> Result<Vec<f32>, EmbedError> {
        let seed = query.bytes().fold(7u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Ok(vector(seed % self.clusters, seed % 1_000_003, 0.7))
    }
    fn query_text(&self, query: &str) -> String {
        query.to_owned()
    }
    fn family(&self) -> &'static str {
        "bench-"
    }
    fn describe(&self) -> String {
        "clusters".to_owned()
    }
}

/// Fills the tables, past the triggers: what is measured is reading.
async fn fill(connection: &mut PgConnection, tags: usize, questions: &mut Vec<String>) -> Outcome<()> {
    let mut random = fastrand::Rng::with_seed(42);
    let (words, clusters) = (tags / 4 + 200, (tags / TAGS_A_CLUSTER) as u64);
    sqlx::raw_sql("SET session_replication_role = replica; SET synchronous_commit = off")
        .execute(&mut *connection)
        .await?;
    let started = Instant::now();
    for first in (0..tags).step_by(1000) {
        let mut rows: Vec<(i64, &str, String, Vec<f32>)> = Vec::new();
        let mut terms: (Vec<i64>, Vec<&str>, Vec<String>) = Default::default();
        for number in first..(first + 1000).min(tags) {
            let id = i64::try_from(number + 1)?;
            let kind = if number % 5 == 0 { "mood" } else { "genre" };
            let name = format!("{} {}", word(number), phrase(&mut random, words));
            let mut add = |section, text: String| {
                terms.0.push(id);
                terms.1.push(section);
                terms.2.push(text);
            };
            add("name", name.clone());
            (0..8).for_each(|_| add("search_terms", phrase(&mut random, words)));
            (0..4).for_each(|_| add("related_tags", phrase(&mut random, words)));
            (0..3).for_each(|_| add("usage_context", phrase(&mut random, words)));
            (0..2).for_each(|_| add("translations", phrase(&mut random, words)));
            if questions.len() < QUESTIONS && number % (tags / QUESTIONS) == 0 {
                questions.push(match questions.len() % 4 {
                    0 => name.clone(),
                    1 => format!("{}x", name.replace(' ', "")),
                    _ => format!("{} {}", word(zipf(&mut random, words)), word(zipf(&mut random, words))),
                });
            }
            rows.push((id, kind, name, vector(number as u64 % clusters, number as u64, 0.8)));
        }
        for (kind, table) in [("genre", "genre_tag"), ("mood", "mood_tag")] {
            let of_kind = rows.iter().filter(|row| row.1 == kind);
            let (ids, names): (Vec<i64>, Vec<String>) = of_kind.map(|row| (row.0, row.2.clone())).unzip();
            let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
            let insert = format!(
                "INSERT INTO {table} (id, name, name_key) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])"
            );
            sqlx::query(AssertSqlSafe(insert)).bind(ids).bind(names).bind(keys).execute(&mut *connection).await?;
        }
        for (id, kind, _, vector) in &rows {
            let own: Vec<&String> =
                terms.0.iter().zip(&terms.2).filter(|(row, _)| *row == id).map(|(_, text)| text).collect();
            let sections = serde_json::json!({ "search_terms": own[1..9], "related_tags": own[9..13], "usage_context": own[13..16],
                "translations": { "en": [], "fr": own[16..] } });
            sqlx::query(
                "INSERT INTO mir_synonym (id, tag_type, tag_id, synonyms, source, confidence, created_at, updated_at, embedding,
                     embedding_space, embedding_dimensions)
                 VALUES ($1, $2, $1, $3, 'lexicon', 0.9, now(), now(), $4::real[]::vector, $5, 768)",
            )
            .bind(id)
            .bind(kind)
            .bind(sections)
            .bind(vector)
            .bind(SPACE)
            .execute(&mut *connection)
            .await?;
        }
        let keys: Vec<String> = terms.2.iter().map(|text| key(text)).collect();
        let stems: Vec<String> = terms.2.iter().map(|text| stems(text)).collect();
        sqlx::query(
            "INSERT INTO synonym_term (synonym_id, section, position, term, term_key, stems, source, confidence, status)
             SELECT id, section, 0, term, term_key, stems, 'lexicon', 0.9, 'active'
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) AS t (id, section, term, term_key, stems)",
        )
        .bind(&terms.0)
        .bind(&terms.1)
        .bind(&terms.2)
        .bind(keys)
        .bind(stems)
        .execute(&mut *connection)
        .await?;
    }
    sqlx::raw_sql("SET session_replication_role = origin; INSERT INTO vocabulary_change (synonym_id) VALUES (0)")
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO setting (key, value) VALUES ($1, $2)")
        .bind(SETTING_EMBEDDING_SPACE)
        .bind(SPACE)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(connection).await?;
    println!("{tags} tags filled in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// The share of the ten nearest that the statement's scan finds, over queries near the clusters.
/// Answers with the lists that a search looks at.
async fn print_recall(url: &str, store: &PostgresStore, clusters: u64) -> Outcome<f64> {
    let probes: String = store.setting("vector_index").await?.unwrap_or_default();
    let probes = serde_json::from_str::<serde_json::Value>(&probes).ok().and_then(|built| built["lists"].as_f64());
    let probes = probes.map_or(1.0, |lists| lists.sqrt().ceil());
    let mut connection = PgConnection::connect(url).await?;
    let session = format!("SET jit = off; SET ivfflat.iterative_scan = relaxed_order; SET ivfflat.probes = {probes}");
    sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut connection).await?;
    for kind in [None, Some("genre"), Some("mood")] {
        let (mut found, mut wanted) = (0u32, 0u32);
        for query in 0..200u64 {
            let vector = vector(query % clusters, 500_000 + query, 0.7);
            let mut lists: Vec<Vec<i64>> = Vec::new();
            for scan in ["off", "on"] {
                sqlx::raw_sql(AssertSqlSafe(format!("SET enable_indexscan = {scan}"))).execute(&mut connection).await?;
                lists.push(
                    sqlx::query_scalar(
                        "SELECT id FROM mir_synonym WHERE is_active AND ($2::text IS NULL OR tag_type = $2)
                         ORDER BY embedding <=> $1::real[]::vector LIMIT 10",
                    )
                    .bind(&vector)
                    .bind(kind)
                    .fetch_all(&mut connection)
                    .await?,
                );
            }
            wanted += u32::try_from(lists[0].len())?;
            found += u32::try_from(lists[0].iter().filter(|id| lists[1].contains(id)).count())?;
        }
        println!(
            "recall@10 {:<24} {:.4}",
            kind.map_or("of all tags".to_owned(), |kind| format!("of {kind} tags")),
            f64::from(found) / f64::from(wanted)
        );
    }
    Ok(probes)
}

/// A statement, and the texts of its parameters.
type Asked = (String, Vec<Option<String>>);

/// Keeps the statements that the store says it runs.
struct Statements(Arc<Mutex<Vec<Asked>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        #[derive(Default)]
        struct Read {
            statement: Option<String>,
            values: Option<Vec<Option<String>>>,
        }
        impl tracing::field::Visit for Read {
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                match field.name() {
                    "statement" => self.statement = Some(value.to_owned()),
                    "values" => self.values = serde_json::from_str(value).ok(),
                    _ => {}
                }
            }
        }
        let mut read = Read::default();
        event.record(&mut read);
        if let (Some(statement), Some(values), Ok(mut statements)) = (read.statement, read.values, self.0.lock()) {
            statements.push((statement, values));
        }
    }
}

/// One request after the other on a connection that stays open.
struct Client {
    reader: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    fn get(&mut self, path: &str) -> Outcome<&[u8]> {
        self.reader.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").as_bytes())?;
        let mut length = 0;
        let mut first = true;
        loop {
            self.line.clear();
            self.reader.read_line(&mut self.line)?;
            if first && !self.line.starts_with("HTTP/1.1 200") {
                return Err(format!("{path}: {}", self.line).into());
            }
            first = false;
            if let Some(value) = self.line.strip_prefix("content-length: ") {
                length = value.trim().parse()?;
            }
            if self.line == "\r\n" {
                break;
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body)?;
        Ok(&self.body)
    }
}

struct Working;

#[async_trait]
impl StatusSource for Working {
    async fn components(&self) -> Vec<Component> {
        Vec::new()
    }
    async fn tag_count(&self) -> Option<u64> {
        None
    }
}

fn path(question: &str, unique: Option<u64>) -> String {
    let mut path = "/api/synonyms/search?q=".to_owned();
    for character in question.chars() {
        if character == ' ' { path.push('+') } else { path.push(character) }
    }
    if let Some(unique) = unique {
        // Another answer for the cache, the same work.
        let _ = write!(path, "&min_score=0.000{unique:09}");
    }
    path
}

/// How long a question took, in ms.
type Took = (usize, f64);

/// A load over so many connections.
fn load(address: &str, questions: &[String], connections: usize, length: Duration, cached: bool) -> Outcome<Vec<Took>> {
    static UNIQUE: AtomicU64 = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let times: Vec<Outcome<Vec<Took>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|worker| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut client = Client::connect(address)?;
                    let mut times = Vec::new();
                    let mut turn = worker * 7;
                    while !stop.load(Ordering::Relaxed) {
                        turn += 1;
                        let unique = (!cached).then(|| UNIQUE.fetch_add(1, Ordering::Relaxed));
                        let question = turn % questions.len();
                        let path = path(&questions[question], unique);
                        let started = Instant::now();
                        client.get(&path)?;
                        times.push((question, started.elapsed().as_secs_f64() * 1e3));
                    }
                    Ok(times)
                })
            })
            .collect();
        #[expect(clippy::disallowed_methods, reason = "the length of the measurement, on a thread that may block")]
        std::thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a client panicked".into()))).collect()
    });
    Ok(times.into_iter().collect::<Outcome<Vec<_>>>()?.concat())
}

/// The middle of these.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of each question.
fn medians(times: &[Took]) -> Vec<f64> {
    let of = |question| times.iter().filter(|took| took.0 == question).map(|took| took.1).collect();
    (0..QUESTIONS).map(|question| median(of(question))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn rate(times: &[Took], length: Duration) -> f64 {
    times.len() as f64 / length.as_secs_f64()
}

/// The statement as pgbench asks it, its parameters in variables of this question; what is NULL comes as [`NULL`], so that it
/// stays a parameter. From the last: `$1` is the beginning of `$10`.
fn script((statement, values): &Asked, question: usize) -> (String, Vec<String>) {
    let mut text = statement.replace('\n', " ") + ";\n";
    let mut variables = Vec::new();
    for (place, (value, of)) in values.iter().zip(PARAMETERS).enumerate().rev() {
        let name = format!("q{question}_{}", place + 1);
        let parameter =
            if value.is_some() { format!("(:{name}::{of})") } else { format!("nullif(:{name}::{of}, '{NULL}')") };
        text = text.replace(&format!("${}", place + 1), &parameter);
        variables.push(format!("{name}={}", value.as_deref().unwrap_or(NULL)));
    }
    (text, variables)
}

/// The same of the statements under pgbench, planned as the service has them planned.
fn pgbench(
    bin: &Path,
    url: &str,
    probes: f64,
    scripts: &Path,
    variables: &[String],
    connections: usize,
    length: Duration,
) -> Outcome<Vec<Took>> {
    let mut command = Command::new(bin.join("pgbench"));
    let log = scripts.join("log");
    std::fs::create_dir_all(&log)?;
    command.args([
        "-n",
        "-M",
        "prepared",
        "-c",
        &connections.to_string(),
        "-j",
        "1",
        "-T",
        &length.as_secs().to_string(),
    ]);
    command.args(["-l", "--log-prefix", &log.join("t").display().to_string()]);
    command.args(variables.iter().flat_map(|variable| ["-D", variable]));
    for question in 0..QUESTIONS {
        command.arg("-f").arg(scripts.join(format!("{question}.sql")));
    }
    let output = command
        .env("PGOPTIONS", format!("-c jit=off -c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0 -c pg_trgm.similarity_threshold={TRIGRAM_SIMILARITY} -c ivfflat.iterative_scan=relaxed_order -c ivfflat.probes={probes}"))
        .arg(url)
        .output()?;
    if !output.status.success() {
        return Err(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut times = Vec::new();
    for file in std::fs::read_dir(&log)?.flatten() {
        let text = std::fs::read_to_string(file.path())?;
        // Client, transaction, microseconds, script.
        times.extend(text.lines().filter_map(|line| {
            let mut fields = line.split(' ').skip(2);
            let micros: f64 = fields.next()?.parse().ok()?;
            Some((fields.next()?.parse().ok()?, micros / 1e3))
        }));
    }
    std::fs::remove_dir_all(&log)?;
    Ok(times)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let server = std::env::var("MUSONYM_TEST_POSTGRES_URL")
        .map_err(|_| "MUSONYM_TEST_POSTGRES_URL is not set: scripts/services run cargo bench --bench postgres")?;
    let bin = std::path::PathBuf::from(std::env::var("MUSONYM_TEST_POSTGRES_BIN").unwrap_or_default());
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    // pgbench takes whole seconds.
    let round = Duration::from_secs((seconds / u64::from(ROUNDS)).max(2));
    let sizes = match std::env::var("BENCH_TAGS").ok().and_then(|text| text.parse().ok()) {
        Some(size) => vec![size],
        None => vec![10_000, 100_000],
    };
    let statements = Arc::new(Mutex::new(Vec::new()));
    let capture = Statements(Arc::clone(&statements));
    let (filter, capturing) = tracing_subscriber::reload::Layer::new(LevelFilter::TRACE);
    tracing_subscriber::registry().with(capture.with_filter(filter)).init();
    let metrics = prometheus_builder()?.install_recorder()?;
    let _ = rustls::crypto::ring::default_provider().install_default();

    for tags in sizes {
        let name = format!("bench_{tags}");
        let mut admin = PgConnection::connect(&server).await?;
        for statement in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
        }
        let url = format!("{}/{name}", server.rsplit_once('/').ok_or("no database in the URL")?.0);
        let options = PostgresOptions { max_connections: 9, ..PostgresOptions::new(url.clone()) };
        drop(PostgresStore::open(options.clone()).await?);
        let mut questions = Vec::new();
        fill(&mut PgConnection::connect(&url).await?, tags, &mut questions).await?;
        let store = PostgresStore::open(options.clone()).await?;
        match store.maintain_vector_index().await? {
            Some(done) => println!("{done}"),
            None => println!("no index below {} rows: every vector is compared", options.vector_index.min_rows),
        }
        let clusters = (tags / TAGS_A_CLUSTER) as u64;
        let probes = print_recall(&url, &store, clusters).await?;

        let store: Arc<dyn Store> = Arc::new(store);
        let embedder =
            Arc::new(EmbedService::new(Arc::clone(&store), Embedders::only(Arc::new(ClusterEmbedder { clusters }))));
        let cache = Arc::new(Cache::in_memory(CacheSettings { ttl: Duration::from_secs(3600), max_bytes: 64 << 20 }));
        let settings = SearchSettings { embed_deadline: Duration::from_secs(5) };
        let searcher = Arc::new(Searcher::new(Arc::clone(&store), Arc::clone(&embedder), Arc::clone(&cache), settings));
        let state = AppState {
            store: Arc::clone(&store),
            searcher,
            linter: Arc::new(Linter::new(Arc::clone(&store))),
            enricher: Arc::new(Enricher::new(Arc::clone(&store))),
            embedder,
            cache,
            events: Events::default(),
            auth: Auth::new(None, &[])?,
            status: Arc::new(Working),
            metrics: metrics.clone(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let limits = HttpLimits::default();
        tokio::spawn(musonym::http::serve(listener, musonym::http::router(state, limits), std::future::pending()));

        // The statements of the questions, as the store writes them with their values.
        let folder = tempfile::tempdir()?;
        capturing.reload(LevelFilter::TRACE)?;
        tokio::task::block_in_place(|| -> Outcome<()> {
            let mut client = Client::connect(&address)?;
            let mut variables = Vec::new();
            for (number, question) in questions.iter().enumerate() {
                client.get(&path(question, None))?;
                let asked = statements.lock().map_err(|_| "poisoned")?.pop().ok_or("no statement was captured")?;
                let (text, of_question) = script(&asked, number);
                std::fs::write(folder.path().join(format!("{number}.sql")), text)?;
                variables.extend(of_question);
            }
            capturing.reload(LevelFilter::OFF)?;
            for connections in [1, 8] {
                // By turns: a shared machine is now faster, now slower.
                let (mut floor, mut service) = (Vec::new(), Vec::new());
                for _ in 0..ROUNDS {
                    floor.extend(pgbench(&bin, &url, probes, folder.path(), &variables, connections, round)?);
                    service.extend(load(&address, &questions, connections, round, false)?);
                }
                let added = medians(&service).into_iter().zip(medians(&floor)).map(|(service, floor)| service - floor);
                println!(
                    "{tags:>7} tags, {connections} connections: pgbench {:>5.0}/s median {:>6.2} ms   service {:>5.0}/s median \
                     {:>6.2} ms   ratio {:.2}, {:+.2} ms at the median question",
                    rate(&floor, round * ROUNDS),
                    median(medians(&floor)),
                    rate(&service, round * ROUNDS),
                    median(medians(&service)),
                    rate(&service, round * ROUNDS) / rate(&floor, round * ROUNDS),
                    median(added.collect())
                );
            }
            let cached = load(&address, &questions, 8, round, true)?;
            let every = median(cached.iter().map(|took| took.1).collect());
            println!(
                "{tags:>7} tags, from the cache, 8 connections: {:.0}/s median {every:.3} ms",
                rate(&cached, round)
            );
            Ok(())
        })?;
        store.close().await;
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).execute(&mut admin).await?;
    }
    Ok(())
}
