-- Recall runs over postings in memory (docs/adr/0004): the full text tables are no longer read.
DROP TRIGGER synonym_term_inserted;
DROP TRIGGER synonym_term_deleted;
DROP TRIGGER synonym_term_updated;
DROP TABLE term_stem_frequency;
DROP TABLE term_trigram_frequency;
DROP TABLE term_stem;
DROP TABLE term_trigram;
DROP INDEX synonym_term_key;
