//! Moving a library: export and import with vectors and history, backup and restore.

use super::{Home, Ran, support::postgres::Database};

/// A library of two tags that were generated and embedded, and one that waits.
fn library() -> Home {
    let home = Home::new();
    home.run_with_input(&["tags", "import", "-", "--type", "genre"], b"dub\nska\n").succeeded();
    home.run(&["generate", "--missing", "--wait"]).succeeded();
    home.run(&["tags", "add", "calm", "--type", "mood"]).succeeded();
    home
}

fn exported(home: &Home) -> Ran {
    home.run(&["export"]).succeeded()
}

fn queued(home: &Home, kind: &str) -> usize {
    home.run(&["jobs", "list", "--state", "queued", "--kind", kind, "--json"]).succeeded().json().len()
}

#[test]
fn a_library_moves_with_vectors_and_history_and_nothing_is_made_again() {
    let home = library();
    let export = exported(&home);
    let lines = export.json();
    assert_eq!((lines.len(), &lines[0]["musonym_export"]), (4, &serde_json::json!(2)), "{export:?}");
    let record = &lines[1]["synonyms"]["record"];
    assert_eq!(record["vectors"][0]["space"], lines[0]["embedding_space"], "{record}");
    assert_eq!(record["revisions"][0]["action"], "generated", "{record}");

    let other = Home::new();
    // Through a pipe, which can be read once.
    other.run_with_input(&["import", "-"], export.stdout.as_bytes()).succeeded();
    assert_eq!(exported(&other).stdout, export.stdout);
    assert_eq!((queued(&other, "generate"), queued(&other, "embed")), (1, 0));

    let plain = home.run(&["export", "--plain"]).succeeded();
    assert_eq!(plain.json().len(), 3);
    assert!(!plain.stdout.contains("record") && !plain.stdout.contains("created_at"), "{plain:?}");
    let third = Home::new();
    third.run_with_input(&["import", "-"], plain.stdout.as_bytes()).succeeded();
    assert_eq!(third.run(&["export", "--plain"]).succeeded().stdout, plain.stdout);
    assert_eq!(queued(&third, "embed"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_moves_up_to_postgresql_and_back() {
    let Some(database) = Database::create().await else { return };
    let home = library();
    let export = exported(&home);
    let ran = home.run(&["export", "all.jsonl"]).succeeded();
    assert!(ran.stdout.contains("3 tags exported"), "{ran:?}");
    let moved = home.run(&["import", "all.jsonl", "--database", &database.url, "--json"]).succeeded();
    assert_eq!(moved.json()[0]["created"], 3, "{moved:?}");
    let back = home.run(&["export", "--database", &database.url]).succeeded();
    assert_eq!(back.stdout, export.stdout);
    let other = Home::new();
    other.run_with_input(&["import", "-"], back.stdout.as_bytes()).succeeded();
    assert_eq!(exported(&other).stdout, export.stdout);
    let found = home.run(&["search", "jamaican", "--database", &database.url, "--json"]).succeeded();
    assert!(found.json()[0]["results"][0]["tag_name"].is_string(), "{found:?}");
}

#[test]
fn vectors_of_another_model_are_left_out_with_a_sentence() {
    let home = library();
    let export = exported(&home);
    let space = export.json()[0]["embedding_space"].as_str().unwrap().to_owned();
    let foreign = export.stdout.replace(&space, "another model/4");
    let other = library();
    let ran = other.run_with_input(&["import", "-", "--replace", "--json"], foreign.as_bytes()).succeeded();
    assert_eq!(ran.json()[0]["vectors_left_out"], 2, "{ran:?}");
    assert!(ran.stderr.contains("the file in another model/4: its vectors are left out"), "{ran:?}");
    assert_eq!(exported(&other).json()[0]["embedding_space"], space);
}

#[test]
fn a_wrong_line_of_an_export_is_named_and_nothing_is_written() {
    let good = exported(&library()).stdout;
    let home = Home::new();
    let mut lines: Vec<&str> = good.lines().collect();
    let with_version_0 = lines[1].replacen("\"version\":1", "\"version\":0", 1);
    assert_ne!(with_version_0, lines[1]);
    lines[1] = &with_version_0;
    lines.push(lines[0]);
    let newer = lines[0].replace("\"musonym_export\":2", "\"musonym_export\":3");
    home.run_with_input(&["import", "-"], lines.join("\n").as_bytes())
        .refused(1, &["line 2: the version 0", "line 5: the header", "nothing was written"]);
    home.run_with_input(&["import", "-"], newer.as_bytes()).refused(1, &["line 1", "newer musonym", "--plain"]);
    let unknown = lines[2].replacen("\"version\"", "\"versoin\"", 1);
    home.run_with_input(&["import", "-"], unknown.as_bytes()).refused(1, &["unknown field `versoin`"]);
    let cut = lines[2].replacen("\"vector\":\"", "\"vector\":\"A", 1);
    home.run_with_input(&["import", "-"], cut.as_bytes()).refused(1, &["a vector is"]);
    assert_eq!(home.run(&["export", "--plain"]).succeeded().stdout, "");
}

#[test]
fn a_backup_is_made_and_put_back() {
    let home = library();
    let export = exported(&home);
    let ran = home.run(&["backup", "copy.db"]).succeeded();
    assert!(ran.stdout.contains("copy.db: ") && ran.stdout.contains("schema version"), "{ran:?}");
    home.run(&["backup", "copy.db"]).refused(1, &["copy.db is there already", "--force"]);
    assert!(home.run(&["backup", "copy.db", "--force", "--json"]).succeeded().json()[0]["bytes"].as_u64() > Some(0));
    home.run(&["tags", "add", "later", "--type", "mood"]).succeeded();
    home.run(&["restore", "copy.db"]).refused(1, &["is not empty", "--force"]);
    let ran = home.run(&["restore", "copy.db", "--force"]).succeeded();
    assert!(ran.stdout.contains("restored, 3 tags") && ran.stdout.contains(".before-restore"), "{ran:?}");
    assert_eq!(exported(&home).stdout, export.stdout);
    let other = Home::new();
    let copy = home.path().join("copy.db");
    let ran = other.run(&["restore", copy.to_str().unwrap(), "--json"]).succeeded();
    assert_eq!((&ran.json()[0]["tags"], &ran.json()[0]["former"]), (&3.into(), &serde_json::Value::Null), "{ran:?}");
    assert_eq!(exported(&other).stdout, export.stdout);
    Home::new().run(&["backup", "nothing.db"]).refused(1, &["cannot read"]);
}

#[test]
fn for_postgresql_the_commands_are_named_without_the_password() {
    let home = Home::new();
    let url = "postgres://me:hunter2@db.lan:5433/tags";
    for (command, words) in [
        (
            "backup",
            &["pg_dump --format=custom --no-owner --host=db.lan --port=5433 --username=me --file=a.dump tags"][..],
        ),
        ("restore", &["createdb --host=db.lan", "pg_restore", "--dbname=tags_restored a.dump"]),
    ] {
        let ran = home.run(&[command, "a.dump", "--database", url]).refused(1, words);
        assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    }
}
