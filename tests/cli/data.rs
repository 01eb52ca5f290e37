//! Tags, synonyms and jobs through the command line: what goes in comes out.

use super::Home;

const ROWS: &str = concat!(
    r#"{"tag_type":"genre","name":"dub","search_terms":["dub reggae"],"related_tags":["reggae"],"usage_context":["#,
    r#""sound system"],"translations":{"en":["dub"],"fr":["dub jamaïcain"]}}"#,
    "\n\n",
    r#"{"tag_type":"mood","tag_name":"calm","synonyms":{"search_terms":["tranquil"]},"confidence":0.6}"#,
    "\n",
    r#"{"tag_type":"genre","name":"ska"}"#,
    "\n",
);

#[test]
fn an_export_is_read_back_as_it_was() {
    let home = Home::importing(ROWS);
    let exported = home.run(&["export"]).succeeded();
    assert_eq!(exported.json().len(), 4, "a header and three tags");
    home.run(&["export", "out.jsonl"]).succeeded();
    assert_eq!(std::fs::read_to_string(home.path().join("out.jsonl")).unwrap(), exported.stdout);

    let other = Home::new();
    let ran = other.run_with_input(&["import", "-", "--json"], exported.stdout.as_bytes()).succeeded();
    assert_eq!(ran.json()[0]["created"], 3, "{ran:?}");
    assert_eq!(other.run(&["export"]).succeeded().stdout, exported.stdout);
    let again = other.run_with_input(&["import", "-", "--json"], exported.stdout.as_bytes()).succeeded();
    assert_eq!(again.json()[0]["unchanged"], 3, "{again:?}");
}

#[test]
fn one_wrong_line_and_nothing_is_written() {
    let home = Home::new();
    home.file("rows.jsonl", format!("{ROWS}{{\"tag_type\":\"genre\",\"name\":\"ska\"}}\nnonsense\n"));
    let ran = home.run(&["import", "rows.jsonl"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("line 5: the genre `ska` stands on line 4 already"), "{ran:?}");
    assert!(ran.stderr.contains("line 6: it is not JSON") && ran.stderr.contains("nothing was written"), "{ran:?}");
    assert_eq!(home.run(&["export", "--plain"]).succeeded().stdout, "");
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let home = Home::new();
    home.file("rows.jsonl", ROWS);
    let ran = home.run(&["import", "rows.jsonl", "--dry-run"]).succeeded();
    assert!(ran.stdout.contains("3 tags would be created, 0 are there already; 2 bring synonyms"), "{ran:?}");
    assert_eq!(home.run(&["export", "--plain"]).succeeded().stdout, "");
}

#[test]
fn search_prints_a_table_of_80_columns_or_one_json_object() {
    let home = Home::importing(ROWS);
    let table = home.run(&["search", "dub", "jamaicain"]).succeeded();
    assert!(table.stdout.starts_with("SCORE") && table.stdout.contains("dub"), "{table:?}");
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80), "{table:?}");
    assert_eq!(table.stderr, "", "the built-in model embeds");
    // A database that only Ollama may embed, and that was never embedded: words and the standby's (no) vectors.
    let only_ollama = [("MUSONYM_EMBED__PROVIDER", "ollama")];
    let alone = Home::importing(ROWS).run_with(&["search", "dub"], &only_ollama).succeeded();
    assert!(alone.stderr.contains("degraded: no vector search"), "{alone:?}");
    let embedded = home.run_with(&["search", "dub", "jamaicain"], &only_ollama).succeeded();
    assert_eq!(embedded.stderr, "", "a database goes on with the model that it is embedded with");
    let json = home.run(&["search", "tranquil", "--type", "mood", "--json"]).succeeded();
    let [answer] = &json.json()[..] else { panic!("{json:?}") };
    assert_eq!(answer["results"][0]["tag_name"], "calm");
    assert!(answer.get("explain").is_none());
    let explained = home.run(&["search", "tranquil", "--explain"]).succeeded();
    assert!(explained.stdout.contains("key: tranquil"), "{explained:?}");
    let nothing = home.run(&["search", "zzzzqqqq"]).succeeded();
    assert_eq!(nothing.stdout, "");
    assert!(nothing.stderr.contains("no tag matches"), "{nothing:?}");
}

#[test]
fn a_tag_is_added_generated_and_found() {
    let home = Home::new();
    let added = home.run(&["tags", "add", "hip hop", "--type", "genre"]).succeeded();
    assert!(added.stdout.contains("hip hop: added"), "{added:?}");
    let again = home.run(&["tags", "add", "Hip-Hop", "--type", "genre"]).succeeded();
    assert!(again.stdout.contains("already there as `hip hop`"), "{again:?}");
    let queued = home.run(&["jobs", "list", "--json"]).succeeded();
    assert_eq!(queued.json().len(), 1);
    let done = home.run(&["generate", "HIPHOP", "--wait", "--json"]).succeeded();
    assert_eq!(done.json()[0]["state"], "succeeded", "{done:?}");
    let found = home.run(&["search", "hiphop", "--json"]).succeeded();
    assert_eq!(found.json()[0]["results"][0]["tag_name"], "hip hop");
    let missing = home.run(&["generate", "no such tag"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("musonym tags add"), "{missing:?}");
}

#[test]
fn generating_all_works_the_queue_off() {
    let home = Home::new();
    home.run_with_input(&["tags", "import", "-", "--type", "genre"], b"dub\nska\nno such genre anywhere\n").succeeded();
    let ran = home.run(&["generate", "--missing", "--wait", "--json"]).succeeded();
    assert_eq!(ran.json()[0]["failed"], 0, "{ran:?}");
    let missing = home.run(&["tags", "list", "--missing", "--json"]).succeeded();
    assert_eq!(missing.stdout, "", "{missing:?}");
}

#[test]
fn a_preview_stores_nothing() {
    let home = Home::new();
    let ran = home.run(&["generate", "--preview", "drum & bass"]).succeeded();
    assert!(ran.stdout.contains("search_terms:") && ran.stdout.contains("Result, confidence"), "{ran:?}");
    assert!(ran.stderr.contains("nothing was stored"), "{ran:?}");
    assert_eq!(home.run(&["export", "--plain"]).succeeded().stdout, "");
    let json = home.run(&["generate", "--preview", "drum & bass", "--json"]).succeeded();
    assert!(json.json()[0]["synonyms"]["search_terms"].as_array().is_some_and(|terms| !terms.is_empty()));
}

#[test]
fn jobs_are_listed_shown_cancelled_and_retried() {
    let home = Home::new();
    home.run(&["tags", "add", "dub", "--type", "genre"]).succeeded();
    let id = home.run(&["jobs", "list", "--json"]).succeeded().json()[0]["id"].to_string();
    assert!(home.run(&["jobs", "show", &id]).succeeded().stdout.contains("queued"));
    assert!(home.run(&["jobs", "cancel", &id]).succeeded().stdout.contains("cancelled"));
    let again = home.run(&["jobs", "cancel", &id]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains(&format!("job {id}:")), "{again:?}");
    assert!(home.run(&["jobs", "retry", &id]).succeeded().stdout.contains("queued"));
    assert_eq!(home.run(&["jobs", "show", "999"]).code, 1);
    let table = home.run(&["jobs", "list", "--state", "queued", "--kind", "generate"]).succeeded();
    assert!(table.stdout.contains("generate") && table.stderr.contains("1 queued"), "{table:?}");
}

#[test]
fn migrate_and_doctor_tell_where_things_are() {
    let home = Home::new();
    let doctor = home.run(&["doctor"]).succeeded();
    assert!(doctor.stdout.contains("not there yet") && doctor.stdout.contains("127.0.0.1:9"), "{doctor:?}");
    let migrated = home.run(&["migrate", "--json"]).succeeded();
    assert!(migrated.json()[0]["schema_version"].as_i64().is_some_and(|version| version >= 1), "{migrated:?}");
    assert!(home.path().join(".local/share/musonym/musonym.db").is_file());
    let doctor = home.run(&["doctor", "--json"]).succeeded();
    let parts: Vec<String> = doctor.json().iter().map(|check| check["part"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        parts,
        ["config", "ollama", "model", "model", "cache", "database", "generator", "embedder", "queue"],
        "{doctor:?}"
    );
    assert_eq!(doctor.json()[2]["mend"], "ollama pull llama3.2:1b");
    assert_eq!(doctor.json()[3]["mend"], "ollama pull nomic-embed-text");
    let required = home.run_with(&["doctor"], &[("MUSONYM_GENERATE__PROVIDER", "ollama")]);
    assert_eq!(required.code, 1, "{required:?}");
    assert!(required.stdout.contains("BROKEN"), "{required:?}");
}

#[test]
fn piped_output_has_no_bars_and_no_colours() {
    let home = Home::new();
    let many = (0..2000).map(|n| format!("invented genre {n}")).collect::<Vec<_>>().join("\n");
    let ran = home.run_with_input(&["tags", "import", "-", "--type", "genre"], many.as_bytes()).succeeded();
    assert!(ran.stdout.contains("2,000 tags created"), "{ran:?}");
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\u{1b}', '\r']) && !text.contains("[=") && text.lines().count() < 5, "{text}");
    }
    let ran = home.run_with(&["worker", "--database", "nonsense"], &[("NO_COLOR", "1"), ("TERM", "xterm")]);
    assert!(!ran.stderr.contains('\u{1b}'));
}
