//! Tasks of Celery: taken in once, with their jobs, and owed until they were answered.

use std::time::Duration;

use musonym::{
    domain::{JobKind, JobState, Priority, TagType, Timestamp},
    store::{CeleryAnswer, CeleryFailure, CeleryRequest, CeleryWork, Finish, NewCeleryTask, Owed, OwedTask, Retention},
};

use crate::backend::{Db, generation, genre};

fn request(work: CeleryWork) -> CeleryRequest {
    CeleryRequest { work, priority: 5, ignore_result: false, soft_limit: None, hard_limit: Some(2.5), trace_id: None }
}

fn task(id: &str, name: &str) -> NewCeleryTask {
    let work = CeleryWork::Generate {
        tag_type: TagType::Genre,
        tag_name: name.to_owned(),
        force: false,
        related_tags: vec!["reggae".to_owned()],
    };
    NewCeleryTask { id: id.to_owned(), request: request(work), run_at: None, expires_at: None }
}

fn forced(id: &str, name: &str) -> NewCeleryTask {
    let mut task = task(id, name);
    if let CeleryWork::Generate { force, .. } = &mut task.request.work {
        *force = true;
    }
    task
}

fn all(id: &str, force: bool) -> NewCeleryTask {
    let work = CeleryWork::GenerateAll { tag_type: TagType::Genre, force };
    NewCeleryTask { id: id.to_owned(), request: request(work), run_at: None, expires_at: None }
}

fn from_now(seconds: i64) -> Timestamp {
    chrono::Utc::now() + chrono::TimeDelta::seconds(seconds)
}

fn revoked() -> CeleryAnswer {
    CeleryAnswer::Revoked(CeleryFailure::new("celery.exceptions", "TaskRevokedError", "revoked"))
}

async fn take(db: &Db, task: &NewCeleryTask) -> bool {
    db.store.take_celery_tasks(std::slice::from_ref(task)).await.unwrap()[0]
}

async fn owed(db: &Db, which: Owed) -> Vec<OwedTask> {
    db.store.owed_celery_tasks(which, 100).await.unwrap()
}

contract! {
    async fn a_task_makes_its_tag_and_job_and_is_owed_until_it_is_answered(db) {
        let trace_id = Some(musonym::domain::TraceId::random());
        let mut traced = task("a", "dub");
        traced.request.trace_id = trace_id;
        assert!(take(&db, &traced).await);
        assert!(owed(&db, Owed::WithNews).await.is_empty(), "nothing to tell yet");
        let job = db.claim_one(JobKind::Generate).await;
        assert_eq!(job.job.trace_id, trace_id, "that of the task");
        assert_eq!((job.job.priority, job.job.told_related_tags()), (Priority::clamped(5), vec!["reggae".to_owned()]));
        let running = owed(&db, Owed::WithNews).await.remove(0);
        assert_eq!(running.request, traced.request);
        assert_eq!(running.job.unwrap().state, JobState::Running);
        db.store.complete_generations(&[generation(&job, &["one", "two"])]).await.unwrap();
        let done = owed(&db, Owed::WithNews).await.remove(0);
        let ended = done.job.unwrap();
        assert_eq!((done.job_id, ended.state, ended.outcome.as_deref()), (Some(job.job.id), JobState::Succeeded, Some("saved")));
        assert_eq!(done.synonyms, db.row(&genre("dub")).await);
        assert_eq!(db.store.owed_celery_count().await.unwrap(), 1);
        db.store.celery_tasks_answered(&["a".to_owned()]).await.unwrap();
        assert_eq!(db.store.owed_celery_count().await.unwrap(), 0);
        assert!(owed(&db, Owed::All).await.is_empty());
    }

    async fn a_task_that_comes_again_is_known_and_answered_again(db) {
        assert_eq!(db.store.take_celery_tasks(&[task("a", "dub"), task("a", "dub")]).await.unwrap(), [true, false]);
        assert!(!take(&db, &forced("a", "another")).await, "the id decides");
        assert_eq!(db.claim_all(JobKind::Generate).await.len(), 1);
        db.store.celery_tasks_answered(&["a".to_owned()]).await.unwrap();
        assert!(!take(&db, &task("a", "dub")).await);
        assert_eq!(db.store.owed_celery_count().await.unwrap(), 1, "its answer may be lost");
        assert!(db.claim_all(JobKind::Generate).await.is_empty());
    }

    async fn tasks_for_one_tag_share_its_job(db) {
        db.store.take_celery_tasks(&[task("a", "dub"), forced("b", "DUB")]).await.unwrap();
        let jobs: Vec<_> = owed(&db, Owed::All).await.iter().map(|task| task.job_id).collect();
        assert_eq!(jobs[0], jobs[1]);
        let job = db.claim_one(JobKind::Generate).await;
        assert_eq!((&job.job.payload["force"], &job.job.payload["refresh"]), (&true.into(), &true.into()), "the most that was asked");
        // The job of one that is asked for while it runs does the work of a failed one.
        take(&db, &task("c", "dub")).await;
        let finish = Finish::Retry { error: "no luck".to_owned(), delay: Duration::ZERO };
        db.store.finish(&job.lease, &finish).await.unwrap();
        let jobs: Vec<_> = owed(&db, Owed::All).await.iter().map(|task| task.job_id).collect();
        assert!(jobs.iter().all(|id| *id == jobs[0] && *id != Some(job.job.id)), "{jobs:?}");
    }

    async fn a_task_is_begun_when_it_is_due_and_not_after_it_has_expired(db) {
        let later = NewCeleryTask { run_at: Some(from_now(3600)), ..task("later", "dub") };
        let soon = NewCeleryTask { run_at: Some(from_now(1)), ..task("soon", "ska") };
        let over = NewCeleryTask { run_at: Some(from_now(1)), expires_at: Some(from_now(-1)), ..task("over", "rap") };
        db.store.take_celery_tasks(&[later, soon, over]).await.unwrap();
        assert_eq!(db.store.begin_due_celery_tasks().await.unwrap(), 0);
        assert!(db.claim_all(JobKind::Generate).await.is_empty() && db.store.tag_count().await.unwrap() == 0);
        let news: Vec<String> = owed(&db, Owed::WithNews).await.into_iter().map(|task| task.id).collect();
        assert_eq!(news, ["over"]);
        let begun = crate::support::binary::eventually("the task is due", async || {
            Some(db.store.begin_due_celery_tasks().await.unwrap()).filter(|begun| *begun > 0)
        })
        .await;
        assert_eq!(begun, 1);
        assert_eq!(db.store.begin_due_celery_tasks().await.unwrap(), 0, "once");
        db.claim_one(JobKind::Generate).await;
        assert_eq!(db.store.tag_by_name(TagType::Genre, "ska").await.unwrap().unwrap().name, "ska");
    }

    async fn all_tags_without_synonyms_get_jobs_and_the_answer_is_known_at_once(db) {
        db.genre_with("ska", &["x"]).await;
        db.tags(TagType::Genre, &["dub", "gqom"]).await;
        db.tags(TagType::Mood, &["sad"]).await;
        take(&db, &all("a", false)).await;
        take(&db, &all("b", true)).await;
        let answers: Vec<_> = owed(&db, Owed::WithNews).await.into_iter().map(|task| task.answer.unwrap()).collect();
        let queued = |count: i64| CeleryAnswer::Success(serde_json::json!({ "tag_type": "genre", "queued": count }));
        assert_eq!(answers, [queued(2), queued(3)]);
        let forced = db.claim_all(JobKind::Generate).await.iter().filter(|job| job.job.payload["force"] == true).count();
        assert_eq!(forced, 3);
    }

    async fn a_task_that_is_taken_back_takes_its_own_job_along(db) {
        db.store.take_celery_tasks(&[task("a", "dub"), task("b", "dub"), task("c", "ska")]).await.unwrap();
        let state = async |id: i64| db.store.job(id).await.unwrap().unwrap().state;
        let jobs: Vec<i64> = owed(&db, Owed::All).await.iter().map(|task| task.job_id.unwrap()).collect();
        assert!(db.store.settle_celery_task("a", &revoked(), false).await.unwrap());
        assert_eq!(state(jobs[0]).await, JobState::Queued, "another waits for it");
        assert!(!db.store.settle_celery_task("a", &revoked(), false).await.unwrap(), "it has its answer");
        assert!(!db.store.settle_celery_task("unknown", &revoked(), false).await.unwrap());
        assert_eq!(owed(&db, Owed::WithNews).await[0].answer, Some(revoked()));
        // Job `dub` was written for task a; b only joined it.
        assert!(db.store.settle_celery_task("b", &revoked(), false).await.unwrap());
        assert_eq!(state(jobs[0]).await, JobState::Queued);
        let claimed = db.claim_all(JobKind::Generate).await;
        assert_eq!(claimed.len(), 2);
        assert!(!db.store.settle_celery_task("c", &revoked(), false).await.unwrap(), "it runs");
        assert!(db.store.settle_celery_task("c", &revoked(), true).await.unwrap());
        assert_eq!(state(jobs[2]).await, JobState::Cancelled);
    }

    async fn answered_tasks_are_forgotten_after_the_retention_of_jobs_and_owed_ones_never(db) {
        db.store.take_celery_tasks(&[task("a", "dub"), task("b", "dub")]).await.unwrap();
        db.store.celery_tasks_answered(&["a".to_owned()]).await.unwrap();
        let retention =
            Retention { jobs: Duration::ZERO, deliveries: Duration::from_secs(9), revisions: Duration::from_secs(9) };
        // Within a millisecond of the answer nothing is older than it.
        let expired = crate::support::binary::eventually("the answered task is forgotten", async || {
            Some(db.store.expire(&retention).await.unwrap()).filter(|expired| *expired > 0)
        })
        .await;
        assert_eq!(expired, 1);
        assert!(take(&db, &task("a", "dub")).await && !take(&db, &task("b", "dub")).await);
    }
}
