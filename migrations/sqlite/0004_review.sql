-- People decide on terms by their numbers, so a number is never given to another term later: the table is made anew with
-- AUTOINCREMENT. (A plain INTEGER PRIMARY KEY takes the highest number again once its row is deleted.)
DROP TRIGGER mir_synonym_deleted;
ALTER TABLE synonym_term RENAME TO synonym_term_before;
CREATE TABLE synonym_term (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO synonym_term
    (id, synonym_id, section, lang, position, term, term_key, stems, source, confidence, status)
SELECT id, synonym_id, section, lang, position, term, term_key, stems, source, confidence, status
FROM synonym_term_before ORDER BY id;
DROP TABLE synonym_term_before;
CREATE INDEX synonym_term_synonym ON synonym_term (synonym_id);
-- The few terms that wait for a person, in the order in which they are listed.
CREATE INDEX synonym_term_pending ON synonym_term (id) WHERE status IN ('proposed', 'quarantined');
CREATE TRIGGER mir_synonym_deleted AFTER DELETE ON mir_synonym BEGIN
    DELETE FROM synonym_term WHERE synonym_id = old.id;
    INSERT INTO vocabulary_change (synonym_id) VALUES (old.id);
END;
