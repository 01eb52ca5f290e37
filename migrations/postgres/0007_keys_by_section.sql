-- A key that many tags name as related, and one that is the name of one tag, are looked up section by section.
DROP INDEX synonym_term_key;
CREATE INDEX synonym_term_key ON synonym_term (term_key, section) WHERE status = 'active';
