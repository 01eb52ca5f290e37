-- The few terms that wait for a person, in the order in which they are listed.
CREATE INDEX synonym_term_pending ON synonym_term (id) WHERE status IN ('proposed', 'quarantined');
