//! What each process holds of the vocabulary in memory: what a query needs before the database is asked (French names for the
//! gloss, in how many tags a word stands) and the version that cached answers are kept under. About 500 bytes a tag.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};
use tokio::sync::Mutex;

use crate::{
    domain::{Calibration, parse_stems},
    store::{Result, SETTING_CALIBRATION, SETTING_EMBEDDING_SPACE, StoreError},
};

/// Changed rows that are read one by one; more of them with all others, in a time that nothing bounds.
const MOST_CHANGED: usize = 20_000;

/// The parts that are held, and the version they stand at.
pub(super) struct Vocabulary {
    version: AtomicI64,
    held: RwLock<Held>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
}

/// What is held.
#[derive(Default)]
pub(super) struct Held {
    /// The active embedding space; `None` before anything was embedded.
    pub(super) active_space: Option<String>,
    /// What was measured of the spaces.
    pub(super) calibrations: HashMap<String, Calibration>,
    /// The active rows.
    rows: HashMap<i64, HeldRow>,
    /// For each key of a French name, the rows that have it and the names of their tags.
    by_french: HashMap<Box<str>, BTreeMap<i64, Arc<str>>>,
    stem_numbers: HashMap<Box<str>, u32>,
    /// For each stem, by its number, the rows that it stands in, in ascending order.
    stem_rows: Vec<Vec<i64>>,
}

/// What leads from a row back to where it is listed.
struct HeldRow {
    french: Vec<Box<str>>,
    stems: Box<[u32]>,
}

/// Rows in use with what is held of them. The terms are read in one pass: looked up row by row, they are read by an index of all
/// active terms for each while PostgreSQL has no statistics yet (after an import or a restore).
macro_rules! select_held {
    ($of_rows:literal, $rest:literal) => {
        concat!(
            "SELECT s.id, s.tag_name, COALESCE(t.french, '{}') AS french, COALESCE(t.stems, '{}') AS stems
             FROM mir_synonym_named s
             LEFT JOIN (
                 SELECT synonym_id, array_agg(stems) AS stems,
                     array_agg(term_key) FILTER (WHERE section = 'translations' AND lang = 'fr') AS french
                 FROM synonym_term WHERE status = 'active'",
            $of_rows,
            " GROUP BY synonym_id
             ) AS t ON t.synonym_id = s.id
             WHERE s.is_active",
            $rest
        )
    };
}

impl Vocabulary {
    /// Loads everything.
    pub(super) async fn load(pool: &PgPool) -> Result<Self> {
        // Below every version, so that the first refresh loads.
        let vocabulary = Self { version: AtomicI64::new(-1), held: RwLock::default(), refreshing: Mutex::new(()) };
        vocabulary.refresh(pool).await?;
        Ok(vocabulary)
    }

    /// The vocabulary version that stands here.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Runs `read` over what is held.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Held) -> T) -> T {
        read(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what has changed since the version at hand: the changed rows, or everything when the record of changes does not
    /// reach back so far. Whether anything had changed.
    pub(super) async fn refresh(&self, pool: &PgPool) -> Result<bool> {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut connection = pool.acquire().await?;
        let known = self.version();
        let (oldest, newest, space): (i64, i64, Option<String>) = sqlx::query_as(
            "SELECT COALESCE((SELECT min(seq) FROM vocabulary_change), 0),
                    COALESCE((SELECT max(seq) FROM vocabulary_change), 0),
                    (SELECT value FROM setting WHERE key = $1)",
        )
        .bind(SETTING_EMBEDDING_SPACE)
        .fetch_one(&mut *connection)
        .await?;
        let same_space = self.read(|held| held.active_space == space);
        if newest == known && same_space {
            return Ok(false);
        }
        if !same_space {
            // Before the rows, which may take seconds after a switch: queries ask the new space from now on.
            self.held.write().unwrap_or_else(PoisonError::into_inner).active_space.clone_from(&space);
        }
        // What commits between these statements has a greater number than `newest`, and is read once more next time.
        let reaches_back = known >= 0 && known + 1 >= oldest && newest >= known;
        let changed: Vec<i64> = if reaches_back {
            sqlx::query_scalar("SELECT DISTINCT synonym_id FROM vocabulary_change WHERE seq > $1")
                .bind(known)
                .fetch_all(&mut *connection)
                .await?
        } else {
            Vec::new()
        };
        if reaches_back && changed.len() <= MOST_CHANGED {
            let rows = sqlx::query(select_held!(" AND synonym_id = ANY ($1)", " AND s.id = ANY ($1)"))
                .bind(&changed)
                .fetch_all(&mut *connection)
                .await?;
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            for id in &changed {
                held.remove(*id);
            }
            rows.iter().try_for_each(|row| held.add(row))?;
        } else {
            let mut loading = connection.begin().await?;
            sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *loading).await?;
            let rows = sqlx::query(select_held!("", " ORDER BY s.id")).fetch_all(&mut *loading).await?;
            loading.commit().await?;
            let mut loaded = Held::default();
            rows.iter().try_for_each(|row| loaded.add(row))?;
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            loaded.active_space = held.active_space.take();
            loaded.calibrations = std::mem::take(&mut held.calibrations);
            *held = loaded;
        }
        let calibrations = load_calibrations(&mut connection).await?;
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.calibrations = calibrations;
            held.active_space = space;
        }
        self.version.store(newest, Ordering::Release);
        Ok(true)
    }
}

async fn load_calibrations(connection: &mut PgConnection) -> Result<HashMap<String, Calibration>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT substr(key, length($1) + 1), value FROM setting WHERE starts_with(key, $1)")
            .bind(SETTING_CALIBRATION)
            .fetch_all(connection)
            .await?;
    let read = |value: &str| serde_json::from_str(value).map_err(|error| StoreError::Corrupt(error.to_string()));
    rows.into_iter().map(|(space, value)| Ok((space, read(&value)?))).collect()
}

impl Held {
    /// How many tags there are to be found.
    pub(super) fn tag_count(&self) -> usize {
        self.rows.len()
    }

    /// Takes in a row of `select_held`.
    fn add(&mut self, row: &PgRow) -> Result<()> {
        let id: i64 = row.try_get("id")?;
        let name: Arc<str> = row.try_get::<&str, _>("tag_name")?.into();
        let french: Vec<Box<str>> =
            row.try_get::<Vec<String>, _>("french")?.into_iter().map(String::into_boxed_str).collect();
        for key in &french {
            self.by_french.entry(key.clone()).or_default().insert(id, Arc::clone(&name));
        }
        let texts: Vec<String> = row.try_get("stems")?;
        let mut stems: Vec<u32> =
            texts.iter().flat_map(|text| parse_stems(text).flatten()).map(|stem| self.stem_number(stem)).collect();
        stems.sort_unstable();
        stems.dedup();
        for stem in &stems {
            let rows = &mut self.stem_rows[*stem as usize];
            if let Err(place) = rows.binary_search(&id) {
                rows.insert(place, id);
            }
        }
        self.rows.insert(id, HeldRow { french, stems: stems.into() });
        Ok(())
    }

    fn stem_number(&mut self, stem: &str) -> u32 {
        if let Some(number) = self.stem_numbers.get(stem) {
            return *number;
        }
        let number = u32::try_from(self.stem_rows.len()).unwrap_or(u32::MAX);
        self.stem_rows.push(Vec::new());
        self.stem_numbers.insert(stem.into(), number);
        number
    }

    fn remove(&mut self, id: i64) {
        let Some(row) = self.rows.remove(&id) else { return };
        for key in &row.french {
            if let Some(rows) = self.by_french.get_mut(key) {
                rows.remove(&id);
                if rows.is_empty() {
                    self.by_french.remove(key);
                }
            }
        }
        for stem in &row.stems {
            let rows = &mut self.stem_rows[*stem as usize];
            if let Ok(place) = rows.binary_search(&id) {
                rows.remove(place);
            }
        }
    }

    /// The names of the tags that are called by one of these keys in French, by key: of several the first in the alphabet.
    pub(super) fn names_by_french(&self, keys: &[String]) -> HashMap<String, String> {
        let name = |key: &String| Some((key.clone(), self.by_french.get(key.as_str())?.values().min()?.to_string()));
        keys.iter().filter_map(name).collect()
    }

    /// Whether a stem stands in any tag.
    pub(super) fn knows(&self, stem: &str) -> bool {
        self.stem_numbers.get(stem).is_some_and(|number| !self.stem_rows[*number as usize].is_empty())
    }

    /// In how many tags a word stands by one of its stems.
    pub(super) fn tags_with(&self, stems: &[String]) -> usize {
        let lists = stems.iter().filter_map(|stem| self.stem_numbers.get(stem.as_str()));
        let mut lists: Vec<&[i64]> = lists.map(|number| self.stem_rows[*number as usize].as_slice()).collect();
        // The French and the English stem of a word mostly stand together.
        lists.dedup();
        match lists.as_slice() {
            [] => 0,
            [list] => list.len(),
            [first, rest @ ..] => rest.iter().fold(first.to_vec(), |rows, list| union(&rows, list)).len(),
        }
    }
}

/// Two ascending lists as one.
fn union(mut a: &[i64], mut b: &[i64]) -> Vec<i64> {
    let mut either = Vec::with_capacity(a.len() + b.len());
    while let ([first, ..], [other, ..]) = (a, b) {
        either.push(*first.min(other));
        (a, b) = (&a[usize::from(first <= other)..], &b[usize::from(other <= first)..]);
    }
    either.extend_from_slice(a);
    either.extend_from_slice(b);
    either
}
