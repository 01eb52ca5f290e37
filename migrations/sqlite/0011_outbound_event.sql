-- Webhooks to others: who is told of what, what there is to tell, and what has become of each telling. Triggers write an event and
-- its deliveries in the transaction of the change, whoever makes it; without a subscriber that wants it, nothing is written.

CREATE TABLE outbound_subscriber (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The SHA-256 of its URL, which may hold a token and stays in the configuration.
    url_key         TEXT    NOT NULL UNIQUE,
    -- The URL for people, without what may be a token.
    shown           TEXT    NOT NULL,
    -- A list of kinds of events.
    events          TEXT    NOT NULL CHECK (json_valid(events)),
    created_at      INTEGER NOT NULL,
    -- When it answered that it wants no more.
    disabled_at     INTEGER,
    -- When the configuration no longer named it.
    removed_at      INTEGER
);

CREATE TABLE outbound_event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The `webhook-id`: the same whenever it is sent.
    message_id  TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('synonyms.updated', 'synonyms.deactivated', 'generation.failed')),
    data        TEXT    NOT NULL CHECK (json_valid(data)),
    created_at  INTEGER NOT NULL
);
CREATE INDEX outbound_event_created ON outbound_event (created_at);

CREATE TABLE outbound_delivery (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id        INTEGER NOT NULL REFERENCES outbound_event (id) ON DELETE CASCADE,
    subscriber_id   INTEGER NOT NULL REFERENCES outbound_subscriber (id) ON DELETE CASCADE,
    state           TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Not sent before this moment; while it is being sent, the end of the lease.
    next_at         INTEGER NOT NULL,
    lease_owner     TEXT,
    last_status     INTEGER,
    last_error      TEXT,
    -- The last attempts, oldest first.
    log             TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(log)),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
);
CREATE INDEX outbound_delivery_due ON outbound_delivery (subscriber_id, next_at, id) WHERE state = 'pending';
CREATE INDEX outbound_delivery_event ON outbound_delivery (event_id);
CREATE INDEX outbound_delivery_subscriber ON outbound_delivery (subscriber_id);

-- The kinds that somebody wants.
CREATE VIEW outbound_wanted AS
    SELECT told.id AS subscriber_id, e.value AS kind FROM outbound_subscriber AS told, json_each(told.events) e
    WHERE told.disabled_at IS NULL AND told.removed_at IS NULL;

CREATE TRIGGER outbound_event_inserted AFTER INSERT ON outbound_event BEGIN
    INSERT INTO outbound_delivery (event_id, subscriber_id, next_at, created_at, updated_at)
    SELECT new.id, w.subscriber_id, new.created_at, new.created_at, new.created_at
    FROM outbound_wanted w WHERE w.kind = new.kind ORDER BY w.subscriber_id;
END;

-- A row in use that is new, or has another version. A new vector is no change of its content.
CREATE TRIGGER outbound_synonyms_inserted AFTER INSERT ON mir_synonym WHEN new.is_active BEGIN
    INSERT INTO outbound_event (message_id, kind, data, created_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), 'synonyms.updated',
        json_object('synonym_id', new.id, 'tag_type', new.tag_type, 'tag_id', new.tag_id, 'tag_name', t.name,
            'version', new.version, 'source', new.source),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM tag t WHERE t.tag_type = new.tag_type AND t.id = new.tag_id
        AND EXISTS (SELECT 1 FROM outbound_wanted w WHERE w.kind = 'synonyms.updated');
END;
CREATE TRIGGER outbound_synonyms_updated AFTER UPDATE OF version, is_active ON mir_synonym
WHEN new.is_active AND (new.version <> old.version OR NOT old.is_active) BEGIN
    INSERT INTO outbound_event (message_id, kind, data, created_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), 'synonyms.updated',
        json_object('synonym_id', new.id, 'tag_type', new.tag_type, 'tag_id', new.tag_id, 'tag_name', t.name,
            'version', new.version, 'source', new.source),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM tag t WHERE t.tag_type = new.tag_type AND t.id = new.tag_id
        AND EXISTS (SELECT 1 FROM outbound_wanted w WHERE w.kind = 'synonyms.updated');
END;

-- A row that goes out of use, or is deleted with its tag, whose name stands among the terms until then.
CREATE TRIGGER outbound_synonyms_deactivated AFTER UPDATE OF is_active ON mir_synonym
WHEN old.is_active AND NOT new.is_active BEGIN
    INSERT INTO outbound_event (message_id, kind, data, created_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), 'synonyms.deactivated',
        json_object('synonym_id', new.id, 'tag_type', new.tag_type, 'tag_id', new.tag_id, 'tag_name', t.name,
            'version', new.version, 'reason', 'deactivated'),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM tag t WHERE t.tag_type = new.tag_type AND t.id = new.tag_id
        AND EXISTS (SELECT 1 FROM outbound_wanted w WHERE w.kind = 'synonyms.deactivated');
END;
CREATE TRIGGER outbound_synonyms_deleted BEFORE DELETE ON mir_synonym WHEN old.is_active BEGIN
    INSERT INTO outbound_event (message_id, kind, data, created_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), 'synonyms.deactivated',
        json_object('synonym_id', old.id, 'tag_type', old.tag_type, 'tag_id', old.tag_id, 'tag_name', t.term,
            'version', old.version, 'reason', 'deleted'),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM synonym_term t WHERE t.synonym_id = old.id AND t.section = 'name'
        AND EXISTS (SELECT 1 FROM outbound_wanted w WHERE w.kind = 'synonyms.deactivated');
END;

-- A generation that has come to its end without success.
CREATE TRIGGER outbound_generation_failed AFTER UPDATE OF state ON job
WHEN new.kind = 'generate' AND new.state IN ('failed', 'dead') AND old.state NOT IN ('failed', 'dead') BEGIN
    INSERT INTO outbound_event (message_id, kind, data, created_at)
    SELECT 'evt_' || lower(hex(randomblob(16))), 'generation.failed',
        json_object('job_id', new.id, 'tag_type', t.tag_type, 'tag_id', t.id, 'tag_name', t.name, 'state', new.state,
            'attempts', new.attempts, 'error', substr(new.last_error, 1, 500)),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM tag t
    WHERE t.tag_type = json_extract(new.payload, '$.tag_type') AND t.id = json_extract(new.payload, '$.tag_id')
        AND EXISTS (SELECT 1 FROM outbound_wanted w WHERE w.kind = 'generation.failed');
END;
