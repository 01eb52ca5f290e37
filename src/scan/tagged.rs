//! The one place that touches the library behind tags (lofty), which was fed with whatever lies in folders.

use std::{
    fs::File,
    io::BufReader,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use lofty::{
    config::{GlobalOptions, ParseOptions, apply_global_options},
    file::{TaggedFile, TaggedFileExt},
    probe::Probe,
    tag::{ItemKey, Tag, TagType},
};

use super::{Fields, ReadError};

/// Most bytes of one item that are read: a cover of a hundred megabytes is somebody's scan of a booklet.
const MAX_ITEM_BYTES: usize = 128 * 1024 * 1024;

/// How far into a file audio may begin behind what is neither tag nor audio.
const MAX_JUNK_BYTES: usize = 64 * 1024;

/// The fields that are read and written, with the key that each has in every kind of tag.
pub(super) const KEYS: [ItemKey; 2] = [ItemKey::Genre, ItemKey::Mood];

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Text alone.
    Texts,
    /// Covers and what the audio is, too.
    Everything,
}

/// Reads the tags of an open file. A parser that gives up on a damaged file with a panic is an error like others.
pub(super) fn parse(path: &Path, depth: Depth) -> Result<TaggedFile, ReadError> {
    let file = File::open(path).map_err(|error| ReadError::Unreadable(error.to_string()))?;
    match catch_unwind(AssertUnwindSafe(|| parse_open(file, depth))) {
        Ok(Ok(tagged)) => Ok(tagged),
        Ok(Err(detail)) => Err(ReadError::Broken(detail)),
        Err(_) => Err(ReadError::Broken("it is damaged in a way that its reader cannot cope with".to_owned())),
    }
}

fn parse_open(file: File, depth: Depth) -> Result<TaggedFile, String> {
    // Holds for this thread alone.
    apply_global_options(GlobalOptions::new().allocation_limit(MAX_ITEM_BYTES));
    let everything = depth == Depth::Everything;
    let options =
        ParseOptions::new().read_properties(everything).read_cover_art(everything).max_junk_bytes(MAX_JUNK_BYTES);
    let probe = Probe::new(BufReader::new(file)).options(options);
    let probe = probe.guess_file_type().map_err(|error| error.to_string())?;
    if probe.file_type().is_none() {
        return Err("it does not begin as any known kind of audio does".to_owned());
    }
    probe.read().map_err(|error| error.to_string())
}

/// What stands in the genre and mood fields: what the main tag of its kind of file says, else the first one that says anything.
pub(super) fn fields(file: &TaggedFile) -> Fields {
    let main = file.primary_tag_type();
    let mut tags: Vec<&Tag> = file.tags().iter().collect();
    // ID3v1 has a number for some genres and none for the others: it is asked last.
    tags.sort_by_key(|tag| match tag.tag_type() {
        of if of == main => 0,
        TagType::Id3v1 => 2,
        _ => 1,
    });
    let values = |key: ItemKey| tags.iter().map(|tag| texts(tag, key)).find(|texts| !texts.is_empty());
    let [genres, moods] = KEYS.map(|key| values(key).unwrap_or_default());
    Fields { genres, moods }
}

/// The values of a field of a tag, each once, without blanks.
pub(super) fn texts(tag: &Tag, key: ItemKey) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in tag.get_strings(key).filter(|text| !text.trim().is_empty()) {
        if !texts.iter().any(|known| known == text) {
            texts.push(text.to_owned());
        }
    }
    texts
}
