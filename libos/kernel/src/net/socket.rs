//! A unix or internet socket: its state, and what it does as a file.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::net::address::{Address, Domain, Internet};
use crate::net::control::Credentials;
use crate::net::endpoint::{Endpoint, Outgoing};
use crate::net::inbox::Inbox;
use crate::net::options::Options;
use crate::net::outside::Outside;
use crate::net::{interface, names, rights};
use crate::sync::{Mutex, Observer, WaitQueue, Wakes};
use crate::user::{self, UserBuffers};
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// What a wait queue is told where something can be read.
pub(crate) const READABLE: Events = Events(Events::IN.0 | Events::RDNORM.0);
/// What a wait queue is told where something can be written.
pub(crate) const WRITABLE: Events = Events(Events::OUT.0 | Events::WRNORM.0 | Events::WRBAND.0);
/// `SIOCOUTQ` (also `TIOCOUTQ`)
const SIOCOUTQ: u32 = 0x5411;
/// `SIOCINQ` (also `FIONREAD`)
const SIOCINQ: u32 = 0x541b;
/// `SIOCATMARK`
const SIOCATMARK: u32 = 0x8905;
/// Most datagrams that a unix socket queues (`net.unix.max_dgram_qlen`, as systemd sets it).
pub(crate) const MAX_DATAGRAMS: usize = 512;

/// `SOCK_*`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "socket(2) documents them")]
pub enum Kind {
    Stream = 1,
    Datagram = 2,
    SeqPacket = 5,
}

/// Where a socket is in its life.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Neither connected nor listening.
    #[default]
    Idle,
    /// A `connect` is under way in some thread.
    Connecting,
    /// `listen(2)` was called: connections that nobody has accepted yet, and how many there may be.
    Listening { backlog: usize, pending: VecDeque<Arc<Socket>> },
    /// There is, or has been, a peer.
    Connected,
}

/// How a socket is tied to others.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) state: State,
    pub(crate) local: Address,
    /// The internet address that `bind` gave, where it was called.
    pub(crate) bound: Option<Internet>,
    pub(crate) remote: Address,
    pub(crate) peer: Option<Arc<Socket>>,
    pub(crate) peer_credentials: Option<Credentials>,
    pub(crate) shut_read: bool,
    pub(crate) shut_write: bool,
    pub(crate) error: Option<Errno>,
    /// The peer has broken the connection off (TCP's RST).
    pub(crate) reset: bool,
    /// A nonblocking internet `connect` has ended, and no later `connect` has been told.
    pub(crate) unannounced: bool,
}

/// A socket.
pub struct Socket {
    pub(crate) me: Weak<Self>,
    pub(crate) domain: Domain,
    pub(crate) kind: Kind,
    pub(crate) protocol: i32,
    pub(crate) queue: Arc<WaitQueue>,
    pub(crate) link: Mutex<Link>,
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) options: Mutex<Options>,
    /// What it has beyond the instance, and whether there may be something.
    pub(super) outside: Mutex<Outside>,
    beyond: AtomicBool,
    ino: u64,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("domain", &self.domain)
            .field("kind", &self.kind)
            .field("ino", &self.ino)
            .finish_non_exhaustive()
    }
}

impl Observer for Socket {
    /// A peer whose queue was full has room again.
    fn notify(&self, events: Events, wakes: &mut Wakes) {
        self.queue.tell(events, wakes);
    }
}

impl Socket {
    /// A socket without name or peer.
    pub fn new(domain: Domain, kind: Kind, protocol: i32) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            domain,
            kind,
            protocol,
            queue: Arc::new(WaitQueue::new()),
            link: Mutex::new(Link::default()),
            inbox: Mutex::new(Inbox::default()),
            options: Mutex::new(Options::default()),
            outside: Mutex::new(Outside::default()),
            beyond: AtomicBool::new(false),
            ino: anonymous::inode_number(),
        })
    }

    /// A description of it; `flags` are `O_NONBLOCK` or none.
    pub fn open(self: Arc<Self>, flags: u32) -> Arc<OpenFile> {
        let name: String = format!("socket:[{}]", self.ino);
        OpenFile::new(self, flags | 2, name)
    }

    /// `AF_*`
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Whether messages have borders.
    pub(crate) fn by_message(&self) -> bool {
        self.kind != Kind::Stream
    }

    /// Whether there is a connection before there is data.
    pub(crate) fn by_connection(&self) -> bool {
        self.kind != Kind::Datagram
    }

    /// Whether it may have something outside.
    pub(super) fn has_outside(&self) -> bool {
        self.beyond.load(Ordering::Acquire)
    }

    /// It has something outside from now on.
    pub(super) fn mark_outside(&self) {
        self.beyond.store(true, Ordering::Release);
    }

    /// Whether there is a connection, at least one end of it.
    pub(crate) fn is_connected(&self) -> bool {
        let link = self.link.lock();
        matches!(link.state, State::Connected) && !link.reset
    }

    /// Takes the pending error (`SO_ERROR`).
    pub(crate) fn take_error(&self) -> Option<Errno> {
        self.link.lock().error.take()
    }

    /// The peer has closed: nothing more comes, and for a unix socket nothing can be sent.
    pub(crate) fn peer_closed(&self, error: Option<Errno>) {
        let mut link = self.link.lock();
        let gone = link.peer.take();
        link.shut_write |= self.domain == Domain::Unix || error.is_some();
        link.error = link.error.or(error);
        link.reset |= self.domain.is_inet() && error.is_some();
        drop(link);
        drop(gone);
        self.inbox.lock().eof = true;
        self.queue.wake(Events::ALL);
    }

    /// Ends the socket: the peer is told, what was not read is dropped.
    pub(crate) fn close(&self) {
        let mut link = self.link.lock();
        let state = mem::take(&mut link.state);
        let local = mem::take(&mut link.local);
        let peer = link.peer.take();
        link.shut_read = true;
        link.shut_write = true;
        drop(link);
        self.leave_outside();
        names::unbind(self, &local);
        let mut inbox = self.inbox.lock();
        inbox.eof = true;
        inbox.closed = true;
        let unread = inbox.has_data();
        let lost = inbox.clear();
        let blocked = inbox.take_blocked();
        drop(inbox);
        rights::dispose(lost);
        if let (Some(peer), true) = (peer, self.by_connection()) {
            let abrupt = unread || self.domain.is_inet() && self.options.lock().breaks_off();
            peer.peer_closed(abrupt.then_some(Errno::ECONNRESET));
        }
        if let State::Listening { pending, .. } = state {
            for socket in pending {
                socket.refuse();
            }
        }
        self.queue.wake(Events::ALL);
        for sender in blocked.iter().filter_map(Weak::upgrade) {
            sender.notify(WRITABLE, &mut Wakes::new());
        }
    }

    /// Ends a connection that was never accepted.
    fn refuse(&self) {
        let peer = self.link.lock().peer.take();
        if let Some(peer) = peer {
            peer.peer_closed(Some(Errno::ECONNRESET));
        }
        self.close();
    }

    /// Whether a send would go on, now that the socket has this peer.
    fn sendable(&self, peer: Option<&Arc<Self>>) -> bool {
        let Some(peer) = peer else { return true };
        let room = self.options.lock().send_buffer;
        let mut inbox = peer.inbox.lock();
        match self.kind {
            Kind::Stream | Kind::SeqPacket => inbox.charge() * 4 <= room,
            Kind::Datagram if self.domain == Domain::Unix => {
                let free = inbox.messages() < MAX_DATAGRAMS && inbox.charge() < room;
                if !free && !inbox.closed {
                    inbox.add_blocked(self.me.clone());
                }
                free || inbox.closed
            }
            Kind::Datagram => true,
        }
    }

    /// Bytes that a read would find (`SIOCINQ`).
    fn waiting(&self) -> usize {
        if let Some(host) = self.connection_outside() {
            return self.waiting_outside(&host);
        }
        let inbox = self.inbox.lock();
        match self.kind {
            Kind::Datagram if inbox.has_data() || !self.has_outside() => inbox.first_length(),
            Kind::Datagram => {
                drop(inbox);
                self.first_datagram_outside()
            }
            _ => inbox.bytes(),
        }
    }

    fn outgoing<'a>(from: &'a mut UserBuffers, open: &OpenFile) -> Outgoing<'a> {
        Outgoing {
            buffers: from,
            to: None,
            flags: 0,
            nonblocking: open.nonblocking(),
            rights: alloc::vec::Vec::new(),
            credentials: None,
        }
    }
}

impl File for Socket {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Socket, 0o777, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let incoming = self.receive(to, 0, open.nonblocking())?;
        // Descriptors that a plain read meets are closed.
        drop(incoming.rights);
        Ok(incoming.length)
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        self.send(Self::outgoing(from, open))
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        let value = match request {
            SIOCINQ => {
                if matches!(self.link.lock().state, State::Listening { .. }) {
                    return Err(Errno::EINVAL);
                }
                self.waiting()
            }
            SIOCOUTQ => {
                let peer = self.link.lock().peer.clone();
                peer.map_or(0, |peer| peer.inbox.lock().bytes())
            }
            SIOCATMARK => 0,
            _ => return interface::ioctl(request, argument),
        };
        user::write(argument, &i32::try_from(value).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        self.refresh();
        if let Some(host) = self.connection_outside() {
            return self.poll_outside(&host);
        }
        let outside = if self.has_outside() {
            self.collect_answers();
            self.poll_datagrams_outside()
        } else {
            Events::NONE
        };
        let link = self.link.lock();
        let mut events = if link.error.is_some() { outside | Events::ERR } else { outside };
        if let State::Listening { pending, .. } = &link.state {
            if !pending.is_empty() || link.shut_read {
                events |= READABLE;
            }
            if link.shut_read && link.shut_write {
                events |= Events::HUP;
            }
            return events;
        }
        let unconnected = self.by_connection() && !matches!(link.state, State::Connected);
        let shut_write = link.shut_write;
        let peer = link.peer.clone();
        drop(link);
        let inbox = self.inbox.lock();
        let (has_data, eof) = (inbox.has_data(), inbox.eof);
        drop(inbox);
        if has_data || eof {
            events |= READABLE;
        }
        if eof {
            events |= Events::RDHUP;
        }
        if unconnected || (eof && shut_write) {
            events |= Events::HUP;
        }
        if self.sendable(peer.as_ref()) {
            events |= WRITABLE;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&*self.queue)
    }

    fn release(&self, _open: &OpenFile) {
        self.close();
    }
}
