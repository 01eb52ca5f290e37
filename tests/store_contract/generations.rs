//! What background work stores: synonyms and vectors together with the end of their jobs.

use musonym::{
    domain::{JobKind, JobState, Priority, Source, TagType, TraceId},
    store::{EmbeddingDone, EmbeddingOutcome, GenerationOutcome, JobFilter, MeaningCheck, Page, WebhookEvent},
    trace,
};

use crate::backend::{SPACE, draft, generate_job, generated, generation, genre, search_terms};

contract! {
    async fn a_generation_stores_row_revision_and_embed_job_and_ends_its_job(db) {
        db.tags(TagType::Genre, &["ska", "rap"]).await;
        let jobs = db.claim_all(JobKind::Generate).await;
        let done: Vec<_> = jobs.iter().map(|job| generation(job, &["one", "two"])).collect();
        let outcomes = db.store.complete_generations(&done).await.unwrap();
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!(outcomes[0], GenerationOutcome::Saved { synonym_id: row.id, version: 1 });
        assert_eq!((search_terms(&row), row.source, row.confidence.value()), (vec!["one", "two"], Source::Ollama, 0.7));
        assert_eq!(db.revisions(row.id).await[0].action, "generated");
        let job = db.store.job(jobs[0].job.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.result.unwrap()["outcome"].as_str()), (JobState::Succeeded, Some("saved")));
        assert_eq!(db.claim_all(JobKind::Embed).await.len(), 2);
        let again = db.store.complete_generations(&done).await.unwrap();
        assert_eq!(again, [GenerationOutcome::LeaseLost, GenerationOutcome::LeaseLost]);
        assert_eq!(db.revisions(row.id).await.len(), 1);
        assert!(db.store.complete_generations(&[]).await.unwrap().is_empty());
    }

    async fn the_trace_of_a_webhook_comes_along_to_the_row_and_to_its_embedding(db) {
        let asked = Some(TraceId::random());
        let event = WebhookEvent::Upserted { tag: genre("ska"), previous_name: None, regenerate: false };
        let outcome = trace::scope(asked, db.store.apply_webhook("msg_1", &event)).await.unwrap();
        assert_eq!(db.store.job(outcome.job_id.unwrap()).await.unwrap().unwrap().trace_id, asked);
        let job = db.claim_one(JobKind::Generate).await;
        assert_eq!(job.job.trace_id, asked);
        // The worker need not know: the job says on whose behalf it is done.
        db.store.complete_generations(&[generation(&job, &["one", "two"])]).await.unwrap();
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!(db.revisions(row.id).await[0].trace_id, asked);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.trace_id, asked);
    }

    async fn a_job_has_the_trace_of_whoever_asked_last(db) {
        let (first, second) = (Some(TraceId::random()), Some(TraceId::random()));
        let tag = db.genre("ska").await;
        let job = generate_job(&tag, false, Priority::LOW);
        let queued = db.store.enqueue(&job).await.unwrap().job;
        assert_eq!(queued.trace_id, None, "nobody's");
        for (asked, expected) in [(first, first), (None, first), (second, second)] {
            let joined = trace::scope(asked, db.store.enqueue(&job)).await.unwrap();
            assert_eq!((joined.created, joined.job.id, joined.job.trace_id), (false, queued.id, expected));
        }
        db.store.cancel_job(queued.id).await.unwrap();
        assert_eq!(trace::scope(first, db.store.retry_job(queued.id)).await.unwrap().trace_id, first);
        db.store.cancel_job(queued.id).await.unwrap();
        assert_eq!(db.store.retry_job(queued.id).await.unwrap().trace_id, first, "nobody takes it away");
    }

    async fn the_same_generation_again_writes_nothing(db) {
        let row = db.genre_with("ska", &["one", "two"]).await;
        let tag = db.store.tag(TagType::Genre, row.tag_id).await.unwrap().unwrap();
        let version = db.store.vocabulary_version();
        let same = db.generate(&tag, false, &["one", "two"]).await;
        assert_eq!(same, GenerationOutcome::Unchanged { synonym_id: row.id });
        assert_eq!(db.store.vocabulary_version(), version);
        assert_eq!(db.revisions(row.id).await.len(), 1);
        let other = db.generate(&tag, false, &["two", "three"]).await;
        assert_eq!(other, GenerationOutcome::Saved { synonym_id: row.id, version: 2 });
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["two", "three"]);
        db.backend.check().await;
    }

    async fn a_tag_that_was_deleted_meanwhile_is_left_alone(db) {
        db.genre("ska").await;
        let job = db.claim_one(JobKind::Generate).await;
        db.store.delete_tag(&genre("ska")).await.unwrap();
        let outcomes = db.store.complete_generations(&[generation(&job, &["x"])]).await.unwrap();
        assert_eq!(outcomes, [GenerationOutcome::TagGone]);
        assert_eq!(db.store.job(job.job.id).await.unwrap().unwrap().state, JobState::Succeeded);
    }

    async fn what_a_person_wrote_meanwhile_stays(db) {
        db.genre("ska").await;
        let job = db.claim_one(JobKind::Generate).await;
        db.store.create_synonyms(&draft(genre("ska"), &["mine"])).await.unwrap();
        let outcomes = db.store.complete_generations(&[generation(&job, &["theirs"])]).await.unwrap();
        assert_eq!(outcomes, [GenerationOutcome::KeptManual]);
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["mine"]);
    }

    async fn a_batch_that_fails_half_way_stores_nothing(db) {
        db.tags(TagType::Genre, &["ska", "rap"]).await;
        let jobs = db.claim_all(JobKind::Generate).await;
        db.backend.damage("rap").await;
        let done: Vec<_> = jobs.iter().map(|job| generation(job, &["one"])).collect();
        assert!(db.store.complete_generations(&done).await.is_err(), "the second tag is damaged");
        assert_eq!(db.row(&genre("ska")).await, None);
        assert_eq!(db.store.job(jobs[0].job.id).await.unwrap().unwrap().state, JobState::Running);
        let outcomes = db.store.complete_generations(&done[..1]).await.unwrap();
        assert!(matches!(outcomes[0], GenerationOutcome::Saved { .. }));
    }

    async fn a_vector_of_an_outdated_version_or_another_space_is_not_stored(db) {
        let row = db.genre_with("ska", &["one"]).await;
        db.store.setting_or_insert(musonym::store::SETTING_EMBEDDING_SPACE, SPACE).await.unwrap();
        let job = db.claim_one(JobKind::Embed).await;
        let done = EmbeddingDone {
            lease: job.lease,
            synonym_id: row.id,
            version: row.version,
            vector: vec![1.0; 4],
            meaning: MeaningCheck::NotNeeded,
        };
        db.store.replace_synonyms(row.id, &draft(genre("ska"), &["two"]), None).await.unwrap();
        let outcomes = db.store.complete_embeddings(SPACE, std::slice::from_ref(&done)).await.unwrap();
        assert_eq!(outcomes, [EmbeddingOutcome::Outdated]);
        let outcomes = db.store.complete_embeddings(SPACE, std::slice::from_ref(&done)).await.unwrap();
        assert_eq!(outcomes, [EmbeddingOutcome::LeaseLost]);
        let newer = db.claim_one(JobKind::Embed).await;
        let other = EmbeddingDone { lease: newer.lease, version: 2, ..done.clone() };
        let outcomes = db.store.complete_embeddings("another space", &[other]).await.unwrap();
        assert_eq!(outcomes, [EmbeddingOutcome::Outdated]);
        assert_eq!(db.store.embedding(row.id).await.unwrap(), None);
    }

    async fn a_switch_of_the_space_drops_the_vectors_and_embeds_all_rows_anew(db) {
        let kept = db.genre_with("ska", &["one"]).await;
        db.genre_with("rap", &["two"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        assert_eq!(db.switch(SPACE).await, 0, "it is the active one");
        let version = db.store.vocabulary_version();
        assert_eq!(db.switch("next").await, 2);
        assert!(db.store.vocabulary_version() > version);
        assert_eq!(db.store.setting(musonym::store::SETTING_EMBEDDING_SPACE).await.unwrap().as_deref(), Some("next"));
        assert_eq!(db.store.embedding(kept.id).await.unwrap(), None);
        assert_eq!(db.claim_all(JobKind::Embed).await.len(), 2);
    }

    async fn the_embed_job_is_as_urgent_as_the_generation_was(db) {
        let tag = db.genre("ska").await;
        db.store.enqueue(&generate_job(&tag, false, Priority::HIGH)).await.unwrap();
        let job = db.claim_one(JobKind::Generate).await;
        let mut done = generation(&job, &[]);
        done.generated = generated(&["x"]);
        db.store.complete_generations(&[done]).await.unwrap();
        let filter = JobFilter { kind: Some(JobKind::Embed), state: None };
        let embed = db.store.list_jobs(&filter, &Page::first(1)).await.unwrap().items.remove(0);
        assert_eq!(embed.priority, Priority::HIGH);
    }
}
