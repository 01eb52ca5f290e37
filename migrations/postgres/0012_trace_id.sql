-- The trace of the request that asked: 32 hexadecimal digits; NULL where nobody named one, as for what plain SQL writes.
ALTER TABLE job ADD COLUMN trace_id TEXT;
ALTER TABLE synonym_revision ADD COLUMN trace_id TEXT;
