//! `musonym tags apply` and `musonym tags undo`: names are written into copies, or in place, and come back byte by byte.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::library::{CONTAINERS, Library, Song, raw_strings, snapshot};

/// A library of which every file differs from the vocabulary.
fn library() -> Option<Library> {
    let library = Library::of_each("Hip-Hop; R'n'B; xyzzy")?;
    library.scan(&[]);
    Some(library)
}

/// What a field of several values holds, however the container keeps them.
fn joined(values: &Value) -> String {
    let texts: Vec<&str> = values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    texts.join("; ")
}

#[test]
fn without_being_told_where_nothing_is_written() {
    let Some(library) = library() else { return };
    let before = snapshot(library.home.path().join("music").as_path());
    for flags in [&[][..], &["--dry-run"], &["--dry-run", "--in-place"], &["--dry-run", "--to", "out"]] {
        let ran = library.tags(&[&["apply", "music"], flags].concat()).succeeded();
        assert!(ran.stdout.contains("NOW") && ran.stdout.contains("THEN"), "{ran:?}");
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{ran:?}");
        assert!(ran.stdout.contains("7 files differ from the vocabulary, 0 do not"), "{ran:?}");
        assert!(ran.stderr.contains("nothing was written"), "{ran:?}");
    }
    assert_eq!(snapshot(&library.music()), before);
    assert!(!library.home.path().join("out").exists());
    let json = library.tags(&["apply", "music", "--json"]).succeeded().json();
    assert_eq!(json.len(), CONTAINERS.len() + 1);
    assert!(json[..CONTAINERS.len()].iter().all(|line| line["outcome"] == "planned"), "{json:?}");
    assert_eq!(joined(&json[0]["genres"]["after"]), "hip hop; r&b; xyzzy");
}

#[test]
fn copies_have_the_names_and_the_same_audio_and_the_originals_stay() {
    let Some(library) = library() else { return };
    let before = snapshot(&library.music());
    let ran = library.tags(&["apply", "music", "--to", "out"]).succeeded();
    assert!(ran.stderr.contains("7 files were written"), "{ran:?}");
    assert_eq!(snapshot(&library.music()), before);
    for (extension, _) in CONTAINERS {
        let name = format!("song.{extension}");
        let (original, copy) = (library.music().join(&name), library.home.path().join("out").join(&name));
        assert_eq!(library.audio(&original), library.audio(&copy), "{name}");
        let tags = library.tags_of(&copy);
        assert!(tags.contains("hip hop") && !tags.contains("hip-hop"), "{name}: {tags}");
        assert_eq!(tags.contains("title=tune"), library.tags_of(&original).contains("title=tune"), "{name}: {tags}");
    }
    // What nothing is known of is still there, by itself or beside the others.
    let report = library.scan_of("out", &[]);
    let rows = report["not_understood"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["parts"] == json!(["xyzzy"])), "{rows:?}");
    assert_eq!(rows.iter().map(|row| row["files"].as_u64().unwrap()).sum::<u64>(), CONTAINERS.len() as u64, "{rows:?}");
    // The copies differ no more, and none is written over.
    let again = library.tags(&["apply", "out", "--json"]).succeeded().json();
    assert_eq!(again[0]["summary"]["changes"], 0, "{again:?}");
    let ran = library.tags(&["apply", "music", "--to", "out"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("is there already"), "{ran:?}");
}

#[test]
fn what_was_changed_in_place_comes_back_byte_by_byte() {
    let Some(library) = library() else { return };
    let before = snapshot(&library.music());
    let applied = library.tags(&["apply", "music", "--in-place", "--json"]).succeeded().json();
    let undo = applied.last().unwrap()["summary"]["undo"].as_str().unwrap().to_owned();
    assert!(applied[..CONTAINERS.len()].iter().all(|line| line["outcome"] == "written"), "{applied:?}");
    let after = snapshot(&library.music());
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "no file is left beside them");
    assert!(before.iter().all(|(path, (bytes, _))| &after[path].0 != bytes));
    let report = library.scan(&[]);
    assert_eq!(report["tags"][0]["spellings"][0], json!({ "text": "hip hop", "files": CONTAINERS.len() }));

    // What somebody else has changed since is left alone.
    let touched: PathBuf = library.music().join("song.flac");
    let mut bytes = fs::read(&touched).unwrap();
    bytes.push(0);
    fs::write(&touched, &bytes).unwrap();
    let ran = library.tags(&["undo", &undo]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("song.flac: left alone: it was changed since"), "{ran:?}");
    assert_eq!(fs::read(&touched).unwrap(), bytes);
    library.tags(&["undo", &undo, "--force"]).succeeded();
    assert_eq!(snapshot(&library.music()), before, "bytes and moments");
    let again = library.tags(&["undo", &undo, "--json"]).succeeded();
    assert!(again.json().iter().all(|line| line["kind"] == "already_there"), "{again:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_the_others_are_written() {
    let Some(library) = library() else { return };
    let locked = library.music().join("song.mp3");
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    let bytes = fs::read(&locked).unwrap();
    let ran = library.tags(&["apply", "music", "--in-place", "--backup", "kept"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("song.mp3: it was left alone: it is read-only"), "{ran:?}");
    assert!(ran.stderr.contains("6 files were written") && ran.stderr.contains("1 file was not written"), "{ran:?}");
    assert_eq!(fs::read(&locked).unwrap(), bytes);
    assert!(library.home.path().join("kept/undo.jsonl").is_file());
    // A backup is never mixed with an older one.
    let ran = library.tags(&["apply", "music", "--in-place", "--backup", "kept"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("undo.jsonl"), "{ran:?}");
}

#[test]
fn real_strings_are_written_and_undone_in_every_container() {
    let strings = raw_strings();
    let songs: Vec<Song> = (0..140)
        .map(|at| Song::new(&format!("{at:03}.{}", CONTAINERS[at % CONTAINERS.len()].0), &strings[at * 3]))
        .collect();
    let Some(library) = Library::of(&songs) else { return };
    library.scan(&[]);
    let before = snapshot(&library.music());
    let applied = library.tags(&["apply", "music", "--in-place", "--json"]).succeeded().json();
    let (summary, changes) = applied.split_last().unwrap();
    assert!(changes.len() > 40, "{} changes", changes.len());
    for change in changes {
        assert_eq!(change["outcome"], "written", "{change}");
    }
    let again = library.tags(&["apply", "music", "--json"]).succeeded().json();
    assert_eq!(again.last().unwrap()["summary"]["changes"], 0, "{again:?}");
    library.tags(&["undo", summary["summary"]["undo"].as_str().unwrap()]).succeeded();
    assert_eq!(snapshot(&library.music()), before);
}
