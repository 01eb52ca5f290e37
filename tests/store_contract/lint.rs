//! What the linter reads of a store, and whole reports over it.

use musonym::{
    domain::{JobKind, Source, TagType},
    lint::{FindingKind, Report, report},
    store::{ContentToLint, Finish, Page, RowToLint, TagToLint},
};

use crate::backend::{Db, SPACE, draft, genre, mood};

/// Every tag, page by page.
async fn read(db: &Db, tag_type: Option<TagType>) -> Vec<TagToLint> {
    let (mut tags, mut page) = (Vec::new(), Page::first(2));
    loop {
        let listing = db.store.tags_to_lint(tag_type, &page).await.unwrap();
        tags.extend(listing.items);
        let Some(next) = listing.next else { return tags };
        page.cursor = Some(next);
    }
}

fn names(tags: &[TagToLint]) -> Vec<&str> {
    tags.iter().map(|tag| tag.name.as_str()).collect()
}

/// The row of the tag of this name.
fn row<'a>(tags: &'a [TagToLint], name: &str) -> &'a RowToLint {
    match &tags.iter().find(|tag| tag.name == name).unwrap().content {
        ContentToLint::Row(row) => row,
        other => panic!("{name}: {other:?}"),
    }
}

/// Whether anything waits for the tag of this name, which has nothing.
fn waits(tags: &[TagToLint], name: &str) -> bool {
    match tags.iter().find(|tag| tag.name == name).unwrap().content {
        ContentToLint::Nothing { waits } => waits,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// Kind and tags of each finding.
fn said(report: &Report) -> Vec<(FindingKind, Vec<&str>)> {
    report
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.tags.iter().map(|tag| tag.tag_name.as_str()).collect()))
        .collect()
}

contract! {
    async fn tags_come_page_by_page_with_their_rows_and_of_one_type_where_asked(db) {
        db.tags(TagType::Genre, &["ska", "rap", "dub"]).await;
        db.tags(TagType::Mood, &["sad", "calm"]).await;
        let row_of_rap = db.store.create_synonyms(&draft(genre("rap"), &["rhymes"])).await.unwrap();
        let tags = read(&db, None).await;
        assert_eq!(names(&tags), ["ska", "rap", "dub", "sad", "calm"]);
        assert_eq!(names(&read(&db, Some(TagType::Mood)).await), ["sad", "calm"]);
        assert_eq!(names(&read(&db, Some(TagType::Genre)).await), ["ska", "rap", "dub"]);
        let expected = RowToLint {
            synonym_id: row_of_rap.id,
            source: Source::Manual,
            synonyms: row_of_rap.synonyms,
            space: None,
            waits: true,
        };
        assert_eq!(row(&tags, "rap"), &expected);
        let bad = Page { cursor: Some("nonsense".to_owned()), limit: 2 };
        assert!(matches!(db.store.tags_to_lint(None, &bad).await, Err(musonym::store::StoreError::BadCursor)));
    }

    async fn a_tag_waits_while_its_job_is_queued_or_runs_and_a_tombstone_is_told(db) {
        db.genre("ska").await;
        assert!(waits(&read(&db, None).await, "ska"), "queued");
        let job = db.claim_one(JobKind::Generate).await;
        assert!(waits(&read(&db, None).await, "ska"), "running");
        db.store.finish(&job.lease, &Finish::Failed { error: "no".to_owned() }).await.unwrap();
        assert!(!waits(&read(&db, None).await, "ska"));

        let first = db.store.create_synonyms(&draft(genre("ska"), &["upbeat"])).await.unwrap();
        assert!(row(&read(&db, None).await, "ska").waits, "its embedding is queued");
        db.store.deactivate_synonyms(first.id, None).await.unwrap();
        assert_eq!(read(&db, None).await[0].content, ContentToLint::Tombstone);
        let second = db.store.create_synonyms(&draft(genre("ska"), &["two tone"])).await.unwrap();
        assert_eq!(row(&read(&db, None).await, "ska").synonym_id, second.id, "the active row counts, not the tombstone");
        db.embed_all(|_| [0.0, 1.0, 0.0, 0.0]).await;
        let embedded = read(&db, None).await;
        assert_eq!((row(&embedded, "ska").space.as_deref(), row(&embedded, "ska").waits), (Some(SPACE), false));
    }

    async fn vectors_are_those_of_a_space_in_their_own_length(db) {
        let ska = db.genre_with("ska", &["x"]).await;
        let rap = db.genre_with("rap", &["y"]).await;
        db.embed_all(|name| if name == "ska" { [1.0, 0.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0, 0.0] }).await;
        let dub = db.genre_with("dub", &["z"]).await;
        let ids = [rap.id, dub.id, ska.id, 999];
        let mut vectors = db.store.vectors(SPACE, &ids).await.unwrap();
        vectors.sort_by_key(|(id, _)| *id);
        assert_eq!(vectors, [(ska.id, vec![1.0, 0.0, 0.0, 0.0]), (rap.id, vec![0.0, 1.0, 0.0, 0.0])]);
        assert_eq!(db.store.vectors("another", &ids).await.unwrap(), []);
        db.store.store_other_vectors("another", &[(dub.id, dub.version, vec![0.6, 0.8])]).await.unwrap();
        assert_eq!(db.store.vectors("another", &ids).await.unwrap(), [(dub.id, vec![0.6, 0.8])]);
    }

    async fn a_report_finds_what_is_broken_and_nothing_that_is_not(db) {
        db.backend.execute("INSERT INTO genre_tag (name) VALUES ('Hip-Hop'), ('hip hop')").await;
        for job in db.claim_all(JobKind::Generate).await {
            db.store.finish(&job.lease, &Finish::Failed { error: "no model".to_owned() }).await.unwrap();
        }
        for (name, terms) in [
            ("sad", &["blue", "www.example.org"][..]),
            ("sorrowful", &["gloomy"]),
            ("calm", &["sad"]),
            ("gone", &["x"]),
            ("bright", &["sunny"]),
        ] {
            db.store.create_synonyms(&draft(mood(name), terms)).await.unwrap();
        }
        let gone = db.row(&mood("gone")).await.unwrap();
        db.embed_all(|name| match name {
            "sad" | "gone" => [1.0, 0.0, 0.0, 0.0],
            "sorrowful" => [0.999, 0.04, 0.0, 0.0],
            "calm" => [0.0, 1.0, 0.0, 0.0],
            _ => [0.0, 0.0, 0.0, 1.0],
        })
        .await;
        db.store.deactivate_synonyms(gone.id, None).await.unwrap();
        db.backend.execute("UPDATE mir_synonym SET embedding = NULL, embedding_space = NULL WHERE tag_id = (SELECT id FROM mood_tag WHERE name = 'bright')").await;
        // Another handle reads the file as it is now.
        let store = db.backend.reopen().await;
        let whole = report(&*store, None).await.unwrap();
        let mut expected = vec![
            (FindingKind::DuplicateTag, vec!["hip hop", "Hip-Hop"]),
            (FindingKind::SameMeaning, vec!["sorrowful", "sad"]),
            (FindingKind::AliasIsName, vec!["calm", "sad"]),
            (FindingKind::NoSynonyms, vec!["Hip-Hop"]),
            (FindingKind::NoSynonyms, vec!["hip hop"]),
            (FindingKind::NoVector, vec!["bright"]),
            (FindingKind::Markup, vec!["sad"]),
        ];
        assert_eq!(said(&whole), expected, "{:#?}", whole.findings);
        assert!(whole.findings[3].why.contains("no model"), "{}", whole.findings[3].why);
        assert_eq!((whole.looked_at.tags, whole.looked_at.vectors), (7, 3));
        assert_eq!(whole.meaning.as_ref().map(|meaning| meaning.space.as_str()), Some(SPACE));
        let moods = report(&*store, Some(TagType::Mood)).await.unwrap();
        expected.retain(|(_, tags)| !tags[0].to_lowercase().contains("hop"));
        assert_eq!(said(&moods), expected, "a report of one type says the same of it");
        let again = report(&*store, None).await.unwrap();
        assert_eq!(again.findings, whole.findings, "the same order and words each time");
    }

    async fn what_was_not_looked_at_is_said(db) {
        db.genre("ska").await;
        db.store.create_synonyms(&draft(genre("rap"), &["rhymes"])).await.unwrap();
        let before = report(&*db.store, None).await.unwrap();
        assert_eq!(said(&before), [], "what waits is no finding");
        assert_eq!(before.meaning, None);
        let notes = before.not_looked_at.join(" ");
        for said in ["nothing was embedded yet", "queued or being written: 1", "Frequent terms of genres: 1 "] {
            assert!(notes.contains(said), "{notes}");
        }
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        let after = report(&*db.store, None).await.unwrap();
        assert!(after.meaning.is_some_and(|meaning| meaning.threshold > 0.8));
        assert!(!after.not_looked_at.join(" ").contains("embedded"), "{:?}", after.not_looked_at);
    }
}
