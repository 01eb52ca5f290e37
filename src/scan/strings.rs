//! The different values of the files of a library, and what each means.

use std::collections::{BTreeMap, HashMap};

use super::FileRead;
use crate::{domain::TagType, enrich::resolve::ResolvedString};

/// A value of a field, and how many files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawString {
    /// The field that it stands in.
    pub field: TagType,
    /// As it stands there.
    pub raw: String,
    /// In how many files.
    pub files: u64,
}

/// The different values of all files, by field and text.
pub fn strings(files: &[FileRead]) -> Vec<RawString> {
    let mut counts: BTreeMap<(TagType, &str), u64> = BTreeMap::new();
    for file in files {
        for value in values(file) {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts.into_iter().map(|((field, raw), files)| RawString { field, raw: raw.to_owned(), files }).collect()
}

/// The values of a file with their field.
pub(super) fn values(file: &FileRead) -> impl Iterator<Item = (TagType, &str)> {
    let genres = file.fields.genres.iter().map(|value| (TagType::Genre, value.as_str()));
    genres.chain(file.fields.moods.iter().map(|value| (TagType::Mood, value.as_str())))
}

/// What values mean, by field and text.
#[derive(Debug, Default)]
pub struct ResolvedStrings(HashMap<(TagType, String), ResolvedString>);

impl ResolvedStrings {
    /// Adds what a value means.
    pub fn add(&mut self, string: &RawString, resolved: ResolvedString) {
        self.0.insert((string.field, string.raw.clone()), resolved);
    }

    /// What a value means.
    pub fn get(&self, field: TagType, raw: &str) -> Option<&ResolvedString> {
        self.0.get(&(field, raw.to_owned()))
    }
}
