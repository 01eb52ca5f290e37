//! The command line: one file per subcommand. Results go to stdout, everything said beside them to stderr; a progress
//! bar only when stderr is a terminal. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.

mod backup;
mod batches;
mod demo;
mod doctor;
mod error;
mod eval;
mod export;
mod export_format;
mod generate;
mod import;
mod import_format;
mod import_record;
mod import_rows;
mod import_vectors;
mod jobs;
mod lexicon;
mod lines;
mod lint;
mod mcp;
mod migrate;
mod new_file;
mod output;
mod progress;
mod pull;
mod reembed;
mod render;
mod resolve;
mod restore;
mod review;
mod search;
mod serve;
mod tags;
mod webhooks;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    app,
    config::{self, Environment, Flags, Settings},
    telemetry,
};
use error::CliError;

/// Synonyms, translations and search by meaning for the genre and mood tags of a music library.
#[derive(Debug, Parser)]
#[command(name = "musonym", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Examples:
  musonym demo                         see it work, with a database of its own
  musonym tags import tags.txt --type genre
  musonym serve
  musonym search \"musique pour courir\"

Settings: flags, then the environment, then musonym.toml.
config.example.toml lists them all.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
struct Global {
    /// Configuration file [default: ./musonym.toml, else musonym/musonym.toml in the XDG configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "MUSONYM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Database, for example sqlite:music.db [default: musonym/musonym.db in the XDG data folder]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// What to log on stderr: off, error, warn, info, debug, trace, or MODULE=LEVEL
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
}

/// Where results go.
#[derive(Args, Clone, Copy, Debug)]
struct OutputArgs {
    /// Print results as JSON, lists as one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Worker(worker::WorkerArgs),
    Search(search::SearchArgs),
    Tags(tags::TagsArgs),
    Generate(generate::GenerateArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Resolve(resolve::ResolveArgs),
    Review(review::ReviewArgs),
    Lint(lint::LintArgs),
    Jobs(jobs::JobsArgs),
    Webhooks(webhooks::WebhooksArgs),
    Eval(eval::EvalArgs),
    Lexicon(lexicon::LexiconArgs),
    Reembed(reembed::ReembedArgs),
    Mcp(mcp::McpArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
}

impl Command {
    /// What is logged where nobody chose: a service tells what it does, a command only what goes wrong.
    fn default_log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Worker(_) => "info",
            // It says itself, once, that jobs wait for an embedder.
            Self::Demo(_) => "warn,musonym::jobs=error",
            _ => "warn",
        }
    }

    fn bind(&self) -> Option<String> {
        match self {
            Self::Serve(args) => args.bind.clone(),
            Self::Demo(args) => args.bind.clone(),
            _ => None,
        }
    }
}

/// Reads the command line, does what it says, and tells how it ended.
pub fn main() -> ExitCode {
    // A wrong command line ends here with code 2, `--help` and `--version` with 0.
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(message) = error.message() {
                output::say(format_args!("error: {message}"));
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    let Global { config, database, log } = cli.global;
    if matches!(cli.command, Command::Demo(_)) && database.is_some() {
        return Err(CliError::Usage(
            "the demo has a database of its own: leave out --database, or see --data".to_owned(),
        ));
    }
    let flags = Flags { config, database, bind: cli.command.bind(), log };
    let settings = config::load(&flags, &Environment::of_process())?;
    telemetry::init_logs(&settings.log, cli.command.default_log_level())?;
    if matches!(cli.command, Command::Worker(_)) {
        // Before any thread starts, so that all have it.
        app::step_back();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Failed(format!("cannot start threads: {error}")))?;
    let done = runtime.block_on(dispatch(cli.command, settings));
    // What still blocks (a read of stdin) must not hold the end.
    runtime.shutdown_background();
    done
}

async fn dispatch(command: Command, settings: Settings) -> Result<(), CliError> {
    match command {
        Command::Demo(args) => demo::run(args, settings).await,
        Command::Serve(args) => serve::run(args, settings).await,
        Command::Worker(args) => worker::run(args, settings).await,
        Command::Search(args) => search::run(args, settings).await,
        Command::Tags(args) => tags::run(args, settings).await,
        Command::Generate(args) => generate::run(args, settings).await,
        Command::Export(args) => export::run(args, settings).await,
        Command::Import(args) => import::run(args, settings).await,
        Command::Backup(args) => backup::run(args, settings).await,
        Command::Restore(args) => restore::run(args, settings).await,
        Command::Resolve(args) => resolve::run(args, settings).await,
        Command::Review(args) => review::run(args, settings).await,
        Command::Lint(args) => lint::run(args, settings).await,
        Command::Jobs(args) => jobs::run(args, settings).await,
        Command::Webhooks(args) => webhooks::run(args, settings).await,
        Command::Eval(args) => eval::run(args, settings).await,
        Command::Lexicon(args) => lexicon::run(args),
        Command::Reembed(args) => reembed::run(args, settings).await,
        Command::Mcp(args) => mcp::run(args, settings).await,
        Command::Migrate(args) => migrate::run(args, settings).await,
        Command::Doctor(args) => doctor::run(args, settings).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn assert_examples(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("musonym "), "`{}` has no example", command.get_name());
        for below in command.get_subcommands() {
            assert_examples(below);
        }
    }

    #[test]
    fn every_command_has_an_example() {
        assert_examples(&Cli::command());
    }
}
