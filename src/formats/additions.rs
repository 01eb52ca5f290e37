//! What a file of another program says of tags, beside what is there: it adds terms, and takes none away.

use std::collections::HashMap;

use super::Wrong;
use crate::{
    domain::{Confidence, SECTION_MAX_TERMS, Section, Source, TagRef, TagType, Term, TermStatus, key, term_text},
    store::{ExportRow, ExportSynonyms},
};

/// The confidence of a row that has nothing but what a file says, as for rows of `musonym import` that name none.
const NEW_ROW_CONFIDENCE: f64 = 0.8;

/// Terms of one section of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The line that says so, from 1.
    pub line: u64,
    /// The tag.
    pub tag: TagRef,
    /// Where the terms stand.
    pub section: Section,
    /// The terms as written; none for a tag of which a file says nothing else.
    pub terms: Vec<String>,
}

/// Rows to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// One for each tag, in the order in which the file names them: what was there, and what came.
    pub rows: Vec<ExportRow>,
    /// How many terms came.
    pub added: u64,
    /// How many found no room: a section of the tag is full.
    pub no_room: u64,
}

/// Puts additions and what is stored of their tags together. Who chose the file chose its terms, so they count as a person's
/// own, which no generation takes away. What stands in a section, or was rejected there, is not added again.
///
/// # Errors
/// All terms that break the rules of terms.
pub fn merge(additions: &[Addition], stored: impl Fn(&TagRef) -> Option<ExportRow>) -> Result<Merged, Vec<Wrong>> {
    let (mut merged, mut wrong) = (Merged::default(), Vec::new());
    let mut places: HashMap<(TagType, String), usize> = HashMap::new();
    for addition in additions {
        let tag = &addition.tag;
        let place = *places.entry((tag.tag_type, tag.tag_name.key())).or_insert_with(|| {
            merged.rows.push(stored(tag).map_or_else(|| bare(tag), without_record));
            merged.rows.len() - 1
        });
        for text in &addition.terms {
            match term_text(text) {
                Err(error) => wrong.push(Wrong::new(addition.line, error.to_string())),
                Ok(text) => match add(&mut merged.rows[place], addition.section, text) {
                    Added::Yes => merged.added += 1,
                    Added::NoRoom => merged.no_room += 1,
                    Added::Known => {}
                },
            }
        }
    }
    if wrong.is_empty() { Ok(merged) } else { Err(wrong) }
}

fn bare(tag: &TagRef) -> ExportRow {
    ExportRow { tag_type: tag.tag_type, name: tag.tag_name.clone(), tag_created_at: None, synonyms: None }
}

/// A row without its history and vectors, which are those of its terms as they were.
fn without_record(mut row: ExportRow) -> ExportRow {
    if let Some(synonyms) = &mut row.synonyms {
        synonyms.record = None;
    }
    row
}

enum Added {
    Yes,
    Known,
    NoRoom,
}

fn add(row: &mut ExportRow, section: Section, text: String) -> Added {
    let own_key = key(&text);
    if own_key == row.name.key() {
        return Added::Known;
    }
    let synonyms = row.synonyms.get_or_insert_with(|| ExportSynonyms {
        source: Source::Import,
        confidence: Confidence::clamped(NEW_ROW_CONFIDENCE),
        is_active: true,
        terms: Vec::new(),
        record: None,
    });
    let term = Term {
        section,
        lang: None,
        term: text,
        source: Source::Manual,
        confidence: Confidence::CERTAIN,
        status: TermStatus::Active,
    };
    let list = || synonyms.terms.iter().filter(|other| other.list() == term.list());
    if list().any(|other| other.key() == own_key) {
        return Added::Known;
    }
    if list().filter(|other| other.status == TermStatus::Active).count() >= SECTION_MAX_TERMS {
        return Added::NoRoom;
    }
    synonyms.terms.push(term);
    Added::Yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TagName;

    fn dub(terms: &[&str]) -> Addition {
        Addition {
            line: 1,
            tag: TagRef { tag_type: TagType::Genre, tag_name: TagName::parse("dub").unwrap() },
            section: Section::SearchTerms,
            terms: terms.iter().map(ToString::to_string).collect(),
        }
    }

    fn stored(status: TermStatus) -> ExportRow {
        let mut row = merge(&[dub(&["dub reggae"])], |_| None).unwrap().rows.remove(0);
        let synonyms = row.synonyms.as_mut().unwrap();
        synonyms.source = Source::Lexicon;
        synonyms.terms[0].source = Source::Lexicon;
        synonyms.terms[0].status = status;
        row
    }

    fn texts(row: &ExportRow) -> Vec<(&str, Source)> {
        row.synonyms.iter().flat_map(|row| &row.terms).map(|term| (term.term.as_str(), term.source)).collect()
    }

    #[test]
    fn what_is_there_stays_and_what_comes_is_a_persons() {
        for status in [TermStatus::Active, TermStatus::Rejected] {
            let additions = [dub(&["Dub-Reggae", "dubwise"]), dub(&["DUB", "dubwise"])];
            let merged = merge(&additions, |_| Some(stored(status))).unwrap();
            assert_eq!((merged.rows.len(), merged.added, merged.no_room), (1, 1, 0));
            assert_eq!(texts(&merged.rows[0]), [("dub reggae", Source::Lexicon), ("dubwise", Source::Manual)]);
            assert_eq!(merged.rows[0].synonyms.as_ref().unwrap().source, Source::Lexicon);
        }
    }

    #[test]
    fn a_tag_of_which_nothing_is_said_is_a_tag() {
        let merged = merge(&[dub(&["dub"])], |_| None).unwrap();
        assert_eq!(merged.rows[0].synonyms, None);
    }

    #[test]
    fn a_full_section_takes_no_more() {
        let many: Vec<String> = (0..60).map(|number| format!("name {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let merged = merge(&[dub(&many)], |_| None).unwrap();
        assert_eq!((merged.added, merged.no_room), (50, 10));
    }

    #[test]
    fn a_term_that_is_none_is_refused_with_its_line() {
        let wrong = merge(&[dub(&["fine", "a\u{1}b", " "])], |_| None).unwrap_err();
        assert_eq!(wrong.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [1, 1]);
        assert!(wrong[0].problem.contains("control character"), "{wrong:?}");
    }
}
