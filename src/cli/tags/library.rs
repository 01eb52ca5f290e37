//! What `tags scan` and `tags apply` share: which folder, how it is read, and what its values mean.

use std::{
    path::{Path, PathBuf},
    thread,
};

use clap::Args;
use sha2::{Digest, Sha256};

use crate::{
    app::{Shutdown, create_folder},
    cli::{error::CliError, output::say, progress::bar, render::count},
    config::Settings,
    domain::TagType,
    enrich::{Enricher, resolve::ResolveOptions},
    scan::{RawString, Reading, ResolvedStrings, ScanError, ScanOptions, State, scan, strings},
};

/// Values that are resolved at once.
const BATCH: usize = 1_000;

/// Files that are read at once where nobody says: disks and networks are waited for more than cores.
const THREADS_PER_CORE: usize = 2;
const MAX_THREADS: usize = 16;

/// The folder below this program's folder for data.
const FOLDER: &str = "scans";

/// Which folder, and how it is read.
#[derive(Args, Debug)]
pub(super) struct LibraryArgs {
    /// Folder of the library
    pub(super) folder: PathBuf,
    /// Follow symbolic links
    #[arg(long)]
    follow_links: bool,
    /// Files that are read at once, 1 to 64 [default: twice the cores, up to 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: Option<u8>,
    /// Where it is kept what was read, so that a scan goes on where it was [default: in the data folder]
    #[arg(long, value_name = "FILE", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Keep nothing and read every file
    #[arg(long)]
    no_state: bool,
}

/// A library that was read.
pub(super) struct Library {
    /// Its real path, as text.
    pub(super) name: String,
    pub(super) reading: Reading,
    pub(super) strings: Vec<RawString>,
}

impl From<ScanError> for CliError {
    fn from(error: ScanError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl LibraryArgs {
    /// The real path of the folder.
    pub(super) fn root(&self) -> Result<PathBuf, CliError> {
        let failed = |reason: &str| CliError::Failed(format!("cannot scan {}: {reason}", self.folder.display()));
        let root = std::fs::canonicalize(&self.folder).map_err(|error| failed(&error.to_string()))?;
        if root.is_dir() { Ok(root) } else { Err(failed("it is no folder")) }
    }

    /// Reads the library; a signal ends it early, and the next call goes on from there.
    pub(super) async fn read(&self, root: PathBuf, settings: &Settings) -> Result<Library, CliError> {
        let name = root.display().to_string();
        let state = match &self.state {
            _ if self.no_state => None,
            Some(file) => {
                refuse_inside(&root, file, "--state")?;
                Some(State::open(file, &name)?)
            }
            None => Some(State::open(&own_folder(&root, settings)?.join("state.jsonl"), &name)?),
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or((cores * THREADS_PER_CORE).min(MAX_THREADS), usize::from);
        let options = ScanOptions { follow_links: self.follow_links, threads };
        let stop = Shutdown::on_signals()?.token().clone();
        let bar = bar("reading", 0);
        let shown = bar.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let progress = |done: usize, of: usize| {
                shown.set_length(of as u64);
                shown.set_position(done as u64);
            };
            scan(&root, options, state, &progress, &|| stop.is_cancelled())
        });
        let reading = reading.await.map_err(|error| CliError::Failed(format!("the scan ended badly: {error}")))??;
        bar.finish_and_clear();
        if reading.stopped {
            let (read, found) = (reading.files.len(), count(reading.found as u64, "file", "files"));
            say(format_args!("{read} of {found} read; the same command goes on from there"));
            return Err(CliError::Interrupted);
        }
        let strings = strings(&reading.files);
        Ok(Library { name, reading, strings })
    }
}

/// What the values mean, and how many tags were created for them.
pub(super) async fn resolve(
    enricher: &Enricher,
    strings: &[RawString],
    min_score: f64,
    register: bool,
) -> Result<(ResolvedStrings, usize), CliError> {
    let bar = bar("resolving", strings.len() as u64);
    let (mut resolved, mut created) = (ResolvedStrings::default(), 0);
    for of_field in strings.chunk_by(|a, b| a.field == b.field) {
        for batch in of_field.chunks(BATCH) {
            // A genre field may hold a mood; what stands in a mood field is one.
            let tag_type = batch.first().map(|string| string.field).filter(|field| *field == TagType::Mood);
            let options = ResolveOptions { tag_type, min_score, ..ResolveOptions::default() };
            let raw = batch.iter().map(|string| string.raw.clone()).collect();
            let (results, new) = enricher.resolve(raw, options, register).await?;
            created += new;
            for (string, result) in batch.iter().zip(results) {
                resolved.add(string, result);
            }
            bar.inc(batch.len() as u64);
        }
    }
    bar.finish_and_clear();
    Ok((resolved, created))
}

/// Our own folder for this library, made where it is not there yet.
pub(super) fn own_folder(root: &Path, settings: &Settings) -> Result<PathBuf, CliError> {
    let Some(data) = &settings.data_folder else {
        return Err(CliError::Usage(
            "this user has no home: set HOME or XDG_DATA_HOME, where it is kept what was read".to_owned(),
        ));
    };
    let hash = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let id: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = data.join(FOLDER).join(id);
    create_folder(&folder)?;
    Ok(folder)
}

/// Nothing of ours is written into a library.
pub(super) fn refuse_inside(root: &Path, path: &Path, flag: &str) -> Result<(), CliError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What is not there yet lies where the nearest folder above it really lies.
    let mut above = absolute.ancestors();
    let real = above.find_map(|path| std::fs::canonicalize(path).ok()).unwrap_or(absolute.clone());
    if real.starts_with(root) {
        return Err(CliError::Usage(format!(
            "{flag} names a place inside the library: choose one outside of {}",
            root.display()
        )));
    }
    Ok(())
}
