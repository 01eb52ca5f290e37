//! The gates on whole answers.

use super::*;

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn kept(gated: &Gated, section: Section) -> Vec<&str> {
    gated.terms.iter().filter(|term| term.section == section).map(|term| term.term.as_str()).collect()
}

fn translations(gated: &Gated) -> Vec<(Option<Lang>, &str)> {
    let terms = gated.terms.iter().filter(|term| term.section == Section::Translations);
    terms.map(|term| (term.lang, term.term.as_str())).collect()
}

fn reasons(gated: &Gated) -> Vec<(&str, DropReason)> {
    gated.dropped.iter().map(|dropped| (dropped.term.as_str(), dropped.reason)).collect()
}

const FULL: &str = r#"{"search_terms": ["swing", "bebop", "jazz vocal", "musique jazz", "big band"],
    "related_tags": ["blues"], "usage_context": ["dîner"], "translations": {"en": ["jazz"], "fr": ["jazz"]}}"#;

#[test]
fn a_full_clean_answer_passes_whole() {
    let gated = pass(FULL, &tag("jazz"), &[]).unwrap();
    assert_eq!((gated.terms.len(), gated.written, gated.dropped.len(), gated.lenient), (9, 9, 0, false));
    assert_eq!(confidence(&gated, false).value(), 0.75);
    assert_eq!(confidence(&gated, true).value(), 0.65);
    assert!(gated.terms.iter().all(|term| term.source == Source::Ollama && term.confidence.value() == 0.75));
}

#[test]
fn json_is_found_in_prose_and_fences() {
    for raw in [
        format!("Voici {{le JSON}} :\n```json\n{FULL}\n```\nEt {{voilà}}."),
        format!("{{}} {FULL}"),
        format!("{FULL} // {{\"search_terms\": [\"other\"]}}"),
    ] {
        let gated = pass(&raw, &tag("jazz"), &[]).unwrap();
        assert!(gated.lenient);
        assert_eq!(gated.terms.len(), 9);
        assert_eq!(confidence(&gated, false).value(), 0.7);
    }
    let wrapped = pass(&format!(r#"{{"tag": "jazz", "synonyms": {FULL}}}"#), &tag("jazz"), &[]).unwrap();
    assert_eq!((wrapped.terms.len(), wrapped.lenient), (9, false));
}

#[test]
fn braces_inside_of_strings_do_not_count() {
    let raw = r#"{"search_terms": ["}", "\"}", "bebop"], "related_tags": ["{"]}"#;
    let gated = pass(raw, &tag("jazz"), &[]).unwrap();
    assert_eq!(kept(&gated, Section::SearchTerms), ["bebop"]);
}

#[test]
fn half_a_json_is_refused_wherever_it_is_cut() {
    for (at, _) in FULL.char_indices().skip(2) {
        assert_eq!(pass(&FULL[..at], &tag("jazz"), &[]), Err(GateError::Truncated), "{}", &FULL[..at]);
    }
}

#[test]
fn an_answer_without_sections_or_json_is_refused() {
    for (raw, expected) in [
        ("", GateError::NotJson),
        ("null", GateError::NotJson),
        ("[\"swing\"]", GateError::NotJson),
        ("1. swing\n2. bebop {et plus}", GateError::NotJson),
        (r#"{"search_terms": ["swing",]}"#, GateError::NotJson),
        ("{}", GateError::NoSections),
        (r#"{"genre": "jazz", "terms": ["swing"]}"#, GateError::NoSections),
    ] {
        assert_eq!(pass(raw, &tag("jazz"), &[]), Err(expected), "{raw}");
    }
    let echo = r#"{"search_terms": ["jazz", 7], "translations": ["jazz"]}"#;
    let Err(GateError::NothingLeft { dropped }) = pass(echo, &tag("jazz"), &[]) else { panic!() };
    let reasons: Vec<_> = dropped.iter().map(|dropped| dropped.reason).collect();
    assert_eq!(reasons, [DropReason::OwnName, DropReason::NotText, DropReason::NoLanguage]);
}

#[test]
fn a_flood_of_braces_or_entries_takes_no_time_that_matters() {
    let braces = "{ \"".repeat(100_000);
    assert_eq!(pass(&braces, &tag("jazz"), &[]), Err(GateError::Truncated));
    assert_eq!(pass(&"{".repeat(1_000_000), &tag("jazz"), &[]), Err(GateError::NotJson));
    let entries = format!(r#"{{"search_terms": [{}"swing"]}}"#, "\"x\",".repeat(200_000));
    let gated = pass(&entries, &tag("jazz"), &[]).unwrap();
    assert_eq!((gated.terms.len(), gated.written), (1, MAX_ENTRIES));
}

#[test]
fn translations_are_read_in_every_shape_that_tells_a_language() {
    for shape in [
        r#"{"FR": ["sombre"], "EN": ["dark"]}"#,
        r#"{"français": "sombre", "English": "dark"}"#,
        r#"[{"fr": "sombre"}, {"en": "dark"}]"#,
        r#""FR: sombre, EN: dark""#,
        r#"["FR: sombre", "EN: dark"]"#,
    ] {
        let gated = pass(&format!(r#"{{"translations": {shape}}}"#), &tag("black"), &[]).unwrap();
        let mut found = translations(&gated);
        found.sort_unstable();
        assert_eq!(found, [(Some(Lang::En), "dark"), (Some(Lang::Fr), "sombre")], "{shape}");
    }
    let flat = r#"{"search_terms": ["noir"], "translations": ["sombre", "dark", {"es": "oscuro"}]}"#;
    let gated = pass(flat, &tag("black"), &[]).unwrap();
    assert!(gated.dropped.iter().all(|dropped| dropped.reason == DropReason::NoLanguage));
    assert_eq!(gated.dropped.len(), 3);
}

#[test]
fn lists_that_came_as_one_text_are_taken_apart() {
    let whole = r#"{"search_terms": "sombre, ténébreux, gothic", "related_tags": "darkwave"}"#;
    let gated = pass(whole, &tag("dark"), &[]).unwrap();
    assert_eq!(kept(&gated, Section::SearchTerms), ["sombre", "ténébreux", "gothic"]);
    assert_eq!(kept(&gated, Section::RelatedTags), ["darkwave"]);

    let entry = r#"{"search_terms": ["sombre, ténébreux, gothic, musique sombre, nuit profonde, obscurité",
        "crosby, stills", "C'est un genre musical assez sombre, né en Angleterre, puis joué dans le monde"]}"#;
    let gated = pass(entry, &tag("dark"), &[]).unwrap();
    assert_eq!(
        kept(&gated, Section::SearchTerms),
        ["sombre", "ténébreux", "gothic", "musique sombre", "nuit profonde", "obscurité", "crosby, stills"]
    );
    assert_eq!(gated.dropped[0].reason, DropReason::TooLong);
}

#[test]
fn repetitions_own_names_and_rejected_terms_are_dropped() {
    let raw = r#"{"search_terms": ["Hip-Hop", "rap", "RAP", "boom bap"], "related_tags": ["hiphop", "rap"],
        "usage_context": ["hip hop"], "translations": {"fr": ["hip-hop", "rap"], "en": ["hip hop", "rap", "Rap"]}}"#;
    let gated = pass(raw, &tag("hip hop"), &["boombap".to_owned()]).unwrap();
    assert_eq!(
        reasons(&gated),
        [
            ("Hip-Hop", DropReason::OwnName),
            ("RAP", DropReason::Repeated),
            ("boom bap", DropReason::Rejected),
            ("hiphop", DropReason::OwnName),
            ("Rap", DropReason::Repeated),
        ]
    );
    assert_eq!(gated.written, 12);
}

#[test]
fn a_section_keeps_no_more_than_its_bound() {
    let many: Vec<String> = (0..20).map(|n| format!("\"term {n}\"")).collect();
    let many = many.join(",");
    let raw = format!(
        r#"{{"search_terms": [{many}], "related_tags": [{many}], "usage_context": [{many}],
        "translations": {{"en": [{many}], "fr": [{many}]}}}}"#
    );
    let gated = pass(&raw, &tag("jazz"), &[]).unwrap();
    assert_eq!(kept(&gated, Section::SearchTerms).len(), 10);
    assert_eq!(kept(&gated, Section::RelatedTags).len(), 8);
    assert_eq!(kept(&gated, Section::UsageContext).len(), 6);
    assert_eq!(translations(&gated).len(), 8);
    assert!(gated.dropped.iter().all(|dropped| dropped.reason == DropReason::OverBound));
}

#[test]
fn confidence_stays_within_its_bounds_and_falls_with_what_is_missing() {
    let of = |raw: &str| confidence(&pass(raw, &tag("jazz"), &[]).unwrap(), false).value();
    let no_usage = r#"{"search_terms": ["a", "b", "c", "d", "e"], "related_tags": ["f"], "translations": {"en": "g"}}"#;
    assert_eq!(of(no_usage), 0.675);
    assert_eq!(of(r#"{"search_terms": ["a", 1, 2, 3, 4]}"#), 0.1);
    assert_eq!(
        of(r#"{"search_terms": ["a", "b", "c", "d"], "related_tags": ["e"], "usage_context": ["f"],
        "translations": {"en": ["g"], "fr": ["h"]}}"#),
        0.6
    );
}
