//! Copies of files that take a place only when they are whole, and what tells files apart.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A copy that is gone at the end unless it was put in its place.
pub(super) struct Temporary(Option<PathBuf>);

impl Temporary {
    /// Copies a file into this folder, with its permissions and the moment it was changed.
    pub(super) fn of(path: &Path, folder: &Path) -> io::Result<Self> {
        let copy = Self(Some(folder.join(format!(".musonym-{:016x}.tmp", fastrand::u64(..)))));
        fs::copy(path, copy.path())?;
        make_writable(copy.path())?;
        let writable = File::options().write(true).open(copy.path())?;
        writable.set_modified(fs::metadata(path)?.modified()?)?;
        Ok(copy)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Moves it to this path, on the disk and not only in memory.
    pub(super) fn put_in_place_of(mut self, path: &Path) -> io::Result<()> {
        File::open(self.path())?.sync_all()?;
        fs::rename(self.path(), path)?;
        self.0 = None;
        // Where folders cannot be opened their entries are written by and by.
        if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What is left lies under a name that no scan reads.
            let _ = fs::remove_file(path);
        }
    }
}

/// A copy of a read-only file is still one to edit.
#[cfg(unix)]
fn make_writable(copy: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    const OWNER_WRITES: u32 = 0o200;
    let mode = fs::metadata(copy)?.permissions().mode();
    if mode & OWNER_WRITES != 0 {
        return Ok(());
    }
    fs::set_permissions(copy, fs::Permissions::from_mode(mode | OWNER_WRITES))
}

/// Read-only files are not copied here.
#[cfg(not(unix))]
fn make_writable(_copy: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a copy the owner of the original, which differs where an administrator writes.
#[cfg(unix)]
pub(super) fn keep_owner(original: &Path, copy: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let (of, is) = (fs::metadata(original)?, fs::metadata(copy)?);
    if (of.uid(), of.gid()) == (is.uid(), is.gid()) {
        return Ok(());
    }
    chown(copy, Some(of.uid()), Some(of.gid()))
}

/// Owners are not told apart here.
#[cfg(not(unix))]
pub(super) fn keep_owner(_original: &Path, _copy: &Path) -> io::Result<()> {
    Ok(())
}

/// SHA-256 of a file, in hexadecimal.
pub(super) fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
