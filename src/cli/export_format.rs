//! `musonym export --format …`: the formats of other programs. What they hold is in [`crate::formats`].

use std::{path::Path, sync::Arc};

use clap::ValueEnum;

use super::{
    OutputArgs,
    error::CliError,
    export::{ExportArgs, told},
    new_file::NewFile,
    output::{Output, say},
    render::{count, printable},
};
use crate::{
    enrich::{Enricher, vocabulary::Vocabulary},
    formats::{
        Exported, beets, csv, elasticsearch, meilisearch, named_tags,
        navidrome::{self, PlaylistError, Purpose},
        opensearch, picard, solr, typesense,
    },
    store::{ExportDetail, ExportRow, Page, Store},
};

/// Tags read from the database at once.
const PAGE: usize = 200;

/// Most tracks of a playlist where nobody says.
const DEFAULT_TRACKS: usize = 100;

/// Most names that are told one by one.
const MAX_TOLD: usize = 5;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// One JSON object a line, for `musonym import`
    Jsonl,
    /// A line for each term, for spreadsheets
    Csv,
    /// lastgenre's option whitelist: the genres, one a line
    BeetsWhitelist,
    /// lastgenre's option canonical: genres below their parents
    BeetsTree,
    /// lastgenre's option aliases, as a part of the configuration
    BeetsAliases,
    /// Replacement pairs of the plugin Genre Mapper, as regular expressions
    Picard,
    /// The setting synonyms of an index
    Meilisearch,
    /// A synonym set
    Typesense,
    /// A synonyms set
    Elasticsearch,
    /// Settings of an index with a filter of synonyms
    Opensearch,
    /// A synonyms file, as Lucene reads it
    Solr,
    /// A smart playlist for --mood or --usage
    Navidrome,
}

impl ExportFormat {
    /// Whether its tags can be of one type.
    const fn has_types(self) -> bool {
        matches!(
            self,
            Self::Csv | Self::Meilisearch | Self::Typesense | Self::Elasticsearch | Self::Opensearch | Self::Solr
        )
    }
}

impl From<PlaylistError> for CliError {
    fn from(error: PlaylistError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Refuses what a format has no use for.
pub(super) fn check(args: &ExportArgs, plain: bool) -> Result<(), CliError> {
    let format = args.format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let refused = |what: &str| Err(CliError::Usage(format!("--format {format} {what}")));
    let is_playlist = args.format == ExportFormat::Navidrome;
    if plain && args.format != ExportFormat::Jsonl {
        return refused("is plain already: leave out --plain");
    }
    if args.tag_type.is_some() && !args.format.has_types() {
        return refused("takes no --type");
    }
    if !is_playlist && (args.mood.is_some() || args.usage.is_some() || args.limit.is_some()) {
        return refused("is no playlist: --mood, --usage and --limit are for navidrome");
    }
    if is_playlist && args.mood.is_none() && args.usage.is_none() {
        return refused("needs what the playlist is for: --mood MOOD or --usage OCCASION");
    }
    if args.limit == Some(0) || [&args.mood, &args.usage].into_iter().flatten().any(|text| text.trim().is_empty()) {
        return refused("needs a --limit of at least 1, and a --mood or --usage of at least a word");
    }
    Ok(())
}

/// What the other program reads.
pub(super) async fn text(store: &Arc<dyn Store>, args: &ExportArgs) -> Result<Exported, CliError> {
    if args.format == ExportFormat::Csv {
        return Ok(csv::write(&rows(store.as_ref(), args).await?));
    }
    let vocabulary = Enricher::new(Arc::clone(store)).vocabulary().await?;
    of_vocabulary(&vocabulary, args)
}

fn of_vocabulary(vocabulary: &Vocabulary, args: &ExportArgs) -> Result<Exported, CliError> {
    let tags = || named_tags(vocabulary, args.tag_type);
    Ok(match args.format {
        ExportFormat::Jsonl | ExportFormat::Csv => Exported::default(),
        ExportFormat::BeetsWhitelist => beets::whitelist(vocabulary),
        ExportFormat::BeetsTree => beets::tree(vocabulary),
        ExportFormat::BeetsAliases => beets::aliases(vocabulary),
        ExportFormat::Picard => picard::pairs(vocabulary),
        ExportFormat::Meilisearch => meilisearch::synonyms(&tags()),
        ExportFormat::Typesense => typesense::synonym_set(&tags()),
        ExportFormat::Elasticsearch => elasticsearch::synonyms_set(&tags()),
        ExportFormat::Opensearch => opensearch::settings(&tags()),
        ExportFormat::Solr => solr::synonyms(&tags()),
        ExportFormat::Navidrome => {
            let purpose = match (&args.mood, &args.usage) {
                (Some(mood), _) => Purpose::Mood(mood.clone()),
                (None, usage) => Purpose::Usage(usage.clone().unwrap_or_default()),
            };
            navidrome::playlist(vocabulary, &purpose, args.limit.unwrap_or(DEFAULT_TRACKS))?
        }
    })
}

async fn rows(store: &dyn Store, args: &ExportArgs) -> Result<Vec<ExportRow>, CliError> {
    let (mut rows, mut page) = (Vec::new(), Page { cursor: None, limit: PAGE });
    loop {
        let listing = store.export_rows(&page, ExportDetail::Plain).await?;
        rows.extend(listing.items.into_iter().filter(|row| args.tag_type.is_none_or(|only| only == row.tag_type)));
        match listing.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(rows),
        }
    }
}

/// Writes it where it was asked for, and says what is not in it.
pub(super) fn write(exported: &Exported, file: Option<&Path>, args: OutputArgs) -> Result<(), CliError> {
    let tags = exported.tags.try_into().unwrap_or(u64::MAX);
    match file.filter(|file| *file != Path::new("-")) {
        None => {
            let mut output = Output::new();
            output.text(&exported.text)?;
            output.flush()?;
            say(format_args!("{} exported", count(tags, "tag", "tags")));
        }
        Some(file) => {
            let mut new = NewFile::create(file)?;
            new.write(exported.text.as_bytes())?;
            new.finish()?;
            told(file, tags, args)?;
        }
    }
    for name in exported.left_out.iter().take(MAX_TOLD) {
        say(format_args!("left out, for the format has no room or no way to write it: {}", printable(name, 60)));
    }
    let rest = exported.left_out.len().saturating_sub(MAX_TOLD);
    if rest > 0 {
        say(format_args!("and {}", count(rest.try_into().unwrap_or(u64::MAX), "other", "others")));
    }
    Ok(())
}
