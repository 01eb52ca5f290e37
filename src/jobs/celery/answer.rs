//! What a task is told: while its job runs, and when it has ended.

use serde_json::{Value, json};

use super::task;
use crate::{
    domain::{JobState, SynonymRecord, Timestamp},
    store::{CeleryAnswer, CeleryFailure, CeleryJob, OwedTask},
};

/// What to do about a task whose answer is owed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// Say that its job runs.
    Started {
        /// The attempt.
        attempt: u32,
    },
    /// Say that its job is tried again, and why.
    Retry {
        /// Attempts so far.
        attempt: u32,
        /// Why the last one failed.
        reason: String,
    },
    /// Answer it.
    Answer(CeleryAnswer),
    /// Answer it before its job has ended, and take the job back.
    Settle {
        /// What to answer.
        answer: CeleryAnswer,
        /// Also where the job runs.
        stop_running: bool,
    },
}

/// What to do about a task now.
pub(super) fn verdict(task: &OwedTask, now: Timestamp) -> Verdict {
    if let Some(answer) = &task.answer {
        return Verdict::Answer(answer.clone());
    }
    let Some(job) = &task.job else {
        return match task.job_id {
            Some(_) => failed("the job of this task is gone: its retention is over"),
            None if is_over(task.expires_at, now) => Verdict::Settle { answer: task::expired(), stop_running: false },
            None => Verdict::Wait,
        };
    };
    match job.state {
        JobState::Queued if is_over(task.expires_at, now) && job.attempts == 0 => {
            Verdict::Settle { answer: task::expired(), stop_running: false }
        }
        JobState::Queued => match &job.last_error {
            Some(reason) if job.attempts > 0 => Verdict::Retry { attempt: job.attempts, reason: reason.clone() },
            _ => Verdict::Wait,
        },
        JobState::Running => {
            limit_passed(task, job, now).map_or(Verdict::Started { attempt: job.attempts }, |failure| Verdict::Settle {
                answer: CeleryAnswer::Failure(failure),
                stop_running: true,
            })
        }
        JobState::Succeeded => Verdict::Answer(succeeded(task, job)),
        JobState::Failed | JobState::Dead => failed(job.last_error.as_deref().unwrap_or("the job failed")),
        JobState::Cancelled => {
            Verdict::Answer(task::revoked(job.last_error.as_deref().unwrap_or("the job was cancelled")))
        }
    }
}

fn is_over(moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment <= now)
}

fn failed(reason: &str) -> Verdict {
    Verdict::Answer(CeleryAnswer::Failure(CeleryFailure::new("builtins", "RuntimeError", reason)))
}

/// The time limit that a running job has passed.
fn limit_passed(task: &OwedTask, job: &CeleryJob, now: Timestamp) -> Option<CeleryFailure> {
    #[expect(clippy::cast_precision_loss, reason = "runs of less than 285,000 years")]
    let seconds = (now - job.updated_at).num_milliseconds() as f64 / 1000.0;
    let passed = |limit: Option<f64>| limit.filter(|limit| seconds >= *limit);
    if let Some(limit) = passed(task.request.hard_limit) {
        return Some(CeleryFailure::new("billiard.exceptions", "TimeLimitExceeded", limit.to_string()));
    }
    let limit = passed(task.request.soft_limit)?;
    Some(CeleryFailure::new("billiard.exceptions", "SoftTimeLimitExceeded", limit.to_string()))
}

fn succeeded(task: &OwedTask, job: &CeleryJob) -> CeleryAnswer {
    match (&task.synonyms, job.outcome.as_deref()) {
        (Some(synonyms), _) => CeleryAnswer::Success(row(synonyms)),
        (None, Some("tag_gone")) => failure("the tag was deleted before its synonyms were written"),
        (None, _) => failure(
            "a person took the synonyms of this tag out of use; force=True proposes new ones, activating the row brings it back",
        ),
    }
}

fn failure(reason: &str) -> CeleryAnswer {
    CeleryAnswer::Failure(CeleryFailure::new("builtins", "LookupError", reason))
}

/// A row as the API gives it.
fn row(record: &SynonymRecord) -> Value {
    let embedding = record.embedding.as_ref();
    json!({
        "id": record.id,
        "tag_id": record.tag_id,
        "tag_type": record.tag_type,
        "tag_name": record.tag_name,
        "synonyms": record.synonyms,
        "source": record.source,
        "confidence": record.confidence,
        "is_active": record.is_active,
        "version": record.version,
        "embedding": embedding.map(|(space, dimensions)| json!({ "space": space, "dimensions": dimensions })),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    })
}

/// The text that Celery keeps of a task: its state, and what came of it.
pub(super) fn meta(task_id: &str, status: &str, result: &Value, traceback: Option<&str>) -> Value {
    json!({
        "status": status,
        "result": result,
        "traceback": traceback,
        "children": [],
        "date_done": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, false),
        "task_id": task_id,
    })
}

/// The same of an answer.
pub(super) fn meta_of(task_id: &str, answer: &CeleryAnswer) -> Value {
    match answer {
        CeleryAnswer::Success(value) => meta(task_id, "SUCCESS", value, None),
        CeleryAnswer::Failure(failure) => meta(task_id, "FAILURE", &json!(failure), None),
        CeleryAnswer::Revoked(failure) => meta(task_id, "REVOKED", &json!(failure), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::TagType,
        store::{CeleryRequest, CeleryWork},
    };

    fn owed(state: Option<JobState>) -> OwedTask {
        let now = chrono::Utc::now();
        let job = state.map(|state| CeleryJob {
            state,
            attempts: 1,
            last_error: Some("no luck".to_owned()),
            outcome: None,
            updated_at: now,
        });
        let work = CeleryWork::Generate {
            tag_type: TagType::Genre,
            tag_name: "dub".to_owned(),
            force: false,
            related_tags: vec![],
        };
        let request = CeleryRequest {
            work,
            priority: 1,
            ignore_result: false,
            soft_limit: None,
            hard_limit: Some(60.0),
            trace_id: None,
        };
        OwedTask {
            id: "1".to_owned(),
            request,
            job_id: job.as_ref().map(|_| 7),
            job,
            synonyms: None,
            answer: None,
            run_at: now,
            expires_at: Some(now + chrono::TimeDelta::seconds(30)),
            received_at: now,
        }
    }

    fn words(verdict: Verdict) -> String {
        match verdict {
            Verdict::Answer(answer) => serde_json::to_string(&answer).unwrap(),
            Verdict::Settle { answer, .. } => format!("settle {}", serde_json::to_string(&answer).unwrap()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_state_of_a_job_has_its_word() {
        let now = chrono::Utc::now();
        let at = |state, seconds| words(verdict(&owed(state), now + chrono::TimeDelta::seconds(seconds)));
        assert_eq!(at(None, 0), "Wait");
        assert!(at(None, 31).contains("settle") && at(None, 31).contains("expired"));
        assert_eq!(at(Some(JobState::Queued), 31), "Retry { attempt: 1, reason: \"no luck\" }", "it was begun in time");
        assert_eq!(at(Some(JobState::Running), 31), "Started { attempt: 1 }");
        assert!(at(Some(JobState::Running), 61).contains("TimeLimitExceeded"));
        for state in [JobState::Failed, JobState::Dead] {
            assert!(at(Some(state), 0).contains("FAILURE") && at(Some(state), 0).contains("no luck"), "{state}");
        }
        assert!(at(Some(JobState::Cancelled), 0).contains("REVOKED"));
        assert!(at(Some(JobState::Succeeded), 0).contains("LookupError"), "without synonyms there is no success");
    }
}
