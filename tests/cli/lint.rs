//! `musonym lint`.

use super::Home;

/// What `import` takes: an alias that is a name, an address, and two spellings beside a clean tag.
const ROWS: &str = concat!(
    r#"{"tag_type":"genre","name":"rap","synonyms":{"source":"ollama","confidence":0.7,"is_active":true,"terms":["#,
    r#"{"section":"search_terms","lang":"en","term":"hip hop","source":"ollama","confidence":0.7,"status":"active"},"#,
    r#"{"section":"search_terms","lang":"en","term":"www.example.org","source":"ollama","confidence":0.7,"status":"active"},"#,
    r#"{"section":"search_terms","lang":"en","term":"</p>","source":"ollama","confidence":0.7,"status":"rejected"}"#,
    r#"]}}"#,
    "\n",
    r#"{"tag_type":"genre","name":"hip hop","synonyms":{"source":"manual","confidence":1.0,"is_active":true,"terms":["#,
    r#"{"section":"search_terms","lang":"en","term":"boom bap","source":"manual","confidence":1.0,"status":"active"}"#,
    r#"]}}"#,
    "\n",
    r#"{"tag_type":"mood","name":"sad","synonyms":{"source":"manual","confidence":1.0,"is_active":true,"terms":["#,
    r#"{"section":"search_terms","lang":"en","term":"sad","source":"manual","confidence":1.0,"status":"active"}"#,
    r#"]}}"#,
    "\n",
);

#[test]
fn findings_are_shown_in_tables_of_80_columns_with_commands_to_copy() {
    let home = Home::importing(ROWS);
    let ran = home.run(&["lint"]).succeeded();
    let (commands, tables): (Vec<&str>, Vec<&str>) = ran.stdout.lines().partition(|line| line.starts_with('→'));
    assert_eq!(
        commands,
        ["→ musonym tags merge --type genre --dry-run rap 'hip hop'"],
        "what a person wrote stays: {ran:?}"
    );
    assert!(tables.iter().all(|line| line.chars().count() <= 80), "{ran:?}");
    for heading in ["alias_is_name: 1 finding", "markup: 1 finding", "own_name: 1 finding"] {
        assert!(tables.contains(&heading), "{heading}: {ran:?}");
    }
    assert!(!ran.stdout.contains("</p>"), "a rejected term is a decision: {ran:?}");
    assert!(ran.stderr.contains("3 findings in 3 tags"), "{ran:?}");
    assert!(ran.stderr.contains("not looked at: Meanings"), "{ran:?}");
    // What the shell makes of it.
    home.run(&["tags", "merge", "--type", "genre", "--dry-run", "rap", "hip hop"]).succeeded();
}

#[test]
fn json_has_one_finding_a_line_and_filters_hold() {
    let home = Home::importing(ROWS);
    let kinds = |args: &[&str]| -> Vec<String> {
        let ran = home.run(&[&["lint", "--json"], args].concat()).succeeded();
        ran.json().iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&[]), ["alias_is_name", "markup", "own_name"]);
    assert_eq!(kinds(&["--tag-type", "mood"]), ["own_name"]);
    assert_eq!(kinds(&["--kind", "markup", "--kind", "own_name"]), ["markup", "own_name"]);
    assert_eq!(kinds(&["--kind", "duplicate_tag"]), [""; 0]);
}

#[test]
fn findings_end_with_1_only_where_asked() {
    let home = Home::importing(ROWS);
    let strict = home.run(&["lint", "--strict", "--kind", "markup"]);
    assert_eq!(strict.code, 1, "{strict:?}");
    assert!(strict.stdout.contains("www.example.org"), "{strict:?}");
    home.run(&["lint", "--strict", "--kind", "duplicate_tag"]).succeeded();
    let empty = Home::new();
    let ran = empty.run(&["lint", "--strict"]).succeeded();
    assert!(ran.stdout.is_empty() && ran.stderr.contains("0 findings in 0 tags"), "{ran:?}");
}

#[test]
fn many_findings_are_cut_and_a_limit_shows_more() {
    let home = Home::new();
    let rows: Vec<String> = (0..25)
        .map(|number| {
            format!(
                r#"{{"tag_type":"genre","name":"g{number}","synonyms":{{"source":"manual","confidence":1.0,"is_active":true,"terms":[{{"section":"search_terms","lang":null,"term":"www.{number}.org","source":"manual","confidence":1.0,"status":"active"}}]}}}}"#
            )
        })
        .collect();
    home.file("rows.jsonl", rows.join("\n"));
    home.run(&["import", "rows.jsonl"]).succeeded();
    let shown = |args: &[&str]| {
        let ran = home.run(&[&["lint"], args].concat()).succeeded();
        (ran.stdout.matches("www.").count() / 2, ran.stderr.contains("--limit 0 shows all"))
    };
    assert_eq!(shown(&[]), (20, true));
    assert_eq!(shown(&["--limit", "3"]), (3, true));
    assert_eq!(shown(&["--limit", "0"]), (25, false));
    assert_eq!(home.run(&["lint", "--json"]).json().len(), 25);
}
