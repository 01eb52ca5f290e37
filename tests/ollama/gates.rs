//! The gates on the 88 hand-written answers of the data file: each passes or fails as its class says.

use musonym::domain::{Section, TagName, Term, key};
use musonym::generate::gates::{MAX_GENERATED_CHARS, MAX_GENERATED_WORDS, confidence, pass};
use musonym::generate::{DropReason, GateError, Gated};
use proptest::prelude::*;

use crate::support::fake_ollama::{CannedAnswer, canned_answers};

fn gated(canned: &CannedAnswer) -> Result<Gated, GateError> {
    pass(&canned.answer, &TagName::parse(&canned.tag).unwrap(), &[])
}

fn answer_for(tag: &str) -> Gated {
    gated(canned_answers().iter().find(|canned| canned.tag == tag).unwrap()).unwrap()
}

fn of(gated: &Gated, section: Section) -> Vec<&str> {
    gated.terms.iter().filter(|term| term.section == section).map(|term| term.term.as_str()).collect()
}

#[test]
fn every_answer_passes_or_fails_as_its_class_says() {
    assert_eq!(canned_answers().len(), 88);
    for canned in canned_answers() {
        let result = gated(canned);
        let context = format!("{} ({}): {result:?}", canned.tag, canned.class);
        match (canned.class.as_str(), canned.tag.as_str()) {
            ("truncated", _) => assert_eq!(result, Err(GateError::Truncated), "{context}"),
            ("prose", "calm") => assert_eq!(result, Err(GateError::NotJson), "{context}"),
            ("prose", _) => assert!(result.is_ok_and(|gated| gated.lenient), "{context}"),
            // Nothing but the prompt's own words; nothing but nested lists.
            ("hallucinated", "emo") | ("shape", "zouk") => {
                assert!(matches!(result, Err(GateError::NothingLeft { .. })), "{context}");
            }
            ("good", _) => {
                let gated = result.unwrap();
                assert!(!gated.lenient && gated.terms.len() >= 6, "{context}");
                let silly =
                    |reason| !matches!(reason, DropReason::OwnName | DropReason::Repeated | DropReason::NoLanguage);
                assert!(!gated.dropped.iter().any(|dropped| silly(dropped.reason)), "{context}");
            }
            _ => assert!(result.is_ok_and(|gated| !gated.lenient), "{context}"),
        }
    }
}

#[test]
fn good_answers_are_trusted_more_than_those_that_repeat_the_name_or_speak_another_script() {
    let trust = |canned: &CannedAnswer| confidence(&gated(canned).unwrap(), false).value();
    let good = canned_answers().iter().filter(|canned| canned.class == "good").map(trust);
    assert!(good.fold(1.0, f64::min) > 0.35);
    for tag in ["hip hop", "lo-fi", "synthwave", "city pop", "k-pop", "melancholic", "black metal"] {
        assert_eq!(confidence(&answer_for(tag), false).value(), 0.1, "{tag}");
    }
}

#[test]
fn of_bad_answers_only_the_sound_part_is_kept() {
    let angry = answer_for("angry");
    assert_eq!(of(&angry, Section::SearchTerms), ["en colère", "rage", "agressif", "furieux"]);
    let dark = answer_for("dark");
    assert_eq!(of(&dark, Section::SearchTerms), ["sombre", "ténébreux", "obscur", "gothic", "noir"]);
    assert_eq!(of(&dark, Section::Translations), ["sombre", "dark"]);
    let metal = answer_for("black metal");
    assert_eq!(of(&metal, Section::SearchTerms), Vec::<&str>::new());
    assert_eq!(of(&metal, Section::RelatedTags), ["death metal"]);
    assert_eq!(of(&metal, Section::UsageContext), ["nuit"]);
    let musette = answer_for("musette");
    assert_eq!(of(&musette, Section::SearchTerms), ["bal musette", "accordéon"]);
    assert_eq!(of(&musette, Section::Translations), ["musette"]);
    assert_eq!(of(&musette, Section::UsageContext), Vec::<&str>::new());
    let melancholic = answer_for("melancholic");
    assert_eq!(of(&melancholic, Section::SearchTerms), ["mélancolique"]);
    let pop = answer_for("k-pop");
    assert_eq!(pop.terms.iter().map(|term| term.term.as_str()).collect::<Vec<_>>(), ["K-Pop"]);
    let bossa = answer_for("bossa nova");
    let mut names = of(&bossa, Section::Translations);
    names.sort_unstable();
    assert_eq!(names, ["bossa nova", "bossa nova", "brazilian jazz", "jazz brésilien"]);
    let soul = answer_for("soul");
    assert_eq!(of(&soul, Section::Translations).len(), 2);
}

/// What no term may be, wherever it came from.
fn assert_presentable(term: &Term) {
    let text = &term.term;
    assert!(!text.is_empty() && !key(text).is_empty(), "{text:?}");
    assert!(text.chars().count() <= MAX_GENERATED_CHARS, "{text:?}");
    assert!(text.split_whitespace().count() <= MAX_GENERATED_WORDS, "{text:?}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains(['<', '>', '{', '}', '`']) && !text.contains("**") && !text.contains("://"), "{text:?}");
    assert_eq!(text.trim(), text);
    assert!(term.section != Section::Translations || term.lang.is_some(), "{text:?}");
}

#[test]
fn no_term_of_any_answer_has_markup_control_characters_or_a_sentence() {
    let all = canned_answers().iter().filter_map(|canned| gated(canned).ok()).flat_map(|gated| gated.terms);
    let count = all.inspect(assert_presentable).count();
    assert!(count > 800, "{count}");
}

proptest! {
    #[test]
    fn no_answer_however_odd_brings_a_term_that_cannot_be_shown(
        texts in proptest::collection::vec("(\\PC|[\\x00-\\x1f<>{}`*&;,\"'. \u{202e}\u{200b}éд日]){0,70}", 1..8),
        around in "(\\PC|[{}\"]){0,10}",
    ) {
        let lists = serde_json::to_string(&texts).unwrap();
        let answer = format!(r#"{around}{{"search_terms": {lists}, "translations": {{"FR": {lists}}}}}{around}"#);
        if let Ok(gated) = pass(&answer, &TagName::parse("jazz").unwrap(), &[]) {
            gated.terms.iter().for_each(assert_presentable);
            prop_assert_eq!(gated.written, gated.terms.len() + gated.dropped.len());
            let confidence = confidence(&gated, true).value();
            prop_assert!((0.1..=0.8).contains(&confidence));
        }
    }

    #[test]
    fn any_text_at_all_is_judged_without_a_panic(raw in "\\PC{0,200}") {
        let _ = pass(&raw, &TagName::parse("jazz").unwrap(), &[]);
    }
}
