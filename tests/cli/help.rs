//! Help, versions, and command lines that cannot be.

use super::Home;

const COMMANDS: [&[&str]; 43] = [
    &["demo"],
    &["serve"],
    &["worker"],
    &["search"],
    &["resolve"],
    &["mcp"],
    &["tags"],
    &["tags", "add"],
    &["tags", "list"],
    &["tags", "import"],
    &["tags", "merge"],
    &["tags", "scan"],
    &["tags", "apply"],
    &["tags", "undo"],
    &["generate"],
    &["export"],
    &["import"],
    &["backup"],
    &["restore"],
    &["review"],
    &["review", "list"],
    &["review", "accept"],
    &["review", "reject"],
    &["review", "edit"],
    &["lint"],
    &["jobs"],
    &["jobs", "list"],
    &["jobs", "show"],
    &["jobs", "retry"],
    &["jobs", "cancel"],
    &["jobs", "batch"],
    &["jobs", "pause"],
    &["jobs", "resume"],
    &["webhooks"],
    &["webhooks", "list"],
    &["webhooks", "retry"],
    &["webhooks", "test"],
    &["lexicon"],
    &["lexicon", "check"],
    &["eval"],
    &["reembed"],
    &["migrate"],
    &["doctor"],
];

#[test]
fn every_command_has_help_with_an_example() {
    let home = Home::new();
    for command in COMMANDS {
        let ran = home.run(&[command, &["--help"]].concat()).succeeded();
        let example = format!("musonym {}", command.join(" "));
        let examples = ran.stdout.split("Example").nth(1).unwrap_or_else(|| panic!("no example for {command:?}"));
        assert!(examples.contains(&example), "{command:?}: {examples}");
        assert!(!ran.stdout.contains('\u{1b}'), "no colours when piped");
    }
    let overview = home.run(&["--help"]).succeeded().stdout;
    for command in COMMANDS {
        assert!(overview.contains(command[0]), "{}", command[0]);
    }
    assert!(home.run(&["--version"]).succeeded().stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2_and_writes_nothing() {
    let home = Home::new();
    for args in [
        &["nonsense"][..],
        &[],
        &["search"],
        &["search", "--limit", "many", "x"],
        &["search", "--limit", "0", "x"],
        &["search", ""],
        &["search", "--type", "colour", "x"],
        &["search", &"x".repeat(10_000)],
        &["generate"],
        &["generate", "dub", "--all"],
        &["generate", "\u{1}"],
        &["tags", "add", "dub"],
        &["tags", "add", " ", "--type", "genre"],
        &["tags", "import", "-"],
        &["tags", "import", "-", "--format", "xml"],
        &["tags", "merge", "dub", "--type", "genre"],
        &["export", "--format", "xml"],
        &["export", "--type", "genre"],
        &["export", "--mood", "calm"],
        &["export", "--format", "csv", "--plain"],
        &["export", "--format", "beets-tree", "--type", "genre"],
        &["export", "--format", "solr", "--usage", "rain"],
        &["export", "--format", "navidrome"],
        &["export", "--format", "navidrome", "--mood", " "],
        &["export", "--format", "navidrome", "--mood", "calm", "--limit", "0"],
        &["export", "--format", "navidrome", "--mood", "calm", "--usage", "rain"],
        &["import", "-", "--type", "genre"],
        &["import", "-", "--format", "beets-tree", "--type", "genre"],
        &["tags", "scan"],
        &["tags", "scan", ".", "--threads", "0"],
        &["tags", "scan", ".", "--state", "s", "--no-state"],
        &["tags", "scan", ".", "--report", "inside"],
        &["tags", "apply", ".", "--to", "inside"],
        &["tags", "apply", ".", "--to", "a", "--in-place"],
        &["tags", "apply", ".", "--backup", "a"],
        &["tags", "undo"],
        &["backup"],
        &["restore", "a.db", "b.db"],
        &["tags", "merge", "dub", "dub reggae"],
        &["review", "accept"],
        &["review", "accept", "one"],
        &["review", "accept", "1", "--all"],
        &["review", "accept", "1", "--type", "genre"],
        &["review", "reject", "--all"],
        &["review", "--status", "proposed", "reject", "--all", "--yes"],
        &["review", "edit", "1"],
        &["review", "edit", "1", " "],
        &["review", "list", "--status", "active"],
        &["lint", "--kind", "typo"],
        &["lint", "--tag-type", "artist"],
        &["jobs", "show", "one"],
        &["jobs", "list", "--state", "asleep"],
        &["jobs", "pause", "--for", "2"],
        &["jobs", "retry"],
        &["jobs", "retry", "1", "--all"],
        &["jobs", "retry", "1", "--state", "dead"],
        &["jobs", "retry", "--all", "--state", "queued"],
        &["jobs", "retry", "--all", "--error", ""],
        &["jobs", "cancel", "--all"],
        &["jobs", "cancel", "1", "--yes"],
        &["jobs", "batch", "--watch"],
        &["jobs", "batch", "1", "--watch", "--cancel"],
        &["webhooks"],
        &["webhooks", "retry"],
        &["webhooks", "list", "--state", "asleep"],
        &["generate", "--older-than", "30"],
        &["generate", "--older-than", "3m"],
        &["generate", "--all", "--older-than", "30d"],
        &["reembed", "--model", "embeddinggemma"],
        &["demo", "--database", "sqlite:x.db"],
        &["demo", "--exit", "--bind", "127.0.0.1:1"],
    ] {
        let ran = home.run_with_input(args, b"dub\n");
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none(), "nothing was created");
}
