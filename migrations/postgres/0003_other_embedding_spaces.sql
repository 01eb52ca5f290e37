-- Vectors of spaces that are not the active one: the built-in space, which serves when the active embedder is late, and
-- the next one during a change of model. A vector belongs to the content it was made from.
CREATE TABLE synonym_embedding (
    synonym_id  BIGINT NOT NULL REFERENCES mir_synonym (id) ON DELETE CASCADE,
    space       TEXT NOT NULL,
    embedding   vector(768) NOT NULL,
    dimensions  INTEGER NOT NULL,
    PRIMARY KEY (synonym_id, space)
);
ALTER TABLE synonym_embedding ALTER embedding SET STORAGE PLAIN;

CREATE FUNCTION forget_other_embeddings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM synonym_embedding WHERE synonym_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER synonym_embedding_outdated AFTER UPDATE OF version ON mir_synonym
    FOR EACH ROW WHEN (NEW.version <> OLD.version) EXECUTE FUNCTION forget_other_embeddings();

CREATE FUNCTION record_embedding_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM lock_vocabulary();
    INSERT INTO vocabulary_change (synonym_id)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.synonym_id ELSE NEW.synonym_id END);
    PERFORM pg_notify('musonym', '');
    RETURN NULL;
END $$;
CREATE TRIGGER synonym_embedding_changed AFTER INSERT OR UPDATE OR DELETE ON synonym_embedding
    FOR EACH ROW EXECUTE FUNCTION record_embedding_change();
