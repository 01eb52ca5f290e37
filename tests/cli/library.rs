//! Music libraries for the tests: made by ffmpeg in all seven containers, tagged with strings as they stand in real files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use super::{Home, Ran, support::services};

/// The containers, and how ffmpeg is told to write each.
pub const CONTAINERS: [(&str, &[&str]); 7] = [
    ("mp3", &["-c:a", "libmp3lame"]),
    ("flac", &["-c:a", "flac"]),
    ("m4a", &["-c:a", "aac"]),
    ("ogg", &["-c:a", "libvorbis"]),
    ("opus", &["-c:a", "libopus"]),
    ("wav", &["-c:a", "pcm_s16le"]),
    ("aiff", &["-c:a", "pcm_s16be", "-write_id3v2", "1"]),
];

/// Files that one ffmpeg writes.
const BATCH: usize = 50;

/// A home with a library in `music`.
pub struct Library {
    pub home: Home,
    ffmpeg: PathBuf,
}

/// A file to be made.
pub struct Song {
    /// Below `music`, with the container's extension.
    pub name: String,
    pub genre: String,
    pub mood: Option<String>,
}

impl Song {
    pub fn new(name: &str, genre: &str) -> Self {
        Self { name: name.to_owned(), genre: genre.to_owned(), mood: None }
    }
}

impl Library {
    /// With these files; `None` to skip the test.
    pub fn of(songs: &[Song]) -> Option<Self> {
        let library = Self { home: Home::new(), ffmpeg: services::ffmpeg()? };
        fs::create_dir(library.music()).unwrap();
        for (extension, options) in CONTAINERS {
            let of_kind: Vec<&Song> =
                songs.iter().filter(|song| song.name.ends_with(&format!(".{extension}"))).collect();
            let base = library.home.path().join(format!("base.{extension}"));
            if !of_kind.is_empty() {
                library.base(&base, options);
            }
            for batch in of_kind.chunks(BATCH) {
                library.copies(&base, extension, options, batch);
            }
        }
        Some(library)
    }

    /// A file of each container with the same genre.
    pub fn of_each(genre: &str) -> Option<Self> {
        let songs = CONTAINERS.map(|(extension, _)| Song::new(&format!("song.{extension}"), genre));
        Self::of(&songs)
    }

    pub fn music(&self) -> PathBuf {
        self.home.path().join("music")
    }

    /// Runs `musonym tags …` in the home.
    pub fn tags(&self, args: &[&str]) -> Ran {
        self.home.run(&[&["tags"], args].concat())
    }

    /// The report of a scan with these flags.
    pub fn scan(&self, flags: &[&str]) -> serde_json::Value {
        self.scan_of("music", flags)
    }

    /// The same of another folder of the home.
    pub fn scan_of(&self, folder: &str, flags: &[&str]) -> serde_json::Value {
        let ran = self.tags(&[&["scan", folder, "--json"], flags].concat()).succeeded();
        let [report] = <[serde_json::Value; 1]>::try_from(ran.json()).unwrap();
        report
    }

    /// A fifth of a second of a tone.
    fn base(&self, path: &Path, options: &[&str]) {
        let tone = "sine=frequency=440:duration=0.2";
        let mut command = self.ffmpeg();
        command.args(["-f", "lavfi", "-i", tone, "-ac", "1", "-ar", "48000", "-metadata", "title=Tune"]);
        run(command.args(options).arg(path));
    }

    fn copies(&self, base: &Path, extension: &str, options: &[&str], songs: &[&Song]) {
        let mut command = self.ffmpeg();
        command.arg("-i").arg(base);
        for song in songs {
            let path = self.music().join(&song.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Of the options only those of the container hold for a copy.
            command.args(["-map", "0", "-c", "copy"]).args(&options[2..]);
            command.args(["-metadata", &format!("genre={}", song.genre)]);
            if let Some(mood) = &song.mood {
                let key = if ["mp3", "aiff"].contains(&extension) { "TMOO" } else { "MOOD" };
                command.args(["-metadata", &format!("{key}={mood}")]);
            }
            command.arg(path);
        }
        run(&mut command);
    }

    fn ffmpeg(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-v", "error", "-y", "-threads", "1"]).stdin(Stdio::null());
        command
    }

    /// The digest of a file's audio, without its tags.
    pub fn audio(&self, path: &Path) -> String {
        run(self.ffmpeg().arg("-i").arg(path).args(["-map", "0:a", "-c", "copy", "-f", "md5", "-"]))
    }

    /// What ffmpeg reads as the tags of a file and of its audio (where Ogg has them), in lower case.
    pub fn tags_of(&self, path: &Path) -> String {
        let of = |whose| run(self.ffmpeg().arg("-i").arg(path).args(["-map_metadata", whose, "-f", "ffmetadata", "-"]));
        (of("0") + &of("0:s:0")).to_lowercase()
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below a folder with its content and the moment it was changed.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            let modified = path.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), modified));
        }
    }
    files
}

/// Strings as they stand in the genre fields of real libraries: those that the resolver is measured by, and, where the data
/// folder is at hand (`MUSONYM_TEST_DATA`, or `shared/data` beside the checkout), those of `library_tags.txt`.
pub fn raw_strings() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = fs::read_to_string(root.join("data/eval/resolve.jsonl")).unwrap();
    let raw = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["raw"].as_str().unwrap().to_owned();
    let mut strings: Vec<String> = lines.lines().map(raw).collect();
    let folder = std::env::var_os("MUSONYM_TEST_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    match fs::read_to_string(folder.join("library_tags.txt")) {
        Ok(text) => strings.extend(text.split('\n').map(str::to_owned)),
        Err(_) => println!("{}: no library_tags.txt, fewer strings are used", folder.display()),
    }
    // ffmpeg takes no control characters as an argument, and trims.
    let is_fit = |text: &String| {
        !text.is_empty() && text.trim() == text && text.chars().count() <= 200 && !text.chars().any(char::is_control)
    };
    strings.retain(is_fit);
    strings
}
