-- Tasks that were taken from a queue of Celery: what was asked, the job whose end answers it, and whether it was answered. Written
-- before the message is acknowledged, so that no crash and no loss of Redis takes an answer away.
CREATE TABLE celery_task (
    -- Celery's own.
    id          TEXT PRIMARY KEY,
    request     JSONB NOT NULL,
    -- NULL before run_at, and where no job answers.
    job_id      BIGINT,
    -- Whether the job was written for this task: taking the task back then takes the job back, too.
    made_job    BOOLEAN NOT NULL DEFAULT false,
    -- The answer where it is known otherwise than by the job's end.
    answer      JSONB,
    run_at      TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ,
    received_at TIMESTAMPTZ NOT NULL,
    -- When the answer was handed over; NULL while it is owed.
    answered_at TIMESTAMPTZ
);
CREATE INDEX celery_task_owed ON celery_task (run_at) WHERE answered_at IS NULL;
CREATE INDEX celery_task_job ON celery_task (job_id) WHERE answered_at IS NULL;
CREATE INDEX celery_task_answered ON celery_task (answered_at) WHERE answered_at IS NOT NULL;
