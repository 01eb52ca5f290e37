-- The statements are written once for SQLite and PostgreSQL (docs/adr/0006): `is_active` is a truth value in both, and an
-- index serves a statement that says so only where it says so, too. The view tells the length of a vector.
DROP INDEX mir_synonym_one_active;
CREATE UNIQUE INDEX mir_synonym_one_active ON mir_synonym (tag_type, tag_id) WHERE is_active;
DROP VIEW mir_synonym_named;
CREATE VIEW mir_synonym_named AS
    SELECT s.*, length(s.embedding) / 4 AS dimensions, COALESCE(g.name, m.name) AS tag_name
    FROM mir_synonym s LEFT JOIN genre_tag g ON g.id = s.genre_tag_id LEFT JOIN mood_tag m ON m.id = s.mood_tag_id;
