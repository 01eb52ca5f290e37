//! Lines of a file from outside: split at `\n` only, never more of one in memory than allowed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
};

use super::error::CliError;

/// Longest line that is read. A tag with all its terms takes some tens of kilobytes.
pub(super) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// How much of a file is looked at to tell its format.
const BUFFER_BYTES: usize = 64 * 1024;

/// What a file or stdin gives.
pub(super) type Input = BufReader<Box<dyn Read>>;

/// Opens a file; `-` is stdin.
pub(super) fn open(path: &Path) -> Result<Input, CliError> {
    if path == Path::new("-") {
        return Ok(BufReader::with_capacity(BUFFER_BYTES, Box::new(io::stdin())));
    }
    let unreadable = |error: io::Error| CliError::Failed(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(CliError::Failed(format!("{} is a folder, not a file", path.display())));
    }
    Ok(BufReader::with_capacity(BUFFER_BYTES, Box::new(file)))
}

/// A file that is read more than once: what is no file but a stream (stdin, a pipe) is kept in a temporary one, which is
/// gone with the process.
pub(super) struct Rereadable(File);

impl Rereadable {
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let mut input = open(path)?;
        if path != Path::new("-")
            && let Ok(file) = File::open(path)
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            return Ok(Self(file));
        }
        let kept = |error: io::Error| {
            let folder = std::env::temp_dir();
            CliError::Failed(format!(
                "the input cannot be kept in {}: {error}\nName a folder with room for it in TMPDIR, or import from a file.",
                folder.display()
            ))
        };
        let mut file = temporary_file().map_err(kept)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(Self(file)),
                Ok(bytes) => io::Write::write_all(&mut file, &buffer[..bytes]).map_err(kept)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken_off(path, &error)),
            }
        }
    }

    /// From the start. One reader at a time: they share a place in the file.
    pub(super) fn read(&self) -> io::Result<BufReader<&File>> {
        (&self.0).rewind()?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, &self.0))
    }
}

/// A file for this user alone, without a name by the time it is used.
fn temporary_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("musonym-{}-{:016x}", std::process::id(), fastrand::u64(..)));
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A failure in the middle of a file.
pub(super) fn broken_off(path: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!("reading {} broke off: {error}", path.display()))
}

/// One line, or why it is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its text, without the line break.
    Text(String),
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// More bytes than allowed.
    TooLong,
}

/// The lines of a file, numbered from 1.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    /// Of at most [`MAX_LINE_BYTES`] each.
    pub(super) fn new(reader: R) -> Self {
        Self::with_longest(reader, MAX_LINE_BYTES)
    }

    /// Of at most so many bytes each.
    pub(super) fn with_longest(reader: R, longest: usize) -> Self {
        Self { reader, number: 0, longest }
    }

    /// The next line with its number; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut too_long = false;
        let mut ended = false;
        let mut any = false;
        while !ended {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                break;
            }
            any = true;
            let (part, used) = match available.iter().position(|&byte| byte == b'\n') {
                Some(end) => {
                    ended = true;
                    (&available[..end], end + 1)
                }
                None => (available, available.len()),
            };
            if bytes.len() + part.len() > self.longest {
                // The rest is read past, not kept.
                too_long = true;
                bytes = Vec::new();
            }
            if !too_long {
                bytes.extend_from_slice(part);
            }
            self.reader.consume(used);
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, self.line(bytes, too_long))))
    }

    fn line(&self, bytes: Vec<u8>, too_long: bool) -> Line {
        if too_long {
            return Line::TooLong;
        }
        match String::from_utf8(bytes) {
            Ok(text) if self.number == 1 => {
                Line::Text(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
            }
            Ok(text) => Line::Text(text),
            Err(_) => Line::NotUtf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, Line)> {
        // A buffer smaller than a line, as a large file's is.
        let mut lines = Lines::new(BufReader::with_capacity(3, bytes));
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn lines_are_split_at_line_feeds_only() {
        let text = |text: &str| Line::Text(text.to_owned());
        let expected = vec![(1, text("a\u{b}b\r")), (2, text("")), (3, text("c\u{85}d"))];
        assert_eq!(lines("\u{feff}a\u{b}b\r\n\nc\u{85}d".as_bytes()), expected);
    }

    #[test]
    fn a_line_that_is_not_utf8_or_enormous_keeps_its_number() {
        let mut bytes = b"ok\n\xff\xfe\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', MAX_LINE_BYTES + 1));
        bytes.extend(b"\nend");
        let lines = lines(&bytes);
        assert_eq!(lines[1], (2, Line::NotUtf8));
        assert_eq!(lines[2], (3, Line::TooLong));
        assert_eq!(lines[3], (4, Line::Text("end".to_owned())));
    }
}
