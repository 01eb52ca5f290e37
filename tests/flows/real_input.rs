//! The real vocabulary and the real, hostile tag strings, where they are at hand: `MUSONYM_TEST_DATA`, or a folder
//! `shared/data` beside the checkout. Without them these tests say so and check nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::binary::{Home, eventually};

fn data(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MUSONYM_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = folder.join(file);
    if path.is_file() {
        return Some(path.canonicalize().unwrap());
    }
    println!("SKIPPED: {} is not here; set MUSONYM_TEST_DATA", path.display());
    None
}

#[tokio::test]
async fn every_real_tag_gets_its_synonyms_and_is_found_by_a_french_name_an_alias_and_a_misspelling() {
    let Some(tags) = data("tags.jsonl") else { return };
    let home = Home::without_ollama();
    home.run(&["tags", "import", tags.to_str().unwrap()]).await;
    let server = home.serve(&[]).await;
    let lines = std::fs::read_to_string(&tags).unwrap();
    let wanted: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    eventually("all synonyms are written", async || {
        let (_, jobs) = server.get("/api/jobs?kind=generate&state=queued&limit=1").await;
        let (_, running) = server.get("/api/jobs?kind=generate&state=running&limit=1").await;
        (jobs["items"] == json!([]) && running["items"] == json!([])).then_some(())
    })
    .await;

    let mut missed: Vec<String> = Vec::new();
    let mut asked = 0;
    for tag in &wanted {
        let (tag_type, name) = (tag["tag_type"].as_str().unwrap(), tag["name"].as_str().unwrap());
        let lookup = json!({ "tags": [{ "tag_type": tag_type, "tag_name": name }] });
        let answer = server.post("/api/synonyms/lookup", lookup, 200).await;
        let row = answer["items"][0].clone();
        let synonyms = &row["synonyms"];
        assert!(synonyms.is_object(), "{name} has no synonyms: {answer}");
        let french = synonyms["translations"]["fr"][0].as_str().unwrap_or_else(|| panic!("{name}: no French name"));
        let alias = synonyms["search_terms"][0].as_str().unwrap_or_else(|| panic!("{name}: no search term"));
        let misspelt = misspell(name);
        let queries = [Some(french.to_owned()), Some(alias.to_owned()), misspelt];
        for query in queries.into_iter().flatten() {
            asked += 1;
            let answer = server.search(&query).await;
            let found = answer["results"].as_array().unwrap().iter().any(|hit| hit["tag_name"] == name);
            if !found {
                missed.push(format!("{name} by `{query}`"));
            }
        }
    }
    println!("{} of {asked} look-ups of {} tags missed: {missed:?}", missed.len(), wanted.len());
    assert!(missed.is_empty(), "{} of {asked}: {missed:?}", missed.len());
}

/// Doubles the third letter of a name that is long enough to be recognised with an error in it.
fn misspell(name: &str) -> Option<String> {
    let letters: Vec<char> = name.chars().collect();
    let place = letters.iter().enumerate().skip(2).find(|(_, letter)| letter.is_alphabetic())?.0;
    let long_enough = letters.iter().filter(|letter| letter.is_alphanumeric()).count() >= 5;
    long_enough.then(|| letters[..=place].iter().chain(&letters[place..]).collect())
}

#[tokio::test]
async fn raw_strings_of_a_library_are_in_or_refused_by_line_and_reason_and_nothing_is_half_in() {
    let Some(raw) = data("library_tags.txt") else { return };
    let home = Home::without_ollama();
    let output = home.run(&["tags", "import", raw.to_str().unwrap(), "--type", "genre", "--json"]).await;
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = std::fs::read(&raw).unwrap();
    let lines = lines.strip_suffix(b"\n").unwrap_or(&lines).split(|byte| *byte == b'\n').count() as u64;
    let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("no {name} in {summary}"));
    let refused = summary["refusals"].as_array().unwrap();
    assert_eq!(count("created") + count("present") + count("refused") + count("blank"), lines, "{summary}");
    assert_eq!(refused.len() as u64, count("refused"));
    assert!(count("created") > 2_000 && !refused.is_empty(), "{summary}");
    for refusal in refused {
        assert!(refusal["line"].as_u64().is_some_and(|line| line >= 1 && line <= lines), "{refusal}");
        assert!(refusal["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{refusal}");
    }
    // Each tag that is in has its job; once that is done, it has its synonyms.
    let server = home.serve(&[]).await;
    let (_, jobs) = server.get("/api/jobs?limit=1").await;
    let counts = &jobs["counts"];
    let total: u64 = ["queued", "running", "succeeded"].iter().map(|state| counts[state].as_u64().unwrap()).sum();
    assert!(total >= count("created"), "{jobs}");
    eventually("all synonyms are written", async || {
        let (_, tags) = server.get("/api/tags?has_synonyms=false&limit=1").await;
        (tags["items"] == json!([])).then_some(())
    })
    .await;
    println!(
        "{} created, {} present, {} refused, {} blank of {lines}",
        count("created"),
        count("present"),
        count("refused"),
        count("blank")
    );
}
