//! Terms that wait for a person, and what the person decides on them.

use musonym::{
    domain::{Confidence, JobKind, Lang, ReviewStatus, Section, Source, TagType, TermStatus},
    store::{
        BulkVerdict, Decision, GenerationOutcome, Page, Recall, ReviewCounts, ReviewFilter, ReviewOutcome, Verdict,
    },
};

use crate::backend::{Db, confidence, draft, genre, mood, search_terms, term, terms};

const fn accept(id: i64) -> Decision {
    Decision { id, verdict: Verdict::Accept }
}

const fn reject(id: i64) -> Decision {
    Decision { id, verdict: Verdict::Reject }
}

fn edit(id: i64, text: &str) -> Decision {
    Decision { id, verdict: Verdict::Edit(text.to_owned()) }
}

/// A person's row with proposals; gives its number.
async fn proposed(db: &Db, tag: &str, texts: &[&str]) -> i64 {
    let row = db.store.create_synonyms(&draft(genre(tag), &["mine"])).await.unwrap();
    let tag = db.store.tag(TagType::Genre, row.tag_id).await.unwrap().unwrap();
    let outcome = db.generate(&tag, true, texts).await;
    assert_eq!(outcome, GenerationOutcome::Proposed { synonym_id: row.id, terms: texts.len() });
    row.id
}

/// A generated row of which these terms are doubtful; gives its number.
async fn quarantined(db: &Db, tag: &str, texts: &[&str]) -> i64 {
    let row = db.genre_with(tag, &[&["sure"], texts].concat()).await;
    for text in texts {
        db.quarantine(row.id, text).await;
    }
    row.id
}

async fn found(db: &Db, key: &str) -> bool {
    let recall = Recall {
        keys: &[key.to_owned()],
        phrases: &[],
        stems: &[],
        fuzzy_key: None,
        vector: None,
        tag_type: None,
        term_limit: 9,
        vector_limit: 9,
    };
    !db.store.recall(&recall).await.unwrap().terms.is_empty()
}

contract! {
    async fn what_waits_is_listed_with_its_tag_filtered_and_paged(db) {
        let rap = proposed(&db, "rap", &["trap", "drill"]).await;
        let ska = quarantined(&db, "ska", &["brass"]).await;
        let mut sad = draft(mood("sad"), &["blue"]);
        sad.terms.push(musonym::domain::Term {
            lang: Some(Lang::Fr), status: TermStatus::Quarantined, ..term(Section::Translations, "triste", Source::Import)
        });
        db.store.create_synonyms(&sad).await.unwrap();
        let waiting = db.waiting().await;
        let texts: Vec<_> = waiting.iter().map(|item| item.term.as_str()).collect();
        assert_eq!(texts, ["trap", "drill", "brass", "triste"]);
        let first = &waiting[0];
        assert_eq!((first.synonym_id, first.tag_type, first.tag_name.as_str()), (rap, TagType::Genre, "rap"));
        assert_eq!((first.section, first.lang, first.source), (Section::SearchTerms, Some(Lang::En), Source::Ollama));
        assert_eq!((first.confidence, first.status), (confidence(0.7), ReviewStatus::Proposed));
        assert_eq!((waiting[3].tag_type, waiting[3].lang), (TagType::Mood, Some(Lang::Fr)));
        let none = ReviewFilter::default();
        for (filter, expected) in [
            (ReviewFilter { status: Some(ReviewStatus::Quarantined), ..none }, vec!["brass", "triste"]),
            (ReviewFilter { tag_type: Some(TagType::Genre), ..none }, vec!["trap", "drill", "brass"]),
            (ReviewFilter { synonym_id: Some(ska), ..none }, vec!["brass"]),
        ] {
            let items = db.store.list_review(&filter, &Page::first(9)).await.unwrap().items;
            assert_eq!(items.iter().map(|item| item.term.as_str()).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        let page = db.store.list_review(&none, &Page::first(3)).await.unwrap();
        assert_eq!(page.items, waiting[..3]);
        let rest = db.store.list_review(&none, &Page { cursor: page.next, limit: 3 }).await.unwrap();
        assert_eq!((rest.items, rest.next), (waiting[3..].to_vec(), None));
    }

    async fn a_row_is_touched_once_by_all_decisions_on_it(db) {
        let id = proposed(&db, "rap", &["trap", "opera", "bom bap", "drill"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        assert!(!found(&db, "trap").await);
        let (trap, opera, bap) = (db.pending("trap").await, db.pending("opera").await, db.pending("bom bap").await);
        let decisions = [accept(trap), reject(opera), edit(bap, "boom bap"), accept(999_999), accept(trap)];
        let outcomes = db.store.review(&decisions).await.unwrap();
        assert_eq!(outcomes, [
            ReviewOutcome::Accepted, ReviewOutcome::Rejected, ReviewOutcome::Edited, ReviewOutcome::Gone, ReviewOutcome::Gone,
        ]);
        let row = db.row(&genre("rap")).await.unwrap();
        assert_eq!((row.version, row.source, search_terms(&row)), (2, Source::Manual, vec!["mine", "trap", "boom bap"]));
        assert_eq!(row.embedding, None);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], id);
        assert!(found(&db, "trap").await && found(&db, "boombap").await && !found(&db, "opera").await);
        let revisions = db.revisions(id).await;
        let last = &revisions[0];
        assert_eq!((last.version, last.action.as_str(), last.source), (2, "reviewed", Source::Manual));
        assert_eq!((last.after.as_ref(), revisions.len()), (Some(&row.synonyms), 3));
        let terms = db.store.embed_inputs(&[id]).await.unwrap().remove(0).terms;
        assert_eq!(
            (terms[1].source, terms[1].confidence),
            (Source::Ollama, Confidence::CERTAIN),
            "its words, on a person's word",
        );
        assert_eq!((terms[2].source, terms[2].confidence), (Source::Manual, Confidence::CERTAIN), "the person's words");
        let rejected = db.store.rejected_keys(TagType::Genre, row.tag_id).await.unwrap();
        assert_eq!(rejected, ["bombap", "opera"], "what an edit took out stays out");
        assert_eq!(db.waiting().await.len(), 1, "`drill` goes on waiting");
        db.backend.check().await;
    }

    async fn numbers_of_the_others_stay_good_after_a_decision(db) {
        proposed(&db, "rap", &["trap", "drill", "phonk"]).await;
        let before = db.waiting().await;
        for item in &before {
            assert_eq!(db.store.review(&[accept(item.id)]).await.unwrap(), [ReviewOutcome::Accepted]);
        }
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["mine", "trap", "drill", "phonk"]);
    }

    async fn a_number_is_never_given_to_another_term(db) {
        let id = quarantined(&db, "ska", &["brass"]).await;
        let brass = db.pending("brass").await;
        let tag = db.store.tag_by_name(TagType::Genre, "ska").await.unwrap().unwrap();
        db.generate(&tag, false, &["other", "doubtful"]).await;
        db.quarantine(id, "doubtful").await;
        let version = db.row(&genre("ska")).await.unwrap().version;
        assert_ne!(db.pending("doubtful").await, brass);
        assert_eq!(db.store.review(&[reject(brass), accept(brass)]).await.unwrap(), [ReviewOutcome::Gone; 2]);
        assert_eq!(db.row(&genre("ska")).await.unwrap().version, version, "nothing was touched");
        db.store.delete_tag(&genre("ska")).await.unwrap();
        let doubtful = quarantined(&db, "dub", &["echo"]).await;
        assert!(db.pending("echo").await > brass && doubtful > id);
    }

    async fn reviewing_does_not_make_a_generated_row_a_persons(db) {
        let id = quarantined(&db, "ska", &["brass", "opera", "skankk"]).await;
        let (brass, opera, skank) = (db.pending("brass").await, db.pending("opera").await, db.pending("skankk").await);
        db.store.review(&[accept(brass), reject(opera), edit(skank, "skank")]).await.unwrap();
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!((row.source, row.confidence), (Source::Ollama, confidence(0.7)));
        let tag = db.store.tag_by_name(TagType::Genre, "ska").await.unwrap().unwrap();
        let outcome = db.generate(&tag, false, &["opera", "new", "Skank", "skankk"]).await;
        assert_eq!(outcome, GenerationOutcome::Saved { synonym_id: id, version: 3 });
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!(
            search_terms(&row),
            ["new", "brass", "skank"],
            "a person's words and what a person accepted outlive a generation, what was rejected stays out"
        );
        assert_eq!(db.generate(&tag, false, &["opera", "new"]).await, GenerationOutcome::Unchanged { synonym_id: id });
    }

    async fn rejecting_alone_keeps_the_vector(db) {
        let id = quarantined(&db, "ska", &["brass"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        db.store.review(&[reject(db.pending("brass").await)]).await.unwrap();
        let row = db.row(&genre("ska")).await.unwrap();
        assert_eq!((row.version, row.embedding.is_some()), (2, true));
        assert!(db.claim_all(JobKind::Embed).await.is_empty());
        // A vector in the making is of a version that is gone: another one is asked for.
        db.store.replace_synonyms(id, &draft(genre("ska"), &["sure", "more"]), None).await.unwrap();
        db.claim_one(JobKind::Embed).await;
        let tag = db.store.tag_by_name(TagType::Genre, "ska").await.unwrap().unwrap();
        db.generate(&tag, true, &["later"]).await;
        db.store.review(&[reject(db.pending("later").await)]).await.unwrap();
        let queued = db.store.next_run_at(JobKind::Embed).await.unwrap();
        assert!(queued.is_some());
    }

    async fn a_key_stands_once_in_a_list(db) {
        let id = proposed(&db, "rap", &["trap", "drill"]).await;
        let (trap, drill) = (db.pending("trap").await, db.pending("drill").await);
        let outcomes = db.store.review(&[edit(trap, "Mine!"), edit(drill, "trap")]).await.unwrap();
        assert_eq!(outcomes, [ReviewOutcome::Edited; 2]);
        let row = db.row(&genre("rap")).await.unwrap();
        assert_eq!(search_terms(&row), ["mine", "trap"], "rejected by one edit, brought back by the next");
        assert_eq!(db.store.rejected_keys(TagType::Genre, row.tag_id).await.unwrap(), ["drill"]);
        assert!(db.waiting().await.is_empty());
        assert_eq!(row.id, id);
    }

    async fn a_full_section_takes_no_more_and_the_term_goes_on_waiting(db) {
        let texts: Vec<String> = (0..50).map(|n| format!("term {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let row = db.store.create_synonyms(&draft(genre("rap"), &texts)).await.unwrap();
        let tag = db.store.tag_by_name(TagType::Genre, "rap").await.unwrap().unwrap();
        db.generate(&tag, true, &["one more"]).await;
        let id = db.pending("one more").await;
        assert_eq!(db.store.review(&[accept(id), edit(id, "another")]).await.unwrap(), [ReviewOutcome::Full; 2]);
        assert_eq!(db.row(&genre("rap")).await.unwrap().version, row.version);
        // Words that stand there already take no room.
        assert_eq!(db.store.review(&[edit(id, "Term 7")]).await.unwrap(), [ReviewOutcome::Edited]);
        assert_eq!(db.row(&genre("rap")).await.unwrap().synonyms.search_terms.len(), 50);
    }

    async fn all_that_a_filter_lets_through_is_decided_alike(db) {
        proposed(&db, "rap", &["trap", "drill"]).await;
        let ska = quarantined(&db, "ska", &["brass", "horn"]).await;
        let filter = ReviewFilter { status: Some(ReviewStatus::Quarantined), ..ReviewFilter::default() };
        let counts = db.store.review_all(&filter, BulkVerdict::Reject).await.unwrap();
        assert_eq!(counts, ReviewCounts { rejected: 2, ..ReviewCounts::default() });
        assert_eq!(db.revisions(ska).await.len(), 2, "one revision for both");
        let counts = db.store.review_all(&ReviewFilter::default(), BulkVerdict::Accept).await.unwrap();
        assert_eq!(counts, ReviewCounts { accepted: 2, ..ReviewCounts::default() });
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["mine", "trap", "drill"]);
        assert_eq!(db.store.review_all(&filter, BulkVerdict::Accept).await.unwrap(), ReviewCounts::default());
        assert!(db.store.review(&[]).await.unwrap().is_empty());
        db.backend.check().await;
    }

    async fn a_tombstone_is_reviewed_and_stays_one_but_former_rows_are_left_aside(db) {
        let id = quarantined(&db, "disco", &["strobe"]).await;
        db.store.deactivate_synonyms(id, None).await.unwrap();
        let strobe = db.pending("strobe").await;
        db.claim_all(JobKind::Embed).await;
        assert_eq!(db.store.review(&[accept(strobe)]).await.unwrap(), [ReviewOutcome::Accepted]);
        assert_eq!(db.row(&genre("disco")).await, None);
        assert!(db.claim_all(JobKind::Embed).await.is_empty(), "nobody finds it");
        let tag = db.store.tag_by_name(TagType::Genre, "disco").await.unwrap().unwrap();
        db.generate(&tag, true, &["glitter"]).await;
        assert_eq!(db.waiting().await.len(), 1);
        db.store.create_synonyms(&draft(genre("disco"), &["dance floor"])).await.unwrap();
        assert!(db.waiting().await.is_empty());
    }

    async fn a_person_who_brings_a_rejected_key_back_is_obeyed(db) {
        let mut own = draft(genre("rap"), &["mine"]);
        own.terms.extend(terms(&["Trap"], Source::Ollama));
        own.terms.extend(terms(&["trap"], Source::Ollama));
        own.terms[1].status = TermStatus::Rejected;
        own.terms[2].status = TermStatus::Quarantined;
        let row = db.store.create_synonyms(&own).await.unwrap();
        db.store.review(&[accept(db.pending("trap").await)]).await.unwrap();
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["mine", "trap"]);
        assert!(db.store.rejected_keys(TagType::Genre, row.tag_id).await.unwrap().is_empty());
    }
}
