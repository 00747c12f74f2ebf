//! The process that was started: it makes the monitor, has the terminal, passes signals on, and ends
//! as the instance does.

use std::fs;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags};
use rustix::net::{SocketFlags, SocketType};

use super::configure::{Options, boot_config, configure, kernel_path};
use super::error::{FAILURE, RunError};
use super::monitor::Monitor;
use crate::broker::{Streams, channel_pair};
use crate::control::{self, FromMonitor};
use crate::loader::{Boot, HostVdso, Image, prepare};
use crate::network::{self, Network};
use crate::sandbox::{self, Forked, Limits};
use crate::seccomp::instance_filter;
use crate::signals::{End, FORWARDED, Signals, reap};
use crate::terminal::{Raw, Standard};

/// Runs an instance; gives the exit status for this process.
///
/// # Errors
/// [`RunError`] for whatever keeps the instance from starting, before anything has been started.
pub fn supervise(options: &Options) -> Result<u8, RunError> {
    let settings = configure(options)?;
    let display = options.display_fd.map(adopt).transpose()?;
    let control = options.control_fd.map(adopt).transpose()?;
    let standard = Standard::of_this_process();
    let limits = Limits { processes: settings.processes, memory: settings.memory, cpus: settings.cpus };
    let image = Image::open(&kernel_path(options))?;
    let config = boot_config(options, &settings, &standard, limits.processors());
    let memories = prepare(&image, &config, settings.shared_memory)?;
    let boot = Boot {
        image,
        memories,
        filter: instance_filter(),
        vdso: HostVdso::of_this_process(),
        seed: seed()?,
        name: settings.name.clone(),
    };
    let signals = Signals::block().map_err(|error| RunError::Host("watch signals", error))?;
    // SAFETY: this program starts no thread.
    let network = settings.network.as_ref().map(|access| unsafe { network::start(access) }).transpose()?;
    let (life_line, monitor_end) = channel_pair(SocketType::STREAM, SocketFlags::NONBLOCK)
        .map_err(|errno| RunError::Host("make the life line", errno.into()))?;
    let is_terminal = standard.is_terminal();
    let monitor = Monitor {
        settings,
        boot,
        streams: Streams { stdio: standard.streams, display },
        network: network.map(Network::new),
        signals,
        life_line: monitor_end,
        control,
        owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        raw_terminal: is_terminal,
        verbose: options.verbose,
    };
    // SAFETY: this program starts no thread.
    match unsafe { sandbox::new_instance() }? {
        Forked::Child => {
            drop(life_line);
            std::process::exit(i32::from(monitor.run()))
        }
        Forked::Parent(pid) => {
            let raw = is_terminal.then(Raw::enter).flatten();
            let end = watch(pid, monitor.signals, monitor.control.as_ref(), &life_line);
            drop(raw);
            Ok(status(end, monitor.control.as_ref()))
        }
    }
}

/// A descriptor that the daemon has left open for this process.
fn adopt(fd: RawFd) -> Result<OwnedFd, RunError> {
    // SAFETY: `F_GETFD` on a number has no effect.
    let open = fd > 2 && unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
    if !open {
        return Err(RunError::Invocation(format!(
            "descriptor {fd} is not open: --display-fd and --control-fd name inherited descriptors above 2"
        )));
    }
    // SAFETY: the descriptor is open, was inherited, and this is its only owner in this process.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let _ = rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC);
    Ok(fd)
}

fn seed() -> Result<[u8; 32], RunError> {
    let mut seed = [0; 32];
    let mut filled = 0;
    while filled < seed.len() {
        filled += rustix::rand::getrandom(&mut seed[filled..], rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| RunError::Host("get random bits", errno.into()))?;
    }
    Ok(seed)
}

/// Passes signals on until the monitor has ended.
fn watch(monitor: i32, mut signals: Signals, control: Option<&OwnedFd>, life_line: &OwnedFd) -> End {
    let mut starting = true;
    loop {
        let mut fds = vec![PollFd::new(&signals, PollFlags::IN)];
        if starting {
            fds.push(PollFd::new(life_line, PollFlags::IN));
        }
        if rustix::event::poll(&mut fds, None).is_err() {
            continue;
        }
        if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) {
            starting = false;
            let mut byte = [0];
            let started = rustix::io::read(life_line, &mut byte) == Ok(1);
            if let (true, Some(line)) = (started, control) {
                control::send(line.as_fd(), &started_message(monitor), &[]);
            }
        }
        while let Some(signal) = signals.take() {
            if FORWARDED.contains(&signal) {
                // SAFETY: plain system call; the monitor has not been reaped, so the id is its own.
                unsafe { libc::kill(monitor, signal) };
            }
        }
        while let Some((pid, end)) = reap() {
            if pid == monitor {
                return end;
            }
        }
    }
}

fn started_message(monitor: i32) -> FromMonitor {
    let children = fs::read_to_string(format!("/proc/{monitor}/task/{monitor}/children"));
    let children = children.unwrap_or_default();
    FromMonitor::Started {
        pid: std::process::id(),
        monitor: monitor.unsigned_abs(),
        processes: children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
    }
}

/// The exit status that a monitor's end stands for; the daemon hears of one that was ended from outside.
fn status(end: End, control: Option<&OwnedFd>) -> u8 {
    match end {
        End::Exited(status) => status as u8,
        End::Signaled(signal) => {
            let reason = format!("the monitor was ended by signal {signal}");
            eprintln!("bailey: {reason}");
            if let Some(line) = control {
                let message = FromMonitor::Exited { status: None, signal: None, reason };
                control::send(line.as_fd(), &message, &[]);
            }
            FAILURE
        }
    }
}
