//! The host terminal of an instance that runs on one: raw while the instance runs, as it was after.

use std::io::IsTerminal;
use std::os::fd::{BorrowedFd, OwnedFd};

use bailey_abi::boot::Stdio;
use rustix::fs::FileType;
use rustix::termios::{OptionalActions, Termios};

/// What stands behind the three standard descriptors, and owned copies of them.
#[derive(Debug)]
pub struct Standard {
    /// What the instance is told of each.
    pub kinds: [Stdio; 3],
    /// The descriptors; `None` where the instance has `/dev/null`.
    pub streams: [Option<OwnedFd>; 3],
}

impl Standard {
    /// Looks at this process's standard descriptors.
    ///
    /// An instance has a terminal only where input and output both are one: otherwise somebody else
    /// reads or writes it too, and it stays as it is. In the background it has no input at all.
    #[must_use]
    pub fn of_this_process() -> Self {
        let input = std::io::stdin().is_terminal();
        let background = input && !in_foreground();
        let terminal = input && !background && std::io::stdout().is_terminal();
        let fds: [BorrowedFd<'_>; 3] =
            [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        let mut kinds = fds.map(|fd| match rustix::fs::fstat(fd) {
            Err(_) => Stdio::Null,
            Ok(stat) if is_null(&stat) => Stdio::Null,
            Ok(_) if terminal && fd.is_terminal() => Stdio::Terminal,
            Ok(_) => Stdio::Stream,
        });
        if background {
            kinds[0] = Stdio::Null;
        }
        let copy = |index: usize| {
            let wanted = kinds[index] != Stdio::Null;
            wanted.then(|| rustix::io::fcntl_dupfd_cloexec(fds[index], 10).ok())?
        };
        Self { kinds, streams: [copy(0), copy(1), copy(2)] }
    }

    /// Whether the instance has a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.kinds[0] == Stdio::Terminal
    }
}

/// Whether this process may read the terminal on its standard input.
fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin()) == Ok(rustix::process::getpgrp())
}

fn is_null(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_char_device()
        && (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (1, 3)
}

/// Rows and columns of the terminal on standard output or input.
#[must_use]
pub fn size() -> Option<[u16; 2]> {
    let fds = [rustix::stdio::stdout(), rustix::stdio::stdin()];
    let size = fds.into_iter().find_map(|fd| rustix::termios::tcgetwinsize(fd).ok())?;
    Some([size.ws_row, size.ws_col])
}

/// A raw terminal, put back when dropped.
#[derive(Debug)]
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes the terminal on standard input raw, where this process is in its foreground.
    #[must_use]
    pub fn enter() -> Option<Self> {
        let stdin = rustix::stdio::stdin();
        if !in_foreground() {
            return None;
        }
        let before = rustix::termios::tcgetattr(stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}
