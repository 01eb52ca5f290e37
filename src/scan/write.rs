//! Writes changes into files: into copies, or in place with a backup. A file is never edited where it lies: a copy beside it is
//! edited, read back and compared, and takes its place only when nothing but the planned fields differs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use lofty::{
    config::WriteOptions,
    file::{AudioFile as _, TaggedFile, TaggedFileExt},
    tag::{ItemKey, ItemValue, Tag, TagExt, TagItem, TagType as Format},
};
use sha2::{Digest, Sha256};

use super::{
    Change, Edit, ReadError, ScanError, Stamp, UndoFile,
    tagged::{Depth, KEYS, parse},
};
use crate::domain::TagType;

/// Between values in tags that hold one text for each field.
const SEPARATOR: &str = "; ";

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

fn check_unchanged(path: &Path, stamp: Stamp) -> Result<(), WriteError> {
    if Stamp::of(path)? == stamp { Ok(()) } else { Err(WriteError::Changed) }
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

/// Edits a file that nobody else knows of, and reads it back.
fn edit(path: &Path, change: &Change) -> Result<(), WriteError> {
    let mut file = parse(path, Depth::Everything)?;
    let before = parse(path, Depth::Everything)?;
    let old_id3 = id3_version(path)?.is_some_and(|version| version < 4);
    let options = WriteOptions::new().use_id3v23(old_id3);
    let file_type = file.file_type();
    let formats: Vec<Format> = file.tags().iter().map(Tag::tag_type).collect();
    let mut written = false;
    for format in formats {
        // ID3v1 can name 192 genres and no other.
        if format == Format::Id3v1 || !file_type.tag_support(format).is_writable() {
            continue;
        }
        let Some(tag) = file.tag_mut(format) else { continue };
        let mut differs = false;
        for (key, edit) in keyed(change) {
            if tag.get_strings(key).next().is_some() {
                tag.remove_key(key);
                for value in values(format, old_id3, edit) {
                    tag.push(TagItem::new(key, ItemValue::Text(value)));
                }
                differs = true;
            }
        }
        if differs {
            let refused = |error: &dyn std::fmt::Display| WriteError::Refused(error.to_string());
            tag.save_to_path(path, options).map_err(|error| refused(&error))?;
            written = true;
        }
    }
    if !written {
        let reason = "the field stands in a tag that cannot hold every name (ID3v1), or that is only read here";
        return Err(WriteError::Refused(reason.to_owned()));
    }
    compare(&before, &parse(path, Depth::Everything)?, change).map_err(WriteError::Refused)
}

/// The edits with the keys of their fields.
fn keyed(change: &Change) -> impl Iterator<Item = (ItemKey, &Edit)> {
    change.edits().map(|(field, edit)| match field {
        TagType::Genre => (KEYS[0], edit),
        TagType::Mood => (KEYS[1], edit),
    })
}

/// The values as this kind of tag holds them: several texts, or one.
fn values(format: Format, old_id3: bool, edit: &Edit) -> Vec<String> {
    let holds_several = match format {
        Format::VorbisComments | Format::Ape => true,
        Format::Id3v2 => !old_id3,
        _ => false,
    };
    if holds_several { edit.after.clone() } else { vec![edit.after.join(SEPARATOR)] }
}

/// Says what differs besides the planned fields, or in them.
fn compare(before: &TaggedFile, after: &TaggedFile, change: &Change) -> Result<(), String> {
    let (was, is) = (before.properties(), after.properties());
    if (was.duration(), was.channels(), was.sample_rate()) != (is.duration(), is.channels(), is.sample_rate()) {
        return Err("the audio would not be the same".to_owned());
    }
    for old in before.tags() {
        let format = old.tag_type();
        let Some(new) = after.tag(format) else {
            return Err(format!("its {format:?} tag would be lost"));
        };
        if others(old) != others(new) || old.picture_count() != new.picture_count() {
            return Err(format!("other fields of its {format:?} tag would change"));
        }
        for (key, edit) in keyed(change).filter(|_| format != Format::Id3v1) {
            let written: Vec<&str> = new.get_strings(key).collect();
            let had = old.get_strings(key).next().is_some();
            if had && written.join(SEPARATOR) != edit.after.join(SEPARATOR) {
                return Err(format!("its {format:?} tag would say `{}`", written.join(SEPARATOR)));
            }
        }
    }
    Ok(())
}

/// Everything but the fields that are edited, in an order of its own.
fn others(tag: &Tag) -> Vec<String> {
    let mut items: Vec<String> = tag
        .items()
        .filter(|item| !KEYS.contains(&item.key()))
        .map(|item| format!("{:?} {:?} {:?}", item.key(), item.description(), item.value()))
        .collect();
    items.sort();
    items
}

/// The version of the ID3v2 tag of a file, 2 to 4: at the beginning, or in a chunk of a RIFF or AIFF file.
fn id3_version(path: &Path) -> io::Result<Option<u8>> {
    use io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    let mut head = [0; 12];
    if file.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    if head.starts_with(b"ID3") {
        return Ok(Some(head[3]));
    }
    let big_endian = head.starts_with(b"FORM");
    if !big_endian && !head.starts_with(b"RIFF") {
        return Ok(None);
    }
    let mut chunk = [0; 12];
    // An identifier, a size, and of an ID3 chunk the first bytes of its tag.
    while file.read_exact(&mut chunk).is_ok() {
        if chunk[..4].eq_ignore_ascii_case(b"ID3 ") && chunk[8..].starts_with(b"ID3") {
            return Ok(Some(chunk[11]));
        }
        let size = [chunk[4], chunk[5], chunk[6], chunk[7]];
        let size = if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        // Chunks begin at even places; four bytes of the content have been read.
        file.seek(SeekFrom::Current(i64::from(size) + i64::from(size % 2) - 4))?;
    }
    Ok(None)
}
