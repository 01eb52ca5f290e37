//! Whole tags out: `musonym export`.

use std::collections::HashMap;

use sqlx::Row;

use super::{
    SqlStore,
    dialect::{self, DbConnection, DbRow, list, timestamp},
    rows, terms,
};
use crate::{
    domain::{Calibration, TagName},
    store::{
        EXPORT_FORMAT, ExportDetail, ExportHeader, ExportRecord, ExportRevision, ExportRow, ExportSynonyms,
        ExportVector, Listing, Page, Result, Revision, SETTING_CALIBRATION, SETTING_EMBEDDING_SPACE, StoreError,
        types::TagCursor,
    },
};

/// The vectors and revisions of the rows of a page.
#[derive(Default)]
struct Records {
    vectors: HashMap<i64, Vec<ExportVector>>,
    revisions: HashMap<i64, Vec<ExportRevision>>,
}

impl SqlStore {
    /// See [`crate::store::AdminStore::export_header`].
    pub(super) async fn read_header(&self) -> Result<ExportHeader> {
        let mut snapshot = self.snapshot().await?;
        let embedding_space = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
            .bind(SETTING_EMBEDDING_SPACE)
            .fetch_optional(&mut *snapshot)
            .await?;
        let measured: Vec<(String, String)> =
            sqlx::query_as("SELECT key, value FROM setting WHERE substr(key, 1, length($1)) = $1")
                .bind(SETTING_CALIBRATION)
                .fetch_all(&mut *snapshot)
                .await?;
        let calibration = |(key, value): (String, String)| {
            let space = key.strip_prefix(SETTING_CALIBRATION).unwrap_or(&key).to_owned();
            let calibration: Calibration =
                serde_json::from_str(&value).map_err(|error| StoreError::Corrupt(format!("{key}: {error}")))?;
            Ok((space, calibration.rounded()))
        };
        let calibrations = measured.into_iter().map(calibration).collect::<Result<_>>()?;
        Ok(ExportHeader { format: EXPORT_FORMAT, embedding_space, calibrations })
    }

    /// See [`crate::store::SynonymStore::export_rows`].
    pub(super) async fn export(&self, page: &Page, detail: ExportDetail) -> Result<Listing<ExportRow>> {
        let after: TagCursor = page.parse_cursor()?;
        let mut snapshot = self.snapshot().await?;
        // One row a tag: the active one, else the newest tombstone.
        let tags = sqlx::query(
            "SELECT t.tag_type, t.id AS tag_id, t.name, t.created_at AS tag_created_at, s.id, s.source, s.confidence,
                 s.is_active, s.version, s.created_at, s.updated_at, EXISTS (
                     SELECT 1 FROM synonym_term n WHERE n.synonym_id = s.id AND n.section = 'name' AND n.term = t.name
                 ) AS same_name
             FROM tag t LEFT JOIN mir_synonym s ON s.id = (
                 SELECT id FROM mir_synonym WHERE tag_type = t.tag_type AND tag_id = t.id
                 ORDER BY is_active DESC, id DESC LIMIT 1)
             WHERE t.id > CASE WHEN t.tag_type = $1 THEN $2 WHEN t.tag_type > $1 THEN 0 ELSE 9223372036854775807 END
             ORDER BY t.tag_type, t.id LIMIT $3",
        )
        .bind(after.tag_type)
        .bind(after.id)
        .bind(page.fetch_limit())
        .fetch_all(&mut *snapshot)
        .await?;
        let mut records = match detail {
            ExportDetail::Plain => None,
            ExportDetail::Complete => Some(Records::read(&mut snapshot, &tags).await?),
        };
        let mut items = Vec::with_capacity(tags.len());
        for row in &tags {
            let cursor = TagCursor::of(rows::tag_type(row)?, row.try_get("tag_id")?);
            items.push((cursor, export_row(&mut snapshot, row, records.as_mut()).await?));
        }
        let listing = page.listing(items, |(cursor, _)| cursor.clone());
        Ok(Listing { items: listing.items.into_iter().map(|(_, row)| row).collect(), next: listing.next })
    }
}

async fn export_row(connection: &mut DbConnection, row: &DbRow, records: Option<&mut Records>) -> Result<ExportRow> {
    let name: &str = row.try_get("name")?;
    // A name that plain SQL wrote may break the rules of names; it is named rather than left out.
    let name = TagName::parse(name)
        .map_err(|error| StoreError::Corrupt(format!("the tag {}: {error}", name.escape_debug())))?;
    let tag_created_at = match records {
        Some(_) => Some(timestamp(row.try_get("tag_created_at")?)?),
        None => None,
    };
    let synonyms = match row.try_get::<Option<i64>, _>("id")? {
        None => None,
        Some(id) => Some(ExportSynonyms {
            source: rows::word(row, "source")?,
            confidence: rows::confidence(row)?,
            is_active: row.try_get("is_active")?,
            terms: terms::read(connection, id).await?,
            record: records.map(|records| records.take(id, row)).transpose()?,
        }),
    };
    Ok(ExportRow { tag_type: rows::tag_type(row)?, name, tag_created_at, synonyms })
}

impl Records {
    /// Reads those of all rows of a page at once.
    async fn read(connection: &mut DbConnection, page: &[DbRow]) -> Result<Self> {
        let mut records = Self::default();
        let mut ids: Vec<i64> = Vec::with_capacity(page.len());
        for row in page {
            ids.extend(row.try_get::<Option<i64>, _>("id")?);
        }
        let mut found = dialect::vectors_of(&mut *connection, &ids).await?;
        found.sort_by(|(a, a_place, a_vector), (b, b_place, b_vector)| {
            (a, a_place, &a_vector.space).cmp(&(b, b_place, &b_vector.space))
        });
        for (id, _, vector) in found {
            let vectors = records.vectors.entry(id).or_default();
            // A space that has become the active one since it stood beside it counts once.
            if vectors.iter().all(|known| known.space != vector.space) {
                vectors.push(vector);
            }
        }
        let revisions = sqlx::query(concat!(
            "SELECT * FROM synonym_revision WHERE synonym_id ",
            in_list!("$1"),
            " ORDER BY synonym_id, id"
        ))
        .bind(list(&ids))
        .fetch_all(connection)
        .await?;
        for row in &revisions {
            let Revision { version, action, source, tag_name, before, after, created_at, .. } = rows::revision(row)?;
            let revision = ExportRevision { version, action, source, tag_name, before, after, created_at };
            records.revisions.entry(row.try_get("synonym_id")?).or_default().push(revision);
        }
        Ok(records)
    }

    /// The record of one row.
    fn take(&mut self, id: i64, row: &DbRow) -> Result<ExportRecord> {
        let mut vectors = self.vectors.remove(&id).unwrap_or_default();
        // Plain SQL has given the tag another name, which nobody has noticed yet: its vectors are those of the former one.
        if !row.try_get::<bool, _>("same_name")? {
            vectors.clear();
        }
        Ok(ExportRecord {
            version: row.try_get("version")?,
            created_at: timestamp(row.try_get("created_at")?)?,
            updated_at: timestamp(row.try_get("updated_at")?)?,
            vectors,
            revisions: self.revisions.remove(&id).unwrap_or_default(),
        })
    }
}
