//! Terms that help nobody.

use super::*;

#[test]
fn what_the_gates_would_drop_is_suspicious() {
    let long = "x".repeat(61);
    for (term, kind) in [
        ("see www.example.org", Some(Kind::Markup)),
        ("<b>jazz</b>", Some(Kind::Markup)),
        (long.as_str(), Some(Kind::TooLong)),
        ("a b c d e f g h i", Some(Kind::TooLong)),
        ("jaz\u{200b}zy", Some(Kind::Unreadable)),
        ("🔥", Some(Kind::Unreadable)),
        ("джаз", Some(Kind::ForeignScript)),
        ("termes de recherche", Some(Kind::PromptEcho)),
        ("smoky club", None),
        ("électro-swing", None),
    ] {
        let found = lint(&[genre(1, "jazz", searched(&["cool", term]))]);
        let expected: Vec<_> = kind.into_iter().map(|kind| (kind, vec!["jazz"], term)).collect();
        assert_eq!(said(&found), expected, "{term:?}");
        assert!(found.iter().all(|finding| finding.mend.text.contains("PUT /api/synonyms/1")), "{found:?}");
    }
    assert_eq!(said(&lint(&[genre(1, "русский рок", searched(&["рок"]))])), [], "the script of its name");
    let native = genre(1, "city pop", searched(&["シティポップ"]));
    assert_eq!(said(&lint(&[by(Source::Manual, native.clone())])), [], "a person means it");
    assert_eq!(said(&lint(&[by(Source::Lexicon, native)])), [], "the lexicon has its own linter");
    let address = by(Source::Manual, genre(1, "jazz", searched(&["www.example.org"])));
    assert_eq!(said(&lint(&[address])).len(), 1, "an address helps nobody, whoever wrote it");
}

#[test]
fn names_of_artists_are_told_by_their_capitals_from_music() {
    let related = |terms: &[&str]| Synonyms { related_tags: list(terms), ..searched(&["trap"]) };
    let others = || [genre(8, "Detroit techno", searched(&["x"])), genre(9, "Miami bass", searched(&["y"]))];
    let found = |first: TagToLint| {
        let [second, third] = others();
        let findings = lint(&[first, second, third]);
        findings.into_iter().map(|finding| (finding.kind, finding.term.unwrap_or_default())).collect::<Vec<_>>()
    };
    let terms = [
        "Travis Scott",
        "Earth and Fire",
        "Miami bass",
        "Detroit Electro",
        "UK Garage",
        "R&B",
        "Beyoncé",
        "acid house",
    ];
    let artists = [(Kind::ArtistLike, "Travis Scott".to_owned()), (Kind::ArtistLike, "Earth and Fire".to_owned())];
    let mut sorted = found(genre(1, "trap music", related(&terms)));
    sorted.sort_by(|a, b| b.1.cmp(&a.1));
    assert_eq!(sorted, artists);
    let credit = found(genre(1, "trap music", related(&["someone feat. another"])));
    assert_eq!(credit, [(Kind::ArtistLike, "someone feat. another".to_owned())]);
    let titles = ["Travis Scott", "Boom Bap", "Dirty South", "Cloud Rap"];
    assert_eq!(found(genre(1, "trap music", related(&titles))), [], "a row of titles");
    assert_eq!(
        found(by(Source::Lexicon, genre(1, "trap music", related(&["Travis Scott"])))),
        [],
        "the lexicon has its own linter"
    );
    let usage = Synonyms { usage_context: list(&["Mardi Gras"]), ..Synonyms::default() };
    assert_eq!(found(genre(1, "trap music", usage)), [], "an occasion may have a name");
}

#[test]
fn a_translation_into_the_other_language_is_found() {
    let findings = lint(&[genre(
        1,
        "sea shanty",
        translated(&["chants des marins", "shanty"], &["songs of the sea", "chant de marin"]),
    )]);
    let wrong = |term| (Kind::WrongLanguage, vec!["sea shanty"], term);
    assert_eq!(said(&findings), [wrong("chants des marins"), wrong("songs of the sea")]);
    let same =
        genre(1, "chanson à texte", translated(&["chanson à texte", "French chanson à texte"], &["chanson à texte"]));
    assert_eq!(said(&lint(&[same])), [], "the tag's own name is the same in both");
    let mixed = genre(1, "sea shanty", searched(&["chants des marins", "songs of the sea"]));
    assert_eq!(said(&lint(&[mixed])), [], "search terms are in both languages");
}

#[test]
fn a_term_in_too_many_rows_says_nothing() {
    let tags = |count: i64, frequent: i64| -> Vec<TagToLint> {
        let usage = |id| if id <= frequent { list(&["Late night", "late-night"]) } else { Vec::new() };
        let content = |id| Synonyms { usage_context: usage(id), ..searched(&[&format!("t{id}")]) };
        (1..=count).map(|id| genre(id, &format!("g{id}"), content(id))).collect()
    };
    let findings = lint(&tags(100, 9));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(
        (findings[0].kind, findings[0].term.as_deref(), findings[0].tag_count),
        (Kind::FrequentTerm, Some("Late night"), 9)
    );
    assert!(findings[0].why.contains("9 of 100 rows (9 %)"), "{}", findings[0].why);
    assert_eq!(said(&lint(&tags(100, 8))), [], "8 % are few enough");
    assert_eq!(said(&lint(&tags(49, 9))), [], "of fewer than 50 rows a share says nothing");
}

#[test]
fn the_own_name_is_no_synonym_but_may_be_a_translation() {
    let tag = genre(
        1,
        "hip hop",
        Synonyms {
            search_terms: list(&["Hip-Hop"]),
            related_tags: list(&["hip hop"]),
            usage_context: list(&["hip hop"]),
            translations: Translations { en: list(&["hip hop"]), fr: list(&["hip hop"]) },
        },
    );
    let own = |term| (Kind::OwnName, vec!["hip hop"], term);
    assert_eq!(said(&lint(std::slice::from_ref(&tag))), [own("Hip-Hop"), own("hip hop")]);
    assert_eq!(said(&lint(&[by(Source::Lexicon, tag)])), [], "the lexicon has its own linter");
}
