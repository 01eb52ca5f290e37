//! What an export says of a row beyond its terms: moments, vectors, history. Checked before anything is written, for a
//! database would refuse some of it half-way and search badly with the rest.

use chrono::{DateTime, Datelike};
use serde_json::Value;

use super::{import_rows::json_problem, render::printable};
use crate::{
    domain::{MAX_TAG_NAME_CHARS, Synonyms, Timestamp},
    store::{EXPORT_FORMAT, ExportHeader, ExportRecord},
};

/// Years in which something can have been written.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// Longest name of an action or a space.
const MAX_WORD_CHARS: usize = 300;

/// What the square of a vector's length may be: 16-bit models round coarsely.
const LENGTHS: std::ops::RangeInclusive<f32> = 0.98..=1.02;

/// Refuses an export of a newer musonym.
pub(super) fn check_format(format: &Value) -> Result<(), String> {
    match format.as_u64() {
        Some(format) if format > u64::from(EXPORT_FORMAT) => Err(format!(
            "it was exported by a newer musonym (format {format}, this one reads up to {EXPORT_FORMAT}): upgrade musonym, or \
             export with --plain"
        )),
        Some(_) => Ok(()),
        None => Err("musonym_export is the number of a format".to_owned()),
    }
}

/// Checks a header.
pub(super) fn check_header(header: &ExportHeader) -> Result<(), String> {
    for space in header.embedding_space.iter().chain(header.calibrations.keys()) {
        check_text(space, MAX_WORD_CHARS, "an embedding space")?;
    }
    match header.calibrations.iter().find(|(_, measured)| measured.floor >= measured.ceiling) {
        Some((space, _)) => Err(format!("the calibration of {} has its floor above its ceiling", printable(space, 60))),
        None => Ok(()),
    }
}

/// A moment that both databases can keep.
pub(super) fn moment(value: Value, key: &str) -> Result<Timestamp, String> {
    let moment = serde_json::from_value(value).map_err(|error| format!("{key}: {}", json_problem(&error)))?;
    check_moment(moment, key)?;
    Ok(moment)
}

fn check_moment(moment: DateTime<chrono::Utc>, key: &str) -> Result<(), String> {
    if YEARS.contains(&moment.year()) { Ok(()) } else { Err(format!("{key} is not of the years 1970 to 9999")) }
}

/// Checks a record by itself.
pub(super) fn check(record: &ExportRecord) -> Result<(), String> {
    check_version(record.version)?;
    check_moment(record.created_at, "created_at")?;
    check_moment(record.updated_at, "updated_at")?;
    for revision in &record.revisions {
        check_version(revision.version)?;
        check_moment(revision.created_at, "created_at of a revision")?;
        check_text(&revision.action, MAX_WORD_CHARS, "the action of a revision")?;
        check_text(&revision.tag_name, MAX_TAG_NAME_CHARS, "the tag_name of a revision")?;
        let sections = revision.before.iter().chain(&revision.after);
        if sections.flat_map(Synonyms::lists).any(|(.., terms)| terms.iter().any(|term| term.contains('\0'))) {
            return Err("a revision has a term with a NUL".to_owned());
        }
    }
    for (place, vector) in record.vectors.iter().enumerate() {
        check_text(&vector.space, MAX_WORD_CHARS, "the space of a vector")?;
        let space = printable(&vector.space, 60);
        if record.vectors[..place].iter().any(|other| other.space == vector.space) {
            return Err(format!("it has two vectors of the space {space}"));
        }
        let squared: f32 = vector.vector.iter().map(|value| value * value).sum();
        if !LENGTHS.contains(&squared) {
            return Err(format!("its vector of the space {space} is not of length 1"));
        }
    }
    Ok(())
}

fn check_version(version: i64) -> Result<(), String> {
    if (1..i64::MAX).contains(&version) { Ok(()) } else { Err(format!("the version {version} is not at least 1")) }
}

fn check_text(text: &str, longest: usize, what: &str) -> Result<(), String> {
    if text.is_empty() || text.contains('\0') || text.chars().count() > longest {
        return Err(format!("{what} is not a text of 1 to {longest} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_could_not_keep_or_search_is_refused() {
        let good = serde_json::json!({
            "version": 3, "created_at": "2026-01-02T03:04:05.678Z", "updated_at": "2026-01-02T03:04:05Z",
            "vectors": [{ "space": "a", "vector": "AACAPw==" }],
            "revisions": [{ "version": 1, "action": "created", "source": "manual", "tag_name": "dub",
                            "after": { "search_terms": ["x"] }, "created_at": "2026-01-02T03:04:05Z" }],
        });
        let parsed = |value: &Value| serde_json::from_value::<ExportRecord>(value.clone()).unwrap();
        assert_eq!(check(&parsed(&good)), Ok(()));
        for (pointer, value, expected) in [
            ("/version", serde_json::json!(0), "version"),
            ("/created_at", serde_json::json!("1066-10-14T00:00:00Z"), "years"),
            ("/vectors/0/vector", serde_json::json!("AAAAAA=="), "length 1"),
            ("/vectors/0/vector", serde_json::json!("AADAfw=="), "length 1"),
            ("/vectors/0/vector", serde_json::json!(""), "length 1"),
            ("/revisions/0/action", serde_json::json!("a\0"), "action"),
            ("/revisions/0/tag_name", serde_json::json!("x".repeat(101)), "tag_name"),
            ("/revisions/0/after/search_terms/0", serde_json::json!("a\0"), "NUL"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            let problem = check(&parsed(&bad)).unwrap_err();
            assert!(problem.contains(expected), "{pointer}: {problem}");
        }
        let mut twice = parsed(&good);
        twice.vectors.push(twice.vectors[0].clone());
        assert!(check(&twice).unwrap_err().contains("two vectors"));
    }

    #[test]
    fn an_export_of_a_newer_version_is_told_so() {
        assert_eq!(check_format(&serde_json::json!(EXPORT_FORMAT)), Ok(()));
        assert!(check_format(&serde_json::json!(99)).unwrap_err().contains("upgrade musonym"));
        assert!(check_format(&serde_json::json!("2")).is_err());
    }
}
