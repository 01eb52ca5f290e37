//! `tags import`: what is a tag goes in, what is not is told by its line.

use super::{Home, Ran};

/// Ten lines: four tags (two of one key), two blanks, four that cannot be tags.
fn hostile() -> Vec<u8> {
    let mut text = b"dub\r\n\n  drum & bass\t\n\x01rock\ndrum n bass\n\xff\xfe\n   \n".to_vec();
    text.extend("x".repeat(101).bytes());
    text.extend(b"\n\xe2\x80\x8b\n\xc3\xa9lectro");
    text
}

fn import(home: &Home, args: &[&str], input: &[u8]) -> Ran {
    home.run_with_input(&[&["tags", "import"], args].concat(), input)
}

fn tags(home: &Home) -> Vec<String> {
    let listed = home.run(&["tags", "list", "--json"]).succeeded();
    listed.json().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn plain_text_goes_in_line_by_line() {
    let home = Home::new();
    let ran = import(&home, &["-", "--type", "genre", "--json"], &hostile()).succeeded();
    let [summary] = &ran.json()[..] else { panic!("{ran:?}") };
    let expected = [("created", 3), ("present", 1), ("refused", 4), ("blank", 2)];
    for (name, count) in expected {
        assert_eq!(summary[name], count, "{name}: {summary}");
    }
    let lines: Vec<u64> = summary["refusals"].as_array().unwrap().iter().map(|r| r["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 6, 8, 9]);
    for (line, reason) in [(4, "control"), (6, "UTF-8"), (8, "100 characters"), (9, "visible")] {
        let told = ran.stderr.lines().find(|told| told.starts_with(&format!("line {line}:")));
        assert!(told.is_some_and(|told| told.contains(reason)), "{line}: {}", ran.stderr);
    }
    assert!(ran.stderr.lines().all(|line| line.chars().count() < 200 && !line.contains('\u{1}')), "{}", ran.stderr);
    assert_eq!(tags(&home), ["dub", "drum & bass", "électro"]);

    let again = import(&home, &["-", "--type", "genre", "--json"], &hostile()).succeeded();
    assert_eq!(again.json()[0]["created"], 0);
    assert_eq!(again.json()[0]["present"], 4);
}

#[test]
fn a_dry_run_and_a_strict_one_write_nothing() {
    let home = Home::new();
    let ran = import(&home, &["-", "--type", "genre", "--dry-run"], &hostile()).succeeded();
    assert!(ran.stdout.contains("3 tags would be created, 1 already there, 4 lines refused, 2 blank"), "{ran:?}");
    assert_eq!(tags(&home), [""; 0]);
    let ran = import(&home, &["-", "--type", "genre", "--strict"], &hostile());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("nothing was written"), "{ran:?}");
    assert_eq!(tags(&home), [""; 0]);
    import(&home, &["-", "--type", "genre", "--strict"], b"dub\n").succeeded();
    assert_eq!(tags(&home), ["dub"]);
}

#[test]
fn json_lines_and_csv_say_their_type() {
    let home = Home::new();
    let path = home.file(
        "tags.jsonl",
        "{\"tag_type\":\"genre\",\"name\":\"dub\",\"aliases\":[1]}\n{\"tag_type\":\"mood\",\"name\":\"calm\"}\n{\"name\":\"x\"}\n",
    );
    let ran = home.run(&["tags", "import", path.to_str().unwrap()]).succeeded();
    assert!(ran.stdout.contains("2 tags created"), "{ran:?}");
    assert!(ran.stderr.contains("line 3: it has no tag_type"), "{ran:?}");
    let path = home.file("tags.csv", "name;tag_type\n\"ska; rocksteady\";genre\nserene;mood\nodd;colour\n;genre\n");
    let ran = home.run(&["tags", "import", path.to_str().unwrap()]).succeeded();
    assert!(ran.stdout.contains("2 tags created, 0 already there, 1 line refused, 1 blank"), "{ran:?}");
    assert!(ran.stderr.contains("line 4:"), "{ran:?}");
    let moods = home.run(&["tags", "list", "--type", "mood"]).succeeded();
    assert!(
        moods.stdout.contains("calm") && moods.stdout.contains("serene") && !moods.stdout.contains("dub"),
        "{moods:?}"
    );
    let path = home.file("bare.csv", "dub\nska\n");
    home.run(&["tags", "import", path.to_str().unwrap(), "--type", "genre"])
        .refused(2, &["column `name`", "--format text"]);
}

#[test]
fn an_enormous_line_is_one_refusal() {
    let home = Home::new();
    let mut text = vec![b'x'; 20 * 1024 * 1024];
    text.extend(b"\ndub\n");
    let ran = import(&home, &["-", "--type", "genre"], &text).succeeded();
    assert!(ran.stderr.contains("line 1:") && ran.stderr.len() < 1000, "{}", ran.stderr.len());
    assert_eq!(tags(&home), ["dub"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let home = Home::new();
    home.run(&["tags", "import", "nowhere.txt", "--type", "genre"]).refused(1, &["nowhere.txt"]);
    home.run(&["tags", "import", ".", "--type", "genre"]).refused(1, &["folder"]);
}
