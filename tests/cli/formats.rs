//! Files of other programs, out and in: what beets makes of an export, and what comes back.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};

use super::Home;
use crate::support::services::required;

/// A library of genres and moods that the lexicon has written, and of two names that formats have trouble with.
fn library() -> Home {
    let home = Home::new();
    let genres = "drum and bass\nHip-Hop\nelectronic\nrock\nR&B\n#1 hits\nsay \"hi\": # loud\n";
    home.run_with_input(&["tags", "import", "-", "--type", "genre"], genres.as_bytes()).succeeded();
    home.run_with_input(&["tags", "import", "-", "--type", "mood"], b"calm\nenergetic\n").succeeded();
    home.run(&["generate", "--missing", "--wait"]).succeeded();
    home
}

/// What a format has of a library.
fn exported(home: &Home, args: &[&str]) -> String {
    home.run(&[&["export", "--format"], args].concat()).succeeded().stdout
}

fn json_of(home: &Home, args: &[&str]) -> Value {
    serde_json::from_str(&exported(home, args)).unwrap()
}

/// The terms of a tag with their sections and sources, as `export --plain` has them.
fn terms(home: &Home, name: &str) -> Vec<(String, String, String)> {
    let rows = home.run(&["export", "--plain"]).succeeded().json();
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let text = |term: &Value, key: &str| term[key].as_str().unwrap().to_owned();
    let terms = row["synonyms"]["terms"].as_array().unwrap();
    terms.iter().map(|term| (text(term, "section"), text(term, "term"), text(term, "source"))).collect()
}

fn term(section: &str, term: &str, source: &str) -> (String, String, String) {
    (section.to_owned(), term.to_owned(), source.to_owned())
}

#[test]
fn beets_canonicalises_by_what_was_exported() {
    let Some(python) = required("MUSONYM_TEST_BEETS_PYTHON") else { return };
    let home = library();
    for (format, file) in [
        ("beets-whitelist", "genres.txt"),
        ("beets-tree", "genres-tree.yaml"),
        ("beets-aliases", "aliases.yaml"),
        ("picard", "pairs.txt"),
    ] {
        let ran = home.run(&["export", "--format", format, file]).succeeded();
        assert!(ran.stdout.starts_with(&format!("{file}: ")), "{ran:?}");
    }
    let cases = [
        ("DnB", json!(["drum and bass", "electronic"]), "drum and bass"),
        ("Drum’N’Bass", json!(["drum and bass", "electronic"]), "drum and bass"),
        ("Techstep", json!(["drum and bass", "electronic"]), "Techstep"),
        ("hip hop", json!(["hip-hop"]), "Hip-Hop"),
        ("RnB", json!(["r&b"]), "R&B"),
        ("Rhythm & Blues", json!(["r&b"]), "R&B"),
        ("SAY \"hi\": # loud", json!(["say \"hi\": # loud"]), "SAY \"hi\": # loud"),
        ("zzxqy", json!([]), "zzxqy"),
    ];
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/beets_client.py"))
        .args(["genres.txt", "genres-tree.yaml", "aliases.yaml", "pairs.txt"])
        .args(cases.iter().map(|(genre, ..)| genre))
        .env_clear()
        .env("HOME", home.path())
        .env("PYTHONUTF8", "1")
        .current_dir(home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(said.trim())
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    for (genre, beets, picard) in &cases {
        assert_eq!(&answer["beets"][genre], beets, "{genre}");
        assert_eq!(answer["picard"][genre], *picard, "{genre}");
    }
    let whitelist = json!(["drum and bass", "electronic", "hip-hop", "r&b", "rock", "say \"hi\": # loud"]);
    assert_eq!(answer["whitelist"], whitelist);
    // Every genre of the lexicon stands in the tree, and none in two places.
    let branches: Vec<Vec<&str>> = answer["branches"].as_array().unwrap().iter().map(names).collect();
    let mut lines: BTreeSet<(&str, &[&str])> = BTreeSet::new();
    for branch in &branches {
        lines.extend(branch.iter().enumerate().map(|(at, name)| (*name, &branch[..at])));
    }
    let distinct: BTreeSet<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(distinct.len(), lines.len());
    assert!(distinct.len() > 1_800, "{}", distinct.len());
    assert!(answer["aliases"].as_u64().unwrap() > 1_000, "{}", answer["aliases"]);
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn search_engines_get_the_names_of_each_tag() {
    let home = library();
    let meilisearch = json_of(&home, &["meilisearch"]);
    assert!(names(&meilisearch["dnb"]).contains(&"drum and bass"), "{meilisearch}");
    let typesense = json_of(&home, &["typesense", "--type", "genre"]);
    let items = typesense["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["id"] == "genre-drumnbass").unwrap();
    assert!(names(&item["synonyms"]).contains(&"DnB"), "{item}");
    assert!(items.iter().all(|item| item["id"].as_str().unwrap().starts_with("genre-")));
    let rule = "drum and bass, DnB";
    let elasticsearch = json_of(&home, &["elasticsearch"]);
    let rules = elasticsearch["synonyms_set"].as_array().unwrap();
    assert!(rules.iter().any(|one| one["synonyms"].as_str().unwrap().starts_with(rule)), "{elasticsearch}");
    let opensearch = json_of(&home, &["opensearch"]);
    let rules = names(&opensearch["settings"]["analysis"]["filter"]["musonym_tags"]["synonyms"]);
    assert!(rules.iter().any(|one| one.starts_with(rule)), "{opensearch}");
    assert!(exported(&home, &["solr"]).lines().any(|line| line.starts_with(rule)));
    let playlist = json_of(&home, &["navidrome", "--mood", "Calme", "--limit", "7"]);
    assert_eq!((&playlist["name"], &playlist["limit"]), (&json!("Calm"), &json!(7)));
    assert_eq!(playlist["any"][0], json!({ "is": { "mood": "calm" } }));
    home.run(&["export", "--format", "navidrome", "--mood", "no such mood"]).refused(1, &["tags list --type mood"]);
}

#[test]
fn a_table_is_read_back_as_it_was() {
    let home = library();
    let table = exported(&home, &["csv"]);
    assert!(table.starts_with("tag_type,name,section,lang,term,confidence\n"), "{table}");
    let other = Home::new();
    other.file("tags.csv", &table);
    let dry = other.run(&["import", "tags.csv", "--dry-run"]).succeeded();
    assert!(dry.stdout.contains("9 tags would be created"), "{dry:?}");
    let ran = other.run(&["import", "tags.csv", "--json"]).succeeded();
    assert_eq!(ran.json()[0]["created"], 9, "{ran:?}");
    assert_eq!(exported(&other, &["csv"]), table);
    other.file("wrong.csv", "tag_type,name,search_terms\ngenre,dub,a|b\ncolour,red,\n");
    other.run(&["import", "wrong.csv"]).refused(1, &["line 3", "nothing was written"]);
}

#[test]
fn synonyms_of_solr_add_to_what_is_there_and_stay() {
    let home = library();
    let before = terms(&home, "drum and bass");
    home.file("synonyms.txt", "# by hand\ntekno bass, Drum & Bass\nscotch hip => Hip-Hop\nska, blue beat\n");
    home.run(&["import", "synonyms.txt", "--format", "solr"]).refused(1, &["line 4", "--type"]);
    let import = ["import", "synonyms.txt", "--format", "solr", "--type", "genre", "--json"];
    let ran = home.run(&import).succeeded();
    assert_eq!((&ran.json()[0]["created"], &ran.json()[0]["replaced"]), (&json!(1), &json!(2)), "{ran:?}");
    assert!(ran.stderr.contains("1 tag has only what the file says"), "{ran:?}");
    let after = terms(&home, "drum and bass");
    assert_eq!(after[..before.len()], before);
    assert_eq!(after[before.len()..], [term("search_terms", "tekno bass", "manual")]);
    let again = home.run(&import).succeeded();
    assert_eq!(again.json()[0]["unchanged"], 3, "{again:?}");

    home.run(&["generate", "ska", "--wait"]).succeeded();
    let ska = terms(&home, "ska");
    assert!(ska.contains(&term("search_terms", "blue beat", "manual")), "{ska:?}");
    assert!(ska.iter().any(|(.., source)| source == "lexicon"), "{ska:?}");
}

#[test]
fn an_exported_synonyms_file_is_read_by_another_library() {
    let home = library();
    let other = Home::new();
    other.file("synonyms.txt", exported(&home, &["solr", "--type", "genre"]));
    other.run(&["import", "synonyms.txt", "--format", "solr", "--type", "genre"]).succeeded();
    assert!(terms(&other, "drum and bass").contains(&term("search_terms", "DnB", "manual")));
}

#[test]
fn a_tree_of_beets_tells_related_tags() {
    let home = Home::new();
    home.file("tree.yaml", "- rock:\n    - \"zzxqy rock\":\n        - post-zzxqy\n- Rock\n");
    let ran = home.run(&["import", "tree.yaml", "--json"]).succeeded();
    assert_eq!(ran.json()[0]["created"], 3, "{ran:?}");
    assert_eq!(terms(&home, "zzxqy rock"), [term("related_tags", "rock", "manual")]);
    assert_eq!(terms(&home, "post-zzxqy"), [term("related_tags", "zzxqy rock", "manual")]);
    let queued = home.run(&["jobs", "list", "--state", "queued", "--kind", "generate", "--json"]).succeeded();
    assert_eq!(queued.json().len(), 1, "rock itself has yet to be written: {queued:?}");
    home.file("wrong.yaml", "- rock:\n    - [a, b]\n");
    home.run(&["import", "wrong.yaml"]).refused(1, &["line 2", "nothing was written"]);
}
