//! Export and import: lossless there and back, and careful with what a person wrote.

use musonym::{
    domain::{Calibration, Confidence, JobKind, JobState, Lang, Priority, Section, Source, TagType, TermStatus},
    store::{
        EXPORT_FORMAT, ExportDetail, ExportHeader, ExportRow, ExportSynonyms, ImportOutcome, JobFilter, Page,
        SynonymsDraft,
    },
};

use crate::backend::{Db, SPACE, confidence, draft, genre, mood, name, postgres, search_terms, sqlite, term, terms};

/// Every tag, page by page.
async fn export_as(db: &Db, detail: ExportDetail) -> Vec<ExportRow> {
    let (mut rows, mut page) = (Vec::new(), Page::first(2));
    loop {
        let listing = db.store.export_rows(&page, detail).await.unwrap();
        rows.extend(listing.items);
        let Some(next) = listing.next else { return rows };
        page.cursor = Some(next);
    }
}

async fn export(db: &Db) -> Vec<ExportRow> {
    export_as(db, ExportDetail::Plain).await
}

/// The lines that `musonym export` writes.
pub async fn lines(db: &Db) -> Vec<String> {
    let header = serde_json::to_string(&db.store.export_header().await.unwrap()).unwrap();
    let rows = export_as(db, ExportDetail::Complete).await;
    std::iter::once(header).chain(rows.iter().map(|row| serde_json::to_string(row).unwrap())).collect()
}

/// Reads such lines into a database, a few rows in each transaction.
async fn import(db: &Db, lines: &[String]) -> Vec<ImportOutcome> {
    let header: ExportHeader = serde_json::from_str(&lines[0]).unwrap();
    db.store.adopt_header(&header).await.unwrap();
    let rows: Vec<ExportRow> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut outcomes = Vec::new();
    for batch in rows.chunks(3) {
        outcomes.extend(db.store.import_rows(batch, false).await.unwrap());
    }
    outcomes
}

fn row(text: &str, source: Source, texts: &[&str]) -> ExportRow {
    ExportRow {
        tag_type: TagType::Genre,
        name: name(text),
        tag_created_at: None,
        synonyms: Some(ExportSynonyms {
            source,
            confidence: Confidence::CERTAIN,
            is_active: true,
            terms: terms(texts, source),
            record: None,
        }),
    }
}

/// A database with every sort of row: none, generated, by hand with rejected and proposed terms, a tombstone.
async fn fill(db: &Db) {
    db.tags(TagType::Genre, &["bare"]).await;
    let edited = db.genre_with("edited", &["kept", "dropped"]).await;
    db.store.replace_synonyms(edited.id, &draft(genre("edited"), &["kept", "new"]), None).await.unwrap();
    let tag = db.store.tag(TagType::Genre, edited.tag_id).await.unwrap().unwrap();
    db.generate(&tag, true, &["proposal"]).await;
    let mut french = term(Section::Translations, "généré", Source::Ollama);
    french.lang = Some(Lang::Fr);
    let generated = db.genre_with("generated", &["one", "two"]).await;
    assert!(generated.is_active);
    let gone = db.store.create_synonyms(&draft(mood("gone"), &["x"])).await.unwrap();
    db.store.deactivate_synonyms(gone.id, None).await.unwrap();
    let again = db.genre_with("again", &["opera", "mc"]).await;
    db.store.replace_synonyms(again.id, &draft(genre("again"), &["mc"]), None).await.unwrap();
    db.store.deactivate_synonyms(again.id, None).await.unwrap();
    db.store.create_synonyms(&draft(genre("again"), &["flow"])).await.unwrap();
}

/// Beside those, what a complete export carries: vectors in two spaces, some outdated, what was measured of them, doubtful terms,
/// another name, confidences of many digits, a tag that plain SQL wrote.
pub async fn fill_completely(db: &Db) {
    fill(db).await;
    db.store.create_synonyms(&draft(genre("old name"), &["x", "y"])).await.unwrap();
    db.store.rename_tag(&genre("old name"), &name("new name"), Priority::LOW).await.unwrap();
    let doubtful = db.genre_with("doubtful", &["good", "odd"]).await;
    db.quarantine(doubtful.id, "odd").await;
    let precise =
        SynonymsDraft { confidence: confidence(0.1 + 0.2), ..draft(mood("precise"), &["d’été 🎷", "\"'\\"]) };
    db.store.create_synonyms(&precise).await.unwrap();
    db.backend.execute("INSERT INTO mood_tag (name) VALUES ('plain')").await;
    db.embed_all(
        |name| if name.starts_with('n') { [0.6, 0.8, 0.0, 0.0] } else { [0.1f32.sqrt(), 0.9f32.sqrt(), 0.0, 0.0] },
    )
    .await;
    for (space, values) in [("standby/3", vec![0.0, 0.0, 1.0]), ("another/2", vec![-1.0, 0.0])] {
        let rows = db.store.rows_without_vector(space, 0, 100).await.unwrap();
        let vectors: Vec<_> = rows.into_iter().map(|row| (row.synonym_id, row.version, values.clone())).collect();
        db.store.store_other_vectors(space, &vectors).await.unwrap();
    }
    for space in [SPACE, "standby/3"] {
        let measured = Calibration { floor: 0.123_457, ceiling: 2.0 / 3.0, tags: 77 };
        db.store.set_calibration(space, &measured).await.unwrap();
    }
    // Embedded, then out of use: the vector stays with the tombstone.
    let gone = db.row(&genre("generated")).await.unwrap();
    db.store.deactivate_synonyms(gone.id, None).await.unwrap();
    // Changed since: to be embedded anew.
    let changed = db.row(&genre("edited")).await.unwrap();
    db.store.replace_synonyms(changed.id, &draft(genre("edited"), &["changed"]), None).await.unwrap();
}

contract! {
    async fn a_complete_export_comes_back_byte_by_byte_in_either_database(db) {
        fill_completely(&db).await;
        let exported = lines(&db).await;
        assert_eq!(exported.len(), 10);
        for part in [
            "tag_created_at", "\"space\":\"standby/3\"", "\"space\":\"another/2\"", SPACE, "\"action\":\"renamed\"", "quarantined",
            "proposed", "rejected", "\"is_active\":false", "0.3,", "0.666667",
        ] {
            assert!(exported.iter().any(|line| line.contains(part)), "{part}");
        }
        for other in [Some(sqlite().await), postgres().await].into_iter().flatten() {
            assert_eq!(import(&other, &exported).await, [ImportOutcome::Created; 9]);
            assert_eq!(lines(&other).await, exported);
            assert_eq!(other.store.active_space().as_deref(), Some(SPACE));
            assert_eq!(other.store.calibration(SPACE), db.store.calibration(SPACE).rounded());
            let (vectors, count) = other.store.sample_vectors(SPACE, 10).await.unwrap();
            assert_eq!((vectors, count), db.store.sample_vectors(SPACE, 10).await.unwrap());
            // What has neither synonyms nor a tombstone waits for them, what has changed waits for its vector, and nothing else.
            let queued = |kind| { let other = &other; async move { other.claim_all(kind).await.len() } };
            assert_eq!((queued(JobKind::Generate).await, queued(JobKind::Embed).await), (2, 1));
            assert_eq!(import(&other, &exported).await, [ImportOutcome::Unchanged; 9]);
            assert_eq!(lines(&other).await, exported);
            // The rows go on from where they were.
            let row = other.row(&genre("new name")).await.unwrap();
            assert_eq!((row.version, other.revisions(row.id).await.len()), (2, 2));
            let row = other.store.restore_synonyms(row.id, 1, Some(2)).await.unwrap();
            assert_eq!(row.version, 3);
            other.backend.check().await;
        }
    }

    async fn a_database_with_another_embedding_space_keeps_it(db) {
        db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        db.store.set_calibration(SPACE, &Calibration { floor: 0.1, ceiling: 0.9, tags: 50 }).await.unwrap();
        let header = |space: Option<&str>| ExportHeader {
            format: EXPORT_FORMAT,
            embedding_space: space.map(str::to_owned),
            calibrations: [(SPACE.to_owned(), Calibration { floor: 0.2, ceiling: 0.8, tags: 60 })].into(),
        };
        for space in [Some("other/4"), Some(SPACE), None] {
            assert_eq!(db.store.adopt_header(&header(space)).await.unwrap().as_deref(), Some(SPACE));
            assert_eq!(db.store.calibration(SPACE).tags, 50, "what was measured here stays");
        }
        assert_eq!(db.row(&genre("ska")).await.unwrap().embedding, Some((SPACE.to_owned(), 4)));
    }

    async fn a_tag_that_has_synonyms_is_changed_by_an_import_and_embedded_only_where_no_vector_fits(db) {
        fill_completely(&db).await;
        let exported = lines(&db).await;
        let other = sqlite().await;
        other.genre_with("Doubtful", &["a"]).await;
        let before = other.genre_with("again", &["b"]).await;
        other.claim_all(JobKind::Embed).await;
        let outcomes = import(&other, &exported).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == ImportOutcome::Replaced).count(), 2);
        let row = other.row(&genre("again")).await.unwrap();
        assert_eq!((row.id, row.version, row.embedding), (before.id, 2, Some((SPACE.to_owned(), 4))));
        assert_eq!(other.revisions(row.id).await.iter().map(|revision| revision.action.as_str()).collect::<Vec<_>>(), ["imported", "generated"]);
        // Another spelling of the name makes another text.
        let row = other.row(&genre("doubtful")).await.unwrap();
        assert_eq!((row.tag_name.as_str(), row.embedding), ("Doubtful", None));
        let waiting: Vec<_> = other.store.list_jobs(&JobFilter { state: Some(JobState::Queued), kind: Some(JobKind::Embed) }, &Page::first(99)).await.unwrap().items.into_iter().map(|job| job.payload["synonym_id"].as_i64().unwrap()).collect();
        assert!(waiting.contains(&row.id) && !waiting.contains(&before.id), "{waiting:?}");
    }

    async fn vectors_of_a_name_that_plain_sql_has_changed_are_not_exported(db) {
        db.genre_with("ska", &["x"]).await;
        db.embed_all(|_| [1.0, 0.0, 0.0, 0.0]).await;
        assert!(lines(&db).await[1].contains("vectors"));
        db.backend.execute("UPDATE genre_tag SET name = 'two tone'").await;
        let line = &lines(&db).await[1];
        assert!(line.contains("two tone") && line.contains("revisions") && !line.contains("vectors"), "{line}");
    }

    async fn an_export_comes_back_without_a_loss(db) {
        fill(&db).await;
        let exported = export(&db).await;
        assert_eq!(exported.len(), 5);
        let json = serde_json::to_string(&exported).unwrap();
        let read: Vec<ExportRow> = serde_json::from_str(&json).unwrap();
        let other = sqlite().await;
        let outcomes = other.store.import_rows(&read, false).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::Created; 5]);
        assert_eq!(export(&other).await, exported);
        let tag = other.store.tag_by_name(TagType::Genre, "again").await.unwrap().unwrap();
        assert_eq!(other.store.rejected_keys(TagType::Genre, tag.id).await.unwrap(), ["opera"]);
        assert_eq!(other.store.import_rows(&read, true).await.unwrap(), [ImportOutcome::Unchanged; 5]);
        assert_eq!(db.store.import_rows(&read, true).await.unwrap(), [ImportOutcome::Unchanged; 5]);
        other.backend.check().await;
    }

    async fn an_import_enqueues_embedding_and_takes_generation_back(db) {
        db.genre("ska").await;
        let rows = [row("ska", Source::Import, &["x"]), ExportRow { tag_type: TagType::Mood, name: name("sad"), tag_created_at: None, synonyms: None }];
        let outcomes = db.store.import_rows(&rows, false).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::Replaced, ImportOutcome::Created]);
        let generate = db.claim_one(JobKind::Generate).await;
        assert_eq!(generate.job.payload["tag_type"], "mood", "the imported one needs none");
        assert_eq!(db.store.job_counts().await.unwrap().cancelled, 1);
        assert_eq!(db.claim_all(JobKind::Embed).await.len(), 1);
        assert_eq!(db.store.job(generate.job.id).await.unwrap().unwrap().state, JobState::Running);
        assert_eq!(db.revisions(db.row(&genre("ska")).await.unwrap().id).await[0].source, Source::Import);
    }

    async fn an_import_keeps_what_a_person_wrote_unless_told_to_replace(db) {
        let mine = db.store.create_synonyms(&draft(genre("ska"), &["mine"])).await.unwrap();
        let gone = db.genre_with("rap", &["x"]).await;
        db.store.deactivate_synonyms(gone.id, None).await.unwrap();
        let rows = [row("SKA", Source::Import, &["theirs"]), row("rap", Source::Import, &["theirs"])];
        let outcomes = db.store.import_rows(&rows, false).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::KeptManual; 2]);
        assert_eq!(db.row(&genre("ska")).await.unwrap(), mine);
        assert_eq!(db.row(&genre("rap")).await, None);
        let outcomes = db.store.import_rows(&rows, true).await.unwrap();
        assert_eq!(outcomes, [ImportOutcome::Replaced; 2]);
        let replaced = db.row(&genre("ska")).await.unwrap();
        assert_eq!((replaced.id, replaced.version, search_terms(&replaced)), (mine.id, 2, vec!["theirs"]));
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["theirs"]);
    }

    async fn an_import_keeps_rejected_terms_rejected(db) {
        let row_id = db.genre_with("rap", &["opera", "mc"]).await.id;
        db.store.replace_synonyms(row_id, &draft(genre("rap"), &["mc"]), None).await.unwrap();
        let mut import = row("rap", Source::Lexicon, &["flow"]);
        let name_term = term(Section::Name, "another name", Source::Lexicon);
        import.synonyms.as_mut().unwrap().terms.push(name_term);
        db.store.import_rows(&[import], true).await.unwrap();
        let now = db.row(&genre("rap")).await.unwrap();
        assert_eq!(search_terms(&now), ["flow"]);
        let tag = db.store.tag(TagType::Genre, now.tag_id).await.unwrap().unwrap();
        db.generate(&tag, false, &["opera", "rhymes"]).await;
        assert_eq!(search_terms(&db.row(&genre("rap")).await.unwrap()), ["rhymes"]);
        let exported = export(&db).await.remove(0).synonyms.unwrap();
        assert_eq!(exported.terms.last().unwrap().status, TermStatus::Rejected);
        assert_eq!(db.backend.number("SELECT COUNT(*) FROM synonym_term WHERE section = 'name'").await, 1);
    }
}
