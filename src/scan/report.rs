//! What a scan tells: what was found, which spellings are one tag, what nothing is known of, what could not be read.

use serde::Serialize;

use super::{Container, Problem};
use crate::domain::{TagType, Timestamp};

/// How many files were met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    /// Audio files.
    pub audio: u64,
    /// Of these, opened and read by this scan.
    pub read: u64,
    /// Of these, known from an earlier scan and unchanged since.
    pub from_state: u64,
    /// Of these, left out with a problem.
    pub with_problem: u64,
    /// Of these, with a genre.
    pub with_genre: u64,
    /// Of these, with a mood.
    pub with_mood: u64,
    /// Files that are no audio.
    pub others: u64,
    /// Symbolic links that were not followed.
    pub links: u64,
}

/// The same of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContainerCounts {
    /// Which.
    pub container: Container,
    /// Files of that kind.
    pub files: u64,
    /// Of these, with a genre.
    pub with_genre: u64,
    /// Of these, with a mood.
    pub with_mood: u64,
    /// Of these, left out with a problem.
    pub with_problem: u64,
}

/// How the different values were understood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StringCounts {
    /// Different values.
    pub different: u64,
    /// How often they stand in a file.
    pub occurrences: u64,
    /// Different values of which every part was understood.
    pub whole: u64,
    /// Of which a part was.
    pub partly: u64,
    /// Which say nothing about genre or mood: placeholders, years.
    pub set_aside: u64,
    /// Of which nothing is known.
    pub unknown: u64,
}

/// How a tag is spelt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spelling {
    /// As it stands in files, among other values perhaps.
    pub text: String,
    /// In how many files the value stands that has it.
    pub files: u64,
}

/// A tag that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagFound {
    /// Genre or mood.
    pub tag_type: TagType,
    /// Its name.
    pub tag_name: String,
    /// Whether the vocabulary has it, now.
    pub in_library: bool,
    /// Whether this scan created it.
    pub created: bool,
    /// Files that have it.
    pub files: u64,
    /// How it is spelt, the usual spelling first.
    pub spellings: Vec<Spelling>,
}

/// A value that was not wholly understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RawFound {
    /// The field that it stands in.
    pub field: TagType,
    /// As it stands there, cut at 200 characters.
    pub raw: String,
    /// In how many files.
    pub files: u64,
    /// The parts that are meant.
    pub parts: Vec<String>,
    /// What they may mean.
    pub maybe: Vec<String>,
}

/// What a scan tells.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// 1.
    pub version: u32,
    /// The folder.
    pub folder: String,
    /// When the scan began.
    pub started_at: Timestamp,
    /// When it had read everything.
    pub finished_at: Timestamp,
    /// How many files.
    pub files: FileCounts,
    /// By container; those of which there is none are left out.
    pub containers: Vec<ContainerCounts>,
    /// How values were understood.
    pub strings: StringCounts,
    /// Tags, those of most files first.
    pub tags: Vec<TagFound>,
    /// Values of which something was not understood, those of most files first.
    pub not_understood: Vec<RawFound>,
    /// Values that say nothing, those of most files first.
    pub set_aside: Vec<RawFound>,
    /// What was left out.
    pub problems: Vec<Problem>,
}
