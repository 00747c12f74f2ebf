//! The daemon's line to a monitor: a `SOCK_SEQPACKET` socket, one JSON message a packet.
//!
//! The monitor ends its instance when the daemon's end is closed.

use std::os::fd::BorrowedFd;

use rustix::net::RecvFlags;
use serde::{Deserialize, Serialize};

use crate::broker::channel_send;

/// Most bytes of a message, either way.
pub const MAX_MESSAGE: usize = 4096;

/// Monitor to daemon.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromMonitor {
    /// The instance memfd; the descriptor comes with the message. Its size never changes.
    Memory {
        /// Bytes.
        size: u64,
    },
    /// Where the instance counts its system calls; the descriptor that comes with the message is to be read only.
    Counts {
        /// Of the words of [`bailey_abi::counts`] in the descriptor's bytes.
        offset: u64,
    },
    /// The first process has been made.
    Started {
        /// The process that the daemon has spawned.
        pid: u32,
        /// The monitor, first process of the instance's PID namespace.
        monitor: u32,
        /// The instance's processes so far.
        processes: Vec<u32>,
    },
    /// A process of the instance has been ended from outside.
    ProcessDied {
        /// Its id within the instance's PID namespace.
        pid: i32,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// The status it ended with otherwise.
        status: Option<i32>,
    },
    /// The instance has ended; the last message.
    Exited {
        /// The first process's exit status.
        status: Option<u8>,
        /// The signal that ended it.
        signal: Option<u8>,
        /// What happened, in words.
        reason: String,
    },
}

/// Daemon to monitor.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToMonitor {
    /// `SIGTERM` to the instance.
    Terminate,
    /// The instance ends at once.
    Kill,
    /// A signal to the instance's foreground process group.
    Signal {
        /// Linux signal number.
        signo: u8,
    },
}

/// What a look at the line gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Message(ToMonitor),
    /// Something that is none.
    Malformed,
    /// Nothing now.
    Nothing,
    /// The daemon has gone.
    Closed,
}

/// Sends a message, with a descriptor or without. A daemon that does not listen misses it.
pub fn send(line: BorrowedFd<'_>, message: &FromMonitor, fds: &[BorrowedFd<'_>]) {
    if let Ok(bytes) = serde_json::to_vec(message) {
        let _ = channel_send(line, &bytes, fds);
    }
}

/// Takes a message, if there is one.
#[must_use]
pub fn receive(line: BorrowedFd<'_>) -> Incoming {
    let mut buffer = [0; MAX_MESSAGE];
    match rustix::net::recv(line, &mut buffer, RecvFlags::DONTWAIT) {
        Ok((_, 0)) => Incoming::Closed,
        Ok((_, length)) => match buffer.get(..length).map(serde_json::from_slice) {
            Some(Ok(message)) => Incoming::Message(message),
            _ => Incoming::Malformed,
        },
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Incoming::Nothing,
        Err(_) => Incoming::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::net::{SocketFlags, SocketType};

    use super::*;

    #[test]
    fn messages_are_tagged_json() {
        let text = serde_json::to_string(&ToMonitor::Signal { signo: 2 }).expect("json");
        assert_eq!(text, r#"{"type":"signal","signo":2}"#);
        let died = FromMonitor::ProcessDied { pid: 3, signal: Some(9), status: None };
        let text = serde_json::to_string(&died).expect("json");
        assert_eq!(text, r#"{"type":"process-died","pid":3,"signal":9,"status":null}"#);
    }

    #[test]
    fn odd_packets_and_a_closed_line_are_told_apart() {
        let (ours, theirs) =
            crate::broker::channel_pair(SocketType::SEQPACKET, SocketFlags::empty()).expect("a pair");
        assert_eq!(receive(ours.as_fd()), Incoming::Nothing);
        channel_send(theirs.as_fd(), b"{}", &[]).expect("sent");
        assert_eq!(receive(ours.as_fd()), Incoming::Malformed);
        channel_send(theirs.as_fd(), br#"{"type":"kill"}"#, &[]).expect("sent");
        assert_eq!(receive(ours.as_fd()), Incoming::Message(ToMonitor::Kill));
        drop(theirs);
        assert_eq!(receive(ours.as_fd()), Incoming::Closed);
    }
}
