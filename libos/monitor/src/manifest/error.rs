//! What is wrong with a manifest or a command line, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// An error that names file, line and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// `FILE:LINE:COLUMN`, or the command line.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.problem)?;
        if self.remedy.is_empty() {
            return Ok(());
        }
        write!(formatter, "; {}", self.remedy)
    }
}

impl std::error::Error for ManifestError {}

/// The text that errors point into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// Where the manifest was read; `None` for the command line alone.
    pub(super) path: Option<&'a Path>,
    /// Its bytes.
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// An error at a range of bytes of the text.
    pub(super) fn error(
        &self,
        span: Option<Range<usize>>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ManifestError {
        let place = match (self.path, span) {
            (None, _) => "command line".to_owned(),
            (Some(path), None) => path.display().to_string(),
            (Some(path), Some(span)) => {
                let before = self.text.get(..span.start).unwrap_or(self.text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("{}:{line}:{column}", path.display())
            }
        };
        ManifestError { place, problem: problem.into(), remedy: remedy.into() }
    }
}
