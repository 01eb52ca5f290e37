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
