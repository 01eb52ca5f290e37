//! Two tags that mean one thing become one.

use musonym::{
    domain::{Confidence, JobKind, Section, Source, TagType, TermStatus},
    store::{GenerationOutcome, StoreError},
};

use crate::backend::{Db, draft, genre, name, search_terms, term, terms};

async fn merge(db: &Db, from: &str, into: &str) -> musonym::domain::SynonymRecord {
    db.store.merge_tags(TagType::Genre, &name(from), &name(into), false).await.unwrap()
}

contract! {
    async fn the_terms_and_the_name_go_over_and_the_tag_goes(db) {
        let from = db.genre_with("rap music", &["mc", "Flow", "hip-hop", "boom bap"]).await;
        let into = db.store.create_synonyms(&draft(genre("hip hop"), &["flow", "b-boy"])).await.unwrap();
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let merged = merge(&db, "Rap Music", "hip hop").await;
        assert_eq!((merged.id, merged.version, merged.source), (into.id, 2, Source::Manual));
        assert_eq!(search_terms(&merged), ["flow", "b-boy", "rap music", "mc", "boom bap"], "each key once, not its own name");
        assert_eq!(db.row(&genre("hip hop")).await.as_ref(), Some(&merged));
        assert_eq!(db.store.tag_by_name(TagType::Genre, "rap music").await.unwrap(), None);
        assert!(db.store.synonyms_by_ids(&[from.id]).await.unwrap().is_empty());
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], into.id);
        let alias = db.store.embed_inputs(&[into.id]).await.unwrap().remove(0).terms.remove(2);
        assert_eq!((alias.section, alias.source, alias.confidence), (Section::SearchTerms, Source::Manual, Confidence::CERTAIN));
        let end = db.revisions(from.id).await.remove(0);
        assert_eq!((end.version, end.action.as_str(), end.tag_name.as_str()), (2, "merged", "rap music"));
        assert_eq!((end.before, end.after), (Some(from.synonyms), None));
        let gained = db.revisions(into.id).await.remove(0);
        assert_eq!((gained.action.as_str(), gained.source, gained.after), ("merged", Source::Manual, Some(merged.synonyms)));
        db.backend.check().await;
    }

    async fn what_was_rejected_in_either_stays_out_unless_it_counts_in_the_other(db) {
        let from = db.genre_with("rap", &["opera", "flow", "polka"]).await;
        db.store.replace_synonyms(from.id, &draft(genre("rap"), &["flow", "mc"]), None).await.unwrap();
        let into = db.genre_with("hip hop", &["mc", "opera", "sound"]).await;
        db.store.replace_synonyms(into.id, &draft(genre("hip hop"), &["opera"]), None).await.unwrap();
        let merged = merge(&db, "rap", "hip hop").await;
        assert_eq!(search_terms(&merged), ["opera", "rap", "flow"]);
        let rejected = db.store.rejected_keys(TagType::Genre, into.tag_id).await.unwrap();
        assert_eq!(rejected, ["mc", "polka", "sound"]);
    }

    async fn the_alias_is_obeyed_and_outlives_the_next_generation(db) {
        db.genre("rap").await;
        let mut into = draft(genre("hip hop"), &["flow"]);
        into.terms.extend(terms(&["Rap!"], Source::Ollama));
        into.terms[1].status = TermStatus::Rejected;
        let row = db.store.create_synonyms(&into).await.unwrap();
        let merged = merge(&db, "rap", "hip hop").await;
        assert_eq!(search_terms(&merged), ["flow", "rap"]);
        assert!(db.store.rejected_keys(TagType::Genre, row.tag_id).await.unwrap().is_empty());
        let generated = db.genre_with("dub", &["echo"]).await;
        db.genre("dub reggae").await;
        assert_eq!(merge(&db, "dub reggae", "dub").await.source, Source::Ollama, "the row stays whose it was");
        let tag = db.store.tag_by_name(TagType::Genre, "dub").await.unwrap().unwrap();
        let outcome = db.generate(&tag, false, &["delay"]).await;
        assert_eq!(outcome, GenerationOutcome::Saved { synonym_id: generated.id, version: 3 });
        assert_eq!(search_terms(&db.row(&genre("dub")).await.unwrap()), ["delay", "dub reggae"]);
    }

    async fn a_tag_without_synonyms_gets_a_row(db) {
        let from = db.store.create_synonyms(&draft(genre("rap"), &["mc"])).await.unwrap();
        let into = db.genre("hip hop").await;
        let merged = merge(&db, "rap", "hip hop").await;
        assert_eq!((merged.tag_id, merged.version, merged.source), (into.id, 1, Source::Manual));
        assert_ne!(merged.id, from.id);
        assert_eq!(search_terms(&merged), ["rap", "mc"]);
        // Beside a tombstone, what was rejected there stays so.
        let old = db.genre_with("ska", &["offbeat", "mc"]).await;
        db.store.replace_synonyms(old.id, &draft(genre("ska"), &["offbeat"]), None).await.unwrap();
        db.store.deactivate_synonyms(old.id, None).await.unwrap();
        let merged = merge(&db, "hip hop", "ska").await;
        assert_eq!((search_terms(&merged), merged.is_active), (vec!["hip hop", "rap"], true));
        assert_eq!(db.store.rejected_keys(TagType::Genre, old.tag_id).await.unwrap(), ["mc"]);
        db.backend.check().await;
    }

    async fn a_name_alone_leaves_the_synonyms_to_a_generator(db) {
        db.tags(TagType::Genre, &["rap", "hip hop"]).await;
        let merged = merge(&db, "rap", "hip hop").await;
        assert_eq!((search_terms(&merged), merged.source), (vec!["rap"], Source::Lexicon));
        let jobs = db.claim_all(JobKind::Generate).await;
        let job = jobs.iter().find(|job| job.job.payload["tag_id"] == merged.tag_id).unwrap();
        assert_eq!(job.job.payload["refresh"], true);
        let outcome = db.store.complete_generations(&[crate::backend::generation(job, &["mc"])]).await.unwrap().remove(0);
        assert_eq!(outcome, GenerationOutcome::Saved { synonym_id: merged.id, version: 2 });
        assert_eq!(search_terms(&db.row(&genre("hip hop")).await.unwrap()), ["mc", "rap"]);
    }

    async fn another_spelling_of_the_name_brings_its_terms_without_itself(db) {
        db.backend.execute("INSERT INTO genre_tag (name) VALUES ('Hip-Hop'), ('hip hop')").await;
        db.store.fill_missing_keys().await.unwrap();
        let merged = merge(&db, "Hip-Hop", "hip hop").await;
        assert_eq!((merged.tag_name.as_str(), search_terms(&merged)), ("hip hop", vec![]), "it finds the tag by its key anyway");
        db.backend.execute("INSERT INTO genre_tag (name) VALUES ('HipHop')").await;
        db.store.fill_missing_keys().await.unwrap();
        let tag = db.store.tag_by_name(TagType::Genre, "HipHop").await.unwrap().unwrap();
        db.generate(&tag, false, &["flow", "hip-hop"]).await;
        assert_eq!(search_terms(&merge(&db, "HipHop", "hip hop").await), ["flow"]);
        db.backend.check().await;
    }

    async fn a_tombstone_brings_its_rejections_alone(db) {
        let from = db.genre_with("rap", &["mc", "opera"]).await;
        db.store.replace_synonyms(from.id, &draft(genre("rap"), &["mc"]), None).await.unwrap();
        db.store.deactivate_synonyms(from.id, None).await.unwrap();
        let into = db.genre_with("hip hop", &["flow"]).await;
        assert_eq!(search_terms(&merge(&db, "rap", "hip hop").await), ["flow", "rap"]);
        assert_eq!(db.store.rejected_keys(TagType::Genre, into.tag_id).await.unwrap(), ["opera"]);
        assert_eq!(db.revisions(from.id).await[0].action, "merged");
    }

    async fn what_counted_counts_and_what_finds_no_room_waits(db) {
        let many: Vec<String> = (0..48).map(|n| format!("term {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut into = draft(genre("hip hop"), &many);
        into.terms.push(musonym::domain::Term {
            status: TermStatus::Quarantined, ..term(Section::SearchTerms, "flow", Source::Ollama)
        });
        db.store.create_synonyms(&into).await.unwrap();
        db.genre_with("rap", &["flow", "mc", "boom bap"]).await;
        let merged = merge(&db, "rap", "hip hop").await;
        assert_eq!(search_terms(&merged)[48..], ["rap", "flow"]);
        let waiting: Vec<_> = db.waiting().await.into_iter().map(|item| item.term).collect();
        assert_eq!(waiting, ["mc", "boom bap"]);
        db.genre("trap").await;
        let error = db.store.merge_tags(TagType::Genre, &name("trap"), &name("hip hop"), false).await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict(text) if text.contains("no room")), "{error}");
        assert!(db.store.tag_by_name(TagType::Genre, "trap").await.unwrap().is_some());
    }

    async fn a_dry_run_answers_alike_and_writes_nothing(db) {
        db.genre_with("rap", &["mc"]).await;
        let into = db.genre_with("hip hop", &["flow"]).await;
        let (version, jobs) = (db.store.vocabulary_version(), db.store.job_counts().await.unwrap());
        let foreseen = db.store.merge_tags(TagType::Genre, &name("rap"), &name("hip hop"), true).await.unwrap();
        assert_eq!(search_terms(&foreseen), ["flow", "rap", "mc"]);
        assert_eq!(db.row(&genre("hip hop")).await, Some(into));
        assert!(db.row(&genre("rap")).await.is_some());
        assert_eq!((db.store.vocabulary_version(), db.store.job_counts().await.unwrap()), (version, jobs));
        assert_eq!(merge(&db, "rap", "hip hop").await.synonyms, foreseen.synonyms);
    }

    async fn what_cannot_be_merged_is_left_as_it_is(db) {
        db.genre_with("hip hop", &["flow"]).await;
        db.tags(TagType::Mood, &["rap"]).await;
        for (from, into) in [("rap", "hip hop"), ("hip hop", "rap")] {
            let error = db.store.merge_tags(TagType::Genre, &name(from), &name(into), false).await.unwrap_err();
            assert!(matches!(&error, StoreError::NotFound(text) if text.contains("rap")), "{error}");
        }
        let error = db.store.merge_tags(TagType::Genre, &name("Hip-Hop"), &name("hip hop"), false).await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict(text) if text.contains("itself")), "{error}");
        assert_eq!(db.row(&genre("hip hop")).await.unwrap().version, 1);
    }
}
