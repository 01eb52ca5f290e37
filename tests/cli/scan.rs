//! `musonym tags scan`: what stands in files is found and told, and the files stay as they are.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::library::{CONTAINERS, Library, Song, raw_strings, snapshot};

/// Files of each container.
const EACH: usize = 50;

/// A genre that would be a script in a page.
const MARKUP: &str = "<script>alert('x')</script>";

/// 350 files in folders, tagged with strings of real libraries, and sixteen damaged ones among them.
fn large() -> Option<(Library, Vec<String>)> {
    let strings = raw_strings();
    assert!(strings.len() >= CONTAINERS.len() * EACH, "{} strings", strings.len());
    let mut songs: Vec<Song> = Vec::new();
    // Every so many-th string, so that all of the list is met, whatever its length.
    let step = strings.len() / (CONTAINERS.len() * EACH);
    for (at, raw) in strings.iter().step_by(step).take(CONTAINERS.len() * EACH).enumerate() {
        let (extension, _) = CONTAINERS[at % CONTAINERS.len()];
        let mut song = Song::new(&format!("artist {}/album/{at:03} é.{extension}", at % 20), raw);
        if at.is_multiple_of(5) {
            song.mood = Some(["happy", "Melancholic", "calm; dreamy", "xyzzy"][at % 4].to_owned());
        }
        if at == 1 {
            MARKUP.clone_into(&mut song.genre);
        }
        songs.push(song);
    }
    let library = Library::of(&songs)?;
    let damaged = damage(&library);
    Some((library, damaged))
}

/// Adds damaged files; returns those that nobody can read.
fn damage(library: &Library) -> Vec<String> {
    let folder = library.music().join("damaged");
    fs::create_dir(&folder).unwrap();
    let mut unreadable = Vec::new();
    for (extension, _) in CONTAINERS {
        fs::write(folder.join(format!("empty.{extension}")), b"").unwrap();
        fs::write(folder.join(format!("text.{extension}")), "This is no music. ".repeat(40)).unwrap();
        unreadable.extend([format!("damaged/empty.{extension}"), format!("damaged/text.{extension}")]);
    }
    // The beginning alone says what it is, and nothing more.
    for (extension, bytes) in [("flac", 6), ("wav", 10)] {
        let whole = fs::read(library.home.path().join(format!("base.{extension}"))).unwrap();
        fs::write(folder.join(format!("cut.{extension}")), &whole[..bytes]).unwrap();
        unreadable.push(format!("damaged/cut.{extension}"));
    }
    fs::write(folder.join("cover.jpg"), b"no audio").unwrap();
    unreadable.sort();
    unreadable
}

fn strings(list: &Value, key: &str) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_library_of_seven_containers_is_read_told_and_left_as_it_is() {
    let Some((library, damaged)) = large() else { return };
    let before = snapshot(&library.music());
    let report = library.scan(&["--report", "report"]);
    assert_eq!(snapshot(&library.music()), before, "a scan changes nothing");

    let files = &report["files"];
    let whole = CONTAINERS.len() * EACH;
    assert_eq!(files["audio"], whole + damaged.len(), "{files}");
    assert_eq!(files["read"], whole, "{:?}", report["problems"]);
    assert_eq!(files["from_state"], 0);
    assert_eq!(files["others"], 1, "the cover");
    let problems: Vec<String> = strings(&report["problems"], "path").into_iter().collect();
    assert_eq!(problems, damaged);
    for of in report["containers"].as_array().unwrap() {
        let with_mood = of["with_mood"].as_u64().unwrap();
        let holds_moods = !["m4a", "wav"].contains(&of["container"].as_str().unwrap());
        assert_eq!(of["files"].as_u64().unwrap() - of["with_problem"].as_u64().unwrap(), EACH as u64, "{of}");
        assert!(of["with_genre"].as_u64().unwrap() >= EACH as u64 - 2, "{of}");
        assert_eq!(with_mood > 0, holds_moods, "{of}");
    }
    assert_eq!(report["containers"].as_array().unwrap().len(), CONTAINERS.len());

    // Most strings of real libraries are understood, and none is lost: each is in one of the four counts.
    let counts = |key: &str| report["strings"][key].as_u64().unwrap();
    assert_eq!(counts("different"), counts("whole") + counts("partly") + counts("set_aside") + counts("unknown"));
    assert!(counts("whole") > counts("different") / 3, "{}", report["strings"]);
    assert_eq!(report["not_understood"].as_array().unwrap().len() as u64, counts("partly") + counts("unknown"));
    let tags = strings(&report["tags"], "tag_name");
    let listed = library.tags(&["list", "--json"]).succeeded().json();
    let in_database = strings(&Value::from(listed), "name");
    assert!(tags.is_subset(&in_database), "what resolves is registered: {tags:?} {in_database:?}");
    assert!(tags.contains("happy") && tags.contains("melancholic"), "{tags:?}");

    let saved: Value =
        serde_json::from_slice(&fs::read(library.home.path().join("report/scan.json")).unwrap()).unwrap();
    assert_eq!(saved, report);
    let page = fs::read_to_string(library.home.path().join("report/scan.html")).unwrap();
    assert!(page.matches("<svg").count() >= 3 && page.contains("Not understood"), "{page}");
    assert!(page.contains("damaged/empty.mp3"), "broken files are listed");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "what stands in files is escaped");
    assert!(page.contains("default-src 'none'"), "nothing is loaded from elsewhere");

    // A second scan opens nothing that is as it was, and says the same.
    let again = library.scan(&["--report", "report"]);
    assert_eq!((&again["files"]["read"], &again["files"]["from_state"]), (&Value::from(0), &Value::from(whole)));
    assert_eq!(strings(&again["tags"], "tag_name"), tags);
    assert!(again["tags"].as_array().unwrap().iter().all(|tag| tag["created"] == false), "nothing is created twice");
    interrupted(&library, &again);
}

/// A scan of which only a part was kept, its last line half written, goes on from there; so does one that was killed.
fn interrupted(library: &Library, whole: &Value) {
    let state = library.home.path().join("state.jsonl");
    let flags = ["--state", state.to_str().unwrap(), "--report", "report"];
    library.scan(&flags);
    let text = fs::read_to_string(&state).unwrap();
    let kept = text.match_indices('\n').nth(100).unwrap().0;
    fs::write(&state, &text[..kept + 30]).unwrap();
    let resumed = library.scan(&flags);
    assert_eq!(resumed["files"]["from_state"], 100);
    for key in ["tags", "not_understood", "strings", "containers", "problems"] {
        assert_eq!(resumed[key], whole[key], "{key}");
    }

    fs::remove_file(&state).unwrap();
    let args = ["tags", "scan", "music", "--threads", "1", "--state", state.to_str().unwrap(), "--report", "report"];
    let mut child = library.home.command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
    let lines = || fs::read_to_string(&state).map_or(0, |text| text.matches('\n').count());
    while lines() < 20 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = library.scan(&flags);
    assert!(resumed["files"]["from_state"].as_u64().unwrap() >= 19, "{}", resumed["files"]);
    assert_eq!(resumed["tags"], whole["tags"]);
}

#[test]
fn only_what_is_new_or_was_changed_is_read_again() {
    let Some(library) = Library::of_each("Hip-Hop; xyzzy") else { return };
    let first = library.scan(&["--no-register"]);
    assert_eq!(first["files"]["read"], CONTAINERS.len());
    assert_eq!(first["tags"][0]["tag_name"], "hip hop");
    assert_eq!(first["tags"][0]["in_library"], false);
    assert_eq!(first["not_understood"][0]["parts"][0], "xyzzy");
    assert_eq!(library.tags(&["list", "--json"]).succeeded().json().len(), 0, "--no-register creates nothing");

    fs::copy(library.music().join("song.flac"), library.music().join("new.flac")).unwrap();
    fs::remove_file(library.music().join("song.mp3")).unwrap();
    let song = library.music().join("song.ogg");
    let bytes = fs::read(&song).unwrap();
    fs::write(&song, &bytes[..20]).unwrap();
    let second = library.scan(&[]);
    assert_eq!(second["files"]["audio"], CONTAINERS.len());
    assert_eq!((&second["files"]["read"], &second["files"]["with_problem"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(second["problems"][0]["path"], "song.ogg");
    assert_eq!(second["tags"][0]["created"], true);
    fs::write(&song, bytes).unwrap();
    let third = library.scan(&[]);
    assert_eq!((&third["files"]["read"], &third["files"]["with_problem"]), (&Value::from(1), &Value::from(0)));
}

#[test]
fn a_person_reads_tables_of_80_columns() {
    let Some(library) = Library::of_each("Hip-Hop; xyzzy") else { return };
    fs::write(library.music().join("a\u{1b}[31m.mp3"), b"").unwrap();
    let ran = library.tags(&["scan", "music"]).succeeded();
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{ran:?}");
    for words in ["8 audio files: 7 read", "hip hop", "NOT UNDERSTOOD", "LEFT OUT", "\\u{1b}"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    assert!(ran.stderr.contains("scan.html") && ran.stderr.contains("1 tag created"), "{ran:?}");
}
