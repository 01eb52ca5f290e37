//! Reads the genre and mood fields of one file, as it is at one moment.

use std::{fs, path::Path, time::UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::tagged::{Depth, fields, parse};

/// How often a file is read before it is given up as one that somebody is writing.
const ATTEMPTS: usize = 3;

/// By what a file is known to be as it was: its size, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// In nanoseconds since 1970; 0 for what is older.
    pub modified: u64,
}

impl Stamp {
    /// Of a file, through links.
    ///
    /// # Errors
    /// Whatever keeps the system from telling.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let age = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: metadata.len(), modified: u64::try_from(age.as_nanos()).unwrap_or(u64::MAX) })
    }
}

/// What stands in the fields of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// Genres as they stand there, blanks left out.
    pub genres: Vec<String>,
    /// Moods.
    pub moods: Vec<String>,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened.
    #[error("{0}")]
    Unreadable(String),
    /// It is damaged, or not what its name says.
    #[error("{0}")]
    Broken(String),
    /// It was being written.
    #[error("it was changed while it was read, {ATTEMPTS} times: scan again when nobody writes it any more")]
    Changed,
}

/// The fields of a file with the stamp at which they stood there.
///
/// # Errors
/// [`ReadError`] says why it was left out.
pub fn read(path: &Path) -> Result<(Stamp, Fields), ReadError> {
    unchanged(path, |path| Ok(fields(&parse(path, Depth::Texts)?)))
}

/// Reads until nobody has changed the file meanwhile.
fn unchanged<T>(path: &Path, mut read: impl FnMut(&Path) -> Result<T, ReadError>) -> Result<(Stamp, T), ReadError> {
    let stamp = || Stamp::of(path).map_err(|error| ReadError::Unreadable(error.to_string()));
    let mut before = stamp()?;
    for _ in 0..ATTEMPTS {
        let result = read(path);
        let after = stamp()?;
        if before == after {
            // Only now: what was half written may have looked broken.
            return result.map(|value| (before, value));
        }
        before = after;
    }
    Err(ReadError::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp3");
        fs::write(&path, "1").unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let (_folder, path) = file();
        let mut reads = 0;
        let read = unchanged(&path, |path| {
            let text = fs::read_to_string(path).unwrap();
            reads += 1;
            if reads == 1 {
                fs::write(path, "22").unwrap();
                return Err(ReadError::Broken("half of it".to_owned()));
            }
            Ok(text)
        });
        let (stamp, text) = read.unwrap();
        assert_eq!((stamp.size, text.as_str(), reads), (2, "22", 2));
    }

    #[test]
    fn a_file_that_never_stands_still_is_given_up() {
        let (_folder, path) = file();
        let mut size = 1;
        let read = unchanged(&path, |path| {
            size += 1;
            fs::write(path, "x".repeat(size)).unwrap();
            Ok(())
        });
        assert_eq!(read, Err(ReadError::Changed));
        assert_eq!(size, 1 + ATTEMPTS);
    }

    #[test]
    fn what_is_no_audio_is_broken_and_what_is_not_there_unreadable() {
        let (folder, path) = file();
        assert!(matches!(read(&path), Err(ReadError::Broken(_))));
        fs::write(&path, "").unwrap();
        assert!(matches!(read(&path), Err(ReadError::Broken(_))));
        assert!(matches!(read(&folder.path().join("none.mp3")), Err(ReadError::Unreadable(_))));
    }
}
