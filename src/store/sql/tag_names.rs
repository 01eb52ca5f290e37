//! The names of all tags in memory, for whoever asks for those that are near one: a generator asks for each of its tags, and
//! reading them from the database would take the longer the more there are.

use std::{
    collections::HashSet,
    sync::OnceLock,
    time::{Duration, Instant},
};

use sqlx::Row;

use super::dialect::DbConnection;
use crate::{
    domain::{key, stem_groups, words},
    store::Result,
};

/// How long names are believed: new tags are seen at once, others that were renamed or deleted after this.
const BELIEVED: Duration = Duration::from_secs(60);

/// Names looked at for each word: a frequent word ("rock") says little anyway.
const NAMES_PER_WORD: usize = 300;

/// The names of the tags that have a key, by length and number.
#[derive(Default)]
pub(super) struct TagNames {
    names: Vec<KnownName>,
    /// The highest numbers of either type that were read.
    newest: (i64, i64),
    read_at: Option<Instant>,
}

struct KnownName {
    chars: usize,
    id: i64,
    name: Box<str>,
    key: Box<str>,
    /// Made when it is first compared.
    groups: OnceLock<Vec<Vec<String>>>,
}

impl KnownName {
    fn groups(&self) -> &[Vec<String>] {
        self.groups.get_or_init(|| stem_groups(&self.name))
    }
}

impl TagNames {
    /// Reads what is new, or all when it was last read long ago.
    pub(super) async fn refresh(&mut self, connection: &mut DbConnection) -> Result<()> {
        if self.read_at.is_none_or(|read_at| read_at.elapsed() > BELIEVED) {
            *self = Self { read_at: Some(Instant::now()), ..Self::default() };
        }
        let newest: (i64, i64) = sqlx::query_as(
            "SELECT CAST(COALESCE((SELECT MAX(id) FROM genre_tag), 0) AS BIGINT),
                 CAST(COALESCE((SELECT MAX(id) FROM mood_tag), 0) AS BIGINT)",
        )
        .fetch_one(&mut *connection)
        .await?;
        if newest == self.newest {
            return Ok(());
        }
        let rows = sqlx::query(
            "SELECT id, name, name_key FROM tag
             WHERE name_key IS NOT NULL AND id > CASE tag_type WHEN 'genre' THEN $1 ELSE $2 END",
        )
        .bind(self.newest.0)
        .bind(self.newest.1)
        .fetch_all(connection)
        .await?;
        for row in rows {
            let (name, key): (String, String) = (row.try_get("name")?, row.try_get("name_key")?);
            self.names.push(KnownName {
                chars: name.chars().count(),
                id: row.try_get("id")?,
                name: name.into(),
                key: key.into(),
                groups: OnceLock::new(),
            });
        }
        self.names.sort_by_key(|known| (known.chars, known.id));
        self.newest = newest;
        Ok(())
    }

    /// Up to `limit` names that share words with this one: most shared words first, then the shortest, then the alphabet.
    pub(super) fn similar(&self, name: &str, limit: usize) -> Vec<String> {
        let groups = stem_groups(name);
        let own = key(name);
        let mut seen = HashSet::from([own.as_str()]);
        let mut scored: Vec<(usize, &KnownName)> = Vec::new();
        for word in words(name).iter().filter(|word| word.chars().count() > 2) {
            let of_word = self.names.iter().filter(|known| known.key.contains(word.as_str())).take(NAMES_PER_WORD);
            for known in of_word {
                if seen.insert(&known.key) {
                    let shared = groups.iter().filter(|group| known.groups().contains(group)).count();
                    scored.push((shared, known));
                }
            }
        }
        scored.sort_by(|(shared, a), (more, b)| {
            more.cmp(shared).then(a.groups().len().cmp(&b.groups().len())).then_with(|| a.name.cmp(&b.name))
        });
        scored.into_iter().take(limit).map(|(_, known)| known.name.to_string()).collect()
    }
}
