//! Starting an instance: its monitor, with one end of the display stream and of the line to us.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::process::{Child, Command};

/// What to start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// The monitor program.
    pub(super) monitor: &'a Path,
    /// Name of the instance.
    pub(super) name: &'a str,
    /// Its manifest.
    pub(super) manifest: Option<&'a PathBuf>,
    /// Destinations that it may reach beside the manifest's.
    pub(super) network: &'a [String],
    /// Program and arguments.
    pub(super) command: &'a [String],
}

/// What was started.
#[derive(Debug)]
pub(super) struct Launched {
    /// The monitor's process.
    pub(super) child: Child,
    /// The display stream; does not block.
    pub(super) display: OwnedFd,
    /// The line to the monitor; does not block.
    pub(super) line: OwnedFd,
    /// What the instance prints.
    pub(super) output: io::PipeReader,
}

/// A pair of sockets; the first does not block.
pub(crate) fn pair(kind: SocketType) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// Lets a child inherit the descriptor. Only the desktop's task starts processes, one after another, and drops
/// its copy right after, so no other child gets it.
pub(crate) fn inherit(fd: &impl AsFd) -> rustix::io::Result<()> {
    rustix::io::fcntl_setfd(fd, FdFlags::empty())
}

impl Launch<'_> {
    /// Starts the monitor, in a process group of its own: a Ctrl-C at the daemon's terminal is the daemon's to handle.
    ///
    /// # Errors
    /// What the host says.
    pub(super) fn start(&self) -> io::Result<Launched> {
        let (display, their_display) = pair(SocketType::STREAM)?;
        let (line, their_line) = pair(SocketType::SEQPACKET)?;
        let (output, printed) = io::pipe()?;
        inherit(&their_display)?;
        inherit(&their_line)?;
        let mut command = Command::new(self.monitor);
        command.args(["--name", self.name]);
        if let Some(manifest) = self.manifest {
            command.arg("--manifest").arg(manifest);
        }
        command
            .args(self.network.iter().map(|entry| format!("--network={entry}")))
            .args(["--display-fd", &their_display.as_raw_fd().to_string()])
            .args(["--control-fd", &their_line.as_raw_fd().to_string()])
            .arg("--")
            .args(self.command)
            .stdin(Stdio::null())
            .stdout(printed.try_clone()?)
            .stderr(printed)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        Ok(Launched { child, display, line, output })
    }
}
