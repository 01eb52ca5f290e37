//! What writing back would change: each value that means the same as a tag of the vocabulary gets that tag's name, everything
//! else stays as it stands. Nothing is touched here.

use std::path::PathBuf;

use serde::Serialize;

use super::{Container, FileRead, ResolvedStrings, Stamp};
use crate::{
    domain::{TagType, key},
    enrich::resolve::{PartKind, ResolvedPart},
};

/// Between values in tags that hold one text for each field.
pub(super) const SEPARATOR: &str = "; ";

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// As it stands there.
    pub before: Vec<String>,
    /// As it would be written.
    pub after: Vec<String>,
}

/// What would change in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where it lies.
    #[serde(skip)]
    pub path: PathBuf,
    /// Below the folder.
    #[serde(rename = "path")]
    pub relative: String,
    /// What its name promises.
    pub container: Container,
    /// As it was when it was read; another one is left alone.
    #[serde(skip)]
    pub stamp: Stamp,
    /// Its genres, where they change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genres: Option<Edit>,
    /// Its moods, where they change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moods: Option<Edit>,
}

impl Change {
    /// The edits with the fields they belong to.
    pub fn edits(&self) -> impl Iterator<Item = (TagType, &Edit)> {
        let genres = self.genres.iter().map(|edit| (TagType::Genre, edit));
        genres.chain(self.moods.iter().map(|edit| (TagType::Mood, edit)))
    }
}

/// What would change in a library.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files that change, by path.
    pub changes: Vec<Change>,
    /// Files that stay as they are.
    pub unchanged: u64,
    /// Files that would change and whose names are no UTF-8: an undo file could not name them.
    pub unnamed: Vec<String>,
}

/// Works out what would change. Names below `min_score` are not sure enough to replace what stands there.
pub fn plan(files: &[FileRead], resolved: &ResolvedStrings, min_score: f64) -> Plan {
    let mut plan = Plan::default();
    for file in files {
        let edit = |field: TagType, before: &[String]| {
            let after = renamed(field, before, resolved, min_score);
            // In one text or in several, it is the same.
            (after.join(SEPARATOR) != before.join(SEPARATOR)).then(|| Edit { before: before.to_vec(), after })
        };
        let genres = edit(TagType::Genre, &file.fields.genres);
        let moods = edit(TagType::Mood, &file.fields.moods);
        if genres.is_none() && moods.is_none() {
            plan.unchanged += 1;
        } else if file.path.to_str().is_none() {
            plan.unnamed.push(file.relative.clone());
        } else {
            let FileRead { path, relative, container, stamp, .. } = file.clone();
            plan.changes.push(Change { path, relative, container, stamp, genres, moods });
        }
    }
    plan
}

/// The values of a field by their names, each once.
fn renamed(field: TagType, before: &[String], resolved: &ResolvedStrings, min_score: f64) -> Vec<String> {
    let mut after: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !after.iter().any(|known| key(known) == key(name)) {
            after.push(name.to_owned());
        }
    };
    for raw in before {
        let names = resolved.get(field, raw).filter(|found| found.error.is_none()).and_then(|found| {
            let is_named = |part: &ResolvedPart| name(part, min_score).is_some();
            // Where nothing of a value is replaced, it stays to the letter; where a text was cut, its rest would be lost.
            let is_cut = found.parts.iter().any(|part| part.text.ends_with('…') && !raw.contains('…'));
            (found.parts.iter().any(is_named) && !is_cut).then_some(&found.parts)
        });
        match names {
            Some(parts) => {
                for part in parts {
                    add(name(part, min_score).unwrap_or(&part.text));
                }
            }
            None => add(raw),
        }
    }
    after
}

/// The name that says the same as a part: no broader one, and none that leaves out its years.
fn name(part: &ResolvedPart, min_score: f64) -> Option<&str> {
    let says_the_same = matches!(
        part.kind,
        PartKind::Exact | PartKind::Alias | PartKind::Translation | PartKind::Plural | PartKind::Spelling
    );
    let is_sure = says_the_same && part.period.is_none() && part.score.is_some_and(|score| score >= min_score);
    part.tag.as_ref().filter(|_| is_sure).map(|tag| tag.tag_name.as_str())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Fields, RawString},
        *,
    };
    use crate::enrich::{
        resolve::{ResolveOptions, Resolver},
        vocabulary::Vocabulary,
    };

    /// What becomes of the genres of a file, over the starter vocabulary, of which every tag is in the library.
    fn after(genres: &[&str]) -> Vec<String> {
        let vocabulary = Vocabulary::starter();
        let options = ResolveOptions::default();
        let resolver = Resolver::new(&vocabulary, &options).unwrap();
        let mut understood = ResolvedStrings::default();
        for raw in genres {
            let string = RawString { field: TagType::Genre, raw: (*raw).to_owned(), files: 1 };
            understood.add(&string, resolver.resolve(raw));
        }
        let file = FileRead {
            path: "/music/a.mp3".into(),
            relative: "a.mp3".to_owned(),
            container: Container::Mp3,
            stamp: Stamp { size: 1, modified: 1 },
            fields: Fields { genres: genres.iter().map(|raw| (*raw).to_owned()).collect(), moods: Vec::new() },
        };
        let before = file.fields.genres.clone();
        let plan = plan(&[file], &understood, 0.75);
        plan.changes.into_iter().next().and_then(|change| change.genres).map_or(before, |edit| edit.after)
    }

    #[test]
    fn what_means_the_same_is_written_by_its_name_and_all_else_stays() {
        for (before, expected) in [
            (&["Hip-Hop, Rap & R&B"][..], &["hip hop", "rap", "r&b"][..]),
            (&["dnb", "Drum & Bass"], &["drum and bass"]),
            // A kind of pop, and no more than that.
            (&["albanian pop"], &["albanian pop"]),
            // Years would be lost.
            (&["90s zydeco"], &["90s zydeco"]),
            (&["xyzzy"], &["xyzzy"]),
            (&["Rock; xyzzy"], &["rock", "xyzzy"]),
            (&["  "], &["  "]),
        ] {
            assert_eq!(after(before), expected, "{before:?}");
        }
    }
}
