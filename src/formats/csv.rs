//! CSV: a line for each term, as spreadsheets sort and filter it. Read are also tables with a line for each tag, where a column
//! holds the terms of a section with `|` between them. Quotation marks, commas and line breaks as in RFC 4180.

use std::collections::HashMap;

use super::{Exported, Wrong};
use crate::{
    domain::{Confidence, Lang, SECTION_MAX_TERMS, Section, Source, TagName, TagType, Term, TermStatus, term_text},
    store::{ExportRow, ExportSynonyms},
};

/// The columns that are written.
const COLUMNS: [&str; 6] = ["tag_type", "name", "section", "lang", "term", "confidence"];

/// The columns of a table with a line for each tag.
const SECTION_COLUMNS: [(&str, Section, Option<Lang>); 5] = [
    ("search_terms", Section::SearchTerms, None),
    ("related_tags", Section::RelatedTags, None),
    ("usage_context", Section::UsageContext, None),
    ("translations_en", Section::Translations, Some(Lang::En)),
    ("translations_fr", Section::Translations, Some(Lang::Fr)),
];

/// What parts the terms of such a column.
const BETWEEN_TERMS: char = '|';

/// The confidence of a term that names none, as for rows of `musonym import`.
const DEFAULT_CONFIDENCE: f64 = 0.8;

/// Writes the terms in use of these tags; a tag without any has a line without a term.
pub fn write<'a>(rows: impl IntoIterator<Item = &'a ExportRow>) -> Exported {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut tags = 0;
    // Writing to memory does not fail.
    let _ = writer.write_record(COLUMNS);
    for row in rows {
        tags += 1;
        let (tag_type, name) = (row.tag_type.as_str(), row.name.as_str());
        let in_use = row.synonyms.iter().filter(|synonyms| synonyms.is_active).flat_map(|synonyms| &synonyms.terms);
        let mut terms = in_use.filter(|term| term.status == TermStatus::Active).peekable();
        if terms.peek().is_none() {
            let _ = writer.write_record([tag_type, name, "", "", "", ""]);
        }
        for term in terms {
            let confidence = term.confidence.value().to_string();
            let lang = term.lang.map_or("", Lang::as_str);
            let _ = writer.write_record([tag_type, name, term.section.as_str(), lang, term.term.as_str(), &confidence]);
        }
    }
    let text = writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Exported { text, tags, left_out: Vec::new() }
}

/// Reads either table. `tag_type` is that of lines that do not say.
///
/// # Errors
/// All lines that are wrong.
pub fn read(text: &str, tag_type: Option<TagType>) -> Result<Vec<ExportRow>, Vec<Wrong>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| vec![Wrong::new(1, error.to_string())])?.clone();
    let columns = Columns::of(&header).map_err(|problem| vec![Wrong::new(1, problem)])?;
    let (mut table, mut wrong) = (Table { columns, tag_type, rows: Vec::new(), places: HashMap::new() }, Vec::new());
    for record in reader.records() {
        let read = match &record {
            Ok(record) => table.add(record),
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = read {
            let line = record.ok().and_then(|record| record.position().map(csv::Position::line));
            wrong.push(Wrong::new(line.unwrap_or(0), problem));
        }
    }
    if wrong.is_empty() { Ok(table.rows.into_iter().map(|(_, row)| row).collect()) } else { Err(wrong) }
}

/// What separates the cells of the first line: spreadsheets write `;` where the comma is a decimal point.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    // The last of equals wins: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Where the columns of a table stand.
struct Columns {
    tag_type: Option<usize>,
    name: usize,
    confidence: Option<usize>,
    form: Form,
}

/// Which table it is.
enum Form {
    /// A line for each term.
    Terms { section: usize, lang: Option<usize>, term: usize },
    /// A line for each tag.
    Sections(Vec<(usize, Section, Option<Lang>)>),
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let is_called = |cell: &str, name: &str| cell.trim().eq_ignore_ascii_case(name);
        let find = |names: &[&str]| header.iter().position(|cell| names.iter().any(|name| is_called(cell, name)));
        let section_columns = || SECTION_COLUMNS.iter().map(|(name, ..)| *name);
        let known = || COLUMNS.into_iter().chain(["type", "tag_name"]).chain(section_columns());
        for cell in header.iter().map(str::trim).filter(|cell| !cell.is_empty()) {
            if !known().any(|name| is_called(cell, name)) {
                let near = known().map(|name| (strsim::damerau_levenshtein(cell, name), name)).min();
                let mend = match near {
                    Some((distance, name)) if distance <= 3 => format!("did you mean {name}?"),
                    _ => "remove it".to_owned(),
                };
                return Err(format!("the column `{}` is not known: {mend}", cell.escape_debug()));
            }
        }
        let name = find(&["name", "tag_name"]).ok_or("the first line names the columns, and none is called name")?;
        let sections: Vec<_> = SECTION_COLUMNS
            .iter()
            .filter_map(|(name, section, lang)| find(&[*name]).map(|at| (at, *section, *lang)))
            .collect();
        let form = match (find(&["section"]), find(&["term"])) {
            (Some(section), Some(term)) if sections.is_empty() => Form::Terms { section, lang: find(&["lang"]), term },
            (None, None) => Form::Sections(sections),
            (Some(_), Some(_)) => {
                return Err("it has columns of both tables: keep section and term, or those of the sections".to_owned());
            }
            _ => return Err("section and term stand together: one of them is missing".to_owned()),
        };
        Ok(Self { tag_type: find(&["tag_type", "type"]), name, confidence: find(&["confidence"]), form })
    }
}

struct Table {
    columns: Columns,
    tag_type: Option<TagType>,
    /// With the line of each.
    rows: Vec<(u64, ExportRow)>,
    places: HashMap<(TagType, String), usize>,
}

impl Table {
    /// Takes in a line.
    fn add(&mut self, record: &csv::StringRecord) -> Result<(), String> {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default().trim();
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(());
        }
        let tag_type = match cell(self.columns.tag_type) {
            "" => self.tag_type.ok_or("tag_type is missing: add the column, or give --type")?,
            word => word.parse()?,
        };
        let name = TagName::parse(cell(Some(self.columns.name))).map_err(|error| error.to_string())?;
        let confidence = match cell(self.columns.confidence) {
            "" => Confidence::clamped(DEFAULT_CONFIDENCE),
            number => {
                let number: f64 = number.parse().map_err(|_| "confidence is a number from 0 to 1".to_owned())?;
                Confidence::new(number).map_err(|error| error.to_string())?
            }
        };
        let mut terms: Vec<(Section, Option<Lang>, &str)> = Vec::new();
        match &self.columns.form {
            Form::Terms { section, lang, term } => {
                if let Some(found) = one_term(cell(Some(*section)), cell(*lang), cell(Some(*term)))? {
                    terms.push(found);
                }
            }
            Form::Sections(columns) => {
                for (at, section, lang) in columns {
                    let texts = cell(Some(*at)).split(BETWEEN_TERMS).map(str::trim).filter(|text| !text.is_empty());
                    terms.extend(texts.map(|text| (*section, *lang, text)));
                }
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let place = self.place(line, tag_type, name)?;
        for (section, lang, text) in terms {
            push(&mut self.rows[place].1, section, lang, text, confidence)?;
        }
        Ok(())
    }

    /// Where the row of a tag stands; a tag that is new gets one.
    fn place(&mut self, line: u64, tag_type: TagType, name: TagName) -> Result<usize, String> {
        let tag = (tag_type, name.as_str().to_owned());
        if let Some(place) = self.places.get(&tag) {
            return match self.columns.form {
                Form::Terms { .. } => Ok(*place),
                Form::Sections(_) => {
                    Err(format!("the {tag_type} `{name}` stands on line {} already", self.rows[*place].0))
                }
            };
        }
        self.places.insert(tag, self.rows.len());
        self.rows.push((line, ExportRow { tag_type, name, tag_created_at: None, synonyms: None }));
        Ok(self.rows.len() - 1)
    }
}

/// A term with its section and language.
type Placed<'a> = (Section, Option<Lang>, &'a str);

/// The term of a line, `None` where it only names its tag.
fn one_term<'a>(section: &str, lang: &str, term: &'a str) -> Result<Option<Placed<'a>>, String> {
    let lang = if lang.is_empty() { None } else { Some(lang.parse::<Lang>()?) };
    match (section, term) {
        ("", "") => Ok(None),
        (_, "") => Err("it has a section and no term".to_owned()),
        ("", _) => Err("it has a term and no section".to_owned()),
        _ => match section.parse::<Section>()? {
            Section::Name => Err("the name of a tag is no section: its column is name".to_owned()),
            Section::Translations if lang.is_none() => Err("a translation has a lang: en or fr".to_owned()),
            section => Ok(Some((section, lang, term))),
        },
    }
}

/// Adds a term to a row unless its key stands there.
fn push(
    row: &mut ExportRow,
    section: Section,
    lang: Option<Lang>,
    text: &str,
    confidence: Confidence,
) -> Result<(), String> {
    let text = term_text(text).map_err(|error| error.to_string())?;
    let source = Source::Import;
    let synonyms = row.synonyms.get_or_insert_with(|| ExportSynonyms {
        source,
        confidence,
        is_active: true,
        terms: Vec::new(),
        record: None,
    });
    if synonyms.confidence < confidence {
        synonyms.confidence = confidence;
    }
    let term = Term { section, lang, term: text, source, confidence, status: TermStatus::Active };
    let list: Vec<&Term> = synonyms.terms.iter().filter(|other| other.list() == term.list()).collect();
    if list.iter().any(|other| other.key() == term.key()) {
        return Ok(());
    }
    if list.len() >= SECTION_MAX_TERMS {
        return Err(format!("{section} has more than {SECTION_MAX_TERMS} terms"));
    }
    synonyms.terms.push(term);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_golden, rows};
    use super::*;

    #[test]
    fn a_line_holds_a_term_and_is_read_back() {
        let exported = write(&rows());
        assert_golden("csv.csv", &exported.text);
        assert_eq!(exported.tags, rows().len());
        let read = read(&exported.text, None).unwrap();
        assert_eq!(write(&read).text, exported.text);
        assert_eq!(read[0].synonyms.as_ref().unwrap().source, Source::Import);
    }

    #[test]
    fn a_table_with_a_line_for_each_tag_is_read() {
        let text = "Type;Name;search_terms;translations_fr;confidence\n\
                    genre;drum and bass;\"dnb | d;b\";;0.9\n;calm;;calme;\n";
        let rows = read(text, Some(TagType::Mood)).unwrap();
        assert_eq!((rows[0].tag_type, rows[1].tag_type), (TagType::Genre, TagType::Mood));
        let terms = |row: &ExportRow| -> Vec<String> {
            row.synonyms.iter().flat_map(|row| &row.terms).map(|term| term.term.clone()).collect()
        };
        assert_eq!(terms(&rows[1]), ["calme"]);
        assert_eq!(terms(&rows[0]), ["dnb", "d;b"]);
        assert_eq!(rows[0].synonyms.as_ref().unwrap().confidence, Confidence::clamped(0.9));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wide = "tag_type,name,search_terms\n";
        let long = "tag_type,name,section,lang,term,confidence\n";
        for (text, line, expected) in [
            ("tag_type,serch_terms\n".to_owned(), 1, "did you mean search_terms?"),
            ("tag_type,search_terms\n".to_owned(), 1, "called name"),
            ("name,section\n".to_owned(), 1, "one of them is missing"),
            ("name,section,term,search_terms\n".to_owned(), 1, "both tables"),
            (format!("{wide}genre,dub,a\ngenre,dub,b\n"), 3, "line 2 already"),
            (format!("{wide},dub,a\n"), 2, "--type"),
            (format!("{wide}genre,dub,\"a\nb\"\n"), 2, "control character"),
            (format!("{wide}colour,dub,a\n"), 2, "genre"),
            (format!("{long}genre,dub,translations,,dub,\n"), 2, "en or fr"),
            (format!("{long}genre,dub,name,,dub,\n"), 2, "no section"),
            (format!("{long}genre,dub,search_terms,,x,2\n"), 2, "0 to 1"),
            (format!("{long}genre,dub,,,x,\n"), 2, "a term and no section"),
            (format!("{long}genre,dub,search_terms,de,x,\n"), 2, "lang"),
        ] {
            let wrong = read(&text, None).unwrap_err();
            assert_eq!(wrong[0].line, line, "{text}: {wrong:?}");
            assert!(wrong[0].problem.contains(expected), "{text}: {wrong:?}");
        }
    }
}
