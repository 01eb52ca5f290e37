//! `musonym lexicon`: what contributors to the lexicon need.

use std::{io::Read, path::PathBuf};

use clap::{Args, Subcommand};

use super::{
    OutputArgs,
    error::CliError,
    lines,
    output::{Output, say},
    render::{count, printable},
};
use crate::generate::{LEXICON, LexiconProblem, check_lexicon};

/// Most characters of a message: an entry's own words may be any length.
const MAX_MESSAGE_CHARS: usize = 400;

/// Check a lexicon against the rules of docs/LEXICON.md.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym lexicon check data/lexicon.jsonl")]
pub(super) struct LexiconArgs {
    #[command(subcommand)]
    command: LexiconCommand,
}

#[derive(Debug, Subcommand)]
enum LexiconCommand {
    Check(CheckArgs),
}

/// Print what breaks a rule, one problem a line.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  musonym lexicon check                       the built-in lexicon
  musonym lexicon check data/lexicon.jsonl
  musonym lexicon check data/lexicon.jsonl --json | jq -r .name | sort -u

docs/LEXICON.md has the format and the rules. Ends with 1 when there is a problem.")]
struct CheckArgs {
    /// One entry a line; - is stdin [default: the built-in lexicon]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: LexiconArgs) -> Result<(), CliError> {
    let LexiconCommand::Check(args) = args.command;
    check(args)
}

fn check(args: CheckArgs) -> Result<(), CliError> {
    let (name, problems) = match args.file {
        None => ("the built-in lexicon".to_owned(), check_lexicon(LEXICON)),
        Some(file) => {
            let mut text = String::new();
            lines::open(&file)?.read_to_string(&mut text).map_err(|error| lines::broken_off(&file, &error))?;
            (printable(&file.to_string_lossy(), 60), check_lexicon(&text))
        }
    };
    let mut output = Output::new();
    for problem in &problems {
        if args.output.json {
            output.json(problem)?;
            continue;
        }
        let LexiconProblem { line, name, message } = problem;
        output.line(format_args!("{line}: {}: {}", printable(name, 100), printable(message, MAX_MESSAGE_CHARS)))?;
    }
    output.flush()?;
    if problems.is_empty() {
        say(format_args!("{name}: no problems"));
        return Ok(());
    }
    say(format_args!("{name}: {}", count(problems.len() as u64, "problem", "problems")));
    Err(CliError::Reported)
}
