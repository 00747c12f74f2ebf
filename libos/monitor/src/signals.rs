//! Signals as a descriptor, and process ends.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Signals that are passed on to the instance.
pub const FORWARDED: [i32; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTSTP,
    libc::SIGCONT,
    libc::SIGWINCH,
];

/// The forwarded signals and `SIGCHLD`, blocked and readable.
#[derive(Debug)]
pub struct Signals {
    file: std::fs::File,
}

impl Signals {
    /// Blocks the signals for this process and opens the descriptor.
    ///
    /// # Errors
    /// What `signalfd(2)` says.
    pub fn block() -> std::io::Result<Self> {
        // SAFETY: the set is initialised by `sigemptyset` before use, and lives on this stack; the
        // descriptor that `signalfd` returns is nobody else's.
        let fd = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in FORWARDED {
                libc::sigaddset(&raw mut set, signal);
            }
            libc::sigaddset(&raw mut set, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(std::io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self { file: fd.into() })
    }

    /// The next signal, if one is pending.
    pub fn take(&mut self) -> Option<i32> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        let length = self.file.read(&mut record).ok()?;
        let number = record.get(..length)?.get(..4)?;
        i32::try_from(u32::from_le_bytes(number.try_into().ok()?)).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// How a host process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an exit status.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
}

/// The next child that has ended: its id and how.
#[must_use]
pub fn reap() -> Option<(i32, End)> {
    use rustix::process::{WaitOptions, wait};
    let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
    let end = match status.terminating_signal() {
        Some(signal) => End::Signaled(signal),
        None => End::Exited(status.exit_status().unwrap_or(0)),
    };
    Some((pid.as_raw_nonzero().get(), end))
}
