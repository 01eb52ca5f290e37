//! Edits the genre and mood fields of a copy of a file, and makes sure that nothing else in it differs.

use std::{
    fmt::Display,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use lofty::{
    config::WriteOptions,
    file::{AudioFile as _, TaggedFile, TaggedFileExt},
    id3::v2::Id3v2Tag,
    tag::{ItemKey, ItemValue, Tag, TagExt, TagItem, TagType as Format},
};

use super::{
    Change, Edit, WriteError,
    plan::SEPARATOR,
    tagged::{Depth, KEYS, parse, texts},
};
use crate::domain::TagType;

/// Edits a file that nobody else knows of, and reads it back. A panic of the writer is an error like others.
pub(super) fn edit(path: &Path, change: &Change) -> Result<(), WriteError> {
    let edited = catch_unwind(AssertUnwindSafe(|| rewrite(path, change)));
    let reason = "its tags are such that their writer cannot cope with them";
    edited.unwrap_or_else(|_| Err(WriteError::Refused(reason.to_owned())))
}

fn rewrite(path: &Path, change: &Change) -> Result<(), WriteError> {
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
            // A tag that says something else is left alone: what it says was not looked at.
            if says(tag, key, &edit.before) {
                tag.remove_key(key);
                for value in values(format, old_id3, edit) {
                    tag.push(TagItem::new(key, ItemValue::Text(value)));
                }
                differs = true;
            }
        }
        if differs {
            let refused = |error: &dyn Display| WriteError::Refused(error.to_string());
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
        let is_whole = old.picture_count() == new.picture_count() && frames(old) == frames(new);
        if !is_whole || others(old) != others(new) {
            return Err(format!("other fields of its {format:?} tag would change"));
        }
        for (key, edit) in keyed(change).filter(|_| format != Format::Id3v1) {
            if says(old, key, &edit.before) && !says(new, key, &edit.after) {
                let text = texts(new, key).join(SEPARATOR);
                return Err(format!("its {format:?} tag would say `{text}`"));
            }
        }
    }
    Ok(())
}

/// Whether a field of a tag has these values, in one text or in several.
fn says(tag: &Tag, key: ItemKey, values: &[String]) -> bool {
    texts(tag, key).join(SEPARATOR) == values.join(SEPARATOR)
}

/// How many frames an ID3v2 tag has, with those that no other kind of tag knows; 0 of other tags.
fn frames(tag: &Tag) -> usize {
    if tag.tag_type() == Format::Id3v2 { Id3v2Tag::from(tag.clone()).len() } else { 0 }
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
