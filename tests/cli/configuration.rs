//! A configuration or a place that cannot be used stops the start with a few lines that name the thing and the mend.

use std::net::TcpListener;

use super::Home;

#[test]
fn a_wrong_key_or_value_names_its_place_and_the_mend() {
    let home = Home::new();
    home.file("musonym.toml", "[server]\nbnd = \"127.0.0.1:1\"\n");
    home.run(&["serve"]).refused(2, &["server.bnd", "musonym.toml", "did you mean server.bind?"]);
    home.file("musonym.toml", "[jobs]\nmax_attempts = \"many\"\n");
    home.run(&["worker"]).refused(2, &["jobs.max_attempts", "musonym.toml", "1 to 100", "many"]);
    home.file("musonym.toml", "[jobs\n");
    home.run(&["worker"]).refused(2, &["musonym.toml", "line 1"]);
    home.file("musonym.toml", "");
    home.run_with(&["serve"], &[("MUSONYM_SERVER__BND", "x")])
        .refused(2, &["MUSONYM_SERVER__BND", "MUSONYM_SERVER__BIND?"]);
    home.run_with(&["serve"], &[("MUSONYM_CACHE_URL", "memcached://x")])
        .refused(2, &["cache.url", "MUSONYM_CACHE_URL", "memory", "redis://"]);
    home.run_with(&["serve"], &[("MUSONYM_CACHE_URL", "redis://:hunter2@")]).refused(2, &["cache.url", "HOST:6379"]);
    home.run_with(&["serve"], &[("MUSONYM_WEBHOOK_SECRET", "whsec_c2hvcnQ=")])
        .refused(2, &["MUSONYM_WEBHOOK_SECRET", "24 to 64"]);
    home.run(&["search", "x", "--database", "postgres:hunter2"])
        .refused(2, &["database.url", "--database", "postgres://USER"]);
    home.run(&["search", "x", "--log", "loud"]).refused(2, &["log.level", "--log", "debug"]);
    home.run(&["search", "x", "--config", "nowhere.toml"]).refused(2, &["nowhere.toml", "--config"]);
    home.run_with(&["worker"], &[("MUSONYM_GENERATE__PROMPT_FILE", "nowhere.txt")])
        .refused(2, &["generate.prompt_file", "nowhere.txt"]);
}

#[test]
fn twenty_mistakes_are_told_in_five_lines() {
    let home = Home::new();
    let mistakes = (0..20).map(|n| format!("mistake_{n} = true")).collect::<Vec<_>>().join("\n");
    home.file("musonym.toml", mistakes);
    home.run(&["serve"]).refused(2, &["mistake_0", "and 16 more"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let home = Home::new();
    home.file("file", "");
    home.run(&["migrate", "--database", "sqlite:file/below/music.db"]).refused(1, &["file/below", "--database"]);
    home.run(&["demo", "--exit", "--data", "file/below"]).refused(1, &["file/below", "--data"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let folder = home.path().join("locked");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    home.run(&["migrate", "--database", "sqlite:locked/music.db"]).refused(1, &["locked/music.db"]);
    home.run(&["migrate", "--database", "sqlite:locked/below/music.db"]).refused(1, &["locked/below"]);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let home = Home::new();
    let text = "this is no database, but somebody's letter\n".repeat(100);
    let path = home.file("letter.txt", &text);
    home.run(&["migrate", "--database", "sqlite:letter.txt"]).refused(1, &["letter.txt", "not a SQLite database"]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[test]
fn a_taken_port_is_named_before_anything_is_created() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        home.run(&[command, "--bind", &address]).refused(1, &[&address, "in use", "--bind"]);
    }
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
}

#[test]
fn other_machines_need_an_api_key() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8177"] {
        home.run(&["serve", "--bind", address]).refused(2, &["server.bind", "MUSONYM_API_KEY", "127.0.0.1"]);
    }
    home.run_with(&["serve", "--bind", "0.0.0.0:0"], &[("MUSONYM_API_KEY", "")]).refused(2, &["MUSONYM_API_KEY"]);
    home.run(&["serve", "--bind", "example.org:80"]).refused(2, &["server.bind", "--bind", "127.0.0.1:8177"]);
}
