//! The network process.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::confine::confine;
use super::line::{self, Question, Verdict, transport};
use super::lookup::Lookups;
use super::policy::Policy;
use super::rules::{Access, Transport};
use crate::broker::channel_pair;
use crate::loader::set_process_name;
use crate::sandbox::{self, Forked, SandboxError};

/// Starts the network process; gives the monitor's end of its line. It ends when that is closed.
///
/// # Errors
/// [`SandboxError`] where the host refuses a process.
///
/// # Safety
/// The process must have one thread: the new one is a copy of it alone.
pub unsafe fn start(access: &Access) -> std::result::Result<OwnedFd, SandboxError> {
    let pair = channel_pair(SocketType::SEQPACKET, SocketFlags::empty());
    let (ours, theirs) = pair.map_err(|errno| SandboxError::plain("make the line to the network", errno))?;
    // SAFETY: the caller vouches for a single thread.
    match unsafe { sandbox::fork() }? {
        Forked::Parent(_) => Ok(ours),
        Forked::Child => {
            let status = match run(theirs, access) {
                Ok(()) => 0,
                Err(error) => {
                    eprintln!("bailey: the network process: {error}");
                    1
                }
            };
            std::process::exit(status)
        }
    }
}

fn run(line: OwnedFd, access: &Access) -> std::result::Result<(), SandboxError> {
    set_process_name("bailey-network");
    // The terminal's own signals are not for it.
    let _ = rustix::process::setsid();
    sandbox::die_with_parent()?;
    close_others(&line)?;
    confine()?;
    Agent { policy: Arc::new(Mutex::new(Policy::new(access.clone()))), lookups: Lookups::default() }
        .serve(&line);
    Ok(())
}

/// Closes what was inherited: the instance's streams and the daemon's line are none of its business.
fn close_others(line: &OwnedFd) -> std::result::Result<(), SandboxError> {
    let keep = line.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, keep - 1), (keep + 1, u32::MAX)] {
        // SAFETY: plain system call. The descriptors' owners are never used or dropped here: this process is a
        // fork that ends by `exit`.
        if first <= last && unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } != 0 {
            let error = std::io::Error::last_os_error();
            return Err(SandboxError::plain("close descriptors of the network process", error));
        }
    }
    if let Ok(null) = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
    Ok(())
}

/// The policy; a thread that panicked while it held it has changed nothing by halves that matters.
pub(super) fn locked(policy: &Mutex<Policy>) -> MutexGuard<'_, Policy> {
    policy.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Agent {
    policy: Arc<Mutex<Policy>>,
    lookups: Lookups,
}

impl Agent {
    /// Answers until the line ends.
    fn serve(&self, line: &OwnedFd) {
        while let Ok(Some((question, _))) = line::receive::<Question>(line.as_fd()) {
            let (verdict, socket) = match self.answer(question) {
                Ok(answer) => answer,
                Err(errno) => (Verdict::Failed(errno.raw_os_error()), None),
            };
            if line::send(line.as_fd(), &verdict, socket.as_ref().map(OwnedFd::as_fd)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, question: Question) -> Result<(Verdict, Option<OwnedFd>)> {
        let mut policy = locked(&self.policy);
        match question {
            Question::Connect(datagrams, to) => match policy.destination(transport(datagrams), to) {
                Some(to) => {
                    drop(policy);
                    Ok((Verdict::Made, Some(connect(transport(datagrams), to)?)))
                }
                None => Ok((Verdict::Refused(policy.refusal(transport(datagrams), to)), None)),
            },
            Question::Lookup(name) => match policy.question(&name) {
                Some(name) => {
                    drop(policy);
                    Ok((Verdict::Made, Some(self.lookups.start(name, &self.policy)?)))
                }
                None => Ok((Verdict::Refused(policy.name_refusal(&name)), None)),
            },
        }
    }
}

/// A socket that is connected to this peer, or about to be. It never blocks.
fn connect(transport: Transport, to: SocketAddr) -> Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = if transport == Transport::Udp { SocketType::DGRAM } else { SocketType::STREAM };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}
