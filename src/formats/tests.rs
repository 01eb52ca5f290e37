//! A small library with every character that one of the formats gives a meaning, and the golden files of what is written of it.

use std::path::Path;

use super::{NamedTag, csv, solr, yaml};
use crate::{
    domain::{Confidence, Lang, Section, Source, TagName, TagType, Term, TermStatus, key},
    enrich::vocabulary::Vocabulary,
    store::{ExportRow, ExportSynonyms, KeyedTerm, TagWithTerms},
};

/// A term in short: section, language, text, confidence.
pub(super) type Short = (Section, Option<Lang>, &'static str, f64);

const NO_LANG: Option<Lang> = None;

/// A tag of a library.
pub(super) fn tag(tag_type: TagType, id: i64, name: &str, terms: &[Short]) -> TagWithTerms {
    let keyed = |(section, lang, term, confidence): &Short| KeyedTerm {
        section: *section,
        lang: *lang,
        term: (*term).to_owned(),
        key: key(term),
        confidence: Confidence::clamped(*confidence),
    };
    let terms = terms.iter().map(keyed).collect();
    TagWithTerms { tag_type, id, name: name.to_owned(), confidence: Some(Confidence::clamped(0.8)), terms }
}

/// The library. Two moods are called `serene`, so neither is.
pub(super) fn vocabulary() -> Vocabulary {
    use Section::{RelatedTags, SearchTerms, Translations, UsageContext};
    let (english, french) = (Some(Lang::En), Some(Lang::Fr));
    Vocabulary::of([
        tag(
            TagType::Genre,
            1,
            "drum and bass",
            &[
                (SearchTerms, NO_LANG, "dnb", 0.9),
                (SearchTerms, NO_LANG, "d&b", 0.9),
                (SearchTerms, english, "fast breakbeats", 0.6),
                (UsageContext, english, "running in the morning", 0.6),
                (Translations, french, "drum'n'bass", 0.9),
            ],
        ),
        tag(
            TagType::Genre,
            2,
            "Hip-Hop",
            &[
                (SearchTerms, NO_LANG, "rap music", 0.36),
                (UsageContext, english, "block party", 0.6),
                (Translations, english, "hip hop", 0.9),
            ],
        ),
        tag(
            TagType::Genre,
            3,
            "say \"hi\": # loud",
            &[(SearchTerms, NO_LANG, "say, hi => loud \\ \"quoted\"", 0.9), (SearchTerms, NO_LANG, "#hi", 0.9)],
        ),
        tag(TagType::Genre, 4, "#1 hits", &[(SearchTerms, NO_LANG, "number one hits", 0.9)]),
        tag(TagType::Genre, 5, "R&B", &[(RelatedTags, NO_LANG, "Calm", 0.6)]),
        tag(
            TagType::Mood,
            1,
            "calm",
            &[
                (SearchTerms, NO_LANG, "serene", 0.9),
                (RelatedTags, NO_LANG, "hip hop", 0.6),
                (Translations, french, "paisible", 0.9),
                (Translations, french, "calme", 0.9),
            ],
        ),
        tag(
            TagType::Mood,
            2,
            "melancholic",
            &[(SearchTerms, NO_LANG, "serene", 0.9), (SearchTerms, NO_LANG, "blue", 0.9)],
        ),
    ])
}

/// A library of genres of these names, all of them for a rainy day.
pub(super) fn with_genres(names: &[&str]) -> Vocabulary {
    let terms = [(Section::UsageContext, Some(Lang::En), "rainy day", 0.6)];
    Vocabulary::of((1..).zip(names).map(|(id, name)| tag(TagType::Genre, id, name, &terms)))
}

/// Rows of an export: with a term that was rejected, and a tag without terms.
pub(super) fn rows() -> Vec<ExportRow> {
    let row = |tag_type: TagType, name: &str, terms: &[Short]| {
        let term = |(section, lang, term, confidence): &Short| Term {
            section: *section,
            lang: *lang,
            term: (*term).to_owned(),
            source: Source::Import,
            confidence: Confidence::clamped(*confidence),
            status: if *term == "jungle" { TermStatus::Rejected } else { TermStatus::Active },
        };
        let terms: Vec<Term> = terms.iter().map(term).collect();
        let confidence = Confidence::clamped(0.9);
        let synonyms = ExportSynonyms { source: Source::Import, confidence, is_active: true, terms, record: None };
        let synonyms = Some(synonyms).filter(|synonyms| !synonyms.terms.is_empty());
        ExportRow { tag_type, name: TagName::parse(name).unwrap(), tag_created_at: None, synonyms }
    };
    vec![
        row(
            TagType::Genre,
            "drum and bass",
            &[
                (Section::SearchTerms, NO_LANG, "dnb", 0.9),
                (Section::SearchTerms, NO_LANG, "jungle", 0.9),
                (Section::SearchTerms, Some(Lang::En), "say \"hi\", loud", 0.6),
                (Section::UsageContext, Some(Lang::En), "morning run", 0.6),
                (Section::Translations, Some(Lang::Fr), "drum'n'bass", 0.9),
            ],
        ),
        row(TagType::Genre, "ska", &[]),
        row(TagType::Mood, "calm", &[(Section::RelatedTags, NO_LANG, "peaceful", 0.6)]),
    ]
}

/// Compares a text with the file of this name; `MUSONYM_BLESS=1 cargo test --lib formats` writes it anew.
#[track_caller]
pub(super) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/golden").join(name);
    if std::env::var_os("MUSONYM_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "{} differs", path.display());
}

/// What people and other programs put into names, and more.
const NAMES: &str = "[ -~éжß]{0,12}[a-z0-9][ -~éжß😀]{0,12}";

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_names_come_back_from_the_rules_of_solr(names in proptest::collection::vec(NAMES, 2..5)) {
        let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        let library = with_genres(&["a"]);
        let place = library.places().next().unwrap();
        let others = names[1..].to_vec();
        let tag = NamedTag { place, tag_type: TagType::Genre, name: names[0], key: "a", others };
        let exported = solr::synonyms(&[tag]);
        let rules = solr::parse(&exported.text).unwrap();
        proptest::prop_assert_eq!(rules.len(), 1);
        proptest::prop_assert_eq!(&rules[0].names, &names);
        proptest::prop_assert_eq!(&rules[0].stands_for, &None);
    }

    #[test]
    fn any_name_comes_back_from_a_scalar(name in NAMES) {
        let name = name.trim();
        let written = yaml::scalar(name);
        proptest::prop_assert_eq!(yaml::read_scalar(&written), Ok((name.to_owned(), "")));
    }

    #[test]
    fn any_term_comes_back_from_a_table(text in NAMES) {
        let mut rows = rows();
        rows.truncate(1);
        let text = text.trim();
        rows[0].synonyms.as_mut().unwrap().terms[0].term = text.to_owned();
        let read = csv::read(&csv::write(&rows).text, None).unwrap();
        proptest::prop_assert_eq!(&read[0].synonyms.as_ref().unwrap().terms[0].term, text);
    }
}
