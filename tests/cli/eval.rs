//! `musonym eval`.

use super::Home;

/// A library of three genres, and queries of which the search answers all but the last two.
fn library() -> Home {
    let home = Home::new();
    home.file("tags.txt", "Drum & Bass\nbossa nova\nmusette\n");
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).succeeded();
    home.run(&["generate", "--missing", "--wait"]).succeeded();
    let query = |q: &str, lang: &str, kind: &str, name: &str| {
        let relevant = serde_json::json!([{ "tag_type": "genre", "name": name }]);
        serde_json::json!({ "q": q, "lang": lang, "kind": kind, "relevant": relevant }).to_string() + "\n"
    };
    let good =
        [query("dnb", "en", "alias", "Drum & Bass"), query("accordéon parisien", "fr", "description", "musette")];
    let bad = [query("dnb", "en", "alias", "musette"), query("bossanova", "en", "spelling", "musette")];
    home.file("good.jsonl", good.concat());
    home.file("mixed.jsonl", [good.concat(), bad.concat()].concat());
    home
}

#[test]
fn each_way_of_searching_has_its_row_and_one_can_be_measured_alone() {
    let home = library();
    let all = home.run(&["eval", "good.jsonl"]).succeeded();
    let row = |name: &str| all.stdout.lines().find(|line| line.split_whitespace().next() == Some(name));
    for name in ["lexical", "vector", "no-gloss", "no-typos", "no-related", "no-composite", "rrf"] {
        assert!(row(name).is_some(), "{name}: {all:?}");
    }
    assert!(row("hybrid").is_some_and(|row| row.contains("1.000")), "{all:?}");
    let alone = home.run(&["eval", "good.jsonl", "--only", "vector", "--json"]).succeeded().json();
    let configurations = alone[0]["configurations"].as_array().unwrap();
    assert_eq!(configurations.len(), 1);
    assert_eq!((&configurations[0]["name"], &configurations[0]["all"]["queries"]), (&"vector".into(), &2.into()));
    let unknown = home.run(&["eval", "good.jsonl", "--only", "magic"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("--only takes lexical, ") && unknown.stderr.contains("not magic"), "{unknown:?}");
    let names_alone = home.run(&["eval", "good.jsonl", "--only", "no-lexicon"]);
    assert!(names_alone.code == 1 && names_alone.stderr.contains("--starter"), "{names_alone:?}");
}

#[test]
fn a_loss_against_the_baseline_ends_with_1_and_a_bad_file_names_its_line() {
    let home = library();
    let good = home.run(&["eval", "good.jsonl", "--only", "hybrid", "--json"]).succeeded();
    home.file("baseline.json", &good.stdout);
    home.run(&["eval", "good.jsonl", "--only", "hybrid", "--baseline", "baseline.json"]).succeeded();
    let worse = home.run(&["eval", "mixed.jsonl", "--only", "hybrid", "--baseline", "baseline.json"]);
    assert_eq!(worse.code, 1);
    assert!(worse.stderr.contains("nDCG@10 has dropped by"), "{worse:?}");
    home.file("broken.jsonl", "\n{\"q\": 7}\n");
    let broken = home.run(&["eval", "broken.jsonl"]);
    assert!(broken.code == 1 && broken.stderr.contains("broken.jsonl, line 2"), "{broken:?}");
}
