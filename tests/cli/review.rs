//! Review and merging through the command line.

use super::Home;

/// What `import` takes, a doubtful term and a proposal among it.
const ROWS: &str = concat!(
    r#"{"tag_type":"genre","name":"hip hop","synonyms":{"source":"ollama","confidence":0.7,"is_active":true,"terms":["#,
    r#"{"section":"search_terms","lang":"en","term":"boom bap","source":"ollama","confidence":0.7,"status":"active"},"#,
    r#"{"section":"search_terms","lang":"en","term":"opera","source":"ollama","confidence":0.2,"status":"quarantined"},"#,
    r#"{"section":"translations","lang":"fr","term":"ip op","source":"ollama","confidence":0.2,"status":"quarantined"}"#,
    r#"]}}"#,
    "\n",
    r#"{"tag_type":"mood","name":"sad","synonyms":{"source":"manual","confidence":1.0,"is_active":true,"terms":["#,
    r#"{"section":"search_terms","lang":"en","term":"blue","source":"ollama","confidence":0.7,"status":"proposed"},"#,
    r#"{"section":"search_terms","lang":"en","term":"gloomy","source":"manual","confidence":1.0,"status":"active"}"#,
    r#"]}}"#,
    "\n",
    r#"{"tag_type":"genre","name":"rap"}"#,
    "\n",
);

fn imported() -> Home {
    let home = Home::new();
    home.file("rows.jsonl", ROWS);
    home.run(&["import", "rows.jsonl"]).succeeded();
    home
}

/// The number of the term that waits with this text.
fn pending(home: &Home, text: &str) -> String {
    let items = home.run(&["review", "list", "--json"]).succeeded().json();
    items.iter().find(|item| item["term"] == text).unwrap_or_else(|| panic!("{items:?}"))["id"].to_string()
}

#[test]
fn terms_that_wait_are_listed_and_decided_on() {
    let home = imported();
    let listed = home.run(&["review"]).succeeded();
    assert!(listed.stdout.starts_with("ID") && listed.stdout.contains("ip op"), "without a terminal: {listed:?}");
    assert!(listed.stdout.lines().all(|line| line.chars().count() <= 80), "{listed:?}");
    assert!(listed.stderr.contains("3 terms"), "{listed:?}");
    let other = home.run(&["review", "--database", "sqlite:other.db", "list"]).succeeded();
    assert!(other.stderr.contains("0 terms"), "{other:?}");
    let few = home.run(&["review", "list", "--limit", "1"]).succeeded();
    assert!(few.stderr.contains("1 term, and more wait"), "{few:?}");
    assert_eq!(home.run(&["review", "--type", "mood", "--json"]).succeeded().json()[0]["term"], "blue");

    let (opera, name) = (pending(&home, "opera"), pending(&home, "ip op"));
    assert!(home.run(&["review", "reject", &opera]).succeeded().stdout.contains("rejected"));
    let edited = home.run(&["review", "edit", &name, "hip-hop", "--json"]).succeeded();
    assert_eq!(edited.json()[0]["outcome"], "edited");
    let again = home.run(&["review", "accept", &opera, "999"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stdout.contains(&format!("term {opera}: gone")), "{again:?}");
    let all = home.run(&["review", "accept", "--all", "--status", "proposed", "--yes"]).succeeded();
    assert!(all.stdout.contains("1 accepted, 0 edited, 0 rejected"), "{all:?}");
    let left = home.run(&["review", "list"]).succeeded();
    assert!(left.stdout.is_empty() && left.stderr.contains("0 terms"), "{left:?}");
    let found = home.run(&["search", "blue", "--type", "mood", "--json"]).succeeded();
    assert_eq!(found.json()[0]["results"][0]["tag_name"], "sad", "{found:?}");
}

#[test]
fn a_tag_is_merged_into_another() {
    let home = imported();
    let dry = home.run(&["tags", "merge", "rap", "Hip-Hop", "--type", "genre", "--dry-run"]).succeeded();
    assert!(dry.stdout.contains("would be merged") && dry.stdout.contains("search_terms: boom bap | rap"), "{dry:?}");
    assert!(dry.stderr.contains("nothing was written"), "{dry:?}");
    let merged = home.run(&["tags", "merge", "rap", "hip hop", "--type", "genre", "--json"]).succeeded();
    assert_eq!(merged.json()[0]["synonyms"]["search_terms"][1], "rap", "{merged:?}");
    let found = home.run(&["search", "rap", "--json"]).succeeded();
    assert_eq!(found.json()[0]["results"][0]["tag_name"], "hip hop", "{found:?}");
    home.run(&["tags", "merge", "rap", "hip hop", "--type", "genre"]).refused(1, &["rap", "not found"]);
    home.run(&["tags", "merge", "hip hop", "hiphop", "--type", "genre"]).refused(1, &["itself"]);
}
