-- SQLite recalls from memory since this migration; PostgreSQL does so by these indices. Without a list of pending entries,
-- which each search would have to read.
CREATE INDEX synonym_term_key ON synonym_term (term_key) WHERE status = 'active';
CREATE INDEX synonym_term_lexemes ON synonym_term USING gin (lexemes) WITH (fastupdate = off) WHERE status = 'active';
CREATE INDEX synonym_term_trigrams ON synonym_term USING gin (term_key gin_trgm_ops) WITH (fastupdate = off)
    WHERE status = 'active' AND section IN ('name', 'search_terms', 'translations');
