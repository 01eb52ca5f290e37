//! Recall: what is proposed to the ranking, by key, stem, trigram and vector.

use musonym::{
    domain::{Priority, TagType, key, stem_groups},
    store::{Recall, Recalled},
};

use crate::backend::{Db, SPACE, draft, genre, mood, name};

/// Everything a query asks for, without a vector.
async fn recall(db: &Db, query: &str, tag_type: Option<TagType>) -> Recalled {
    let (keys, stems) = ([key(query)], stem_groups(query));
    let recall = Recall {
        keys: &keys,
        phrases: &[],
        stems: &stems,
        fuzzy_key: Some(&keys[0]),
        vector: None,
        tag_type,
        term_limit: 50,
        vector_limit: 10,
    };
    db.store.recall(&recall).await.unwrap()
}

/// The terms that a query meets.
async fn met(db: &Db, query: &str) -> Vec<String> {
    recall(db, query, None).await.terms.iter().map(|term| term.term.to_string()).collect()
}

async fn nearest(db: &Db, space: &str, vector: &[f32], keys: &[String], limit: usize) -> Vec<i64> {
    let recall = Recall {
        keys,
        phrases: &[],
        stems: &[],
        fuzzy_key: None,
        vector: Some((space, vector)),
        tag_type: None,
        term_limit: 50,
        vector_limit: limit,
    };
    db.store.recall(&recall).await.unwrap().vectors.into_iter().map(|hit| hit.synonym_id).collect()
}

fn by_first_letter(tag: &str) -> [f32; 4] {
    match tag.as_bytes()[0] {
        b'a' => [1.0, 0.0, 0.0, 0.0],
        b'b' => [0.8, 0.6, 0.0, 0.0],
        _ => [0.0, 0.0, 1.0, 0.0],
    }
}

contract! {
    async fn names_and_terms_are_met_by_key_stem_and_trigram(db) {
        db.store.create_synonyms(&draft(genre("Drum and Bass"), &["fast breakbeats", "musique pour courir"])).await.unwrap();
        db.store.create_synonyms(&draft(mood("melancholic"), &["rainy days"])).await.unwrap();
        for (query, term) in [
            ("drum'n'bass", "Drum and Bass"),
            ("breakbeat", "fast breakbeats"),
            ("courir", "musique pour courir"),
            ("chansons pour courir", "musique pour courir"),
            ("melancolic", "melancholic"),
            ("melancohlic", "melancholic"),
            ("brekabeats", "fast breakbeats"),
            ("rain day", "rainy days"),
        ] {
            let met = met(&db, query).await;
            assert!(met.iter().any(|found| found == term), "{query}: {met:?}");
        }
        assert!(met(&db, "zzz").await.is_empty());
        let found = recall(&db, "melancholic", None).await.terms.remove(0);
        assert_eq!((&*found.key, found.section.as_str()), ("melancholic", "name"));
    }

    async fn any_text_can_be_asked_for(db) {
        db.store.create_synonyms(&draft(genre("AND"), &["or not \"near\"", "c# minor", "!!!", "日本語ロック", "a🅰b"])).await.unwrap();
        let long = "x\"y ".repeat(2_500);
        for query in [
            "\"", "'", "*", "a AND b", "NEAR(a b)", "stems:x", "a\0b", "-x", "^x", "(", "🅰b", "a🅰b", "x\" OR \"y",
            "%", "_", "\\", "{}", "\u{202e}abc", "ﷺ", "日本語ロック", "c#", &long, "term_stem : x", "a + b", "",
        ] {
            recall(&db, query, None).await;
        }
        // What no normaliser would let through, either.
        let (keys, stems) = (["\0".to_owned()], vec![vec!["a b".to_owned(), "\"x\0".to_owned(), String::new(), "x-y".to_owned()]]);
        for fuzzy_key in ["\"\"\"\"", "\0\0\0\0", "a b c", "***", "AND OR NOT"] {
            let recall = Recall {
                keys: &keys, stems: &stems, fuzzy_key: Some(fuzzy_key), vector: None, tag_type: None,
                phrases: &[],
                term_limit: 9, vector_limit: 9,
            };
            db.store.recall(&recall).await.unwrap();
        }
        for (query, term) in [("and", "AND"), ("c# minor", "c# minor"), ("日本語", "日本語ロック"), ("a🅰b", "a🅰b"), ("!!!", "!!!")] {
            assert!(met(&db, query).await.iter().any(|found| found == term), "{query}");
        }
    }

    async fn only_active_terms_of_active_rows_of_the_type_are_met(db) {
        let row = db.genre_with("opera", &["aria", "belcanto"]).await;
        db.store.replace_synonyms(row.id, &draft(genre("opera"), &["aria"]), None).await.unwrap();
        db.store.create_synonyms(&draft(mood("grand"), &["aria like"])).await.unwrap();
        for query in ["belcanto", "belcantto"] {
            assert!(met(&db, query).await.is_empty(), "a rejected term");
        }
        assert_eq!(recall(&db, "aria", None).await.terms.len(), 2);
        let moods = recall(&db, "aria", Some(TagType::Mood)).await.terms;
        assert_eq!(moods.iter().map(|term| &*term.term).collect::<Vec<_>>(), ["aria like"]);
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        assert_eq!(met(&db, "aria").await, ["aria like"]);
        assert!(met(&db, "opera").await.is_empty());
        db.store.activate_synonyms(row.id).await.unwrap();
        db.store.rename_tag(&genre("opera"), &name("bel canto"), Priority::LOW).await.unwrap();
        assert!(met(&db, "opera").await.is_empty());
        assert!(met(&db, "belcanto").await.contains(&"bel canto".to_owned()));
        db.store.delete_tag(&genre("bel canto")).await.unwrap();
        assert_eq!(met(&db, "aria").await, ["aria like"]);
    }

    async fn a_frequent_word_crowds_out_neither_a_rare_one_nor_an_exact_key(db) {
        let rows: Vec<_> = (0..120)
            .map(|n| musonym::store::ExportRow {
                tag_type: TagType::Genre,
                name: name(&format!("rock number {n}")),
                tag_created_at: None,
                synonyms: Some(musonym::store::ExportSynonyms {
                    source: musonym::domain::Source::Lexicon,
                    confidence: musonym::domain::Confidence::CERTAIN,
                    is_active: true,
                    record: None,
                    terms: crate::backend::terms(
                        &["rock band from the city", "rock club night", "rock song"], musonym::domain::Source::Lexicon,
                    ),
                }),
            })
            .collect();
        db.store.import_rows(&rows, false).await.unwrap();
        db.store.create_synonyms(&draft(genre("Rock"), &["rock with bagpipes"])).await.unwrap();
        // Another handle counts the words anew.
        let db = Db { store: db.backend.reopen().await, ..db };
        let found = met(&db, "rock").await;
        assert!(found.contains(&"Rock".to_owned()) && found.len() <= 150, "{}", found.len());
        assert!(met(&db, "rock bagpipe").await.contains(&"rock with bagpipes".to_owned()));
        assert!(met(&db, "rock bagpippes").await.contains(&"rock with bagpipes".to_owned()));
        let exact: Vec<_> = met(&db, "rock song").await;
        assert!(exact.contains(&"rock song".to_owned()) && exact.len() <= 150, "{}", exact.len());
    }

    async fn vectors_are_compared_within_their_space_only(db) {
        let (a, b) = (db.genre_with("aaa", &["x"]).await.id, db.genre_with("bbb", &["x"]).await.id);
        let c = db.store.create_synonyms(&draft(mood("ccc"), &["x"])).await.unwrap().id;
        assert!(nearest(&db, SPACE, &[1.0, 0.0, 0.0, 0.0], &[], 9).await.is_empty());
        db.embed_all(by_first_letter).await;
        let query = [1.0, 0.0, 0.0, 0.0];
        assert_eq!(nearest(&db, SPACE, &query, &[], 2).await, [a, b]);
        let with_lexical = nearest(&db, SPACE, &query, &["ccc".to_owned()], 1).await;
        assert_eq!(with_lexical, [a, c], "and that of a tag that the words met");
        assert!(nearest(&db, "another space", &query, &[], 9).await.is_empty());
        assert!(nearest(&db, SPACE, &[1.0], &[], 9).await.is_empty());
        let moods = Recall {
            keys: &[], stems: &[], fuzzy_key: None, vector: Some((SPACE, &query)), tag_type: Some(TagType::Mood),
            phrases: &[],
            term_limit: 9, vector_limit: 9,
        };
        let hits = db.store.recall(&moods).await.unwrap().vectors;
        assert_eq!(hits.iter().map(|hit| hit.synonym_id).collect::<Vec<_>>(), [c]);
        db.store.deactivate_synonyms(a, None).await.unwrap();
        assert_eq!(nearest(&db, SPACE, &query, &[], 9).await, [b, c]);
        db.store.activate_synonyms(a).await.unwrap();
        assert_eq!(nearest(&db, SPACE, &query, &[], 9).await, [a, b, c]);
        db.store.replace_synonyms(b, &draft(genre("bbb"), &["y"]), None).await.unwrap();
        assert_eq!(nearest(&db, SPACE, &query, &[], 9).await, [a, c]);
        db.store.delete_tag(&genre("aaa")).await.unwrap();
        assert_eq!(nearest(&db, SPACE, &query, &[], 9).await, [c]);
        db.switch("next").await;
        assert!(nearest(&db, SPACE, &query, &[], 9).await.is_empty());
    }

    async fn vectors_of_another_space_stand_beside_the_active_ones_until_their_row_changes(db) {
        let (a, b) = (db.genre_with("aaa", &["x"]).await, db.genre_with("bbb", &["x"]).await);
        db.embed_all(by_first_letter).await;
        let beside = |row: &musonym::domain::SynonymRecord, vector: [f32; 2]| (row.id, row.version, vector.to_vec());
        let mut missing = db.store.rows_without_vector("beside", 0, 9).await.unwrap();
        missing.sort_by_key(|input| input.synonym_id);
        assert_eq!(missing.iter().map(|input| input.tag_name.as_str()).collect::<Vec<_>>(), ["aaa", "bbb"]);
        assert_eq!(db.store.rows_without_vector("beside", 0, 1).await.unwrap().len(), 1);
        assert!(db.store.rows_without_vector(SPACE, 0, 9).await.unwrap().is_empty());
        let outdated = (b.id, b.version - 1, vec![0.0, 1.0]);
        assert_eq!(db.store.store_other_vectors("beside", &[beside(&a, [1.0, 0.0]), outdated]).await.unwrap(), 1);
        assert_eq!(db.store.store_other_vectors("beside", &[beside(&b, [0.0, 1.0])]).await.unwrap(), 1);
        assert_eq!(nearest(&db, "beside", &[0.0, 1.0], &[], 9).await, [b.id, a.id]);
        assert_eq!(nearest(&db, SPACE, &[1.0, 0.0, 0.0, 0.0], &[], 9).await, [a.id, b.id]);
        let other = db.backend.reopen().await;
        assert!(other.rows_without_vector("beside", 0, 9).await.unwrap().is_empty());
        db.store.replace_synonyms(b.id, &draft(genre("bbb"), &["y"]), None).await.unwrap();
        assert_eq!(nearest(&db, "beside", &[0.0, 1.0], &[], 9).await, [a.id]);
        // A switch takes what is there already, and queues the rest.
        assert_eq!(db.switch("beside").await, 0, "one is there, one was queued");
        assert_eq!(nearest(&db, "beside", &[1.0, 0.0], &[], 9).await, [a.id]);
        assert_eq!(db.store.embedding(a.id).await.unwrap(), Some(vec![1.0, 0.0]));
        assert!(nearest(&db, SPACE, &[1.0, 0.0, 0.0, 0.0], &[], 9).await.is_empty());
        db.store.delete_tag(&genre("aaa")).await.unwrap();
        db.backend.check().await;
    }

    async fn what_was_measured_of_a_space_outdates_answers_and_reaches_other_handles(db) {
        let other = db.backend.reopen().await;
        let shipped = db.store.calibration(SPACE);
        assert_eq!(shipped, musonym::domain::Calibration::shipped(SPACE));
        let measured = musonym::domain::Calibration { floor: 0.2, ceiling: 0.8, tags: 77 };
        let version = db.store.vocabulary_version();
        db.store.set_calibration(SPACE, &measured).await.unwrap();
        assert!(db.store.vocabulary_version() > version);
        assert_eq!((db.store.calibration(SPACE), db.store.calibration("else")), (measured, musonym::domain::Calibration::shipped("else")));
        let mut changes = other.changes();
        while other.calibration(SPACE) != measured {
            changes.changed().await.unwrap();
        }
        assert_eq!(db.backend.reopen().await.calibration(SPACE), measured);
    }

    async fn a_sample_of_vectors_depends_on_the_names_alone(db) {
        assert_eq!(db.store.sample_vectors(SPACE, 9).await.unwrap(), (vec![], 0));
        for text in ["aaa", "bbb", "ccc", "abc"] {
            db.genre_with(text, &["x"]).await;
        }
        db.embed_all(by_first_letter).await;
        let (sample, tags) = db.store.sample_vectors(SPACE, 3).await.unwrap();
        assert_eq!((sample.len(), tags), (3, 4));
        let again = crate::backend::sqlite().await;
        for text in ["abc", "ccc", "bbb", "aaa"] {
            again.genre_with(text, &["x"]).await;
        }
        again.embed_all(by_first_letter).await;
        assert_eq!(again.store.sample_vectors(SPACE, 3).await.unwrap(), (sample, 4));
    }

    async fn the_sections_of_found_rows_are_those_of_the_rows(db) {
        let a = db.genre_with("aaa", &["x", "y"]).await;
        let b = db.store.create_synonyms(&draft(mood("bbb"), &["z", "a"])).await.unwrap();
        db.store.deactivate_synonyms(b.id, None).await.unwrap();
        let sections = db.store.sections(&[(a.id, 0), (b.id, 0), (999, 0)]).await.unwrap();
        assert_eq!(sections.into_iter().collect::<Vec<_>>(), [(a.id, a.synonyms.clone().into())]);
        let b = db.store.activate_synonyms(b.id).await.unwrap();
        let of_both = db.store.sections(&[(a.id, 0), (b.id, 0)]).await.unwrap();
        assert_eq!((&*of_both[&a.id], &*of_both[&b.id]), (&a.synonyms, &b.synonyms));
    }

    async fn a_tag_is_named_by_its_french_name(db) {
        let mut french = draft(genre("sad songs"), &["x"]);
        french.terms.push(musonym::domain::Term {
            section: musonym::domain::Section::Translations,
            lang: Some(musonym::domain::Lang::Fr),
            ..crate::backend::term(musonym::domain::Section::Translations, "Chansons tristes", musonym::domain::Source::Manual)
        });
        db.store.create_synonyms(&french).await.unwrap();
        let keys = [key("chansons tristes"), key("x"), key("unknown")];
        let names = db.store.names_by_french(&keys).await.unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), [(keys[0].clone(), "sad songs".to_owned())]);
    }

    async fn the_vocabulary_version_rises_with_every_visible_change_and_with_nothing_else(db) {
        let row = db.genre_with("aaa", &["x"]).await;
        let mut version = db.store.vocabulary_version();
        let mut rises = |what: &str| {
            let now = db.store.vocabulary_version();
            assert!(now > version, "{what}");
            version = now;
        };
        db.embed_all(by_first_letter).await;
        rises("embedding");
        db.store.replace_synonyms(row.id, &draft(genre("aaa"), &["y"]), None).await.unwrap();
        rises("replacement");
        db.store.deactivate_synonyms(row.id, None).await.unwrap();
        rises("deactivation");
        db.store.activate_synonyms(row.id).await.unwrap();
        rises("activation");
        db.store.rename_tag(&genre("aaa"), &name("abc"), Priority::LOW).await.unwrap();
        rises("renaming");
        let rows = db.store.export_rows(&musonym::store::Page::first(9), musonym::store::ExportDetail::Plain).await.unwrap().items;
        db.store.delete_tag(&genre("abc")).await.unwrap();
        rises("deletion");
        db.store.import_rows(&rows, false).await.unwrap();
        rises("import");
        let version = db.store.vocabulary_version();
        db.tags(TagType::Mood, &["nothing yet"]).await;
        db.claim_all(musonym::domain::JobKind::Embed).await;
        db.store.setting_or_insert("k", "v").await.unwrap();
        assert_eq!(db.store.vocabulary_version(), version);
    }
}
