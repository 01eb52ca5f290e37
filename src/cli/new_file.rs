//! A file that is there whole or not at all: written beside its place, synced, and renamed into it.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::error::CliError;

/// A file that is being written. Dropped before its end, it leaves nothing behind.
pub(super) struct NewFile {
    file: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
}

impl NewFile {
    /// Begins a file; what is there stays until the end.
    pub(super) fn create(file: &Path) -> Result<Self, CliError> {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(name);
        let writer = BufWriter::new(File::create(&partial).map_err(|error| unwritable(file, &error))?);
        Ok(Self { file: file.to_owned(), partial, writer })
    }

    /// Writes a part of it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.writer.write_all(bytes).map_err(|error| unwritable(&self.file, &error))
    }

    /// Puts it in its place.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        let finished = self
            .writer
            .flush()
            .and_then(|()| self.writer.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.partial, &self.file));
        finished.map_err(|error| unwritable(&self.file, &error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // What is half written helps nobody; what has its place is not called so any more.
        let _ = std::fs::remove_file(&self.partial);
    }
}

fn unwritable(file: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!("cannot write {}: {error}", file.display()))
}
