//! `musonym import --format …`: tables, and what files of other programs say of tags. How they are read is in
//! [`crate::formats`].

use std::{
    collections::{HashMap, HashSet},
    io::Read,
    path::Path,
};

use clap::ValueEnum;

use super::{
    error::CliError,
    import::{self, BATCH, ImportArgs, MAX_TOLD, Summary},
    lines,
    output::say,
    progress::bar,
    render::count,
};
use crate::{
    app::open_store,
    config::Settings,
    domain::{Source, TagName, TagRef, TagType},
    formats::{
        Wrong,
        additions::{Addition, Merged, merge},
        beets_tree, csv, solr,
    },
    store::{ExportDetail, ExportRow, Page, Store},
};

/// Largest file: it is held in memory, with what is read of it.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Tags read from the database at once.
const PAGE: usize = 200;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ImportFormat {
    /// By the file's name: .csv, .yaml (beets-tree), else jsonl
    Auto,
    /// One JSON object a line: an export, or plain rows
    Jsonl,
    /// A line for each term, or for each tag with a column for each section
    Csv,
    /// A tree of genres as beets has it: each parent becomes a related tag
    BeetsTree,
    /// A synonyms file of Solr or Lucene: names become search terms
    Solr,
}

impl ImportFormat {
    /// The format of a file of this name.
    pub(super) fn settle(self, file: &Path) -> Self {
        if self != Self::Auto {
            return self;
        }
        let extension = file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("csv" | "tsv") => Self::Csv,
            Some("yaml" | "yml") => Self::BeetsTree,
            _ => Self::Jsonl,
        }
    }
}

/// What a file holds, before anything is known of the database.
enum Parsed {
    /// Whole tags.
    Rows(Vec<ExportRow>),
    /// Genres with their parents.
    Tree(Vec<Addition>),
    /// Names that mean each other.
    Rules(Vec<solr::Rule>),
}

pub(super) async fn run(args: &ImportArgs, format: ImportFormat, settings: &Settings) -> Result<(), CliError> {
    if format == ImportFormat::BeetsTree && args.tag_type.is_some() {
        return Err(CliError::Usage("a tree is of genres: leave out --type".to_owned()));
    }
    let parsed = parse(&read(&args.file)?, format, args.tag_type).map_err(|wrong| told(&wrong))?;
    let store = open_store(settings).await?;
    let done = carry_out(store.as_ref(), args, parsed).await;
    store.close().await;
    done
}

/// The text of a file.
fn read(file: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    lines::open(file)?.take(limit).read_to_end(&mut bytes).map_err(|error| lines::broken_off(file, &error))?;
    if bytes.len() > MAX_BYTES {
        let message = format!("{} has more than {MAX_BYTES} bytes: import it in parts", file.display());
        return Err(CliError::Failed(message));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::Failed(format!("{} is not UTF-8 text: convert it first", file.display())))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn parse(text: &str, format: ImportFormat, tag_type: Option<TagType>) -> Result<Parsed, Vec<Wrong>> {
    Ok(match format {
        ImportFormat::BeetsTree => Parsed::Tree(beets_tree::additions(&beets_tree::parse(text)?)?),
        ImportFormat::Solr => Parsed::Rules(solr::parse(text)?),
        ImportFormat::Csv | ImportFormat::Auto | ImportFormat::Jsonl => Parsed::Rows(csv::read(text, tag_type)?),
    })
}

/// Says which lines are wrong.
fn told(wrong: &[Wrong]) -> CliError {
    for Wrong { line, problem } in wrong.iter().take(MAX_TOLD) {
        say(format_args!("line {line}: {problem}"));
    }
    import::nothing_written(wrong.len())
}

async fn carry_out(store: &dyn Store, args: &ImportArgs, parsed: Parsed) -> Result<(), CliError> {
    let merged = merged(store, args, parsed).await?;
    let rows = &merged.rows;
    if args.dry_run {
        let mut known = 0;
        for row in rows {
            known += u64::from(store.tag_by_name(row.tag_type, row.name.as_str()).await?.is_some());
        }
        let with_synonyms = rows.iter().filter(|row| row.synonyms.is_some()).count();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        return import::print_dry_run(args, number(rows.len()), number(with_synonyms), known);
    }
    let bar = bar("importing", rows.len().try_into().unwrap_or(u64::MAX));
    let mut summary = Summary::default();
    for batch in rows.chunks(BATCH) {
        match store.import_rows(batch, args.replace).await {
            Ok(outcomes) => outcomes.into_iter().for_each(|outcome| summary.count(outcome)),
            Err(error) => {
                bar.abandon();
                return Err(import::broken_off(&error.into(), &summary));
            }
        }
        bar.set_position(summary.done());
    }
    bar.finish_and_clear();
    import::print(args, &summary)?;
    say_what_came(&merged);
    Ok(())
}

fn say_what_came(merged: &Merged) {
    if merged.no_room > 0 {
        say(format_args!("{} left out: their sections are full", count(merged.no_room, "term was", "terms were")));
    }
    let has_nothing_else = |row: &&ExportRow| {
        row.synonyms.as_ref().is_some_and(|synonyms| {
            synonyms.source == Source::Import && synonyms.terms.iter().all(|term| term.source == Source::Manual)
        })
    };
    let bare = merged.rows.iter().filter(has_nothing_else).count();
    if bare > 0 {
        let tags = count(bare.try_into().unwrap_or(u64::MAX), "tag has", "tags have");
        say(format_args!(
            "{tags} only what the file says: `musonym generate TAG` adds the rest and keeps it, --source import does so for all \
             that were imported"
        ));
    }
}

/// The rows to be stored. What a tree and rules say is put together with what is there.
async fn merged(store: &dyn Store, args: &ImportArgs, parsed: Parsed) -> Result<Merged, CliError> {
    let mut additions = match parsed {
        Parsed::Rows(rows) => return Ok(Merged { rows, ..Merged::default() }),
        Parsed::Tree(additions) => additions,
        Parsed::Rules(rules) => {
            let names = rules.iter().flat_map(|rule| rule.names.iter().chain(rule.stands_for.iter().flatten()));
            let known = known(store, args.tag_type, names).await?;
            solr::additions(&rules, args.tag_type, |name| known.get(name).cloned()).map_err(|wrong| told(&wrong))?
        }
    };
    // A tag is called as it is called here.
    for addition in &mut additions {
        let found = store.tag_by_name(addition.tag.tag_type, addition.tag.tag_name.as_str()).await?;
        if let Some(name) = found.and_then(|tag| TagName::parse(&tag.name).ok()) {
            addition.tag.tag_name = name;
        }
    }
    let stored = stored(store, &additions).await?;
    merge(&additions, |tag| stored.get(tag).cloned()).map_err(|wrong| told(&wrong))
}

/// The tags of the library by these names: a genre before a mood, unless a type is given.
async fn known<'a>(
    store: &dyn Store,
    only: Option<TagType>,
    names: impl Iterator<Item = &'a String>,
) -> Result<HashMap<String, TagRef>, CliError> {
    let mut known = HashMap::new();
    for name in names.collect::<HashSet<_>>() {
        for tag_type in TagType::ALL.into_iter().filter(|tag_type| only.is_none_or(|only| only == *tag_type)) {
            let found = store.tag_by_name(tag_type, name).await?;
            if let Some(tag_name) = found.and_then(|tag| TagName::parse(&tag.name).ok()) {
                known.entry(name.clone()).or_insert(TagRef { tag_type, tag_name });
            }
        }
    }
    Ok(known)
}

/// What is stored of the tags of these additions.
async fn stored(store: &dyn Store, additions: &[Addition]) -> Result<HashMap<TagRef, ExportRow>, CliError> {
    let wanted: HashSet<&TagRef> = additions.iter().map(|addition| &addition.tag).collect();
    let (mut stored, mut page) = (HashMap::new(), Page { cursor: None, limit: PAGE });
    loop {
        let listing = store.export_rows(&page, ExportDetail::Plain).await?;
        for row in listing.items {
            let tag = TagRef { tag_type: row.tag_type, tag_name: row.name.clone() };
            if wanted.contains(&tag) {
                stored.insert(tag, row);
            }
        }
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(stored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_format() {
        for (file, format) in [
            ("a.jsonl", ImportFormat::Jsonl),
            ("-", ImportFormat::Jsonl),
            ("A.CSV", ImportFormat::Csv),
            ("genres-tree.yaml", ImportFormat::BeetsTree),
            ("synonyms.txt", ImportFormat::Jsonl),
        ] {
            assert_eq!(ImportFormat::Auto.settle(Path::new(file)), format, "{file}");
        }
        assert_eq!(ImportFormat::Solr.settle(Path::new("a.csv")), ImportFormat::Solr);
    }
}
