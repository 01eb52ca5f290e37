//! What a scan has read so far, in a file: an interrupted scan goes on from there, and a later one reads only what is new.
//! One JSON object a line, after a header; written as files are read. It is a cache: without it everything is read again.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Fields, ScanError, Stamp};

/// Counts what a state holds; one of another version is begun anew.
const VERSION: u32 = 1;

/// How every state begins; whatever begins otherwise is somebody's file.
const BEGINNING: &[u8] = br#"{"musonym_scan":"#;
const NO_STATE: &str = "it is not the state of a scan: choose another file with --state, or remove this one";

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Header {
    musonym_scan: u32,
    folder: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(flatten)]
    fields: Fields,
}

/// What is known of files, by their path below the folder.
#[derive(Debug, Default)]
pub struct Known(HashMap<String, (Stamp, Fields)>);

impl Known {
    /// The fields of a file that is still as it was.
    pub fn get(&self, relative: &str, stamp: Stamp) -> Option<&Fields> {
        self.0.get(relative).filter(|(known, _)| *known == stamp).map(|(_, fields)| fields)
    }
}

/// The open file of a state. One process at a time holds it.
#[derive(Debug)]
pub struct State {
    file: File,
    path: PathBuf,
    header: Header,
    /// How many entries it holds, with those that later ones have replaced.
    entries: usize,
}

impl State {
    /// Opens the state of this folder, or begins one.
    ///
    /// # Errors
    /// [`ScanError::File`] where the file cannot be used, belongs to another folder, or another scan holds it.
    pub fn open(path: &Path, folder: &str) -> Result<(Self, Known), ScanError> {
        let unusable = |error: std::io::Error| ScanError::file(path, error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = "another scan of this folder is running: wait for its end";
                return Err(ScanError::file(path, reason));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unusable)?;
        let header = Header { musonym_scan: VERSION, folder: folder.to_owned() };
        let (known, entries, whole) = parse(&bytes, &header).map_err(|reason| ScanError::file(path, reason))?;
        // A process that was killed may have left half a line.
        file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0)).map(drop)).map_err(unusable)?;
        let mut state = Self { file, path: path.to_owned(), header, entries };
        if whole == 0 {
            let line = line(&state.header)?;
            state.write(&line)?;
        }
        Ok((state, known))
    }

    /// Keeps what was read.
    ///
    /// # Errors
    /// [`ScanError::File`] when it cannot be written.
    pub fn keep(&mut self, relative: &str, stamp: Stamp, fields: &Fields) -> Result<(), ScanError> {
        let line = line(&Entry { path: relative.to_owned(), stamp, fields: fields.clone() })?;
        self.entries += 1;
        self.write(&line)
    }

    /// Leaves nothing but these files, once a scan has met all that are there. A state that holds nothing else stays as it is.
    ///
    /// # Errors
    /// [`ScanError::File`] when it cannot be written.
    pub fn replace<'a>(
        mut self,
        files: impl ExactSizeIterator<Item = (&'a str, Stamp, &'a Fields)>,
    ) -> Result<(), ScanError> {
        if self.entries == files.len() {
            return Ok(());
        }
        let mut text = line(&self.header)?;
        for (relative, stamp, fields) in files {
            text.push_str(&line(&Entry { path: relative.to_owned(), stamp, fields: fields.clone() })?);
        }
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| ScanError::file(&self.path, error))?;
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> Result<(), ScanError> {
        // One write for a line: a process that is killed between two has written whole ones.
        self.file.write_all(text.as_bytes()).map_err(|error| ScanError::file(&self.path, error))
    }
}

fn line(value: &impl Serialize) -> Result<String, ScanError> {
    let mut text = serde_json::to_string(value).map_err(|error| ScanError::file(Path::new("the state"), error))?;
    text.push('\n');
    Ok(text)
}

/// What whole lines say, how many entries and how many bytes they are. A state of another version says nothing.
fn parse(bytes: &[u8], expected: &Header) -> Result<(Known, usize, u64), String> {
    let mut known = Known::default();
    let (mut entries, mut whole) = (0, 0);
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if number == 0 && !line.starts_with(BEGINNING) && !BEGINNING.starts_with(line) {
            return Err(NO_STATE.to_owned());
        }
        if !line.ends_with(b"\n") {
            break;
        }
        if number == 0 {
            let header: Header = serde_json::from_slice(line).map_err(|_| NO_STATE.to_owned())?;
            if header.musonym_scan != VERSION {
                return Ok((Known::default(), 0, 0));
            }
            if header != *expected {
                return Err(format!(
                    "it belongs to a scan of {}: choose another file with --state, or remove this one",
                    header.folder
                ));
            }
        } else {
            entries += 1;
            if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
                known.0.insert(entry.path, (entry.stamp, entry.fields));
            }
        }
        whole += line.len() as u64;
    }
    Ok((known, entries, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { size: 3, modified: 4 };

    fn fields(genre: &str) -> Fields {
        Fields { genres: vec![genre.to_owned()], moods: Vec::new() }
    }

    fn state_file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        (folder, path)
    }

    #[test]
    fn what_was_kept_is_known_again_while_the_file_is_as_it_was() {
        let (_folder, path) = state_file();
        let (mut state, known) = State::open(&path, "/music").unwrap();
        assert!(known.get("a.mp3", STAMP).is_none());
        state.keep("a.mp3", STAMP, &fields("rock")).unwrap();
        drop(state);
        let (_state, known) = State::open(&path, "/music").unwrap();
        assert_eq!(known.get("a.mp3", STAMP), Some(&fields("rock")));
        assert!(known.get("a.mp3", Stamp { size: 4, ..STAMP }).is_none());
        assert!(known.get("a.mp3", Stamp { modified: 5, ..STAMP }).is_none());
    }

    #[test]
    fn half_a_line_of_a_killed_process_is_cut_off() {
        let (_folder, path) = state_file();
        let (mut state, _) = State::open(&path, "/music").unwrap();
        state.keep("a.mp3", STAMP, &fields("rock")).unwrap();
        drop(state);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(br#"{"path":"b.mp3","si"#);
        std::fs::write(&path, &bytes).unwrap();
        let (mut state, known) = State::open(&path, "/music").unwrap();
        assert!(known.get("a.mp3", STAMP).is_some());
        state.keep("b.mp3", STAMP, &fields("pop")).unwrap();
        drop(state);
        let (_state, known) = State::open(&path, "/music").unwrap();
        assert_eq!(known.get("b.mp3", STAMP), Some(&fields("pop")));
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let (_folder, path) = state_file();
        for text in ["my diary\n", "my diary", "{}\n"] {
            std::fs::write(&path, text).unwrap();
            let refused = State::open(&path, "/music").unwrap_err().to_string();
            assert!(refused.contains("not the state of a scan"), "{refused}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        drop(State::open(&path, "/music").unwrap());
        let refused = State::open(&path, "/other").unwrap_err().to_string();
        assert!(refused.contains("a scan of /music"), "{refused}");
    }

    #[test]
    fn two_scans_at_once_are_one_too_many() {
        let (_folder, path) = state_file();
        let held = State::open(&path, "/music").unwrap();
        let refused = State::open(&path, "/music").unwrap_err().to_string();
        assert!(refused.contains("another scan"), "{refused}");
        held.0.replace([("c.mp3", STAMP, &fields("ska"))].into_iter()).unwrap();
        let (_state, known) = State::open(&path, "/music").unwrap();
        assert!(known.get("c.mp3", STAMP).is_some());
    }
}
