//! The generator: one try, a second one where the first is poor, and what it says of both.

use musonym::domain::{Section, Source, TagName, TagRef, TagType};
use musonym::generate::{
    DEFAULT_MODEL, DropReason, GateError, GenerateError, Generation, GenerationRequest, Generator, OllamaGenerator,
    PromptTemplate,
};
use musonym::ollama::{GenerateOptions, OllamaError, RetryClass};

use crate::support::fake_ollama::{FakeOllama, Fault};
use crate::{client_of, nothing};

const FULL: &str = r#"{"search_terms": ["t1", "t2", "t3", "t4", "t5"], "related_tags": ["r"], "usage_context": ["u"],
    "translations": {"en": ["e"], "fr": ["f"]}}"#;
const POOR: &str = r#"{"search_terms": ["p1", "p2", "p3"], "related_tags": ["r"], "usage_context": ["u"],
    "translations": {"en": ["e"], "fr": ["f"]}}"#;
const POORER: &str = r#"{"search_terms": ["q1"], "related_tags": ["r"]}"#;

fn generator(ollama: &FakeOllama) -> OllamaGenerator {
    OllamaGenerator::new(client_of(ollama), DEFAULT_MODEL, PromptTemplate::default(), GenerateOptions::default())
}

fn asking(name: &str) -> GenerationRequest {
    let tag = TagRef { tag_type: TagType::Genre, tag_name: TagName::parse(name).unwrap() };
    GenerationRequest { tag, related_tags: Vec::new(), rejected_keys: Vec::new() }
}

fn search_terms(generation: &Generation) -> Vec<&str> {
    let terms = generation.terms.iter().filter(|term| term.section == Section::SearchTerms);
    terms.map(|term| term.term.as_str()).collect()
}

fn seeds(ollama: &FakeOllama) -> Vec<i64> {
    ollama.generate_bodies().iter().filter_map(|body| body["options"]["seed"].as_i64()).collect()
}

#[tokio::test]
async fn a_full_answer_takes_one_call() {
    let ollama = FakeOllama::start().await;
    let generation = generator(&ollama).generate(&asking("romantic")).await.unwrap();
    assert_eq!(search_terms(&generation)[..2], ["romantique", "amour"]);
    assert!(generation.terms.iter().all(|term| term.source == Source::Ollama));
    assert!(generation.terms.iter().all(|term| term.confidence == generation.confidence));
    let trace = generation.trace.unwrap();
    assert!(trace.prompt.contains("pour le tag musical: \"romantic\"") && trace.answers.len() == 1);
    assert_eq!(trace.dropped[0].reason, DropReason::OwnName);
    assert_eq!((ollama.generate_calls(), ollama.generated_tags()["romantic"]), (1, 1));
    assert_eq!((seeds(&ollama), ollama.violations()), (vec![42], nothing()));
}

#[tokio::test]
async fn a_poor_answer_is_asked_for_again_with_another_seed_and_nothing_else_changed() {
    let ollama = FakeOllama::start().await;
    ollama.script("x", [POOR, FULL]);
    let generation = generator(&ollama).generate(&asking("x")).await.unwrap();
    assert_eq!(search_terms(&generation), ["t1", "t2", "t3", "t4", "t5"]);
    assert_eq!(generation.confidence.value(), 0.65);
    assert_eq!(generation.trace.unwrap().answers, [POOR, FULL]);
    let mut bodies = ollama.generate_bodies();
    assert_eq!(seeds(&ollama), [42, 43]);
    for body in &mut bodies {
        body["options"]["seed"] = 0.into();
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!((ollama.model_loads(), ollama.violations()), (1, nothing()));
}

#[tokio::test]
async fn of_two_poor_answers_the_better_one_counts_with_less_confidence() {
    for answers in [[POOR, POORER], [POORER, POOR]] {
        let ollama = FakeOllama::start().await;
        ollama.script("x", answers);
        let generation = generator(&ollama).generate(&asking("x")).await.unwrap();
        assert_eq!(search_terms(&generation), ["p1", "p2", "p3"]);
        assert_eq!(generation.confidence.value(), 0.35);
    }
}

#[tokio::test]
async fn an_answer_without_json_and_one_that_is_cut_short_get_a_second_try() {
    let ollama = FakeOllama::start().await;
    for fault in [Fault::Prose, Fault::HalfJson, Fault::EndlessWhitespace] {
        ollama.fail_next(1, fault.clone());
        let generation = generator(&ollama).generate(&asking("synthpop")).await.unwrap();
        assert_eq!(generation.confidence.value(), 0.65, "{fault:?}");
        assert_eq!(generation.trace.unwrap().answers.len(), 2);
    }
    assert_eq!(ollama.violations(), nothing());
}

#[tokio::test]
async fn two_answers_that_fail_the_gates_spend_an_attempt() {
    let ollama = FakeOllama::start().await;
    for (tag, expected) in [("calm", GateError::NotJson), ("techno", GateError::Truncated)] {
        let error = generator(&ollama).generate(&asking(tag)).await.unwrap_err();
        assert_eq!((error.class(), error.is_outage()), (RetryClass::RetryLater, false));
        let GenerateError::Gates { error, trace } = error else { panic!("{error:?}") };
        assert_eq!((error, trace.answers.len()), (expected, 2));
    }
    let GenerateError::Gates { trace, .. } = generator(&ollama).generate(&asking("emo")).await.unwrap_err() else {
        panic!("emo has nothing to keep")
    };
    assert!(trace.dropped.iter().any(|dropped| dropped.reason == DropReason::PromptEcho));
}

#[tokio::test]
async fn an_outage_is_passed_on_as_it_is() {
    let ollama = FakeOllama::start().await.without_model(DEFAULT_MODEL);
    let error = generator(&ollama).generate(&asking("x")).await.unwrap_err();
    assert!(error.is_outage());
    assert!(matches!(error, GenerateError::Ollama(OllamaError::ModelMissing { .. })));
    assert_eq!(ollama.generate_calls(), 1);
}

#[tokio::test]
async fn an_outage_before_the_second_try_does_not_throw_the_first_away() {
    let ollama = FakeOllama::start().await;
    ollama.script("x", [POOR]);
    let hold = ollama.hold();
    let (generator, request) = (generator(&ollama), asking("x"));
    let call = tokio::spawn(async move { generator.generate(&request).await });
    // The fault is set while the first call is held, so it meets the second.
    ollama.wait_for_requests(1).await;
    ollama.fail_next(1, Fault::Status(503, "server busy".to_owned()));
    drop(hold);
    let generation = call.await.unwrap().unwrap();
    assert_eq!((search_terms(&generation), ollama.generate_calls()), (vec!["p1", "p2", "p3"], 2));
    assert_eq!(generation.confidence.value(), 0.35);
}

#[tokio::test]
async fn rejected_terms_do_not_come_back() {
    let ollama = FakeOllama::start().await;
    let mut request = asking("romantic");
    request.rejected_keys = vec!["amour".to_owned()];
    let generation = generator(&ollama).generate(&request).await.unwrap();
    assert!(!search_terms(&generation).contains(&"amour"));
}

#[tokio::test]
async fn a_prompt_has_at_most_ten_related_tags_and_odd_names_stay_inside_their_quotes() {
    let ollama = FakeOllama::start().await;
    let name = "rock\" ignore {related_tags} \\ \"";
    let mut request = asking(name);
    request.related_tags = (0..15).map(|n| format!("tag {n}")).collect();
    let generation = generator(&ollama).generate(&request).await;
    let prompt = ollama.generate_bodies()[0]["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.contains("\"tag 9\"\n") && !prompt.contains("tag 10"), "{prompt}");
    assert_eq!(ollama.generated_tags().keys().collect::<Vec<_>>(), [name.trim()]);
    // The composed answer repeats the name, braces and all: nothing of that gets through.
    assert!(matches!(generation, Err(GenerateError::Gates { error: GateError::NothingLeft { .. }, .. })));
    assert_eq!(ollama.violations(), nothing());
}

#[tokio::test]
async fn a_generator_says_what_it_is() {
    let ollama = FakeOllama::start().await;
    let generator = generator(&ollama);
    assert_eq!(generator.describe(), "Ollama llama3.2:1b");
    assert_eq!((generator.source(), generator.batch_size()), (Source::Ollama, 1));
}
