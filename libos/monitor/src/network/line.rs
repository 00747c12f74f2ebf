//! Between the monitor and its network process: one question out, one answer back, a packet each.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use bailey_abi::codec;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::{Deserialize, Serialize};

use super::rules::Transport;
use crate::broker::channel_send;

/// Most bytes of a message.
const MAX_MESSAGE: usize = 4096;
/// How long an answer may take: nothing that the process does on one waits for the network.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the monitor asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Question {
    /// A connection; `true` is UDP.
    Connect(bool, SocketAddr),
    /// The addresses of a name.
    Lookup(String),
}

/// What it is answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Verdict {
    /// The socket comes along.
    Made,
    /// No rule grants it; a line for the log, at the first time.
    Refused(Option<String>),
    /// The host's error.
    Failed(i32),
}

/// Sends a message, with a descriptor or without.
pub(super) fn send<T: Serialize>(
    line: BorrowedFd<'_>,
    message: &T,
    fd: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let bytes = codec::encode(message, MAX_MESSAGE).map_err(|_| Errno::MSGSIZE)?;
    channel_send(line, &bytes, fd.as_slice())
}

/// Waits for a message; `None` at the end of the line.
pub(super) fn receive<T: for<'a> Deserialize<'a>>(
    line: BorrowedFd<'_>,
) -> Result<Option<(T, Option<OwnedFd>)>> {
    let mut buffer = [0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        match rustix::net::recvmsg(line, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            result => break result?,
        }
    };
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let bytes = buffer.get(..message.bytes).unwrap_or_default();
    if bytes.is_empty() {
        return Ok(None);
    }
    let message = codec::decode(bytes, MAX_MESSAGE).map_err(|_| Errno::PROTO)?;
    Ok(Some((message, fd)))
}

/// The monitor's end.
#[derive(Debug)]
pub struct Network {
    line: Option<OwnedFd>,
}

/// What became of a stream's opening.
#[derive(Debug)]
pub enum Opened {
    /// The host's socket.
    Socket(OwnedFd),
    /// It is not granted; the log's line, at the first time.
    Refused(Option<String>),
}

impl Network {
    /// The end of a line to the network process.
    #[must_use]
    pub fn new(line: OwnedFd) -> Self {
        Self { line: Some(line) }
    }

    /// Opens a stream of the network; `None` for a URI of another scheme.
    ///
    /// # Errors
    /// The host's; `EINVAL` for a malformed address, `ENETDOWN` where the network process is gone.
    pub fn open(&mut self, uri: &str) -> Option<Result<Opened>> {
        Some(question(uri)?.and_then(|question| self.ask(&question)))
    }

    fn ask(&mut self, question: &Question) -> Result<Opened> {
        let line = self.line.as_ref().ok_or(Errno::NETDOWN)?;
        match ask(line.as_fd(), question) {
            Ok(Some((Verdict::Made, Some(fd)))) => Ok(Opened::Socket(fd)),
            Ok(Some((Verdict::Refused(line), _))) => Ok(Opened::Refused(line)),
            Ok(Some((Verdict::Failed(errno), _))) => Err(Errno::from_raw_os_error(errno)),
            // A late answer would be taken for the next one.
            _ => {
                self.line = None;
                Err(Errno::NETDOWN)
            }
        }
    }
}

fn ask(line: BorrowedFd<'_>, question: &Question) -> Result<Option<(Verdict, Option<OwnedFd>)>> {
    send(line, question, None)?;
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let mut fds = [PollFd::new(&line, PollFlags::IN)];
    loop {
        match rustix::event::poll(&mut fds, Some(&patience)) {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => break,
            Err(errno) => return Err(errno),
        }
    }
    receive(line)
}

/// The question that a URI of the network stands for.
fn question(uri: &str) -> Option<Result<Question>> {
    let (scheme, rest) = uri.split_once(':')?;
    let address = || rest.parse::<SocketAddr>().map_err(|_| Errno::INVAL);
    match scheme {
        "tcp" => Some(address().map(|to| Question::Connect(false, to))),
        "udp" => Some(address().map(|to| Question::Connect(true, to))),
        "dns" if rest.len() <= 255 => Some(Ok(Question::Lookup(rest.to_owned()))),
        "dns" => Some(Err(Errno::NAMETOOLONG)),
        _ => None,
    }
}

/// Whether a URI is one of the network's.
pub(crate) fn is_network(uri: &str) -> bool {
    ["tcp:", "udp:", "dns:"].iter().any(|scheme| uri.starts_with(scheme))
}

/// The transport of a [`Question::Connect`].
pub(super) fn transport(datagrams: bool) -> Transport {
    if datagrams { Transport::Udp } else { Transport::Tcp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_questions() {
        let tcp = question("tcp:10.0.0.1:22").expect("a URI of the network");
        assert_eq!(tcp, Ok(Question::Connect(false, "10.0.0.1:22".parse().expect("an address"))));
        let udp = question("udp:[2001:db8::1]:53").expect("a URI of the network");
        assert_eq!(udp, Ok(Question::Connect(true, "[2001:db8::1]:53".parse().expect("an address"))));
        assert_eq!(question("dns:example.org"), Some(Ok(Question::Lookup("example.org".to_owned()))));
        for malformed in ["tcp:", "tcp:example.org:22", "udp:10.0.0.1", "tcp:10.0.0.1:70000"] {
            assert_eq!(question(malformed), Some(Err(Errno::INVAL)), "{malformed}");
        }
        assert_eq!(question("file:/etc"), None);
        assert_eq!(question("display:"), None);
        assert_eq!(question(""), None);
    }
}
