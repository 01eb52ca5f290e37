//! Makes the report: counts what was read and gathers what it means.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Container, ContainerCounts, FileCounts, FileRead, RawFound, RawString, Reading, Report, ResolvedStrings, Spelling,
    StringCounts, TagFound, strings::values,
};
use crate::{
    domain::{TagType, Timestamp},
    enrich::resolve::{PartKind, ResolvedPart, ResolvedString},
};

/// Counts what a report holds, for those who read its JSON.
const VERSION: u32 = 1;

/// How far a value was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Understood {
    Whole,
    Partly,
    Aside,
    Nothing,
}

impl Report {
    /// Tells what was read and what it means.
    pub fn new(
        folder: &str,
        (started_at, finished_at): (Timestamp, Timestamp),
        reading: &Reading,
        strings: &[RawString],
        resolved: &ResolvedStrings,
    ) -> Self {
        let mut report = Self {
            version: VERSION,
            folder: folder.to_owned(),
            started_at,
            finished_at,
            files: file_counts(reading),
            containers: containers(reading),
            strings: StringCounts::default(),
            tags: tags(&reading.files, strings, resolved),
            not_understood: Vec::new(),
            set_aside: Vec::new(),
            problems: reading.problems.clone(),
        };
        for string in strings {
            let Some(found) = resolved.get(string.field, &string.raw) else { continue };
            report.count(string, found);
        }
        for list in [&mut report.not_understood, &mut report.set_aside] {
            list.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.raw.cmp(&b.raw)));
        }
        report
    }

    fn count(&mut self, string: &RawString, found: &ResolvedString) {
        self.strings.different += 1;
        self.strings.occurrences += string.files;
        let understood = understood(found);
        match understood {
            Understood::Whole => self.strings.whole += 1,
            Understood::Partly => self.strings.partly += 1,
            Understood::Aside => self.strings.set_aside += 1,
            Understood::Nothing => self.strings.unknown += 1,
        }
        let is_meant = |part: &&ResolvedPart| match understood {
            Understood::Whole => false,
            Understood::Aside => true,
            Understood::Partly | Understood::Nothing => !is_aside(part) && name(part).is_none(),
        };
        let parts: Vec<&ResolvedPart> = found.parts.iter().filter(is_meant).collect();
        let mut maybe: Vec<String> = Vec::new();
        for alternative in parts.iter().flat_map(|part| &part.alternatives) {
            if !maybe.contains(&alternative.tag_name) {
                maybe.push(alternative.tag_name.clone());
            }
        }
        let row = RawFound {
            field: string.field,
            raw: found.raw.clone(),
            files: string.files,
            parts: parts.iter().map(|part| part.text.clone()).collect(),
            maybe,
        };
        match understood {
            Understood::Whole => {}
            Understood::Aside => self.set_aside.push(row),
            Understood::Partly | Understood::Nothing => self.not_understood.push(row),
        }
    }
}

fn understood(found: &ResolvedString) -> Understood {
    let named = found.parts.iter().filter(|part| name(part).is_some()).count();
    let unknown = found.parts.iter().filter(|part| name(part).is_none() && !is_aside(part)).count();
    match (named, unknown) {
        _ if found.error.is_some() && named == 0 => Understood::Nothing,
        _ if found.error.is_some() => Understood::Partly,
        (0, 0) => Understood::Aside,
        (0, _) => Understood::Nothing,
        (_, 0) => Understood::Whole,
        _ => Understood::Partly,
    }
}

fn is_aside(part: &ResolvedPart) -> bool {
    matches!(part.kind, PartKind::Period | PartKind::SetAside)
}

/// The tag of a part, in the library or in the lexicon.
fn name(part: &ResolvedPart) -> Option<(TagType, &str)> {
    let tag = part.tag.as_ref().map(|tag| (tag.tag_type, tag.tag_name.as_str()));
    tag.or_else(|| part.suggestion.as_ref().map(|tag| (tag.tag_type, tag.tag_name.as_str())))
}

#[derive(Default)]
struct Gathered {
    in_library: bool,
    created: bool,
    files: u64,
    spellings: BTreeMap<String, u64>,
}

fn tags(files: &[FileRead], strings: &[RawString], resolved: &ResolvedStrings) -> Vec<TagFound> {
    let mut gathered: BTreeMap<(TagType, &str), Gathered> = BTreeMap::new();
    for string in strings {
        let Some(found) = resolved.get(string.field, &string.raw) else { continue };
        for part in &found.parts {
            let Some(tag) = name(part) else { continue };
            let entry = gathered.entry(tag).or_default();
            entry.in_library |= part.tag.is_some();
            // What only the lexicon knew and the library has now was created by registering it.
            entry.created |= part.tag.is_some() && part.kind == PartKind::Lexicon;
            *entry.spellings.entry(part.text.clone()).or_default() += string.files;
        }
    }
    for file in files {
        let found = values(file).filter_map(|(field, raw)| resolved.get(field, raw));
        let tags: BTreeSet<(TagType, &str)> = found.flat_map(|found| found.parts.iter().filter_map(name)).collect();
        for tag in tags {
            gathered.entry(tag).or_default().files += 1;
        }
    }
    let mut tags: Vec<TagFound> = gathered
        .into_iter()
        .map(|((tag_type, tag_name), gathered)| {
            let Gathered { in_library, created, files, spellings } = gathered;
            let spellings = spellings.into_iter().map(|(text, files)| Spelling { text, files });
            let mut spellings: Vec<Spelling> = spellings.collect();
            spellings.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.text.cmp(&b.text)));
            TagFound { tag_type, tag_name: tag_name.to_owned(), in_library, created, files, spellings }
        })
        .collect();
    tags.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.tag_name.cmp(&b.tag_name)));
    tags
}

fn file_counts(reading: &Reading) -> FileCounts {
    let count = |is_it: &dyn Fn(&FileRead) -> bool| reading.files.iter().filter(|file| is_it(file)).count() as u64;
    FileCounts {
        audio: reading.found as u64,
        read: reading.files.len() as u64 - reading.from_state,
        from_state: reading.from_state,
        with_problem: reading.broken.len() as u64,
        with_genre: count(&|file| !file.fields.genres.is_empty()),
        with_mood: count(&|file| !file.fields.moods.is_empty()),
        others: reading.others,
        links: reading.links,
    }
}

fn containers(reading: &Reading) -> Vec<ContainerCounts> {
    let of = |container: Container| {
        let files = || reading.files.iter().filter(move |file| file.container == container);
        let with_problem = reading.broken.iter().filter(|broken| **broken == container).count();
        ContainerCounts {
            container,
            files: (files().count() + with_problem) as u64,
            with_genre: files().filter(|file| !file.fields.genres.is_empty()).count() as u64,
            with_mood: files().filter(|file| !file.fields.moods.is_empty()).count() as u64,
            with_problem: with_problem as u64,
        }
    };
    Container::ALL.iter().map(|container| of(*container)).filter(|counts| counts.files > 0).collect()
}
