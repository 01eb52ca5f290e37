//! Terms that mean something else than their tag: put aside once, with a version and a revision, until a person decides.

use std::time::Duration;

use musonym::{
    domain::{Confidence, JobKind, JobState, Source, Term},
    store::{
        Decision, EmbedInput, EmbeddingDone, EmbeddingOutcome, GenerationOutcome, MeaningCheck, ReviewOutcome,
        SETTING_EMBEDDING_SPACE, SpaceSwitch, Verdict,
    },
};

use crate::backend::{Db, SPACE, confidence, draft, genre, search_terms};

/// Embeds the only row that waits for it, with this outcome of the check of its terms.
async fn embed(db: &Db, check: impl FnOnce(&EmbedInput) -> MeaningCheck) -> EmbeddingOutcome {
    db.store.setting_or_insert(SETTING_EMBEDDING_SPACE, SPACE).await.unwrap();
    let job = db.claim_one(JobKind::Embed).await;
    let id = job.job.payload["synonym_id"].as_i64().unwrap();
    let input = db.store.embed_inputs(&[id]).await.unwrap().remove(0);
    let (version, meaning) = (input.version, check(&input));
    let done = EmbeddingDone { lease: job.lease, synonym_id: id, version, vector: vec![1.0, 0.0, 0.0, 0.0], meaning };
    db.store.complete_embeddings(SPACE, &[done]).await.unwrap().remove(0)
}

/// These of the terms are doubtful.
fn doubtful(input: &EmbedInput, texts: &[&str]) -> MeaningCheck {
    let doubtful: Vec<Term> = input.terms.iter().filter(|term| texts.contains(&term.term.as_str())).cloned().collect();
    MeaningCheck::Made { terms: input.terms.len(), doubtful }
}

async fn is_checked(db: &Db, id: i64) -> bool {
    db.store.embed_inputs(&[id]).await.unwrap().remove(0).is_checked
}

contract! {
    async fn doubtful_terms_are_put_aside_as_one_version_with_its_revision(db) {
        let id = db.genre_with("ska", &["brass", "opera", "horn", "invoice"]).await.id;
        assert!(!is_checked(&db, id).await);
        let vocabulary = db.store.vocabulary_version();
        let outcome = embed(&db, |input| doubtful(input, &["opera", "invoice"])).await;
        assert_eq!(outcome, EmbeddingOutcome::Quarantined { version: 2, terms: 2 });
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!((row.version, search_terms(&row)), (2, vec!["brass", "horn"]));
        assert_eq!((row.source, row.confidence), (Source::Ollama, confidence(0.35)), "half of what was generated");
        let waiting = db.waiting().await;
        assert_eq!(waiting.iter().map(|item| item.term.as_str()).collect::<Vec<_>>(), ["opera", "invoice"]);
        assert_eq!(waiting[0].source, Source::Ollama);
        let revision = db.revisions(id).await.remove(0);
        assert_eq!((revision.version, revision.action.as_str(), revision.source), (2, "quarantined", Source::Ollama));
        assert_eq!(revision.after, Some(row.synonyms));
        assert!(db.store.vocabulary_version() > vocabulary);
        // What is left is embedded anew, and was looked at already.
        assert!(is_checked(&db, id).await);
        assert_eq!(embed(&db, |_| MeaningCheck::NotNeeded).await, EmbeddingOutcome::Stored);
        assert_eq!(db.row(&genre("ska")).await.unwrap().version, 2);
        db.backend.check().await;
    }

    async fn a_row_without_a_doubtful_term_is_checked_once(db) {
        let id = db.genre_with("ska", &["brass", "horn"]).await.id;
        assert_eq!(embed(&db, |input| doubtful(input, &[])).await, EmbeddingOutcome::Stored);
        assert!(is_checked(&db, id).await);
        assert_eq!(db.row(&genre("ska")).await.unwrap().version, 1);
        // In another space it is the same version still.
        db.store.switch_embedding_space(&SpaceSwitch::at_once("next")).await.unwrap();
        assert!(is_checked(&db, id).await);
        let tag = db.store.tag_by_name(musonym::domain::TagType::Genre, "ska").await.unwrap().unwrap();
        db.generate(&tag, false, &["brass", "new"]).await;
        assert!(!is_checked(&db, id).await, "another version");
    }

    async fn what_was_put_aside_goes_on_waiting_when_it_is_generated_again(db) {
        let id = db.genre_with("ska", &["brass", "opera", "horn", "trombone"]).await.id;
        embed(&db, |input| doubtful(input, &["opera"])).await;
        let tag = db.store.tag_by_name(musonym::domain::TagType::Genre, "ska").await.unwrap().unwrap();
        let outcome = db.generate(&tag, false, &["brass", "opera", "horn", "trombone"]).await;
        assert_eq!(outcome, GenerationOutcome::Unchanged { synonym_id: id });
        db.generate(&tag, false, &["Opera", "sax"]).await;
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!((search_terms(&row), row.confidence), (vec!["sax"], confidence(0.35)));
        assert_eq!(db.waiting().await.len(), 1);
        db.generate(&tag, false, &["sax"]).await;
        assert!(db.waiting().await.is_empty(), "nobody says so any more");
        assert_eq!(db.row(&genre("ska")).await.unwrap().confidence, confidence(0.7));
    }

    async fn what_a_person_accepted_is_never_put_aside_again(db) {
        let id = db.genre_with("ska", &["brass", "opera", "horn"]).await.id;
        embed(&db, |input| doubtful(input, &["opera"])).await;
        let accept = Decision { id: db.pending("opera").await, verdict: Verdict::Accept };
        assert_eq!(db.store.review(&[accept]).await.unwrap(), [ReviewOutcome::Accepted]);
        assert!(is_checked(&db, id).await, "the others are as they were");
        let tag = db.store.tag_by_name(musonym::domain::TagType::Genre, "ska").await.unwrap().unwrap();
        db.generate(&tag, false, &["brass", "opera", "tuba"]).await;
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!(search_terms(&row), ["brass", "tuba", "opera"]);
        // Even a check that says so does not touch it.
        assert_eq!(embed(&db, |input| doubtful(input, &["opera"])).await, EmbeddingOutcome::Stored);
        let input = db.store.embed_inputs(&[id]).await.unwrap().remove(0);
        let opera = input.terms.iter().find(|term| term.term == "opera").unwrap();
        assert_eq!((opera.source, opera.confidence), (Source::Ollama, Confidence::CERTAIN));
        assert!(opera.is_accepted() && db.waiting().await.is_empty());
        db.generate(&tag, false, &["brass"]).await;
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["brass", "opera"], "it outlives a generation");
    }

    async fn nothing_of_a_person_or_a_file_is_put_aside(db) {
        db.store.create_synonyms(&draft(genre("ska"), &["brass", "opera"])).await.unwrap();
        for job in db.claim_all(JobKind::Generate).await {
            db.store.cancel_job(job.job.id).await.unwrap();
        }
        assert_eq!(embed(&db, |input| doubtful(input, &["opera"])).await, EmbeddingOutcome::Stored);
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["brass", "opera"]);
    }

    async fn an_outage_of_the_check_keeps_the_vector_and_the_job(db) {
        let id = db.genre_with("ska", &["brass", "opera"]).await.id;
        let failed = |is_outage| {
            let reason = "no answer".to_owned();
            move |_: &EmbedInput| MeaningCheck::Failed { reason, delay: Duration::ZERO, is_outage }
        };
        for _ in 0..4 {
            assert_eq!(embed(&db, failed(true)).await, EmbeddingOutcome::Unchecked);
        }
        assert!(db.store.embedding(id).await.unwrap().is_some());
        assert!(!is_checked(&db, id).await);
        // Any other failure spends an attempt; with the last of three the job ends without the check.
        for outcome in [EmbeddingOutcome::Unchecked, EmbeddingOutcome::Unchecked, EmbeddingOutcome::Stored] {
            assert_eq!(embed(&db, failed(false)).await, outcome);
        }
        assert!(!is_checked(&db, id).await && db.claim_all(JobKind::Embed).await.is_empty());
        let filter = musonym::store::JobFilter { kind: Some(JobKind::Embed), state: None };
        let job = db.store.list_jobs(&filter, &musonym::store::Page::first(1)).await.unwrap().items.remove(0);
        assert_eq!((job.state, &job.result.unwrap()["terms_unchecked"]), (JobState::Succeeded, &"no answer".into()));
    }

    async fn nothing_is_put_aside_of_a_version_that_is_gone(db) {
        let id = db.genre_with("ska", &["brass", "opera"]).await.id;
        db.store.setting_or_insert(SETTING_EMBEDDING_SPACE, SPACE).await.unwrap();
        let job = db.claim_one(JobKind::Embed).await;
        let input = db.store.embed_inputs(&[id]).await.unwrap().remove(0);
        let meaning = doubtful(&input, &["opera"]);
        let done = EmbeddingDone { lease: job.lease, synonym_id: id, version: 1, vector: vec![1.0; 4], meaning };
        db.store.replace_synonyms(id, &draft(genre("ska"), &["opera"]), None).await.unwrap();
        let outcomes = db.store.complete_embeddings(SPACE, std::slice::from_ref(&done)).await.unwrap();
        assert_eq!(outcomes, [EmbeddingOutcome::Outdated]);
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["opera"]);
        assert_eq!(db.store.complete_embeddings(SPACE, &[done]).await.unwrap(), [EmbeddingOutcome::LeaseLost]);
    }
}
