//! Export and import: lossless there and back, and careful with what a person wrote.

use musonym::{
    domain::{Confidence, JobKind, JobState, Lang, Section, Source, TagType, TermStatus},
    store::{ExportRow, ExportSynonyms, ImportOutcome, Page},
};

use crate::backend::{Db, draft, genre, mood, name, search_terms, sqlite, term, terms};

async fn export(db: &Db) -> Vec<ExportRow> {
    let (mut rows, mut page) = (Vec::new(), Page::first(2));
    loop {
        let listing = db.store.export_rows(&page).await.unwrap();
        rows.extend(listing.items);
        let Some(next) = listing.next else { return rows };
        page.cursor = Some(next);
    }
}

fn row(text: &str, source: Source, texts: &[&str]) -> ExportRow {
    ExportRow {
        tag_type: TagType::Genre,
        name: name(text),
        synonyms: Some(ExportSynonyms {
            source,
            confidence: Confidence::CERTAIN,
            is_active: true,
            terms: terms(texts, source),
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

contract! {
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
        let rows = [row("ska", Source::Import, &["x"]), ExportRow { tag_type: TagType::Mood, name: name("sad"), synonyms: None }];
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
