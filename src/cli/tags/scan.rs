//! `musonym tags scan`: which genres and moods stand in the files of a library.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use chrono::Utc;
use clap::Args;
use comfy_table::{ColumnConstraint, Width};

use super::library::{LibraryArgs, own_folder, refuse_inside, resolve};
use crate::{
    app::{create_folder, open_store},
    cli::{
        OutputArgs,
        error::CliError,
        output::{Output, say},
        render::{self, count, printable},
    },
    config::Settings,
    domain::MAX_TAG_NAME_CHARS,
    enrich::Enricher,
    scan::{Problem, RawFound, Report, ResolvedStrings, TagFound, page},
};

/// Rows of each table; the report has all of them.
const ROWS: usize = 15;

/// How much of a value, a path and a reason is shown.
const MAX_RAW_CHARS: usize = 60;
const MAX_DETAIL_CHARS: usize = 200;

/// Read the genres and moods of a music library; its files are only read.
///
/// What the values mean is looked up as `musonym resolve` does it. Tags that the vocabulary does not have yet and the lexicon
/// knows are created. A report is written, as JSON and as a page for the browser.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym tags scan ~/Music
  musonym tags scan /srv/music --report . --no-register
  musonym tags scan ~/Music --json | jq -r '.not_understood[].raw'

Reads mp3, flac, m4a, ogg, opus, wav and aiff. An interrupted scan goes on where
it was, and a later one opens only what is new or was changed. `musonym tags
apply` writes what was understood back. docs/SCAN.md has the rules.")]
pub(super) struct ScanArgs {
    #[command(flatten)]
    library: LibraryArgs,
    /// Folder for scan.json and scan.html [default: in the data folder]
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Create no tags
    #[arg(long)]
    no_register: bool,
    /// Leave out tags below this score
    #[arg(long, value_name = "0..1", default_value_t = 0.5)]
    min_score: f64,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ScanArgs, settings: Settings) -> Result<(), CliError> {
    let root = args.library.root()?;
    let folder = match &args.report {
        Some(folder) => {
            refuse_inside(&root, folder, "--report")?;
            create_folder(folder)?;
            folder.clone()
        }
        None => own_folder(&root, &settings)?,
    };
    let started = Utc::now();
    let library = args.library.read(root, &settings).await?;
    let finished = Utc::now();
    let store = open_store(&settings).await?;
    let enricher = Enricher::new(store.clone());
    let done = resolve(&enricher, &library.strings, args.min_score, !args.no_register).await;
    store.close().await;
    let (resolved, created): (ResolvedStrings, usize) = done?;
    let moments = (started, finished);
    let report = Report::new(&library.name, moments, &library.reading, &library.strings, &resolved);
    let files = [folder.join("scan.json"), folder.join("scan.html")];
    let json = serde_json::to_vec_pretty(&report).map_err(|error| CliError::Failed(format!("no JSON: {error}")))?;
    replace(&files[0], &json)?;
    replace(&files[1], page(&report).as_bytes())?;
    let mut output = Output::new();
    if args.output.json {
        output.json(&report)?;
    } else {
        print(&report, &mut output)?;
    }
    output.flush()?;
    if created > 0 {
        say(format_args!(
            "{} created; a running `musonym serve` or `musonym worker` writes their synonyms",
            count(created as u64, "tag", "tags")
        ));
    }
    say(format_args!("report: {} and {}", files[1].display(), files[0].display()));
    Ok(())
}

/// Writes beside the file, then in its place: whoever reads it never finds half a report.
fn replace(file: &Path, content: &[u8]) -> Result<(), CliError> {
    let unwritable = |error: std::io::Error| CliError::Failed(format!("cannot write {}: {error}", file.display()));
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(name);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&partial, file));
    written.map_err(|error| {
        // What is half written helps nobody; if it cannot be removed the first error still tells more.
        let _ = std::fs::remove_file(&partial);
        unwritable(error)
    })
}

fn print(report: &Report, output: &mut Output) -> Result<(), CliError> {
    let (files, strings) = (&report.files, &report.strings);
    let lines = [
        format!(
            "{}: {} read, {} unchanged since an earlier scan, {} left out",
            count(files.audio, "audio file", "audio files"),
            files.read,
            files.from_state,
            files.with_problem
        ),
        format!("{} with a genre, {} with a mood", files.with_genre, files.with_mood),
        format!(
            "{}: {} understood, {} in part, {} not, {} set aside",
            count(strings.different, "different value", "different values"),
            strings.whole,
            strings.partly,
            strings.unknown,
            strings.set_aside
        ),
    ];
    lines.iter().try_for_each(|line| output.line(render::wrapped(line)))?;
    if files.links > 0 {
        let left = count(files.links, "symbolic link was", "symbolic links were");
        output.line(format_args!("{left} not followed (--follow-links follows them)"))?;
    }
    tags(&report.tags, output)?;
    unknown(&report.not_understood, output)?;
    problems(&report.problems, output)
}

fn tags(tags: &[TagFound], output: &mut Output) -> Result<(), CliError> {
    if tags.is_empty() {
        return Ok(());
    }
    let mut table = render::table(["TAG", "TYPE", "FILES", "SPELT"]);
    for tag in tags.iter().take(ROWS) {
        let name = printable(&tag.tag_name, MAX_TAG_NAME_CHARS);
        let name = if tag.in_library { name } else { format!("({name})") };
        let spellings: Vec<&str> = tag.spellings.iter().map(|spelling| spelling.text.as_str()).collect();
        let spelt = printable(&spellings.join(" · "), MAX_RAW_CHARS);
        table.add_row([name, tag.tag_type.to_string(), tag.files.to_string(), spelt]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(26)));
    }
    output.line(format_args!("\n{}{}", count(tags.len() as u64, "tag", "tags"), first(tags.len())))?;
    output.line(render::text(&table))
}

fn unknown(rows: &[RawFound], output: &mut Output) -> Result<(), CliError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = render::table(["NOT UNDERSTOOD", "FIELD", "FILES", "PERHAPS"]);
    for row in rows.iter().take(ROWS) {
        let maybe = printable(&row.maybe.join(", "), MAX_RAW_CHARS);
        table.add_row([
            printable(&row.raw, MAX_RAW_CHARS),
            row.field.to_string(),
            row.files.to_string(),
            if maybe.is_empty() { "-".to_owned() } else { maybe },
        ]);
    }
    output.line(format_args!("\n{}{}", count(rows.len() as u64, "value", "values"), first(rows.len())))?;
    output.line(render::text(&table))
}

fn problems(problems: &[Problem], output: &mut Output) -> Result<(), CliError> {
    if problems.is_empty() {
        return Ok(());
    }
    let mut table = render::table(["LEFT OUT", "KIND", "WHY"]);
    for problem in problems.iter().take(ROWS) {
        table.add_row([
            printable(&problem.path, MAX_DETAIL_CHARS),
            problem.kind.to_string(),
            printable(&problem.detail, MAX_DETAIL_CHARS),
        ]);
    }
    let number = problems.len();
    output.line(format_args!("\n{}{}", count(number as u64, "problem", "problems"), first(number)))?;
    output.line(render::text(&table))
}

/// How many of so many rows are shown.
fn first(rows: usize) -> String {
    if rows > ROWS { format!(", the first {ROWS} (the report has all)") } else { String::new() }
}
