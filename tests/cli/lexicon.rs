//! `musonym lexicon check`.

use super::Home;

#[test]
fn the_built_in_lexicon_passes_its_check() {
    let ran = Home::new().run(&["lexicon", "check"]).succeeded();
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("no problems"), "{ran:?}");
}

#[test]
fn problems_are_told_with_their_line_and_name_and_end_with_1() {
    let home = Home::new();
    home.file(
        "mine.jsonl",
        concat!(
            r#"{"tag_type":"genre","name":"dub","aliases":["D.U.B."],"search_terms":{"en":["echo"],"fr":["écho"]},"#,
            r#""related_tags":["reggae"],"usage_context":{"en":["late night"],"fr":["tard le soir"]},"#,
            r#""translations":{"en":["dub"],"fr":["dub"]},"broader":["reggae"],"#,
            r#""description":{"en":"Reggae taken apart at the desk.","fr":"Le reggae démonté à la console."}}"#,
            "\nnonsense\n"
        ),
    );
    let ran = home.run(&["lexicon", "check", "mine.jsonl"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    assert!(lines[0].starts_with("1: dub: alias \"D.U.B.\""), "{ran:?}");
    assert!(lines[1].contains("broader \"reggae\""), "{ran:?}");
    assert!(lines[2].starts_with("2: "), "{ran:?}");
    assert!(ran.stderr.contains("3 problems"), "{ran:?}");
    let json = home.run(&["lexicon", "check", "mine.jsonl", "--json"]);
    assert_eq!(json.json()[1]["name"], "dub");
    assert_eq!(home.run(&["lexicon", "check", "missing.jsonl"]).code, 1);
}
