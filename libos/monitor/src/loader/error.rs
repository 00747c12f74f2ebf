//! Why an instance could not be set up.

use std::io;
use std::path::PathBuf;

/// What went wrong while the kernel image was read or its memory was made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The image file cannot be read.
    #[error(
        "cannot read the kernel image {path}: {source}; build it with ./build, or name it by --kernel or BAILEY_KERNEL"
    )]
    Image {
        /// Where it was looked for.
        path: PathBuf,
        /// The host's error.
        source: io::Error,
    },
    /// The file is no image of ours.
    #[error("{path} is not a kernel image: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is amiss.
        reason: &'static str,
    },
    /// A memory object cannot be made.
    #[error("cannot make the instance's {what}: {source}")]
    Memory {
        /// Which one.
        what: &'static str,
        /// The host's error.
        source: io::Error,
    },
    /// The boot configuration exceeds its bound.
    #[error("the manifest's arguments, environment and files exceed {limit} bytes together")]
    ConfigTooLong {
        /// The bound in bytes.
        limit: usize,
    },
    /// The processor or the host kernel is too old.
    #[error("the host lacks FSGSBASE: a processor since 2012 and Linux 5.9 are needed")]
    NoFsGsBase,
}

impl LoadError {
    pub(super) fn memory(what: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |errno| Self::Memory { what, source: errno.into() }
    }
}
