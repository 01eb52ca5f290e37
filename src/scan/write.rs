//! Writes changes into files: into copies, or in place with a backup. A file is never edited where it lies: a copy beside it is
//! edited, read back and compared, and takes its place only when nothing but the planned fields differs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Change, ReadError, ScanError, Stamp, UndoFile,
    edit::edit,
    temporary::{Temporary, hash, keep_owner},
};

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It cannot be read, or not any more.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// It is not as it was when it was read.
    #[error("it was changed since it was read: apply again")]
    Changed,
    /// There is something in the place of the copy already.
    #[error("{0} is there already")]
    Exists(String),
    /// The edited copy is not what was planned.
    #[error("it was left alone: {0}")]
    Refused(String),
    /// The undo file cannot be written: nothing else may be, either.
    #[error("{0}")]
    Undo(ScanError),
}

/// Where originals go before a file is changed in place.
#[derive(Debug)]
pub struct Backup {
    /// The folder.
    pub folder: PathBuf,
    /// What was done so far.
    pub undo: UndoFile,
}

/// Writes a changed copy of a file to the same path below `folder`. The file itself is only read.
///
/// # Errors
/// [`WriteError`]; no copy is left then.
pub fn to_copy(change: &Change, folder: &Path) -> Result<(), WriteError> {
    let target = folder.join(&change.relative);
    if fs::symlink_metadata(&target).is_ok() {
        return Err(WriteError::Exists(target.display().to_string()));
    }
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    let copy = Temporary::of(&change.path, parent)?;
    check_unchanged(&change.path, change.stamp)?;
    edit(copy.path(), change)?;
    Ok(copy.put_in_place_of(&target)?)
}

/// Changes a file, after its original is safe in the backup and the undo file says how to bring it back.
///
/// # Errors
/// [`WriteError`]; the file is as it was then.
pub fn in_place(change: &Change, backup: &mut Backup) -> Result<(), WriteError> {
    // A link stays one: what it leads to is changed.
    let real = fs::canonicalize(&change.path)?;
    if fs::metadata(&real)?.permissions().readonly() {
        return Err(WriteError::Refused("it is read-only".to_owned()));
    }
    let parent = real.parent().unwrap_or(Path::new("/"));
    let kept = Path::new("files").join(&change.relative);
    let saved = backup.folder.join(&kept);
    if fs::symlink_metadata(&saved).is_ok() {
        return Err(WriteError::Exists(saved.display().to_string()));
    }
    fs::create_dir_all(saved.parent().unwrap_or(&backup.folder))?;
    let original = Temporary::of(&real, saved.parent().unwrap_or(&backup.folder))?;
    check_unchanged(&real, change.stamp)?;
    let copy = Temporary::of(original.path(), parent)?;
    keep_owner(&real, copy.path())?;
    edit(copy.path(), change)?;
    let (before, after) = (hash(original.path())?, hash(copy.path())?);
    original.put_in_place_of(&saved)?;
    backup.undo.add(&real, &kept, &before, &after).map_err(WriteError::Undo)?;
    check_unchanged(&real, change.stamp)?;
    Ok(copy.put_in_place_of(&real)?)
}

fn check_unchanged(path: &Path, stamp: Stamp) -> Result<(), WriteError> {
    if Stamp::of(path)? == stamp { Ok(()) } else { Err(WriteError::Changed) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Container, Edit, read, samples::wave},
        *,
    };

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    /// A library of one file, and what is to change in it.
    fn library(before: &[&str], after: &[&str]) -> (tempfile::TempDir, Change) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music/a.wav");
        fs::create_dir(folder.path().join("music")).unwrap();
        fs::write(&path, wave("Punk")).unwrap();
        let stamp = Stamp::of(&path).unwrap();
        let genres = Some(Edit { before: texts(before), after: texts(after) });
        let container = Container::Wav;
        let change = Change { path, relative: "a.wav".to_owned(), container, stamp, genres, moods: None };
        (folder, change)
    }

    fn backup(folder: &Path) -> Backup {
        fs::create_dir_all(folder).unwrap();
        let undo = UndoFile::create(&folder.join("undo.jsonl"), "/music", chrono::Utc::now()).unwrap();
        Backup { folder: folder.to_owned(), undo }
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_copy_has_the_new_names_and_the_file_the_old_ones() {
        let (folder, change) = library(&["Punk"], &["punk", "ska"]);
        to_copy(&change, &folder.path().join("out")).unwrap();
        assert_eq!(read(&folder.path().join("out/a.wav")).unwrap().1.genres, ["punk; ska"]);
        assert_eq!(fs::read(&change.path).unwrap(), wave("Punk"));
        assert!(matches!(to_copy(&change, &folder.path().join("out")), Err(WriteError::Exists(_))));
        assert_eq!(names(&folder.path().join("out")), ["a.wav"]);
    }

    #[test]
    fn a_file_that_was_changed_since_it_was_read_is_left_alone() {
        let (folder, change) = library(&["Punk"], &["punk"]);
        let other = wave("Folk music");
        fs::write(&change.path, &other).unwrap();
        let mut backup = backup(&folder.path().join("kept"));
        assert!(matches!(in_place(&change, &mut backup), Err(WriteError::Changed)));
        assert!(matches!(to_copy(&change, &folder.path().join("out")), Err(WriteError::Changed)));
        assert_eq!(fs::read(&change.path).unwrap(), other);
        assert_eq!(names(&folder.path().join("music")), ["a.wav"]);
        assert!(names(&folder.path().join("out")).is_empty() && names(&folder.path().join("kept/files")).is_empty());
    }

    #[test]
    fn a_tag_that_does_not_say_what_was_planned_for_is_not_written() {
        let (folder, change) = library(&["Rock"], &["rock"]);
        let mut backup = backup(&folder.path().join("kept"));
        assert!(matches!(in_place(&change, &mut backup), Err(WriteError::Refused(_))));
        assert_eq!(fs::read(&change.path).unwrap(), wave("Punk"));
        assert_eq!(names(&folder.path().join("music")), ["a.wav"]);
    }
}
