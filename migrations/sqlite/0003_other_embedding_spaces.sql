-- Vectors of spaces that are not the active one: the built-in space, which serves when the active embedder is late, and
-- the next one during a change of model. A vector belongs to the content it was made from.
CREATE TABLE synonym_embedding (
    synonym_id  INTEGER NOT NULL REFERENCES mir_synonym (id) ON DELETE CASCADE,
    space       TEXT    NOT NULL,
    embedding   BLOB    NOT NULL,
    PRIMARY KEY (synonym_id, space)
);
CREATE TRIGGER synonym_embedding_outdated AFTER UPDATE OF version ON mir_synonym WHEN new.version <> old.version BEGIN
    DELETE FROM synonym_embedding WHERE synonym_id = new.id;
END;
-- Also for a client that leaves foreign keys off, as a stock `sqlite3` does.
CREATE TRIGGER synonym_embedding_orphaned AFTER DELETE ON mir_synonym BEGIN
    DELETE FROM synonym_embedding WHERE synonym_id = old.id;
END;
CREATE TRIGGER synonym_embedding_inserted AFTER INSERT ON synonym_embedding BEGIN
    INSERT INTO vocabulary_change (synonym_id) VALUES (new.synonym_id);
END;
CREATE TRIGGER synonym_embedding_updated AFTER UPDATE ON synonym_embedding BEGIN
    INSERT INTO vocabulary_change (synonym_id) VALUES (new.synonym_id);
END;
CREATE TRIGGER synonym_embedding_deleted AFTER DELETE ON synonym_embedding BEGIN
    INSERT INTO vocabulary_change (synonym_id) VALUES (old.synonym_id);
END;
