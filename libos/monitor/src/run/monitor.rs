//! The monitor's own process: first of the PID namespace, from its confinement to the instance's end.

use std::os::fd::{AsFd, OwnedFd};

use bailey_abi::layout::SHARED_BASE;
use bailey_abi::stream::ExitStatus;
use rustix::net::{SocketFlags, SocketType};

use super::error::{FAILURE, RunError};
use crate::broker::{Broker, Connections, Log, Outcome, Root, Streams, channel_pair, serve};
use crate::control::{self, FromMonitor};
use crate::loader::{Boot, Descriptors, set_process_name};
use crate::manifest::Settings;
use crate::network::Network;
use crate::sandbox::{self, Forked, Limits, Trees};
use crate::seccomp::own;
use crate::signals::Signals;

/// Descriptors that the monitor keeps for itself, beside handles and channels.
const SPARE_DESCRIPTORS: u64 = 64;
const MOST_HANDLES: u64 = 65536;

/// Everything that the monitor has from its parent.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) settings: Settings,
    pub(super) boot: Boot,
    pub(super) streams: Streams,
    pub(super) network: Option<Network>,
    pub(super) signals: Signals,
    pub(super) life_line: OwnedFd,
    pub(super) control: Option<OwnedFd>,
    /// User and group id before the user namespace.
    pub(super) owner: (u32, u32),
    pub(super) raw_terminal: bool,
    pub(super) verbose: bool,
}

/// The instance's end of the channels, and the monitor's.
struct Channels {
    guest: Descriptors,
    channel: OwnedFd,
    events: OwnedFd,
}

impl Monitor {
    /// Runs the instance. Gives the exit status for the monitor's process.
    pub(super) fn run(self) -> u8 {
        let name = self.settings.name.clone();
        let mut log = Log::new(&name, self.raw_terminal, self.verbose);
        let control = self.control.as_ref().and_then(|line| line.try_clone().ok());
        let outcome = match self.try_run() {
            Ok(outcome) => outcome,
            Err(error) => Outcome {
                status: ExitStatus::KernelFailure,
                reason: format!("the instance cannot start: {error}"),
            },
        };
        if outcome.status == ExitStatus::KernelFailure {
            log.line(&outcome.reason);
        }
        let (status, signal) = match outcome.status {
            ExitStatus::Exited(status) => (Some(status), None),
            ExitStatus::Signaled(signal) => (None, Some(signal)),
            ExitStatus::KernelFailure => (None, None),
        };
        if let Some(line) = control {
            let reason = outcome.reason.chars().take(1000).collect();
            let message = FromMonitor::Exited { status, signal, reason };
            control::send(line.as_fd(), &message, &[]);
        }
        match outcome.status {
            ExitStatus::Exited(status) => status,
            ExitStatus::Signaled(signal) => 128u8.saturating_add(signal),
            ExitStatus::KernelFailure => FAILURE,
        }
    }

    fn try_run(self) -> Result<Outcome, RunError> {
        sandbox::die_with_parent()?;
        set_process_name("bailey-monitor");
        // The terminal's own signals go to the supervisor alone.
        let _ = rustix::process::setsid();
        let roots = self.confine()?;
        let channels = make_channels()?;
        self.boot.check_host()?;
        let descriptors = sandbox::raise_descriptor_limit();
        let first_process = self.start(&channels.guest)?;
        drop(channels.guest);
        if let Some(line) = &self.control {
            let size = self.boot.memories.memfd_size;
            control::send(line.as_fd(), &FromMonitor::Memory { size }, &[self.boot.memories.memfd.as_fd()]);
            let offset = self.boot.memories.counts - SHARED_BASE;
            let shared = self.boot.memories.shared.as_fd();
            control::send(line.as_fd(), &FromMonitor::Counts { offset }, &[shared]);
        }
        drop(self.boot);
        let guest = (self.settings.uid, self.settings.uid);
        let most_processes = u64::from(self.settings.processes).min(descriptors / 2);
        let most_handles = (descriptors - most_processes).saturating_sub(SPARE_DESCRIPTORS).min(MOST_HANDLES);
        let log = Log::new(&self.settings.name, self.raw_terminal, self.verbose);
        let mut broker =
            Broker::new(roots, self.streams, guest, most_handles as usize, log).with_network(self.network);
        sandbox::arm_filter(&own::filter())?;
        // Wakes the supervisor, which knows the processes by their ids outside.
        let _ = rustix::io::write(&self.life_line, b"s");
        let connections = Connections {
            first_channel: channels.channel,
            events: channels.events,
            signals: self.signals,
            life_line: self.life_line,
            control: self.control,
            first_process,
            most_processes: most_processes as usize,
        };
        Ok(serve(&mut broker, connections))
    }

    /// Namespaces' contents, root, Landlock, privileges: in this order, each needs the one before.
    fn confine(&self) -> Result<Vec<Root>, RunError> {
        let uid = self.settings.uid;
        let grants = &self.settings.grants;
        sandbox::enter_user_namespace(self.owner, (uid, uid))?;
        let _ = rustix::system::sethostname(self.settings.name.as_bytes());
        let trees = sandbox::clone_trees(grants)?;
        let roots = sandbox::enter_root(trees, grants)?;
        sandbox::drop_privileges()?;
        let confined = Trees::for_landlock(&roots);
        let confined: Vec<_> = confined.iter().map(|(fd, writable)| (fd.as_fd(), *writable)).collect();
        sandbox::restrict_files(&confined)?;
        rustix::process::umask(rustix::fs::Mode::empty());
        Ok(roots)
    }

    /// Makes the instance's first process; gives its id.
    fn start(&self, descriptors: &Descriptors) -> Result<i32, RunError> {
        // SAFETY: the monitor has one thread, from its first instruction on.
        match unsafe { sandbox::fork() }? {
            Forked::Parent(pid) => Ok(pid),
            Forked::Child => {
                let limits = Limits {
                    processes: self.settings.processes,
                    memory: self.settings.memory,
                    cpus: self.settings.cpus,
                };
                let error = match limits.apply() {
                    Err(error) => error.to_string(),
                    Ok(()) => {
                        limits.confine();
                        // SAFETY: a fresh fork of a process with one thread, that ends right below.
                        let (step, errno) = unsafe { self.boot.enter(descriptors) };
                        format!("cannot {step}: {errno}")
                    }
                };
                let line = format!("bailey[{}]: {error}\n", self.settings.name);
                let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
                std::process::exit(i32::from(FAILURE));
            }
        }
    }
}

fn make_channels() -> Result<Channels, RunError> {
    let fail = |errno: rustix::io::Errno| RunError::Host("make the instance's channels", errno.into());
    let (channel, guest_channel) = channel_pair(SocketType::SEQPACKET, SocketFlags::empty()).map_err(fail)?;
    let (events, guest_events) = channel_pair(SocketType::SEQPACKET, SocketFlags::empty()).map_err(fail)?;
    let (wake_read, wake_write) = channel_pair(SocketType::STREAM, SocketFlags::NONBLOCK).map_err(fail)?;
    Ok(Channels {
        guest: Descriptors { channel: guest_channel, events: guest_events, wake: [wake_read, wake_write] },
        channel,
        events,
    })
}
