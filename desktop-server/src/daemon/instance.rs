//! An instance, from its start to the memory of it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use bailey_abi::counts::Counts;
use bailey_compositor::WindowInfo;
use bailey_link::Rect;
use bailey_rdp::link::HostLink;
use rustix::process::Signal;

use super::connection::Connection;
use super::line::Line;
use super::pace::CopyAccount;
use crate::counters::Counters;
use crate::memory::InstanceMemory;

/// How an instance is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It lives.
    Running,
    /// Its first process exited.
    Exited(u8, String),
    /// A signal ended its first process.
    Killed(u8, String),
    /// It broke a rule on its display stream.
    CutOff(String),
    /// Something of ours, or of the host's, failed.
    Failed(String),
}

impl State {
    /// One word, or two.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Exited(..) => "exited",
            Self::Killed(..) => "killed",
            Self::CutOff(_) => "cut off",
            Self::Failed(_) => "failed",
        }
    }

    /// More about it.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Running => None,
            Self::Exited(status, reason) => Some(with("exit status", *status, reason)),
            Self::Killed(signal, reason) => Some(with("signal", *signal, reason)),
            Self::CutOff(reason) | Self::Failed(reason) => Some(reason.clone()),
        }
    }
}

fn with(what: &str, number: u8, reason: &str) -> String {
    if reason.is_empty() { format!("{what} {number}") } else { reason.to_owned() }
}

/// What there is only while it lives.
#[derive(Debug)]
pub(super) struct Live {
    /// The display stream, until it is connected: that waits for the memory.
    pub(super) display: Option<OwnedFd>,
    /// The display stream.
    pub(super) connection: Option<Connection>,
    /// What is said on it.
    pub(super) link: HostLink,
    /// The instance's memory.
    pub(super) memory: Option<InstanceMemory>,
    /// Its counters of system calls.
    pub(super) counters: Option<Counters>,
    /// The line to the monitor.
    pub(super) line: Line,
    /// The process we started.
    pub(super) process: OwnedFd,
    /// Where the pointer was last, in content coordinates: buttons are pressed there.
    pub(super) pointer: (i16, i16),
    /// The windows as the instance describes them.
    pub(super) windows: HashMap<u32, WindowInfo>,
    /// Sizes of its windows' pictures.
    pub(super) sizes: HashMap<u32, (u32, u32)>,
    /// What was copied for it.
    pub(super) copies: CopyAccount,
    /// It could not be kept in the store; said once.
    pub(super) store_full_said: bool,
}

impl Live {
    /// Bytes that showing a picture copies: the damage, those that it names twice counted twice, or everything where the
    /// size is new.
    pub(super) fn copied(&mut self, window: u32, size: (u32, u32), damage: &[Rect]) -> u64 {
        let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height) * 4;
        if self.sizes.insert(window, size) == Some(size) {
            damage.iter().map(|rect| area((rect.width, rect.height))).sum()
        } else {
            area(size)
        }
    }

    /// Ends the process we started, whatever it is doing. The rest of the instance goes with it.
    pub(super) fn kill_process(&self) {
        if let Err(error) = rustix::process::pidfd_send_signal(&self.process, Signal::KILL) {
            tracing::debug!("a monitor is gone already: {error}");
        }
    }
}

/// An instance.
#[derive(Debug)]
pub(super) struct Instance {
    /// Its name.
    pub(super) name: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// Host process id of its monitor.
    pub(super) pid: u32,
    /// When it was started.
    pub(super) started: Duration,
    /// What it prints.
    pub(super) log: PathBuf,
    /// How it is doing.
    pub(super) state: State,
    /// While its monitor lives.
    pub(super) live: Option<Live>,
    /// What its counters showed at its end.
    pub(super) last_counts: Counts,
}

impl Instance {
    /// How often it has made each system call.
    pub(super) fn counts(&self) -> io::Result<Counts> {
        let counters = self.live.as_ref().map(|live| live.counters.as_ref());
        match counters {
            None => Ok(self.last_counts.clone()),
            Some(None) => Ok(Counts::default()),
            Some(Some(counters)) => counters.read(),
        }
    }
}
