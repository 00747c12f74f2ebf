//! Streams that are no files: the standard streams and the display stream.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, Result};

/// The descriptors behind `stdio:0`, `stdio:1`, `stdio:2` and `display:`.
#[derive(Debug, Default)]
pub struct Streams {
    /// Standard input, output and error; `None` where the instance has `/dev/null`.
    pub stdio: [Option<OwnedFd>; 3],
    /// The instance's display stream.
    pub display: Option<OwnedFd>,
}

impl Streams {
    /// The descriptor that a URI names; `None` for a URI of another scheme.
    ///
    /// # Errors
    /// `ENOENT` where the instance has no such stream.
    pub(super) fn find(&self, uri: &str) -> Option<Result<BorrowedFd<'_>>> {
        let stream = match uri {
            "stdio:0" => &self.stdio[0],
            "stdio:1" => &self.stdio[1],
            "stdio:2" => &self.stdio[2],
            "display:" => &self.display,
            _ => return None,
        };
        Some(stream.as_ref().map(AsFd::as_fd).ok_or(Errno::NOENT))
    }
}
