//! The approximate index over the vectors: when it pays, how it is built, what it is worth.
//!
//! Exact below a size (`min_rows`), where comparing every vector is fast enough and never wrong. Above it the worker builds an
//! index without locking the table, and builds it anew when the table has grown by half: the centroids of IVFFlat are those
//! of the rows that were there.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, PgPool};

use super::{PostgresStore, VectorIndexKind, VectorIndexOptions};
use crate::store::{HeldLock, Result, StoreError, VectorIndexReport};

/// Name of the index, and of the next one while it is built.
const INDEX: &str = "mir_synonym_embedding";
const NEXT_INDEX: &str = "mir_synonym_embedding_next";

/// How many rows the index was built over: a setting.
const SETTING_BUILT: &str = "vector_index";

/// Of 1 so much must have changed since an index was built to build it anew.
const GROWN_BY: f64 = 1.5;

/// One process at a time builds: `musonymI` as a number.
const BUILD_LOCK: i64 = 7_887_337_244_841_307_465;

/// Rows whose neighbours are compared for the report.
const SAMPLE: i64 = 50;

/// What each connection is told of the index: read from the database, since another process may have built it.
#[derive(Default)]
pub(super) struct SessionSettings {
    state: RwLock<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    probes: u32,
    since: Option<Instant>,
}

impl SessionSettings {
    /// As SQL. HNSW and IVFFlat go on scanning until a filter has let enough rows through.
    pub(super) fn statements(&self) -> String {
        let probes = self.known().probes.max(1);
        format!(
            "SET ivfflat.probes = {probes}; SET ivfflat.iterative_scan = relaxed_order;
             SET hnsw.ef_search = {HNSW_EF_SEARCH}; SET hnsw.iterative_scan = strict_order"
        )
    }

    /// Whether a connection of this age was told what holds now.
    pub(super) fn are_known_to(&self, age: Duration) -> bool {
        self.known().since.is_none_or(|since| age < since.elapsed())
    }

    fn known(&self) -> Known {
        *self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what holds now.
    pub(super) async fn read(&self, pool: &PgPool) -> Result<()> {
        let lists = Built::read(&mut *pool.acquire().await?).await?.map_or(0, |built| built.lists);
        let probes = probes(lists);
        if self.known().probes != probes {
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = Known { probes, since: Some(Instant::now()) };
        }
        Ok(())
    }
}

/// Neighbours that a search of the graph keeps in view: more than any answer takes.
const HNSW_EF_SEARCH: u32 = 200;

/// Lists for so many rows: the square root, which pgvector's documentation advises for more than a million. Its rows/1000 for
/// fewer makes few long lists, which take twice as long to search (docs/SCALING.md).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a square root"
)]
fn lists(rows: u64) -> u32 {
    ((rows as f64).sqrt() as u32).max(10)
}

/// Lists that a search looks at: as advised, the square root (`cargo bench --bench postgres` prints what that finds).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a square root")]
fn probes(lists: u32) -> u32 {
    (f64::from(lists).sqrt().ceil() as u32).max(1)
}

/// What finding the centroids of so many lists takes, in MB: fifty vectors a list are clustered, by the distances between
/// the centroids. With a third on top, at least what the server gives by default.
fn build_memory(lists: u32) -> u64 {
    let lists = u64::from(lists);
    let bytes = 50 * lists * 3_080 + 200 * lists * lists;
    (bytes / 750_000).max(64)
}

/// The index as it was built.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Built {
    kind: String,
    rows: u64,
    lists: u32,
}

impl Built {
    async fn read(connection: &mut PgConnection) -> Result<Option<Self>> {
        let value: Option<String> =
            sqlx::query_scalar("SELECT value FROM setting WHERE key = $1 AND to_regclass($2) IS NOT NULL")
                .bind(SETTING_BUILT)
                .bind(INDEX)
                .fetch_optional(connection)
                .await?;
        value
            .map(|value| serde_json::from_str(&value).map_err(|error| StoreError::Corrupt(error.to_string())))
            .transpose()
    }
}

/// What is to be done with the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Keep,
    Build,
    Drop,
}

fn plan(options: VectorIndexOptions, rows: u64, built: Option<&Built>) -> Plan {
    let wanted = options.kind != VectorIndexKind::None && rows >= options.min_rows;
    match built {
        None if wanted => Plan::Build,
        Some(_) if !wanted => Plan::Drop,
        Some(built) => {
            #[expect(clippy::cast_precision_loss, reason = "a ratio")]
            let grown = rows as f64 >= built.rows as f64 * GROWN_BY;
            // A graph takes new rows as well as those it was built with.
            let outgrown = grown && options.kind == VectorIndexKind::IvfFlat;
            if built.kind != kind_name(options.kind) || outgrown { Plan::Build } else { Plan::Keep }
        }
        None => Plan::Keep,
    }
}

const fn kind_name(kind: VectorIndexKind) -> &'static str {
    match kind {
        VectorIndexKind::None => "none",
        VectorIndexKind::IvfFlat => "ivfflat",
        VectorIndexKind::Hnsw => "hnsw",
    }
}

impl PostgresStore {
    /// See [`crate::store::AdminStore::maintain_vector_index`].
    pub(super) async fn maintain_index(&self) -> Result<Option<String>> {
        let options = self.options.vector_index;
        let rows = self.rows_with_vector().await?;
        if plan(options, rows, Built::read(&mut *self.readers.acquire().await?).await?.as_ref()) == Plan::Keep {
            return Ok(None);
        }
        // Apart from the pool: an index may take longer than any statement of a search, and the lock is the connection's.
        let mut connection = self.readers.acquire().await?.detach();
        let done = build_alone(&mut connection, options, rows).await;
        let _ = connection.close().await;
        let done = done?;
        self.index_settings.read(&self.readers).await?;
        Ok(done)
    }

    /// Drops the index, and keeps others from building it until the returned value is dropped: while every row gets another
    /// vector it is worth nothing, and afterwards its centres would be those of the former ones. Searches compare every vector
    /// meanwhile.
    pub(super) async fn suspend_index(&self) -> Result<Option<HeldLock>> {
        let mut connection = self.readers.acquire().await?.detach();
        // Who builds it now has to finish first; that and older transactions may take longer than a statement may.
        sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0").execute(&mut connection).await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(BUILD_LOCK).execute(&mut connection).await?;
        if Built::read(&mut connection).await?.is_some() {
            drop_index(&mut connection).await?;
        }
        Ok(Some(HeldLock::new(connection)))
    }

    async fn rows_with_vector(&self) -> Result<u64> {
        let rows: i64 =
            sqlx::query_scalar("SELECT count(*) FROM mir_synonym WHERE is_active AND embedding_space IS NOT NULL")
                .fetch_one(&self.readers)
                .await?;
        Ok(u64::try_from(rows).unwrap_or_default())
    }

    /// See [`crate::store::AdminStore::vector_index_report`].
    pub(super) async fn report_index(&self) -> Result<Option<VectorIndexReport>> {
        let rows = self.rows_with_vector().await?;
        let built = Built::read(&mut *self.readers.acquire().await?).await?;
        let planned = plan(self.options.vector_index, rows, built.as_ref());
        let recall_at_10 = match &built {
            Some(_) => Some(self.measured_recall().await?),
            None => None,
        };
        let advice = match (planned, &built) {
            (Plan::Keep, None) => format!(
                "exact; an index is built from {} rows on (database.vector_index_min_rows)",
                self.options.vector_index.min_rows
            ),
            (Plan::Keep, Some(_)) => "up to date".to_owned(),
            (Plan::Build, None) => {
                "the worker builds an index when it is idle, or `musonym migrate --vector-index` now".to_owned()
            }
            (Plan::Build, Some(built)) => format!(
                "built over {} rows: the worker builds it anew when it is idle, or `musonym migrate --vector-index` now",
                built.rows
            ),
            (Plan::Drop, _) => "no longer wanted: the worker drops it when it is idle".to_owned(),
        };
        let kind = built.as_ref().map_or("exact", |built| built.kind.as_str()).to_owned();
        Ok(Some(VectorIndexReport { kind, rows, built_over: built.map(|built| built.rows), recall_at_10, advice }))
    }

    /// The share of the ten nearest that the index finds, over a sample of the rows themselves.
    async fn measured_recall(&self) -> Result<f64> {
        let mut transaction = self.snapshot().await?;
        let sample: Vec<(i64, Vec<f32>)> = sqlx::query_as(
            "SELECT id, embedding::real[] FROM mir_synonym WHERE is_active AND embedding IS NOT NULL
             ORDER BY hashint8(id) LIMIT $1",
        )
        .bind(SAMPLE)
        .fetch_all(&mut *transaction)
        .await?;
        let (mut found, mut wanted) = (0, 0);
        for (_, vector) in &sample {
            let exact = nearest_ten(&mut transaction, vector, true).await?;
            let approximate = nearest_ten(&mut transaction, vector, false).await?;
            wanted += exact.len();
            found += exact.iter().filter(|id| approximate.contains(id)).count();
        }
        #[expect(clippy::cast_precision_loss, reason = "at most five hundred")]
        let recall = found as f64 / wanted.max(1) as f64;
        Ok(recall)
    }
}

async fn nearest_ten(connection: &mut PgConnection, vector: &[f32], exact: bool) -> Result<Vec<i64>> {
    let scans = if exact { "SET LOCAL enable_indexscan = off" } else { "SET LOCAL enable_indexscan = on" };
    sqlx::query(scans).execute(&mut *connection).await?;
    Ok(sqlx::query_scalar(
        "SELECT id FROM mir_synonym WHERE is_active AND embedding IS NOT NULL
         ORDER BY embedding <=> $1::real[]::vector LIMIT 10",
    )
    .bind(vector)
    .fetch_all(connection)
    .await?)
}

/// Builds or drops, unless another process is at it.
async fn build_alone(connection: &mut PgConnection, options: VectorIndexOptions, rows: u64) -> Result<Option<String>> {
    let alone: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(BUILD_LOCK).fetch_one(&mut *connection).await?;
    if !alone {
        return Ok(None);
    }
    // Another process may have built it while this one came for the lock.
    let planned = plan(options, rows, Built::read(connection).await?.as_ref());
    if planned == Plan::Keep {
        return Ok(None);
    }
    // It waits for older transactions, however long they take, and for no more memory than it needs.
    let settings = format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; SET maintenance_work_mem = '{} MB'",
        build_memory(lists(rows))
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(&mut *connection).await?;
    if planned == Plan::Drop {
        drop_index(connection).await?;
        return Ok(Some("the vector index is dropped".to_owned()));
    }
    let started = Instant::now();
    let lists = if options.kind == VectorIndexKind::IvfFlat { lists(rows) } else { 0 };
    let using = match options.kind {
        VectorIndexKind::Hnsw => "hnsw (embedding vector_cosine_ops)".to_owned(),
        _ => format!("ivfflat (embedding vector_cosine_ops) WITH (lists = {lists})"),
    };
    // What an interrupted build left behind.
    execute(connection, format!("DROP INDEX CONCURRENTLY IF EXISTS {NEXT_INDEX}")).await?;
    execute(connection, format!("CREATE INDEX CONCURRENTLY {NEXT_INDEX} ON mir_synonym USING {using}")).await?;
    let built = Built { kind: kind_name(options.kind).to_owned(), rows, lists };
    let value = serde_json::to_string(&built).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let mut swap = connection.begin().await?;
    execute(&mut swap, "SET LOCAL lock_timeout = '5s'".to_owned()).await?;
    execute(&mut swap, format!("DROP INDEX IF EXISTS {INDEX}")).await?;
    execute(&mut swap, format!("ALTER INDEX {NEXT_INDEX} RENAME TO {INDEX}")).await?;
    sqlx::query(
        "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(SETTING_BUILT)
    .bind(value)
    .execute(&mut *swap)
    .await?;
    swap.commit().await?;
    Ok(Some(format!(
        "the {} index over {rows} vectors is built in {:.1} s",
        built.kind,
        started.elapsed().as_secs_f64()
    )))
}

async fn drop_index(connection: &mut PgConnection) -> Result<()> {
    execute(connection, format!("DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")).await?;
    sqlx::query("DELETE FROM setting WHERE key = $1").bind(SETTING_BUILT).execute(connection).await?;
    Ok(())
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(rows: u64) -> Built {
        Built { kind: "ivfflat".to_owned(), rows, lists: lists(rows) }
    }

    #[test]
    fn an_index_is_built_when_it_pays_and_anew_when_the_table_has_outgrown_it() {
        let options = VectorIndexOptions { kind: VectorIndexKind::IvfFlat, min_rows: 20_000 };
        assert_eq!(plan(options, 19_999, None), Plan::Keep);
        assert_eq!(plan(options, 20_000, None), Plan::Build);
        assert_eq!(plan(options, 29_999, Some(&built(20_000))), Plan::Keep);
        assert_eq!(plan(options, 30_000, Some(&built(20_000))), Plan::Build);
        assert_eq!(plan(options, 100, Some(&built(20_000))), Plan::Drop);
        let none = VectorIndexOptions { kind: VectorIndexKind::None, ..options };
        assert_eq!(plan(none, 1_000_000, None), Plan::Keep);
        assert_eq!(plan(none, 1_000_000, Some(&built(20_000))), Plan::Drop);
        let hnsw = VectorIndexOptions { kind: VectorIndexKind::Hnsw, ..options };
        assert_eq!(plan(hnsw, 20_000, Some(&built(20_000))), Plan::Build);
        assert_eq!(plan(hnsw, 90_000, Some(&Built { kind: "hnsw".to_owned(), ..built(20_000) })), Plan::Keep);
    }

    #[test]
    fn lists_and_probes_grow_with_the_table() {
        assert_eq!((lists(0), lists(10_000), lists(100_000)), (10, 100, 316));
        assert_eq!((probes(0), probes(10), probes(316)), (1, 4, 18));
    }
}
