//! The audio files of a library: which there are ([`walk`]), what stands in their genre and mood fields ([`read()`], in parallel
//! by [`scan`]), what of it was understood ([`Report`]), and how understood names are written back ([`plan`], [`to_copy`],
//! [`in_place`], [`undo`]).
//!
//! A scan opens files for reading and nothing else. `docs/SCAN.md` has the rules.

mod chart;
mod edit;
mod gather;
mod html;
mod plan;
mod read;
mod report;
#[cfg(test)]
mod samples;
mod state;
mod strings;
mod tagged;
mod tally;
mod temporary;
mod undo;
mod walk;
mod write;

use std::path::Path;

pub use gather::{FileRead, Reading, ScanOptions, scan};
pub use html::page;
pub use plan::{Change, Edit, Plan, plan};
pub use read::{Fields, ReadError, Stamp, read};
pub use report::{ContainerCounts, FileCounts, RawFound, Report, Spelling, StringCounts, TagFound};
pub use state::{Known, State};
pub use strings::{RawString, ResolvedStrings, strings};
pub use undo::{UndoFile, Undone, UndoneKind, undo};
pub use walk::{AudioFile, Walked, walk};
pub use write::{Backup, WriteError, in_place, to_copy};

use crate::domain::word_enum;

word_enum! {
    /// A kind of audio file that is read.
    Container, "container" {
        /// MPEG audio: ID3v2, ID3v1, APE.
        Mp3 => "mp3",
        /// FLAC: Vorbis comments.
        Flac => "flac",
        /// MPEG-4 audio: atoms as iTunes writes them.
        M4a => "m4a",
        /// Ogg Vorbis: Vorbis comments.
        Ogg => "ogg",
        /// Opus: Vorbis comments.
        Opus => "opus",
        /// RIFF WAVE: INFO list, ID3v2.
        Wav => "wav",
        /// AIFF: ID3v2.
        Aiff => "aiff",
    }
}

impl Container {
    /// The container that a file's name promises; `None` for what is no audio file.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy();
        // What macOS leaves beside a file on foreign file systems has the file's extension and none of its audio.
        if name.starts_with("._") {
            return None;
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "mp3" => Some(Self::Mp3),
            "flac" => Some(Self::Flac),
            "m4a" | "m4b" => Some(Self::M4a),
            "ogg" | "oga" => Some(Self::Ogg),
            "opus" => Some(Self::Opus),
            "wav" | "wave" => Some(Self::Wav),
            "aiff" | "aif" | "aifc" => Some(Self::Aiff),
            _ => None,
        }
    }
}

word_enum! {
    /// Why something in a library was left out.
    ProblemKind, "kind" {
        /// A folder that cannot be listed.
        Folder => "folder",
        /// A file that cannot be opened or read.
        Unreadable => "unreadable",
        /// A file whose content is damaged, or not what its name says.
        Broken => "broken",
        /// A file that somebody was writing at the time.
        Changed => "changed",
        /// A symbolic link that leads back to a folder above it.
        Loop => "loop",
        /// A symbolic link to something that is not there.
        Link => "link",
    }
}

/// Something that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Below the folder that was scanned.
    pub path: String,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// In words.
    pub detail: String,
}

/// Why a scan, or an undoing, cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The folder cannot be used.
    #[error("cannot scan {folder}: {reason}")]
    Folder {
        /// As it was named.
        folder: String,
        /// In words.
        reason: String,
    },
    /// A file of our own cannot be used.
    #[error("cannot use {file}: {reason}")]
    File {
        /// Its path.
        file: String,
        /// In words, with what to do.
        reason: String,
    },
}

impl ScanError {
    fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::File { file: path.display().to_string(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_extension_in_any_case() {
        for (name, expected) in [
            ("a.mp3", Some(Container::Mp3)),
            ("b/a.FLAC", Some(Container::Flac)),
            ("a.m4b", Some(Container::M4a)),
            ("a.aif", Some(Container::Aiff)),
            ("a.opus", Some(Container::Opus)),
            ("._a.mp3", None),
            ("cover.jpg", None),
            ("mp3", None),
            ("a.mp3.tmp", None),
        ] {
            assert_eq!(Container::of(Path::new(name)), expected, "{name}");
        }
    }
}
