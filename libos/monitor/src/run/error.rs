//! Everything that keeps an instance from starting.

use crate::loader::LoadError;
use crate::manifest::ManifestError;
use crate::sandbox::SandboxError;

/// Exit status of the monitor where the instance could not be started, or its kernel gave up.
pub(super) const FAILURE: u8 = 125;
/// Exit status where the program is missing.
pub(super) const NOT_FOUND: u8 = 127;

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The manifest or the command line.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The program is not there.
    #[error("{0}")]
    NoProgram(String),
    /// The kernel image or the memory.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A descriptor or file that the daemon should have given.
    #[error("{0}")]
    Invocation(String),
    /// Anything else that the host refused.
    #[error("cannot {0}: {1}")]
    Host(&'static str, std::io::Error),
}

impl RunError {
    /// The monitor's exit status for this error.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::NoProgram(_) => NOT_FOUND,
            _ => FAILURE,
        }
    }
}
