-- The version of a row whose terms were compared with its meaning: each version is checked once.
ALTER TABLE mir_synonym ADD COLUMN meaning_checked INTEGER;
