//! Tags: created once, met by any spelling, renamed, deleted; and those that plain SQL writes.

use musonym::{
    domain::{JobKind, JobState, Priority, TagType},
    store::{JobFilter, Page, StoreError, TagFilter},
};

use crate::backend::{draft, genre, mood, name, search_terms};

contract! {
    async fn new_tags_come_with_a_job_each_and_known_ones_without(db) {
        let wanted =
            [(TagType::Genre, name("Hip Hop")), (TagType::Mood, name("sad")), (TagType::Genre, name("hip-hop"))];
        let created = db.store.create_tags(&wanted, Priority::HIGH).await.unwrap();
        assert_eq!(created.iter().map(|tag| tag.created).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(created[2].tag, created[0].tag);
        assert_eq!(created[2].job_id, None);
        for tag in &created[..2] {
            let job = db.store.job(tag.job_id.unwrap()).await.unwrap().unwrap();
            assert_eq!((job.kind, job.state, job.priority), (JobKind::Generate, JobState::Queued, Priority::HIGH));
            assert_eq!(job.payload["tag_id"], tag.tag.id);
            assert_eq!(job.payload["tag_type"], tag.tag.tag_type.as_str());
        }
        assert_eq!(db.store.tag(TagType::Genre, created[0].tag.id).await.unwrap().unwrap(), created[0].tag);
        assert_eq!(db.store.tag(TagType::Mood, 999).await.unwrap(), None);
        assert!(db.store.create_tags(&[], Priority::LOW).await.unwrap().is_empty());
    }

    async fn a_name_is_met_by_its_key_but_an_exact_name_comes_first(db) {
        db.backend.execute("INSERT INTO genre_tag (name) VALUES ('HIPHOP'), ('Hip Hop')").await;
        db.store.fill_missing_keys().await.unwrap();
        for (spelling, found) in [("Hip Hop", "Hip Hop"), ("HIPHOP", "HIPHOP"), ("hip-hop", "HIPHOP")] {
            let tag = db.store.tag_by_name(TagType::Genre, spelling).await.unwrap().unwrap();
            assert_eq!(tag.name, found, "{spelling}");
        }
        assert_eq!(db.store.tag_by_name(TagType::Mood, "hip hop").await.unwrap(), None);
        assert_eq!(db.store.tag_by_name(TagType::Genre, "").await.unwrap(), None);
    }

    async fn lists_of_tags_are_paged_and_filtered(db) {
        db.tags(TagType::Mood, &["sad", "dark"]).await;
        db.tags(TagType::Genre, &["rock", "jazz", "ska"]).await;
        db.store.create_synonyms(&draft(genre("jazz"), &["swing"])).await.unwrap();
        let (mut names, mut page, mut pages) = (Vec::new(), Page::first(2), 0);
        loop {
            let listing = db.store.list_tags(&TagFilter::default(), &page).await.unwrap();
            names.extend(listing.items.into_iter().map(|item| item.tag.name));
            pages += 1;
            let Some(next) = listing.next else { break };
            page.cursor = Some(next);
        }
        assert_eq!((names.join(" "), pages), ("rock jazz ska sad dark".to_owned(), 3));
        for (tag_type, has_synonyms, expected) in [
            (Some(TagType::Mood), None, "sad dark"),
            (None, Some(true), "jazz"),
            (Some(TagType::Genre), Some(false), "rock ska"),
        ] {
            let filter = TagFilter { tag_type, has_synonyms };
            let listing = db.store.list_tags(&filter, &Page::first(10)).await.unwrap();
            assert!(listing.items.iter().all(|item| item.has_synonyms == (item.tag.name == "jazz")));
            let names: Vec<_> = listing.items.into_iter().map(|item| item.tag.name).collect();
            assert_eq!(names.join(" "), expected);
        }
        for cursor in ["", "genre", "genre-x", "artist-1", "'; DROP TABLE job; --"] {
            let page = Page { cursor: Some(cursor.to_owned()), limit: 1 };
            let error = db.store.list_tags(&TagFilter::default(), &page).await.unwrap_err();
            assert!(matches!(error, StoreError::BadCursor), "{cursor}: {error}");
        }
    }

    async fn a_renamed_tag_keeps_its_synonyms_and_is_generated_and_embedded_anew(db) {
        let row = db.genre_with("electronica", &["synths"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let update = db.store.rename_tag(&genre("Electronica"), &name("electronic"), Priority::HIGH).await.unwrap();
        assert_eq!(update.tag.name, "electronic");
        let job = db.store.job(update.job_id.unwrap()).await.unwrap().unwrap();
        assert_eq!((job.priority, job.payload["refresh"].as_bool()), (Priority::HIGH, Some(true)));
        assert_eq!(db.store.tag_by_name(TagType::Genre, "electronica").await.unwrap(), None);
        let renamed = db.row(&genre("ELECTRONIC")).await.unwrap();
        assert_eq!((renamed.id, search_terms(&renamed)), (row.id, vec!["synths"]));
        assert_eq!(renamed.embedding, None, "the vector was of the former name");
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
        db.backend.check().await;
    }

    async fn a_rename_is_refused_where_another_tag_has_the_name_and_does_nothing_where_it_is_the_same(db) {
        db.tags(TagType::Genre, &["drum and bass", "jungle"]).await;
        let error = db.store.rename_tag(&genre("jungle"), &name("Drum & Bass"), Priority::LOW).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        let error = db.store.rename_tag(&genre("polka"), &name("x"), Priority::LOW).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        let same = db.store.rename_tag(&genre("jungle"), &name("jungle"), Priority::LOW).await.unwrap();
        assert_eq!(same.job_id, None);
        let spelling = db.store.rename_tag(&genre("jungle"), &name("Jungle"), Priority::LOW).await.unwrap();
        assert_eq!(spelling.tag.name, "Jungle");
        assert!(db.store.tag_by_name(TagType::Genre, "jungle").await.unwrap().is_some());
        db.tags(TagType::Mood, &["dreamy"]).await;
        db.store.rename_tag(&mood("dreamy"), &name("dreamlike"), Priority::LOW).await.unwrap();
        db.store.delete_tag(&mood("dreamlike")).await.unwrap();
    }

    async fn a_deleted_tag_takes_its_terms_and_vector_along_and_leaves_its_revisions(db) {
        let row = db.genre_with("polka", &["accordion dance"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        db.store.delete_tag(&genre("Polka")).await.unwrap();
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM mir_synonym").await, 0);
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM synonym_term").await, 0);
        let revisions = db.revisions(row.id).await;
        assert_eq!((revisions.len(), revisions[0].tag_name.as_str()), (1, "polka"));
        let error = db.store.delete_tag(&genre("polka")).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        db.backend.check().await;
    }

    async fn a_tag_that_plain_sql_inserts_has_a_job_at_once_and_a_key_later(db) {
        db.store.fill_missing_keys().await.unwrap();
        db.backend.execute("INSERT INTO genre_tag (name) VALUES ('Électro Swing'); INSERT INTO mood_tag (name) VALUES ('Calm')").await;
        let jobs = db.store.list_jobs(&JobFilter::default(), &Page::first(10)).await.unwrap().items;
        assert_eq!(jobs.iter().map(|job| job.priority).collect::<Vec<_>>(), [Priority::LOW, Priority::LOW]);
        assert_eq!(db.claim_all(JobKind::Generate).await.len(), 2);
        assert_eq!(db.store.tag_by_name(TagType::Genre, "electro-swing").await.unwrap(), None);
        assert_eq!(db.store.fill_missing_keys().await.unwrap(), 2);
        assert_eq!(db.store.fill_missing_keys().await.unwrap(), 0);
        assert_eq!(db.store.tag_by_name(TagType::Genre, "electro-swing").await.unwrap().unwrap().name, "Électro Swing");
        assert!(db.store.tag_by_name(TagType::Mood, "calm").await.unwrap().is_some());
    }

    async fn a_tag_that_plain_sql_renames_is_found_by_its_new_name_only(db) {
        let row = db.store.create_synonyms(&draft(genre("triphop"), &["downtempo"])).await.unwrap();
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let queued = db.claim_all(JobKind::Generate).await;
        assert_eq!(queued.len(), 1, "the job of the creation runs");
        db.backend.execute("UPDATE genre_tag SET name = 'Bristol sound' WHERE name = 'triphop'").await;
        let job = db.claim_all(JobKind::Generate).await;
        assert!(job.is_empty(), "the same work runs already");
        db.store.fill_missing_keys().await.unwrap();
        assert_eq!(db.store.tag_by_name(TagType::Genre, "triphop").await.unwrap(), None);
        let renamed = db.row(&genre("bristol-sound")).await.unwrap();
        assert_eq!((renamed.id, renamed.tag_name.as_str()), (row.id, "Bristol sound"));
        let names = "SELECT COUNT(*) FROM synonym_term WHERE section = 'name' AND term = 'Bristol sound'";
        assert_eq!(db.backend.number(names).await, 1, "a person's row is never regenerated: the key filler writes it");
        assert_eq!(db.claim_one(JobKind::Embed).await.job.payload["synonym_id"], row.id);
        db.backend.check().await;
    }

    async fn a_rename_by_plain_sql_makes_the_queued_job_refresh(db) {
        let tag = db.genre("beat").await;
        db.backend.execute("UPDATE genre_tag SET name = 'merseybeat'").await;
        let job = db.claim_one(JobKind::Generate).await.job;
        assert_eq!((job.payload["tag_id"].as_i64(), job.payload["refresh"].as_bool()), (Some(tag.id), Some(true)));
    }

    async fn similar_names_share_words_the_nearest_first(db) {
        db.tags(TagType::Genre, &["progressive rock", "rock", "hard rock", "progressive metal", "jazz", "Rock"]).await;
        db.tags(TagType::Mood, &["rocking"]).await;
        let tag = db.store.tag_by_name(TagType::Genre, "progressive rock").await.unwrap().unwrap();
        let similar = db.store.similar_tag_names(&tag, 3).await.unwrap();
        assert_eq!(similar, ["rock", "hard rock", "progressive metal"]);
        db.tags(TagType::Mood, &["progressive"]).await;
        let similar = db.store.similar_tag_names(&tag, 3).await.unwrap();
        assert_eq!(similar, ["progressive", "rock", "hard rock"], "a new one is seen at once");
    }
}
