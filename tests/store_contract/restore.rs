//! The history of a row, and the way back in it.

use musonym::{
    domain::{JobKind, Lang, Section, Source, TermStatus},
    store::{Page, StoreError},
};

use crate::backend::{draft, genre, name, search_terms};

contract! {
    async fn the_history_is_paged_newest_first(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["one"])).await.unwrap();
        for text in ["two", "three"] {
            db.store.replace_synonyms(row.id, &draft(genre("ska"), &[text]), None).await.unwrap();
        }
        let tag = db.store.tag_by_name(row.tag_type, "ska").await.unwrap().unwrap();
        db.generate(&tag, true, &["proposal"]).await;
        let mut page = Page::first(1);
        let mut walked = Vec::new();
        loop {
            let listing = db.store.revisions(row.id, &page).await.unwrap();
            walked.extend(listing.items.into_iter().map(|revision| (revision.version, revision.action)));
            match listing.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        let expected = [(3, "proposed"), (3, "replaced"), (2, "replaced"), (1, "created")];
        assert_eq!(walked, expected.map(|(version, action)| (version, action.to_owned())));
        let page = Page { cursor: Some("x".to_owned()), limit: 2 };
        assert!(matches!(db.store.revisions(row.id, &page).await.unwrap_err(), StoreError::BadCursor));
        assert!(db.revisions(999).await.is_empty());
    }

    async fn one_revision_is_read_by_its_version(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["one"])).await.unwrap();
        let revision = db.store.revision(row.id, 1).await.unwrap().unwrap();
        assert_eq!((revision.action.as_str(), revision.after.as_ref()), ("created", Some(&row.synonyms)));
        assert_eq!(db.store.revision(row.id, 2).await.unwrap(), None);
        assert_eq!(db.store.revision(999, 1).await.unwrap(), None);
        let tag = db.store.tag_by_name(row.tag_type, "ska").await.unwrap().unwrap();
        db.generate(&tag, true, &["proposal"]).await;
        assert_eq!(db.store.revision(row.id, 1).await.unwrap().unwrap().action, "proposed", "the newest of a version");
    }

    async fn a_restored_version_is_a_persons_edit_and_embedded_anew(db) {
        let row = db.genre_with("ska", &["offbeat", "skank"]).await;
        db.store.replace_synonyms(row.id, &draft(genre("ska"), &["offbeat", "brass"]), None).await.unwrap();
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let restored = db.store.restore_synonyms(row.id, 1, Some(2)).await.unwrap();
        assert_eq!((restored.version, restored.source, restored.is_active), (3, Source::Manual, true));
        assert_eq!(search_terms(&restored), ["offbeat", "skank"]);
        assert_eq!(restored.embedding, None);
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
        let revision = db.revisions(row.id).await.remove(0);
        assert_eq!((revision.version, revision.action.as_str(), revision.source), (3, "restored", Source::Manual));
        assert_eq!(revision.after, Some(restored.synonyms.clone()));
        let rejected = db.store.rejected_keys(row.tag_type, row.tag_id).await.unwrap();
        assert!(rejected.is_empty(), "what was brought back is not rejected: {rejected:?}");
        assert_eq!(db.row(&genre("ska")).await, Some(restored));
        db.backend.check().await;
    }

    async fn a_restored_term_knows_its_language_while_the_row_still_has_it(db) {
        let row = db.genre_with("ska", &["offbeat"]).await;
        db.store.restore_synonyms(row.id, 1, None).await.unwrap();
        let terms = db.store.embed_inputs(&[row.id]).await.unwrap().remove(0).terms;
        assert_eq!((terms[0].section, terms[0].lang, terms[0].source), (Section::SearchTerms, Some(Lang::En), Source::Manual));
    }

    async fn terms_that_wait_for_review_outlive_a_restoration(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["one"])).await.unwrap();
        db.store.replace_synonyms(row.id, &draft(genre("ska"), &["two"]), None).await.unwrap();
        let tag = db.store.tag_by_name(row.tag_type, "ska").await.unwrap().unwrap();
        db.generate(&tag, true, &["brass", "One"]).await;
        let restored = db.store.restore_synonyms(row.id, 1, None).await.unwrap();
        assert_eq!(search_terms(&restored), ["one"]);
        let waiting: Vec<_> = db.waiting().await.into_iter().map(|item| item.term).collect();
        assert_eq!(waiting, ["brass"], "`One` is what was restored");
    }

    async fn a_row_out_of_use_is_taken_into_use_with_what_is_restored(db) {
        let row = db.store.create_synonyms(&draft(genre("disco"), &["mirror ball"])).await.unwrap();
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        db.store.rename_tag(&genre("disco"), &name("nu-disco"), musonym::domain::Priority::LOW).await.unwrap();
        let error = db.store.restore_synonyms(row.id, 2, None).await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict(text) if text.contains("deactivated")), "{error}");
        let restored = db.store.restore_synonyms(row.id, 1, None).await.unwrap();
        assert!(restored.is_active);
        assert_eq!(db.row(&genre("nu-disco")).await, Some(restored));
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        db.store.create_synonyms(&draft(genre("nu-disco"), &["strobe"])).await.unwrap();
        let error = db.store.restore_synonyms(row.id, 1, None).await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict(text) if text.contains("other active")), "{error}");
        db.backend.check().await;
    }

    async fn what_is_not_there_or_has_changed_is_not_restored(db) {
        let row = db.store.create_synonyms(&draft(genre("ska"), &["one"])).await.unwrap();
        for (id, version) in [(999, 1), (row.id, 7)] {
            let error = db.store.restore_synonyms(id, version, None).await.unwrap_err();
            assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        }
        let error = db.store.restore_synonyms(row.id, 1, Some(4)).await.unwrap_err();
        assert!(matches!(error, StoreError::VersionMismatch { current: 1 }), "{error}");
        assert_eq!(db.revisions(row.id).await.len(), 1);
        // A version whose terms were all thrown out under review.
        let mut doubtful = draft(genre("dub"), &["x"]);
        doubtful.terms[0].status = TermStatus::Quarantined;
        let empty = db.store.create_synonyms(&doubtful).await.unwrap();
        let error = db.store.restore_synonyms(empty.id, 1, None).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
}
