-- Tasks that were taken from a queue of Celery: what was asked, the job whose end answers it, and whether it was answered. Written
-- before the message is acknowledged, so that no crash and no loss of Redis takes an answer away.
CREATE TABLE celery_task (
    -- Celery's own.
    id          TEXT    PRIMARY KEY,
    request     TEXT    NOT NULL CHECK (json_valid(request)),
    -- NULL before run_at, and where no job answers.
    job_id      INTEGER,
    -- Whether the job was written for this task: taking the task back then takes the job back, too.
    made_job    INTEGER NOT NULL DEFAULT 0,
    -- The answer where it is known otherwise than by the job's end.
    answer      TEXT    CHECK (answer IS NULL OR json_valid(answer)),
    run_at      INTEGER NOT NULL,
    expires_at  INTEGER,
    received_at INTEGER NOT NULL,
    -- When the answer was handed over; NULL while it is owed.
    answered_at INTEGER
);
CREATE INDEX celery_task_owed ON celery_task (run_at) WHERE answered_at IS NULL;
CREATE INDEX celery_task_job ON celery_task (job_id) WHERE answered_at IS NULL;
CREATE INDEX celery_task_answered ON celery_task (answered_at) WHERE answered_at IS NOT NULL;
