//! What can be wrong with a library: folders without permission, links in circles, places that are none.

use std::fs;

use serde_json::Value;

use super::Home;

/// A WAVE file of silence with a genre, as its specification has it.
fn wave(genre: &str) -> Vec<u8> {
    let mut text = genre.as_bytes().to_vec();
    text.push(0);
    if text.len() % 2 == 1 {
        text.push(0);
    }
    let chunk = |id: &[u8; 4], content: &[u8]| {
        let mut bytes = id.to_vec();
        bytes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        bytes.extend(content);
        bytes
    };
    // PCM, one channel, 8,000 samples of 16 bits a second.
    let mut format = vec![1, 0, 1, 0];
    format.extend(8_000_u32.to_le_bytes());
    format.extend(16_000_u32.to_le_bytes());
    format.extend([2, 0, 16, 0]);
    let info = [b"INFO".to_vec(), chunk(b"IGNR", &text)].concat();
    let parts = [b"WAVE".to_vec(), chunk(b"fmt ", &format), chunk(b"LIST", &info), chunk(b"data", &[0; 64])];
    chunk(b"RIFF", &parts.concat())
}

fn home() -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path().join("music/a/b")).unwrap();
    home.file("music/a/one.wav", wave("Rock"));
    home.file("music/a/b/two.wav", wave("Hip-Hop"));
    home
}

fn report(home: &Home, flags: &[&str]) -> Value {
    let ran = home.run(&[&["tags", "scan", "music", "--json"], flags].concat()).succeeded();
    ran.json().remove(0)
}

#[test]
fn what_is_no_folder_is_refused() {
    let home = home();
    home.run(&["tags", "scan", "nowhere"]).refused(1, &["cannot scan nowhere"]);
    home.run(&["tags", "scan", "music/a/one.wav"]).refused(1, &["it is no folder"]);
    home.run(&["tags", "apply", "nowhere"]).refused(1, &["cannot scan nowhere"]);
    home.run(&["tags", "undo", "nowhere"]).refused(1, &["nowhere"]);
}

#[test]
fn nothing_is_written_into_a_library() {
    let home = home();
    home.run(&["tags", "scan", "music", "--report", "music/report"]).refused(2, &["--report", "inside the library"]);
    home.run(&["tags", "scan", "music", "--state", "music/a/state"]).refused(2, &["--state", "inside the library"]);
    home.run(&["tags", "apply", "music", "--to", "music/a/new"]).refused(2, &["--to", "inside the library"]);
    home.run(&["tags", "apply", "music", "--in-place", "--backup", "music/kept"])
        .refused(2, &["--backup", "inside the library"]);
    let names: Vec<_> =
        fs::read_dir(home.path().join("music")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn a_state_of_something_else_is_refused_and_kept() {
    let home = home();
    home.file("diary.txt", "dear diary\n");
    home.run(&["tags", "scan", "music", "--state", "diary.txt"]).refused(1, &["diary.txt", "not the state of a scan"]);
    assert_eq!(fs::read_to_string(home.path().join("diary.txt")).unwrap(), "dear diary\n");
    report(&home, &["--state", "state"]);
    home.run(&["tags", "scan", "music/a", "--state", "state"]).refused(1, &["belongs to a scan of"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let home = home();
    let music = home.path().join("music");
    symlink(&music, music.join("a/b/again")).unwrap();
    symlink("loop", music.join("loop")).unwrap();
    symlink("a/one.wav", music.join("one more.wav")).unwrap();
    let left = report(&home, &[]);
    assert_eq!((&left["files"]["audio"], &left["files"]["links"]), (&Value::from(2), &Value::from(3)));
    let followed = report(&home, &["--follow-links"]);
    assert_eq!((&followed["files"]["audio"], &followed["files"]["links"]), (&Value::from(2), &Value::from(0)));
    let problems: Vec<(&str, &str)> = followed["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["path"].as_str().unwrap(), problem["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(problems, [("a/b/again", "loop"), ("loop", "loop")]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let home = home();
    let pipe = home.path().join("music/pipe.mp3");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_eq!(report(&home, &[])["files"]["others"], 1);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_told_and_the_others_are_read() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    };
    /// The user `nobody` of Debian: root may read every folder.
    const NOBODY: u32 = 65_534;
    let home = home();
    let closed = home.path().join("music/a/b");
    let mode = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&closed, 0o000);
    let is_root = home.path().metadata().unwrap().uid() == 0;
    let args = ["tags", "scan", "music", "--json"];
    let output = if is_root {
        // Where nobody gets at it, wherever it was built.
        let program = home.path().join("musonym");
        fs::copy(env!("CARGO_BIN_EXE_musonym"), &program).unwrap();
        mode(home.path(), 0o755);
        for path in ["", "music", "music/a", "music/a/one.wav", "music/a/b"] {
            chown(home.path().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut command = std::process::Command::new(program);
        command.args(args).env_clear().env("HOME", home.path()).env("OLLAMA_HOST", "127.0.0.1:9");
        command.current_dir(home.path()).uid(NOBODY).gid(NOBODY).output().unwrap()
    } else {
        home.command(&args).output().unwrap()
    };
    mode(&closed, 0o755);
    let ran = super::Ran::of(output).succeeded();
    let report = ran.json().remove(0);
    assert_eq!(report["files"]["read"], 1);
    assert_eq!(report["problems"][0]["path"], "a/b");
    assert_eq!(report["problems"][0]["kind"], "folder");
    assert_eq!(report["tags"][0]["tag_name"], "rock");
}
