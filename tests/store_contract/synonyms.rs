//! Synonyms as people read and write them: versions, tombstones, and that a person's decision is final.

use musonym::{
    domain::{JobKind, Section, Source, TagType, TermStatus},
    store::{GenerationOutcome, Page, StoreError, SynonymFilter},
};

use crate::backend::{confidence, draft, genre, mood, search_terms, term, terms};

contract! {
    async fn what_a_person_writes_creates_the_tag_and_is_embedded(db) {
        let row = db.store.create_synonyms(&draft(mood("wistful"), &["bittersweet", "longing"])).await.unwrap();
        assert_eq!((row.version, row.is_active, row.source), (1, true, Source::Manual));
        assert_eq!(search_terms(&row), ["bittersweet", "longing"]);
        assert_eq!(db.row(&mood("Wistful")).await.unwrap(), row);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
        let revisions = db.revisions(row.id).await;
        assert_eq!((revisions[0].action.as_str(), &revisions[0].before), ("created", &None));
        assert_eq!(revisions[0].after.as_ref().unwrap().search_terms[1], "longing");
    }

    async fn a_second_creation_is_a_conflict_that_writes_nothing(db) {
        db.store.create_synonyms(&draft(genre("ska"), &["offbeat"])).await.unwrap();
        let jobs = db.store.job_counts().await.unwrap();
        let error = db.store.create_synonyms(&draft(genre("SKA"), &["other"])).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        assert_eq!(search_terms(&db.row(&genre("ska")).await.unwrap()), ["offbeat"]);
        assert_eq!(db.store.job_counts().await.unwrap(), jobs);
    }

    async fn a_replacement_raises_the_version_and_needs_the_version_that_was_seen(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["offbeat"])).await.unwrap();
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        assert_eq!(db.store.embedding(row.id).await.unwrap(), Some(vec![1.0, 0.0, 0.0, 0.0]));
        let replaced = db.store.replace_synonyms(row.id, &draft(genre("ska"), &["skank"]), Some(1)).await.unwrap();
        assert_eq!((replaced.version, replaced.embedding, replaced.created_at), (2, None, row.created_at));
        assert_eq!(db.store.embedding(row.id).await.unwrap(), None);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
        let error = db.store.replace_synonyms(row.id, &draft(genre("ska"), &["x"]), Some(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::VersionMismatch { current: 2 }), "{error}");
        let error = db.store.replace_synonyms(999, &draft(genre("ska"), &["x"]), None).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        let revisions = db.revisions(row.id).await;
        let actions: Vec<_> = revisions.iter().map(|revision| (revision.version, revision.action.as_str())).collect();
        assert_eq!(actions, [(2, "replaced"), (1, "created")]);
        assert_eq!(revisions[0].before, revisions[1].after);
        db.backend.check().await;
    }

    async fn what_a_person_leaves_out_never_comes_back_from_a_generator(db) {
        let row = db.genre_with("rap", &["hip hop", "opera", "Lyrical Flow"]).await;
        let draft = draft(genre("rap"), &["hip hop", "mc battle"]);
        let replaced = db.store.replace_synonyms(row.id, &draft, None).await.unwrap();
        assert_eq!(search_terms(&replaced), ["hip hop", "mc battle"]);
        let tag = db.store.tag(TagType::Genre, row.tag_id).await.unwrap().unwrap();
        assert_eq!(db.store.rejected_keys(TagType::Genre, tag.id).await.unwrap(), ["lyricalflow", "opera"]);
        assert_eq!(db.generate(&tag, false, &["opera", "trap"]).await, GenerationOutcome::KeptManual);
        let proposed = db.generate(&tag, true, &["Opera!", "trap", "hip hop"]).await;
        assert_eq!(proposed, GenerationOutcome::Proposed { synonym_id: row.id, terms: 1 });
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["hip hop", "mc battle"]);
        // Taking a proposal up by hand, and one of the rejected back.
        let draft = crate::backend::draft(genre("rap"), &["hip hop", "trap", "opera"]);
        db.store.replace_synonyms(row.id, &draft, None).await.unwrap();
        assert_eq!(db.store.rejected_keys(TagType::Genre, tag.id).await.unwrap(), ["lyricalflow"]);
    }

    async fn rejected_terms_outlive_the_row_they_were_rejected_in(db) {
        let row = db.genre_with("rap", &["opera", "mc"]).await;
        db.store.replace_synonyms(row.id, &draft(genre("rap"), &["mc"]), None).await.unwrap();
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        let anew = db.store.create_synonyms(&draft(genre("rap"), &["flow"])).await.unwrap();
        assert_ne!(anew.id, row.id);
        db.store.delete_tag(&genre("rap")).await.unwrap();
        assert_eq!(db.store.rejected_keys(TagType::Genre, row.tag_id).await.unwrap(), Vec::<String>::new());
        db.backend.check().await;
    }

    async fn a_deactivated_row_is_out_of_every_answer_and_back_after_activation(db) {
        let row = db.genre_with("disco", &["mirror ball"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let error = db.store.deactivate_synonyms(row.id, Some(7)).await.unwrap_err();
        assert!(matches!(error, StoreError::VersionMismatch { current: 1 }), "{error}");
        db.store.deactivate_synonyms(row.id, Some(1)).await.unwrap();
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        assert_eq!(db.row(&genre("disco")).await, None);
        assert!(db.store.list_synonyms(&SynonymFilter::default(), &Page::first(9)).await.unwrap().items.is_empty());
        assert!(db.store.embed_inputs(&[row.id]).await.unwrap().is_empty());
        let hidden = db.store.synonyms_by_ids(&[row.id]).await.unwrap().remove(0);
        assert_eq!((hidden.is_active, hidden.version), (false, 2));
        let back = db.store.activate_synonyms(row.id).await.unwrap();
        assert_eq!((back.is_active, back.version), (true, 3));
        assert!(back.embedding.is_some(), "its vector is still right");
        assert!(db.claim_all(JobKind::Embed).await.is_empty());
        assert_eq!(db.store.activate_synonyms(row.id).await.unwrap().version, 3);
        let revisions = db.revisions(row.id).await;
        let actions: Vec<_> = revisions.iter().map(|revision| revision.action.as_str()).collect();
        assert_eq!(actions, ["activated", "deactivated", "generated"]);
        for error in [
            db.store.deactivate_synonyms(999, None).await.unwrap_err(),
            db.store.activate_synonyms(999).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        }
    }

    async fn a_row_that_was_renamed_or_replaced_while_inactive_is_embedded_on_activation(db) {
        let row = db.genre_with("disco", &["mirror ball"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        db.store.rename_tag(&genre("disco"), &crate::backend::name("nu-disco"), musonym::domain::Priority::LOW).await.unwrap();
        db.store.replace_synonyms(row.id, &draft(genre("nu-disco"), &["strobe"]), None).await.unwrap();
        assert!(db.claim_all(JobKind::Embed).await.is_empty(), "nobody finds an inactive row");
        assert_eq!(db.store.activate_synonyms(row.id).await.unwrap().embedding, None);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
    }

    async fn an_old_row_cannot_be_activated_beside_a_new_one(db) {
        let old = db.genre_with("disco", &["mirror ball"]).await;
        db.store.deactivate_synonyms(old.id, None).await.unwrap();
        let new = db.store.create_synonyms(&draft(genre("disco"), &["dance floor"])).await.unwrap();
        let error = db.store.activate_synonyms(old.id).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        assert_eq!(db.row(&genre("disco")).await.unwrap().id, new.id);
    }

    async fn a_tombstone_stays_unless_forced(db) {
        let row = db.genre_with("disco", &["mirror ball"]).await;
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        let tag = db.store.tag(TagType::Genre, row.tag_id).await.unwrap().unwrap();
        assert_eq!(db.generate(&tag, false, &["funk"]).await, GenerationOutcome::KeptManual);
        let forced = db.generate(&tag, true, &["funk"]).await;
        assert_eq!(forced, GenerationOutcome::Proposed { synonym_id: row.id, terms: 1 });
        assert_eq!(db.row(&genre("disco")).await, None);
    }

    async fn the_same_proposal_again_writes_no_revision(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["offbeat"])).await.unwrap();
        let tag = db.store.tag(TagType::Genre, row.tag_id).await.unwrap().unwrap();
        for _ in 0..2 {
            let outcome = db.generate(&tag, true, &["skank", "brass"]).await;
            assert_eq!(outcome, GenerationOutcome::Proposed { synonym_id: row.id, terms: 2 });
        }
        assert_eq!(db.revisions(row.id).await.len(), 2);
        db.generate(&tag, true, &["brass"]).await;
        let proposed = "SELECT COUNT(*) FROM synonym_term WHERE status = 'proposed'";
        assert_eq!(db.backend.number(proposed).await, 1, "a new proposal takes the place of the former");
    }

    async fn lists_are_paged_and_filtered_and_lookups_keep_their_order(db) {
        let rap = db.genre_with("rap", &["mc"]).await;
        let ska = db.store.create_synonyms(&draft(genre("ska"), &["offbeat"])).await.unwrap();
        let sad = db.store.create_synonyms(&draft(mood("sad"), &["blue"])).await.unwrap();
        let first = db.store.list_synonyms(&SynonymFilter::default(), &Page::first(2)).await.unwrap();
        assert_eq!(first.items.iter().map(|row| row.id).collect::<Vec<_>>(), [rap.id, ska.id]);
        let page = Page { cursor: first.next, limit: 2 };
        let second = db.store.list_synonyms(&SynonymFilter::default(), &page).await.unwrap();
        assert_eq!((second.items, second.next), (vec![sad.clone()], None));
        for (filter, expected) in [
            (SynonymFilter { tag_type: Some(TagType::Mood), ..SynonymFilter::default() }, vec![sad.id]),
            (SynonymFilter { source: Some(Source::Ollama), ..SynonymFilter::default() }, vec![rap.id]),
            (SynonymFilter { min_confidence: Some(0.9), ..SynonymFilter::default() }, vec![ska.id, sad.id]),
        ] {
            let listing = db.store.list_synonyms(&filter, &Page::first(9)).await.unwrap();
            assert_eq!(listing.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        let page = Page { cursor: Some("x".to_owned()), limit: 2 };
        let error = db.store.list_synonyms(&SynonymFilter::default(), &page).await.unwrap_err();
        assert!(matches!(error, StoreError::BadCursor), "{error}");
        let found = db.store.lookup_synonyms(&[mood("SAD"), genre("polka"), genre("rap")]).await.unwrap();
        assert_eq!(found, [Some(sad.clone()), None, Some(rap.clone())]);
        let rows = db.store.synonyms_by_ids(&[sad.id, 999, rap.id]).await.unwrap();
        assert_eq!(rows, [sad, rap]);
        assert_eq!(db.store.embedding(999).await.unwrap(), None);
    }

    async fn every_section_language_and_status_comes_back_as_written(db) {
        let mut all = terms(&["one"], Source::Import);
        all.push(term(Section::RelatedTags, "two", Source::Lexicon));
        all.push(term(Section::UsageContext, "three", Source::Ollama));
        all.push(term(Section::Translations, "quatre", Source::Manual));
        all[1].lang = None;
        all[3].lang = Some(musonym::domain::Lang::Fr);
        all[2].status = TermStatus::Quarantined;
        let draft = musonym::store::SynonymsDraft { tag: genre("x"), terms: all.clone(), confidence: confidence(0.25) };
        let row = db.store.create_synonyms(&draft).await.unwrap();
        assert_eq!(row.synonyms.translations.fr, ["quatre"]);
        assert!(row.synonyms.usage_context.is_empty(), "a quarantined term is not shown");
        assert_eq!(row.confidence.value().to_bits(), 0.25f64.to_bits());
        let input = db.store.embed_inputs(&[row.id, 999]).await.unwrap().remove(0);
        all.remove(2);
        assert_eq!((input.tag_name.as_str(), input.version, input.terms), ("x", 1, all));
    }
}
