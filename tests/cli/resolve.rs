//! `musonym resolve`.

use super::Home;

/// A library of a few tags.
const TAGS: &str = "hip hop\nrap\nr&b\nrock\npop\nelectro\n";

fn library() -> Home {
    let home = Home::new();
    home.file("tags.txt", TAGS);
    home.run(&["tags", "import", "tags.txt", "--type", "genre"]).succeeded();
    home
}

#[test]
fn strings_are_shown_in_a_table_of_80_columns_with_what_they_mean() {
    let home = library();
    let strings = ["Hip-Hop, Rap & R&B", "(17)Rock", "Ã©lectro", "Unknown", "xyzzy", "dnb"];
    let ran = home.run(&[&["resolve"], &strings[..]].concat()).succeeded();
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{ran:?}");
    for (string, tag) in [("Hip-Hop, Rap & R&B", "hip hop"), ("(17)Rock", "rock"), ("Ã©lectro", "electro")] {
        assert!(ran.stdout.lines().any(|line| line.starts_with(string) && line.contains(tag)), "{string}: {ran:?}");
    }
    assert!(ran.stdout.contains("(drum and bass)") && ran.stdout.contains("not in the library"), "{ran:?}");
    assert!(ran.stderr.contains("6 strings: 4 understood, 0 in part, 2 not"), "{ran:?}");
    let why = home.run(&["resolve", "--explain", "albanian pop"]).succeeded();
    assert!(why.stdout.contains("A kind of `pop`"), "{why:?}");
}

#[test]
fn json_has_a_string_a_line_from_a_file_or_stdin() {
    let home = library();
    let file = home.file("raw.txt", "Rock; Pop\r\nR+B\n\n");
    let names = |ran: &super::Ran| -> Vec<Vec<String>> {
        let tags = |line: &serde_json::Value| -> Vec<String> {
            line["tags"].as_array().unwrap().iter().map(|tag| tag["tag_name"].as_str().unwrap().to_owned()).collect()
        };
        ran.json().iter().map(tags).collect()
    };
    let expected: Vec<Vec<String>> = vec![vec!["rock".into(), "pop".into()], vec!["r&b".into()], vec![]];
    let of_file = home.run(&["resolve", "--json", "--file", file.to_str().unwrap()]).succeeded();
    assert_eq!(names(&of_file), expected);
    let of_stdin = home.run_with_input(&["resolve", "--json"], b"Rock; Pop\r\nR+B\n\n").succeeded();
    assert_eq!(names(&of_stdin), expected);
    let broken = home.run_with_input(&["resolve", "--json", "--file", "-"], b"rock\n\xff\xfe\npop\n").succeeded();
    assert_eq!(names(&broken).len(), 2);
    assert!(broken.stderr.contains("line 2 is not UTF-8"), "{broken:?}");
}

#[test]
fn nothing_is_written_unless_asked() {
    let home = library();
    let count = || home.run(&["tags", "list", "--json"]).json().len();
    let before = count();
    home.run(&["resolve", "dnb"]).succeeded();
    assert_eq!(count(), before);
    let ran = home.run(&["resolve", "dnb", "--register"]).succeeded();
    assert!(ran.stderr.contains("1 tag created"), "{ran:?}");
    assert_eq!(count(), before + 1);
}

#[test]
fn the_starter_vocabulary_needs_no_database() {
    let home = Home::new();
    let ran = home.run(&["resolve", "--starter", "dnb", "--roll-up"]).succeeded();
    assert!(ran.stdout.contains("rolled up from drum and bass"), "{ran:?}");
    let empty = home.run(&["resolve", "rock"]).succeeded();
    assert!(empty.stderr.contains("the database has no tags yet"), "{empty:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let home = library();
    home.run(&["resolve", "rock", "--limit", "0"]).refused(2, &["limit is 1 to 100"]);
    home.run(&["resolve", "rock", "--only", "no such genre at all"]).refused(2, &["there is no tag"]);
    home.run(&["resolve", "--file", "missing.txt"]).refused(1, &["missing.txt"]);
}
