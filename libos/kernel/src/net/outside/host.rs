//! The host's sockets that a socket has.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use bailey_abi::network::SocketOption;
use bailey_abi::stream::OpenMode;

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::ipc::hoststream::{poll_host, wait_host};
use crate::net::address::Internet;
use crate::net::endpoint::flags;
use crate::net::outside::datagram::Flow;
use crate::net::outside::resolver::Asked;
use crate::sync::WaitQueue;
use crate::vfs::Events;

/// How long a thread sleeps for the host by itself: signals find it late by no more.
const MOMENT: Duration = Duration::from_millis(1);

/// A connected socket of the host.
pub(in crate::net) struct HostSocket {
    pub(super) handle: Arc<HostHandle>,
    /// Who is told when it becomes ready: the queue of the socket that it belongs to.
    queue: Arc<WaitQueue>,
}

impl HostSocket {
    /// Asks for a stream of the network.
    pub(super) fn open(uri: &str, queue: &Arc<WaitQueue>) -> Result<Arc<Self>> {
        let mode = OpenMode { read: true, write: true, create: None, exclusive: false, truncate: false };
        let (handle, _) = HostHandle::open(uri, mode)?;
        Ok(Arc::new(Self { handle, queue: queue.clone() }))
    }

    /// A connection of `scheme` to `to`: it may still be under way.
    pub(super) fn connect(scheme: &str, to: &Internet, queue: &Arc<WaitQueue>) -> Result<Arc<Self>> {
        let ip = IpAddr::V6(Ipv6Addr::from(to.ip)).to_canonical();
        Self::open(&format!("{scheme}:{}", SocketAddr::new(ip, to.port)), queue)
    }

    /// An empty datagram.
    pub(super) fn send_empty(&self) -> Result<()> {
        host::socket_send_empty(self.handle.id())
    }

    /// The queue is woken once the socket is ready for `events`.
    pub(super) fn arm(&self, events: Events) -> Result<()> {
        host::io::arm(&self.handle, events, &self.queue)
    }

    /// Passes a result on; what must wait is woken.
    fn rearm<T>(&self, result: Result<T>, events: Events) -> Result<T> {
        if matches!(result, Err(Errno::EAGAIN)) {
            self.arm(events)?;
        }
        result
    }

    /// What of `wanted` it is ready for; what is missing will be told.
    pub(super) fn poll(&self, wanted: Events) -> Events {
        let Ok(fd) = self.handle.fd() else {
            return Events::ERR;
        };
        let ready = poll_host(fd, wanted);
        let missing = Events(wanted.0 & !ready.0 & (Events::IN | Events::OUT).0);
        if missing != Events::NONE && !ready.intersects(Events::ERR | Events::HUP) {
            // The next look tells, should this fail.
            let _ = self.arm(missing);
        }
        ready
    }

    pub(super) fn send(&self, pieces: &[(u64, usize)]) -> Result<usize> {
        self.rearm(host::pwritev(self.handle.fd()?, pieces, None), Events::OUT)
    }

    /// As [`Self::receive`] for one who may sleep: at first here, a moment, as most answers come soon and
    /// waking by the I/O thread takes longer.
    pub(super) fn await_some(&self, pieces: &[(u64, usize)], flags: u32) -> Result<(usize, u32)> {
        let fd = self.handle.fd()?;
        match host::receive(fd, pieces, flags) {
            Err(Errno::EAGAIN) => {
                self.await_moment(Events::IN);
                self.receive(pieces, flags)
            }
            result => result,
        }
    }

    /// Sleeps a moment, or until it is ready.
    pub(super) fn await_moment(&self, events: Events) {
        if let Ok(fd) = self.handle.fd() {
            wait_host(fd, events, MOMENT);
        }
    }

    pub(super) fn receive(&self, pieces: &[(u64, usize)], flags: u32) -> Result<(usize, u32)> {
        self.rearm(host::receive(self.handle.fd()?, pieces, flags), Events::IN)
    }

    /// Takes the error that it is said to be `ready` with, if it is.
    pub(super) fn take_error(&self, ready: Events) -> Option<Errno> {
        if !ready.intersects(Events::ERR) {
            return None;
        }
        let mut byte = [0];
        let piece = [(byte.as_mut_ptr() as u64, 1)];
        let fd = self.handle.fd().ok()?;
        host::receive(fd, &piece, flags::MSG_PEEK).err().filter(|error| *error != Errno::EAGAIN)
    }

    /// Whoever waits for the edge at which more comes is told of it.
    pub(super) fn expect_more(&self) {
        if self.queue.is_observed() {
            // The next look tells, should this fail.
            let _ = self.arm(Events::IN);
        }
    }
}

impl Drop for HostSocket {
    /// The peer is to hear of the end now, not once somebody who waited has woken.
    fn drop(&mut self) {
        host::io::disarm(&self.handle);
        self.handle.let_go();
    }
}

/// What a socket has outside.
#[derive(Default)]
pub(in crate::net) struct Outside {
    /// The connection of a stream socket.
    pub(super) stream: Option<Arc<HostSocket>>,
    /// The peers of a datagram socket, the last used at the end.
    pub(super) flows: Vec<Flow>,
    /// Names that were asked for.
    pub(super) lookups: Vec<Asked>,
}

/// The host's option for one that programs set: level, name.
pub(in crate::net) fn host_option(level: i32, name: i32) -> Option<SocketOption> {
    Some(match (level, name) {
        (6, 1) => SocketOption::TcpNodelay,
        (6, 3) => SocketOption::TcpCork,
        (6, 4) => SocketOption::TcpKeepidle,
        (6, 5) => SocketOption::TcpKeepintvl,
        (6, 6) => SocketOption::TcpKeepcnt,
        (6, 12) => SocketOption::TcpQuickack,
        (6, 18) => SocketOption::TcpUserTimeout,
        (1, 7) => SocketOption::SoSndbuf,
        (1, 8) => SocketOption::SoRcvbuf,
        (1, 9) => SocketOption::SoKeepalive,
        (0, 1) => SocketOption::IpTos,
        (0, 2) => SocketOption::IpTtl,
        (41, 16) => SocketOption::Ipv6UnicastHops,
        (41, 67) => SocketOption::Ipv6Tclass,
        _ => return None,
    })
}
