-- Generation that was asked for many tags at once. What has become of its jobs is counted from them while it goes on, and written
-- here when the last of them has ended, so that they may be deleted then.
CREATE TABLE job_batch (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    asked        TEXT    NOT NULL CHECK (json_valid(asked)),
    priority     INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    -- How many jobs it had at its beginning.
    total        INTEGER NOT NULL DEFAULT 0,
    done         INTEGER,
    failed       INTEGER,
    cancelled    INTEGER,
    created_at   INTEGER NOT NULL,
    cancelled_at INTEGER,
    ended_at     INTEGER,
    CHECK (ended_at IS NULL OR (done IS NOT NULL AND failed IS NOT NULL AND cancelled IS NOT NULL))
);
CREATE INDEX job_batch_ended ON job_batch (ended_at);

ALTER TABLE job ADD COLUMN batch_id INTEGER REFERENCES job_batch (id) ON DELETE SET NULL;
-- Counts come from it alone, and a job of no batch is not in it.
CREATE INDEX job_of_batch ON job (batch_id, state, updated_at) WHERE batch_id IS NOT NULL;
