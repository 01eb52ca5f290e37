//! What is wrong with the configuration, in at most [`MAX_LINES`] lines.

use std::fmt;

/// Most lines of a message: a person reads these, not a page.
const MAX_LINES: usize = 5;

/// The configuration cannot be used. Each problem is one line that names the key, where it was set, and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// One problem.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problems: vec![problem.into()] }
    }

    /// Nothing, when there are no problems.
    pub(super) fn check(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.problems.len() > MAX_LINES { MAX_LINES - 1 } else { self.problems.len() };
        f.write_str(&self.problems[..shown].join("\n"))?;
        match self.problems.len() - shown {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}
