//! A scan: walks a folder, takes what the state knows, and reads the rest by several threads. Most of the time goes to
//! waiting for a disk or a network, so more threads than cores pay.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::{
    AudioFile, Container, Fields, Known, Problem, ProblemKind, ReadError, ScanError, Stamp, State, read, walk,
};

/// How a scan goes about it.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions {
    /// Whether symbolic links are followed.
    pub follow_links: bool,
    /// Files that are read at once.
    pub threads: usize,
}

/// A file with what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// Where it lies.
    pub path: PathBuf,
    /// Below the folder; what is no UTF-8 in it is replaced.
    pub relative: String,
    /// What its name promises.
    pub container: Container,
    /// When it was as it is told.
    pub stamp: Stamp,
    /// What stands in it.
    pub fields: Fields,
}

/// What a scan has read.
#[derive(Debug, Default)]
pub struct Reading {
    /// Files that were read, by path.
    pub files: Vec<FileRead>,
    /// What was left out.
    pub problems: Vec<Problem>,
    /// How many files have a problem, by container.
    pub broken: Vec<Container>,
    /// Files that are no audio.
    pub others: u64,
    /// Symbolic links that were not followed.
    pub links: u64,
    /// Files that were as the state knows them, and were not opened.
    pub from_state: u64,
    /// Audio files that were found.
    pub found: usize,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// What became of one file.
enum Outcome {
    Known(Stamp, Fields),
    Read(Stamp, Fields),
    Failed(ReadError),
}

/// Reads every audio file below `root`. `progress` hears how many files are done, of how many; a scan ends early, with what it
/// has, once `stop` says so.
///
/// # Errors
/// [`ScanError`] for a folder that cannot be listed, or a state that cannot be written.
pub fn scan(
    root: &Path,
    options: ScanOptions,
    state: Option<(State, Known)>,
    progress: &dyn Fn(usize, usize),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Reading, ScanError> {
    let unusable = |reason: String| ScanError::Folder { folder: root.display().to_string(), reason };
    std::fs::read_dir(root).map_err(|error| unusable(error.to_string()))?;
    let walked = walk(root, options.follow_links);
    let mut reading = Reading {
        problems: walked.problems,
        others: walked.others,
        links: walked.links,
        found: walked.files.len(),
        ..Reading::default()
    };
    let (mut state, known) = match state {
        Some((state, known)) => (Some(state), known),
        None => (None, Known::default()),
    };
    let (files, next) = (&walked.files, AtomicUsize::new(0));
    let mut done = 0;
    progress(done, files.len());
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..options.threads.clamp(1, files.len().max(1)) {
            let (sender, next, known) = (sender.clone(), &next, &known);
            scope.spawn(move || {
                while !stop() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(at) else { break };
                    // Nobody listens any more once the state cannot be written.
                    if sender.send((at, one(file, known))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (at, outcome) in receiver {
            done += 1;
            progress(done, files.len());
            take(&mut reading, &files[at], outcome, state.as_mut())?;
        }
        Ok::<(), ScanError>(())
    })?;
    reading.stopped = done < files.len();
    reading.files.sort_by(|a, b| a.path.cmp(&b.path));
    reading.problems.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(state) = state.filter(|_| !reading.stopped) {
        state.replace(reading.files.iter().map(|file| (file.relative.as_str(), file.stamp, &file.fields)))?;
    }
    Ok(reading)
}

fn one(file: &AudioFile, known: &Known) -> Outcome {
    let known = |stamp| known.get(&file.relative, stamp).map(|fields| (stamp, fields.clone()));
    // A path that is no UTF-8 is not told apart from others in the state.
    let is_told_apart = file.path.to_str().is_some();
    if let Some((stamp, fields)) = Stamp::of(&file.path).ok().filter(|_| is_told_apart).and_then(known) {
        return Outcome::Known(stamp, fields);
    }
    match read(&file.path) {
        Ok((stamp, fields)) => Outcome::Read(stamp, fields),
        Err(error) => Outcome::Failed(error),
    }
}

/// Puts what became of a file where it belongs.
fn take(reading: &mut Reading, file: &AudioFile, outcome: Outcome, state: Option<&mut State>) -> Result<(), ScanError> {
    let (stamp, fields) = match outcome {
        Outcome::Known(stamp, fields) => {
            reading.from_state += 1;
            (stamp, fields)
        }
        Outcome::Read(stamp, fields) => {
            if let Some(state) = state {
                state.keep(&file.relative, stamp, &fields)?;
            }
            (stamp, fields)
        }
        Outcome::Failed(error) => {
            let kind = match error {
                ReadError::Unreadable(_) => ProblemKind::Unreadable,
                ReadError::Broken(_) => ProblemKind::Broken,
                ReadError::Changed => ProblemKind::Changed,
            };
            let detail = error.to_string();
            reading.problems.push(Problem { path: file.relative.clone(), kind, detail });
            reading.broken.push(file.container);
            return Ok(());
        }
    };
    let AudioFile { path, relative, container } = file.clone();
    reading.files.push(FileRead { path, relative, container, stamp, fields });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::samples::wave, *};

    #[test]
    fn a_scan_that_was_stopped_goes_on_from_there() {
        let (music, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for at in 0..10 {
            std::fs::write(music.path().join(format!("{at}.wav")), wave("rock")).unwrap();
        }
        let state = || State::open(&own.path().join("state"), "music").unwrap();
        let options = ScanOptions { follow_links: false, threads: 1 };
        let asked = AtomicUsize::new(0);
        let after_three = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
        let first = scan(music.path(), options, Some(state()), &|_, _| {}, &after_three).unwrap();
        assert!(first.stopped && first.problems.is_empty(), "{first:?}");
        assert_eq!((first.files.len(), first.from_state), (3, 0));
        let options = ScanOptions { threads: 4, ..options };
        let second = scan(music.path(), options, Some(state()), &|_, _| {}, &|| false).unwrap();
        assert!(!second.stopped);
        assert_eq!((second.files.len(), second.from_state), (10, 3));
        assert!(second.files.iter().all(|file| file.fields.genres == ["rock"]), "{second:?}");
        let third = scan(music.path(), options, Some(state()), &|_, _| {}, &|| false).unwrap();
        assert_eq!((third.files, third.from_state), (second.files, 10));
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_an_error() {
        let options = ScanOptions { follow_links: false, threads: 1 };
        let error = scan(Path::new("/no/such/folder"), options, None, &|_, _| {}, &|| false).unwrap_err();
        assert!(error.to_string().contains("cannot scan /no/such/folder"), "{error}");
    }
}
