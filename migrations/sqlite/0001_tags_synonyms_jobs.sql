-- Tags, their synonyms and the queue. Moments are Unix milliseconds (UTC), JSON is text, vectors are little-endian f32.
-- The same names as in PostgreSQL. Everything here also runs in SQLite 3.40, so that a stock `sqlite3` can write tags.

CREATE TABLE genre_tag (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    -- Computed in Rust; a plain SQL INSERT leaves it to the worker. Two spellings may share a key.
    name_key    TEXT,
    created_at  INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);
CREATE INDEX genre_tag_name_key ON genre_tag (name_key);

CREATE TABLE mood_tag (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    name_key    TEXT,
    created_at  INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);
CREATE INDEX mood_tag_name_key ON mood_tag (name_key);

CREATE TABLE mir_synonym (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    tag_type        TEXT    NOT NULL CHECK (tag_type IN ('genre', 'mood')),
    tag_id          INTEGER NOT NULL,
    genre_tag_id    INTEGER GENERATED ALWAYS AS (CASE tag_type WHEN 'genre' THEN tag_id END) STORED
                    REFERENCES genre_tag (id) ON DELETE CASCADE,
    mood_tag_id     INTEGER GENERATED ALWAYS AS (CASE tag_type WHEN 'mood' THEN tag_id END) STORED
                    REFERENCES mood_tag (id) ON DELETE CASCADE,
    source          TEXT    NOT NULL CHECK (source IN ('manual', 'ollama', 'lexicon', 'import')),
    confidence      REAL    NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    is_active       INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    version         INTEGER NOT NULL DEFAULT 1,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    embedding_space TEXT,
    -- Derived from synonym_term in the same transaction. The long columns come last: SQLite reads a row from its
    -- start, and a search looks at is_active and tag_type of hundreds of rows.
    synonyms        TEXT    NOT NULL CHECK (json_valid(synonyms)),
    embedding       BLOB,
    CHECK ((embedding IS NULL) = (embedding_space IS NULL))
);
CREATE UNIQUE INDEX mir_synonym_one_active ON mir_synonym (tag_type, tag_id) WHERE is_active = 1;
CREATE INDEX mir_synonym_tag ON mir_synonym (tag_type, tag_id);
CREATE INDEX mir_synonym_genre_tag ON mir_synonym (genre_tag_id);
CREATE INDEX mir_synonym_mood_tag ON mir_synonym (mood_tag_id);

-- The truth behind mir_synonym.synonyms, and what the lexical branch searches. The tag's own name stands here too.
CREATE TABLE synonym_term (
    id          INTEGER PRIMARY KEY,
    synonym_id  INTEGER NOT NULL REFERENCES mir_synonym (id) ON DELETE CASCADE,
    section     TEXT    NOT NULL
                CHECK (section IN ('name', 'search_terms', 'related_tags', 'usage_context', 'translations')),
    lang        TEXT    CHECK (lang IN ('en', 'fr')),
    position    INTEGER NOT NULL,
    term        TEXT    NOT NULL,
    term_key    TEXT    NOT NULL,
    stems       TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    confidence  REAL    NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    status      TEXT    NOT NULL CHECK (status IN ('active', 'quarantined', 'proposed', 'rejected'))
);
CREATE INDEX synonym_term_synonym ON synonym_term (synonym_id);
CREATE INDEX synonym_term_key ON synonym_term (term_key);

-- A row with the name of its tag.
CREATE VIEW mir_synonym_named AS
    SELECT s.*, COALESCE(g.name, m.name) AS tag_name
    FROM mir_synonym s LEFT JOIN genre_tag g ON g.id = s.genre_tag_id LEFT JOIN mood_tag m ON m.id = s.mood_tag_id;

-- Both kinds of tags, for reading.
CREATE VIEW tag AS
    SELECT 'genre' AS tag_type, id, name, name_key, created_at FROM genre_tag
    UNION ALL
    SELECT 'mood' AS tag_type, id, name, name_key, created_at FROM mood_tag;

-- Recall: words by their stems, misspelt words by the trigrams of the key.
CREATE VIRTUAL TABLE term_stem USING fts5 (
    stems, content = 'synonym_term', content_rowid = 'id', detail = none,
    -- Stems are folded and parted by spaces already. `ascii` takes every other character beyond ASCII for a part of its
    -- word, so that a stem is one token whatever version of Unicode SQLite knows; the sharp of a note belongs to it too.
    tokenize = "ascii tokenchars '#'"
);
CREATE VIRTUAL TABLE term_trigram USING fts5 (
    term_key, content = 'synonym_term', content_rowid = 'id', tokenize = "trigram", detail = none
);
-- In how many terms a stem or trigram stands: recall starts from the rare ones.
CREATE VIRTUAL TABLE term_stem_frequency USING fts5vocab (term_stem, row);
CREATE VIRTUAL TABLE term_trigram_frequency USING fts5vocab (term_trigram, row);

CREATE TRIGGER synonym_term_inserted AFTER INSERT ON synonym_term BEGIN
    INSERT INTO term_stem (rowid, stems) VALUES (new.id, new.stems);
    INSERT INTO term_trigram (rowid, term_key) VALUES (new.id, new.term_key);
END;
CREATE TRIGGER synonym_term_deleted AFTER DELETE ON synonym_term BEGIN
    INSERT INTO term_stem (term_stem, rowid, stems) VALUES ('delete', old.id, old.stems);
    INSERT INTO term_trigram (term_trigram, rowid, term_key) VALUES ('delete', old.id, old.term_key);
END;
CREATE TRIGGER synonym_term_updated AFTER UPDATE OF stems, term_key ON synonym_term BEGIN
    INSERT INTO term_stem (term_stem, rowid, stems) VALUES ('delete', old.id, old.stems);
    INSERT INTO term_trigram (term_trigram, rowid, term_key) VALUES ('delete', old.id, old.term_key);
    INSERT INTO term_stem (rowid, stems) VALUES (new.id, new.stems);
    INSERT INTO term_trigram (rowid, term_key) VALUES (new.id, new.term_key);
END;

-- History; outlives the tag and the row, hence no foreign key.
CREATE TABLE synonym_revision (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    synonym_id  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    action      TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    tag_type    TEXT    NOT NULL,
    tag_name    TEXT    NOT NULL,
    before      TEXT,
    after       TEXT,
    created_at  INTEGER NOT NULL
);
CREATE INDEX synonym_revision_synonym ON synonym_revision (synonym_id, version);
CREATE INDEX synonym_revision_created ON synonym_revision (created_at);

CREATE TABLE job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL CHECK (kind IN ('generate', 'embed')),
    payload      TEXT    NOT NULL CHECK (json_valid(payload)),
    priority     INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    state        TEXT    NOT NULL DEFAULT 'queued'
                 CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- NULL until the first claim: the trigger below does not know the configuration.
    max_attempts INTEGER,
    run_at       INTEGER NOT NULL,
    lease_owner  TEXT,
    lease_until  INTEGER,
    dedup_key    TEXT    NOT NULL,
    last_error   TEXT,
    result       TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL))
);
CREATE UNIQUE INDEX job_one_queued ON job (dedup_key) WHERE state = 'queued';
CREATE UNIQUE INDEX job_one_running ON job (dedup_key) WHERE state = 'running';
CREATE INDEX job_by_priority ON job (kind, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_by_moment ON job (kind, run_at) WHERE state = 'queued';
CREATE INDEX job_by_age ON job (kind, id) WHERE state = 'queued';
CREATE INDEX job_leases ON job (kind, lease_until) WHERE state = 'running';
CREATE INDEX job_ended ON job (state, updated_at);

-- A new or renamed tag has its job in the same transaction, whoever writes it. The API raises the priority after.
CREATE TRIGGER genre_tag_inserted AFTER INSERT ON genre_tag BEGIN
    INSERT OR IGNORE INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
    SELECT 'generate', json_object('tag_type', 'genre', 'tag_id', new.id), 1, ms, 'generate:genre:' || new.id, ms, ms
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
END;
CREATE TRIGGER mood_tag_inserted AFTER INSERT ON mood_tag BEGIN
    INSERT OR IGNORE INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
    SELECT 'generate', json_object('tag_type', 'mood', 'tag_id', new.id), 1, ms, 'generate:mood:' || new.id, ms, ms
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
END;
CREATE TRIGGER genre_tag_renamed AFTER UPDATE OF name ON genre_tag WHEN new.name <> old.name BEGIN
    UPDATE genre_tag SET name_key = NULL WHERE id = new.id AND name_key IS old.name_key;
    INSERT OR IGNORE INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
    SELECT 'generate', json_object('tag_type', 'genre', 'tag_id', new.id), 1, ms, 'generate:genre:' || new.id, ms, ms
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
    UPDATE job SET payload = json_set(payload, '$.refresh', json('true'))
    WHERE dedup_key = 'generate:genre:' || new.id AND state = 'queued';
    INSERT INTO vocabulary_change (synonym_id)
    SELECT id FROM mir_synonym WHERE tag_type = 'genre' AND tag_id = new.id;
END;
CREATE TRIGGER mood_tag_renamed AFTER UPDATE OF name ON mood_tag WHEN new.name <> old.name BEGIN
    UPDATE mood_tag SET name_key = NULL WHERE id = new.id AND name_key IS old.name_key;
    INSERT OR IGNORE INTO job (kind, payload, priority, run_at, dedup_key, created_at, updated_at)
    SELECT 'generate', json_object('tag_type', 'mood', 'tag_id', new.id), 1, ms, 'generate:mood:' || new.id, ms, ms
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
    UPDATE job SET payload = json_set(payload, '$.refresh', json('true'))
    WHERE dedup_key = 'generate:mood:' || new.id AND state = 'queued';
    INSERT INTO vocabulary_change (synonym_id)
    SELECT id FROM mir_synonym WHERE tag_type = 'mood' AND tag_id = new.id;
END;

-- What the foreign keys cascade, also for a client that leaves them off, as a stock `sqlite3` does.
CREATE TRIGGER genre_tag_deleted AFTER DELETE ON genre_tag BEGIN
    DELETE FROM mir_synonym WHERE tag_type = 'genre' AND tag_id = old.id;
END;
CREATE TRIGGER mood_tag_deleted AFTER DELETE ON mood_tag BEGIN
    DELETE FROM mir_synonym WHERE tag_type = 'mood' AND tag_id = old.id;
END;

-- Which rows changed in which order: its last number is the vocabulary version, and whoever holds vectors or answers
-- in memory reads from it what to read again.
CREATE TABLE vocabulary_change (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    synonym_id  INTEGER NOT NULL
);
CREATE TRIGGER mir_synonym_inserted AFTER INSERT ON mir_synonym BEGIN
    INSERT INTO vocabulary_change (synonym_id) VALUES (new.id);
END;
CREATE TRIGGER mir_synonym_updated AFTER UPDATE ON mir_synonym BEGIN
    INSERT INTO vocabulary_change (synonym_id) VALUES (new.id);
END;
CREATE TRIGGER mir_synonym_deleted AFTER DELETE ON mir_synonym BEGIN
    DELETE FROM synonym_term WHERE synonym_id = old.id;
    INSERT INTO vocabulary_change (synonym_id) VALUES (old.id);
END;

CREATE TABLE webhook_delivery (
    id          TEXT    PRIMARY KEY,
    job_id      INTEGER,
    status      TEXT    NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE INDEX webhook_delivery_received ON webhook_delivery (received_at);

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
