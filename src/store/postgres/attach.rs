//! An application's own tables in place of `genre_tag` and `mood_tag`: they get triggers and the foreign key of the synonyms,
//! and keep everything else. What musonym knows of a tag beside its name (its key) lies in a table of its own, and a view of
//! the usual name joins both, so that every statement is the same.

use sqlx::{PgConnection, PgPool};

use super::AttachedTable;
use crate::{
    domain::TagType,
    store::{Result, StoreError},
};

/// Attaches the tables, each where it is not attached already. One process at a time.
pub(super) async fn attach(pool: &PgPool, tables: &[AttachedTable]) -> Result<()> {
    for tag_type in TagType::ALL {
        let wanted = tables.iter().find(|table| table.tag_type == tag_type);
        let mut transaction = pool.begin().await?;
        sqlx::query("SELECT lock_vocabulary()").execute(&mut *transaction).await?;
        let setting = format!("attached:{tag_type}");
        let attached: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
            .bind(&setting)
            .fetch_optional(&mut *transaction)
            .await?;
        match (wanted, attached) {
            (None, None) => {}
            (Some(table), Some(attached)) if attached == table.to_string() => {}
            (None, Some(attached)) => {
                return Err(StoreError::Unusable(format!(
                    "this database is attached to {attached} for {tag_type} tags, and the configuration names no table: set \
                     [tags.{tag_type}] as it was"
                )));
            }
            (Some(table), Some(attached)) => {
                return Err(StoreError::Unusable(format!(
                    "this database is attached to {attached} for {tag_type} tags, not to {table}: set [tags.{tag_type}] as it \
                     was, or give musonym a database or schema of its own and import an export there"
                )));
            }
            (Some(table), None) => {
                attach_table(&mut transaction, table).await?;
                sqlx::query("INSERT INTO setting (key, value) VALUES ($1, $2)")
                    .bind(setting)
                    .bind(table.to_string())
                    .execute(&mut *transaction)
                    .await?;
                tracing::info!(tag.r#type = %tag_type, "attached to {table}");
            }
        }
        transaction.commit().await?;
    }
    Ok(())
}

impl std::fmt::Display for AttachedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} ({}, {})", self.schema, self.table, self.id_column, self.name_column)
    }
}

/// An identifier in SQL.
fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text in SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn attach_table(connection: &mut PgConnection, table: &AttachedTable) -> Result<()> {
    require_fitting(&mut *connection, table).await?;
    let tag_type = table.tag_type;
    let own: i64 = match tag_type {
        TagType::Genre => sqlx::query_scalar("SELECT count(*) FROM genre_tag"),
        TagType::Mood => sqlx::query_scalar("SELECT count(*) FROM mood_tag"),
    }
    .fetch_one(&mut *connection)
    .await?;
    if own > 0 {
        return Err(StoreError::Unusable(format!(
            "{own} {tag_type} tags of musonym's own stand in this database, which would be lost behind {table}: export them, \
             and attach an empty database or schema"
        )));
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(attach_sql(table))).execute(connection).await.map_err(|error| {
        StoreError::Unusable(format!(
            "{table} cannot be attached: {error}\n\
             The role needs rights on it: GRANT USAGE ON SCHEMA {0} TO …; GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES, \
             TRIGGER ON {0}.{1} TO …; (INSERT, UPDATE and DELETE only where tags are written through musonym)",
            quoted(&table.schema),
            quoted(&table.table)
        ))
    })?;
    Ok(())
}

/// Refuses a table that cannot hold tags.
async fn require_fitting(connection: &mut PgConnection, table: &AttachedTable) -> Result<()> {
    let columns: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT a.attname::text, t.typname::text, EXISTS (
             SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL
                 AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         JOIN pg_type t ON t.oid = a.atttypid
         WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')",
    )
    .bind(&table.schema)
    .bind(&table.table)
    .fetch_all(connection)
    .await?;
    let AttachedTable { tag_type, schema, table: name, id_column, name_column } = table;
    let refuse = |problem: String| Err(StoreError::Unusable(format!("[tags.{tag_type}]: {problem}")));
    if columns.is_empty() {
        return refuse(format!("the table {schema}.{name} is not there, or this role may not see its schema"));
    }
    let column = |wanted: &str| columns.iter().find(|(column, ..)| column == wanted);
    match column(id_column) {
        None => return refuse(format!("{schema}.{name} has no column {id_column}: set id_column")),
        Some((_, kind, _)) if !["int2", "int4", "int8"].contains(&kind.as_str()) => {
            return refuse(format!("{schema}.{name}.{id_column} is of type {kind}; tags are numbered by an integer"));
        }
        Some((_, _, false)) => {
            return refuse(format!(
                "{schema}.{name}.{id_column} is not unique: it needs a primary key or a unique index"
            ));
        }
        Some(_) => {}
    }
    match column(name_column) {
        None => refuse(format!("{schema}.{name} has no column {name_column}: set name_column")),
        Some((_, kind, _)) if !["text", "varchar", "bpchar", "citext"].contains(&kind.as_str()) => {
            refuse(format!("{schema}.{name}.{name_column} is of type {kind}; a name is a text"))
        }
        Some(_) => Ok(()),
    }
}

/// What attaching does. `genre_tag` (or `mood_tag`) becomes a view over the application's table.
fn attach_sql(attached: &AttachedTable) -> String {
    let kind = attached.tag_type.as_str();
    let table = format!("{}.{}", quoted(&attached.schema), quoted(&attached.table));
    let (id, name) = (quoted(&attached.id_column), quoted(&attached.name_column));
    let arguments = format!("'{kind}', {}, {}", literal(&attached.id_column), literal(&attached.name_column));
    format!(
        "ALTER TABLE mir_synonym DROP CONSTRAINT mir_synonym_{kind}_tag;
             DROP VIEW mir_synonym_named;
             DROP VIEW tag;
             DROP TABLE {kind}_tag;
             ALTER TABLE mir_synonym ADD CONSTRAINT mir_synonym_{kind}_tag
                 FOREIGN KEY ({kind}_tag_id) REFERENCES {table} ({id}) ON DELETE CASCADE;

             CREATE TABLE {kind}_tag_key (
                 tag_id      BIGINT PRIMARY KEY REFERENCES {table} ({id}) ON DELETE CASCADE,
                 name_key    TEXT,
                 created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
             );
             CREATE INDEX {kind}_tag_key_name_key ON {kind}_tag_key (name_key);
             CREATE VIEW {kind}_tag AS
                 SELECT a.{id}::bigint AS id, a.{name}::text AS name, k.name_key,
                     COALESCE(k.created_at, now()) AS created_at
                 FROM {table} a LEFT JOIN {kind}_tag_key k ON k.tag_id = a.{id}
                 WHERE a.{name} IS NOT NULL;

             CREATE FUNCTION insert_{kind}_tag() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
             BEGIN
                 INSERT INTO {table} ({name}) VALUES (NEW.name) RETURNING {id} INTO NEW.id;
                 INSERT INTO {kind}_tag_key (tag_id, name_key) VALUES (NEW.id, NEW.name_key)
                 ON CONFLICT (tag_id) DO UPDATE SET name_key = excluded.name_key;
                 RETURN NEW;
             END $$;
             CREATE FUNCTION update_{kind}_tag() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
             BEGIN
                 IF NEW.name <> OLD.name THEN
                     UPDATE {table} SET {name} = NEW.name WHERE {id} = OLD.id;
                 END IF;
                 INSERT INTO {kind}_tag_key (tag_id, name_key) VALUES (OLD.id, NEW.name_key)
                 ON CONFLICT (tag_id) DO UPDATE SET name_key = excluded.name_key;
                 RETURN NEW;
             END $$;
             CREATE FUNCTION delete_{kind}_tag() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
             BEGIN
                 DELETE FROM {table} WHERE {id} = OLD.id;
                 RETURN OLD;
             END $$;
             CREATE TRIGGER inserted INSTEAD OF INSERT ON {kind}_tag
                 FOR EACH ROW EXECUTE FUNCTION insert_{kind}_tag();
             CREATE TRIGGER updated INSTEAD OF UPDATE ON {kind}_tag
                 FOR EACH ROW EXECUTE FUNCTION update_{kind}_tag();
             CREATE TRIGGER deleted INSTEAD OF DELETE ON {kind}_tag
                 FOR EACH ROW EXECUTE FUNCTION delete_{kind}_tag();

             -- The application's own writes: a new name has another key.
             CREATE FUNCTION forget_{kind}_tag_key() RETURNS trigger
                 LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
             BEGIN
                 UPDATE {kind}_tag_key SET name_key = NULL WHERE tag_id = NEW.{id};
                 RETURN NULL;
             END $$;
             CREATE TRIGGER musonym_forget_key AFTER UPDATE ON {table}
                 FOR EACH ROW WHEN (NEW.{name} IS DISTINCT FROM OLD.{name}) EXECUTE FUNCTION forget_{kind}_tag_key();
             CREATE TRIGGER musonym_inserted AFTER INSERT ON {table}
                 FOR EACH ROW EXECUTE FUNCTION tag_inserted({arguments});
             CREATE TRIGGER musonym_renamed AFTER UPDATE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION tag_renamed({arguments});
             CREATE TRIGGER musonym_deleted AFTER DELETE ON {table}
                 FOR EACH STATEMENT EXECUTE FUNCTION notify_musonym();

             -- The tags that are there already.
             INSERT INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
             SELECT 'generate', jsonb_build_object('tag_type', '{kind}', 'tag_id', id), 1, now(),
                 'generate:{kind}:' || id, now(), now()
             FROM {kind}_tag ORDER BY id
             ON CONFLICT (dedup_key) WHERE state = 'queued' DO NOTHING;

             {VIEWS}"
    )
}

/// The views that read both kinds of tags; those of the migrations.
const VIEWS: &str = "CREATE VIEW mir_synonym_named AS
         SELECT s.*, CASE WHEN s.embedding IS NOT NULL THEN s.embedding_dimensions END AS dimensions,
             COALESCE(g.name, m.name) AS tag_name
         FROM mir_synonym s LEFT JOIN genre_tag g ON g.id = s.genre_tag_id LEFT JOIN mood_tag m ON m.id = s.mood_tag_id;
     CREATE VIEW tag AS
         SELECT 'genre' AS tag_type, id, name, name_key, created_at FROM genre_tag
         UNION ALL
         SELECT 'mood' AS tag_type, id, name, name_key, created_at FROM mood_tag;";
