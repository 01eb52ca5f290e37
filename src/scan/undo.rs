//! The undo file: which file was changed, where its original is, and by which hashes both are known. A line is on the disk
//! before the file is changed, so that whatever was interrupted can be undone.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    ScanError,
    temporary::{Temporary, hash, keep_owner},
};
use crate::domain::{Timestamp, word_enum};

/// Counts what an undo file holds.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    musonym_undo: u32,
    folder: String,
    made_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// The file that was changed.
    path: String,
    /// Its original, below the folder of the undo file.
    backup: String,
    /// SHA-256 of the original and of what was written.
    before: String,
    after: String,
}

/// An undo file that is being written.
#[derive(Debug)]
pub struct UndoFile {
    file: File,
    path: PathBuf,
}

impl UndoFile {
    /// Begins one for changes in this folder.
    ///
    /// # Errors
    /// [`ScanError::File`] when there is one already, or it cannot be written.
    pub fn create(path: &Path, folder: &str, made_at: Timestamp) -> Result<Self, ScanError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let mut undo = Self { file: file.map_err(|error| ScanError::file(path, error))?, path: path.to_owned() };
        undo.write(&Header { musonym_undo: VERSION, folder: folder.to_owned(), made_at })?;
        Ok(undo)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn add(&mut self, path: &Path, backup: &Path, before: &str, after: &str) -> Result<(), ScanError> {
        let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("its name is no UTF-8");
        let unusable = |path: &Path, reason: &str| ScanError::file(path, reason);
        let entry = Entry {
            path: text(path).map_err(|reason| unusable(path, reason))?,
            backup: text(backup).map_err(|reason| unusable(backup, reason))?,
            before: before.to_owned(),
            after: after.to_owned(),
        };
        self.write(&entry)
    }

    fn write(&mut self, value: &impl Serialize) -> Result<(), ScanError> {
        let failed = |error: &dyn std::fmt::Display| ScanError::file(&self.path, error);
        let mut line = serde_json::to_string(value).map_err(|error| failed(&error))?;
        line.push('\n');
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| failed(&error))
    }
}

word_enum! {
    /// What undoing did with a file.
    UndoneKind, "kind" {
        /// It is as it was before the change, byte by byte.
        Restored => "restored",
        /// It was so already.
        AlreadyThere => "already_there",
        /// Somebody has changed it since: it was left alone.
        ChangedSince => "changed_since",
        /// It, or its original, cannot be used.
        Failed => "failed",
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The file.
    pub path: String,
    /// What was done.
    pub kind: UndoneKind,
    /// Why not more.
    pub detail: Option<String>,
}

/// Brings back what the changes of an undo file replaced, the last change first. With `force` also where somebody has changed
/// a file since; with `dry_run` it only says what would be done.
///
/// # Errors
/// [`ScanError::File`] where the undo file cannot be read. What fails for one file is told and does not end it.
pub fn undo(file: &Path, force: bool, dry_run: bool) -> Result<Vec<Undone>, ScanError> {
    let text = std::fs::read_to_string(file).map_err(|error| ScanError::file(file, error))?;
    let entries = parse(&text).map_err(|reason| ScanError::file(file, reason))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    Ok(entries.iter().rev().map(|entry| one(entry, folder, force, dry_run)).collect())
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let header: Option<Header> = lines.next().and_then(|line| serde_json::from_str(line).ok());
    if header.is_none_or(|header| header.musonym_undo != VERSION) {
        return Err("it is not an undo file of `musonym tags apply`, or one of another version".to_owned());
    }
    // The last line may be half written: its file had not been touched yet.
    let entries = lines.enumerate().map(|(at, line)| {
        serde_json::from_str(line).map_err(|error| format!("line {} cannot be read: {error}", at + 2))
    });
    entries.collect()
}

fn one(entry: &Entry, folder: &Path, force: bool, dry_run: bool) -> Undone {
    let done = |kind, detail: Option<String>| Undone { path: entry.path.clone(), kind, detail };
    let failed = |detail: String| done(UndoneKind::Failed, Some(detail));
    let backup = Path::new(&entry.backup);
    if !backup.components().all(|part| matches!(part, Component::Normal(_))) {
        return failed("its original does not lie below the undo file".to_owned());
    }
    let (path, backup) = (Path::new(&entry.path), folder.join(backup));
    match hash(path) {
        Ok(now) if now == entry.before => return done(UndoneKind::AlreadyThere, None),
        Ok(now) if now == entry.after || force => {}
        Ok(_) => {
            let detail = "it was changed since; --force brings the original back all the same".to_owned();
            return done(UndoneKind::ChangedSince, Some(detail));
        }
        // Whoever removed it meant it.
        Err(_) if force => {}
        Err(error) => return failed(error.to_string()),
    }
    match hash(&backup) {
        Ok(kept) if kept == entry.before => {}
        Ok(_) => return failed(format!("its original was changed: {}", backup.display())),
        Err(error) => return failed(format!("its original cannot be read: {}: {error}", backup.display())),
    }
    if dry_run {
        return done(UndoneKind::Restored, None);
    }
    match bring_back(&backup, path) {
        Ok(()) => done(UndoneKind::Restored, None),
        Err(error) => failed(error.to_string()),
    }
}

fn bring_back(backup: &Path, path: &Path) -> std::io::Result<()> {
    let copy = Temporary::of(backup, path.parent().unwrap_or(Path::new("/")))?;
    if path.exists() {
        keep_owner(path, copy.path())?;
    }
    copy.put_in_place_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (song, undo_file) = (folder.path().join("a.mp3"), folder.path().join("undo.jsonl"));
        let kept = folder.path().join("files/a.mp3");
        std::fs::create_dir(folder.path().join("files")).unwrap();
        std::fs::write(&kept, "old").unwrap();
        std::fs::write(&song, "new").unwrap();
        let mut undo = UndoFile::create(&undo_file, "/music", chrono::Utc::now()).unwrap();
        let (before, after) = (hash(&kept).unwrap(), hash(&song).unwrap());
        undo.add(&song, Path::new("files/a.mp3"), &before, &after).unwrap();
        (folder, song, undo_file)
    }

    fn kinds(undone: &[Undone]) -> Vec<UndoneKind> {
        undone.iter().map(|undone| undone.kind).collect()
    }

    #[test]
    fn the_original_comes_back_and_a_second_time_there_is_nothing_to_do() {
        let (_folder, song, file) = changed();
        assert_eq!(kinds(&undo(&file, false, true).unwrap()), [UndoneKind::Restored]);
        assert_eq!(std::fs::read_to_string(&song).unwrap(), "new", "a dry run writes nothing");
        assert_eq!(kinds(&undo(&file, false, false).unwrap()), [UndoneKind::Restored]);
        assert_eq!(std::fs::read_to_string(&song).unwrap(), "old");
        assert_eq!(kinds(&undo(&file, false, false).unwrap()), [UndoneKind::AlreadyThere]);
    }

    #[test]
    fn what_somebody_changed_since_is_left_alone_unless_forced() {
        let (_folder, song, file) = changed();
        std::fs::write(&song, "newer").unwrap();
        assert_eq!(kinds(&undo(&file, false, false).unwrap()), [UndoneKind::ChangedSince]);
        assert_eq!(std::fs::read_to_string(&song).unwrap(), "newer");
        assert_eq!(kinds(&undo(&file, true, false).unwrap()), [UndoneKind::Restored]);
        assert_eq!(std::fs::read_to_string(&song).unwrap(), "old");
    }

    #[test]
    fn a_damaged_original_is_not_put_back_and_half_a_line_is_no_change() {
        let (folder, song, file) = changed();
        std::fs::write(folder.path().join("files/a.mp3"), "rot").unwrap();
        let mut text = std::fs::read_to_string(&file).unwrap();
        text.push_str(r#"{"path":"/music/b.mp3","#);
        std::fs::write(&file, text).unwrap();
        assert_eq!(kinds(&undo(&file, false, false).unwrap()), [UndoneKind::Failed]);
        assert_eq!(std::fs::read_to_string(&song).unwrap(), "new");
        std::fs::write(&file, "no undo file\n").unwrap();
        assert!(undo(&file, false, false).is_err());
    }
}
