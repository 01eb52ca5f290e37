//! Lines of `musonym import`: an export's header and its own rows, plain rows with the sections beside the name, and rows as
//! the API writes them. Each is checked whole.

use serde_json::{Map, Value};

use super::{import_record, render::printable};
use crate::{
    domain::{
        Confidence, Lang, Section, Source, Synonyms, SynonymsError, TagName, TagType, Term, TermStatus, Translations,
    },
    store::{ExportHeader, ExportRow, ExportSynonyms},
};

/// The confidence of a row that names none: a file that somebody chose to import is better than a guess and not as
/// good as a person's word.
const DEFAULT_CONFIDENCE: f64 = 0.8;

/// The sections where they stand beside the name.
const SECTIONS: [&str; 4] = ["search_terms", "related_tags", "usage_context", "translations"];

/// What else a row may say.
const KEYS: [&str; 6] = ["tag_type", "name", "tag_name", "tag_created_at", "synonyms", "confidence"];

/// The key by which the header of an export is known.
const FORMAT_KEY: &str = "musonym_export";

/// What the API adds to a row, and an import has no use for.
const IGNORED: [&str; 8] = ["id", "tag_id", "source", "is_active", "version", "embedding", "created_at", "updated_at"];

/// What a line holds.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    /// The first line of an export.
    Header(ExportHeader),
    /// A tag.
    Row(ExportRow),
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, and the mend.
pub(super) fn parse(line: &str) -> Result<Parsed, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("it is not JSON: {}", json_problem(&error)))?;
    let Value::Object(mut row) = value else {
        return Err("it is no JSON object with tag_type and name".to_owned());
    };
    if let Some(format) = row.get(FORMAT_KEY) {
        import_record::check_format(format)?;
        let header = serde_json::from_value(Value::Object(row)).map_err(|error| json_problem(&error))?;
        import_record::check_header(&header)?;
        return Ok(Parsed::Header(header));
    }
    check_keys(&row)?;
    let tag_type: TagType = text(&row, "tag_type")?.ok_or("tag_type is missing: genre or mood")?.parse()?;
    let name = match (text(&row, "name")?, text(&row, "tag_name")?) {
        (Some(name), None) | (None, Some(name)) => name,
        (None, None) => return Err("name is missing".to_owned()),
        (Some(_), Some(_)) => return Err("it has both name and tag_name: keep one".to_owned()),
    };
    let name = TagName::parse(name).map_err(|error| error.to_string())?;
    let tag_created_at = match row.remove("tag_created_at").filter(|value| !value.is_null()) {
        None => None,
        Some(value) => Some(import_record::moment(value, "tag_created_at")?),
    };
    let synonyms = synonyms(&mut row)?;
    Ok(Parsed::Row(ExportRow { tag_type, name, tag_created_at, synonyms }))
}

fn check_keys(row: &Map<String, Value>) -> Result<(), String> {
    let known = || KEYS.into_iter().chain(SECTIONS);
    match row.keys().find(|key| !known().chain(IGNORED).any(|known| known == key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let near = known().map(|word| (strsim::damerau_levenshtein(key, word), word)).min();
            let mend = match near {
                Some((distance, word)) if distance <= 3 => format!("did you mean {word}?"),
                _ => "remove it".to_owned(),
            };
            Err(format!("the key `{}` is not known: {mend}", printable(key, 40)))
        }
    }
}

fn text<'a>(row: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match row.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} is a text")),
    }
}

/// The synonyms in whichever of the three forms they stand; `None` for a tag alone.
fn synonyms(row: &mut Map<String, Value>) -> Result<Option<ExportSynonyms>, String> {
    let beside: Map<String, Value> = SECTIONS
        .iter()
        .filter_map(|section| row.remove(*section).map(|value| ((*section).to_owned(), value)))
        .collect();
    let confidence = row.remove("confidence").filter(|value| !value.is_null());
    let within = row.remove("synonyms").filter(|value| !value.is_null());
    let sections = match within {
        Some(_) if !beside.is_empty() => {
            return Err("the sections stand both in synonyms and beside it: keep one".to_owned());
        }
        Some(Value::Object(within)) if within.contains_key("terms") => return exported(within).map(Some),
        Some(within) => within,
        None if beside.is_empty() => return Ok(None),
        None => Value::Object(beside),
    };
    let sections: Synonyms =
        serde_json::from_value(sections).map_err(|error| format!("its synonyms: {}", json_problem(&error)))?;
    let confidence = match confidence {
        None => Confidence::clamped(DEFAULT_CONFIDENCE),
        Some(value) => serde_json::from_value(value).map_err(|error| json_problem(&error))?,
    };
    let terms = sections.into_terms(Source::Import, confidence).map_err(|error| error.to_string())?;
    Ok(Some(ExportSynonyms { source: Source::Import, confidence, is_active: true, terms, record: None }))
}

/// The synonyms of an export, every term checked as if a person had written it.
fn exported(synonyms: Map<String, Value>) -> Result<ExportSynonyms, String> {
    let synonyms: ExportSynonyms = serde_json::from_value(Value::Object(synonyms))
        .map_err(|error| format!("its synonyms: {}", json_problem(&error)))?;
    for term in &synonyms.terms {
        if term.section == Section::Translations && term.lang.is_none() {
            return Err(format!("the translation `{}` has no lang: en or fr", printable(&term.term, 40)));
        }
        check_one(term).map_err(|error| error.to_string())?;
    }
    if let Some(record) = &synonyms.record {
        import_record::check(record)?;
    }
    // What is searched and shown is bounded; what was rejected may be more.
    let sections = Synonyms::from_terms(&synonyms.terms);
    match sections.into_terms(synonyms.source, synonyms.confidence) {
        Ok(_) | Err(SynonymsError::Empty) => Ok(synonyms),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks one term by the rules of a section that has only this one.
fn check_one(term: &Term) -> Result<(), SynonymsError> {
    let list = vec![term.term.clone()];
    let sections = match term.section {
        Section::Name | Section::SearchTerms => Synonyms { search_terms: list, ..Synonyms::default() },
        Section::RelatedTags => Synonyms { related_tags: list, ..Synonyms::default() },
        Section::UsageContext => Synonyms { usage_context: list, ..Synonyms::default() },
        Section::Translations => {
            let translations = match term.lang {
                Some(Lang::Fr) => Translations { fr: list, ..Translations::default() },
                _ => Translations { en: list, ..Translations::default() },
            };
            Synonyms { translations, ..Synonyms::default() }
        }
    };
    sections.into_terms(term.source, term.confidence).map(|terms| {
        debug_assert!(terms.iter().all(|term| term.status == TermStatus::Active));
    })
}

/// What serde says, without the number of the line, which is known better outside.
pub(super) fn json_problem(error: &serde_json::Error) -> String {
    printable(&error.to_string().replace("line 1 ", ""), 160)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> ExportRow {
        match parse(line).unwrap() {
            Parsed::Row(row) => row,
            Parsed::Header(header) => panic!("{header:?}"),
        }
    }

    #[test]
    fn the_three_forms_say_the_same() {
        let plain = r#"{"tag_type":"genre","name":"dub","search_terms":["dub reggae"],"translations":{"fr":["dub"]}}"#;
        let api = r#"{"id":3,"tag_type":"genre","tag_name":"dub","version":2,"confidence":0.8,
            "synonyms":{"search_terms":["dub reggae"],"translations":{"fr":["dub"]}}}"#;
        let expected = row(plain);
        assert_eq!(row(api), expected);
        let exported = serde_json::to_string(&expected).unwrap();
        assert_eq!(row(&exported), expected);
        assert_eq!(expected.synonyms.unwrap().source, Source::Import);
    }

    #[test]
    fn a_tag_alone_is_a_row() {
        assert_eq!(row(r#"{"tag_type":"mood","name":"calm"}"#).synonyms, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, expected) in [
            ("{", "not JSON"),
            ("[]", "no JSON object"),
            (r#"{"name":"dub"}"#, "tag_type is missing"),
            (r#"{"tag_type":"genre"}"#, "name is missing"),
            (r#"{"tag_type":"genre","name":"dub","serch_terms":["x"]}"#, "did you mean search_terms?"),
            (r#"{"tag_type":"genre","name":"dub","search_terms":[]}"#, "at least one term"),
            (r#"{"tag_type":"genre","name":"dub","search_terms":["\u0001"]}"#, "empty"),
            (r#"{"tag_type":"genre","name":"dub","search_terms":["x"],"confidence":2}"#, "0 to 1"),
            (r#"{"tag_type":"genre","name":"dub","synonyms":{"serch":["x"]}}"#, "unknown field"),
            (
                r#"{"tag_type":"genre","name":"dub","synonyms":{"source":"manual","confidence":1,"is_active":true,
                "terms":[{"section":"translations","lang":null,"term":"dub","source":"manual","confidence":1,"status":"active"}]}}"#,
                "no lang",
            ),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(expected), "{line}: {problem}");
        }
    }
}
