//! Names and connections: `bind`, `listen`, `accept`, `connect`, `shutdown`, `socketpair`.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::errno::{Errno, Result};
use crate::ipc::block::until_ready;
use crate::net::address::{Address, Domain, Internet};
use crate::net::control::Credentials;
use crate::net::endpoint::{Endpoint, Incoming, Outgoing};
use crate::net::socket::{Kind, Link, READABLE, Socket, State, WRITABLE};
use crate::net::{names, outside};
use crate::user::UserBuffers;
use crate::vfs::Events;

/// `net.core.somaxconn`
const MAX_BACKLOG: usize = 4096;
/// `AF_UNSPEC`
const AF_UNSPEC: u16 = 0;

/// The calling process, as peers see it.
pub(crate) fn own_credentials() -> Credentials {
    let (uid, gid) = crate::task::current_ids();
    let pid = crate::task::try_current().map_or(0, |thread| thread.process().pid());
    Credentials { pid, uid, gid }
}

/// `socketpair(2)` of unix sockets.
pub fn pair(kind: Kind) -> (Arc<Socket>, Arc<Socket>) {
    let one = Socket::new(Domain::Unix, kind, 0);
    let other = Socket::new(Domain::Unix, kind, 0);
    let credentials = own_credentials();
    for (socket, peer) in [(&one, &other), (&other, &one)] {
        *socket.link.lock() = Link {
            state: State::Connected,
            peer: Some(peer.clone()),
            peer_credentials: Some(credentials),
            ..Link::default()
        };
    }
    (one, other)
}

/// The address, without a port, that packets to `to` come from.
fn source(to: &Internet) -> Result<Internet> {
    if to.is_here() { Ok(Internet { port: 0, ..*to }) } else { outside::source(to) }
}

impl Socket {
    /// The address, with a port chosen, that an unbound internet socket sends from.
    pub(crate) fn ensure_port(&self, towards: Option<&Internet>) -> Result<Internet> {
        if let Some(local) = self.link.lock().local.internet() {
            return Ok(local);
        }
        let any = match towards {
            None => Internet::any(self.domain, 0),
            Some(to) => source(to)?,
        };
        let bound = names::bind_port(self, any)?;
        self.link.lock().local = Address::Internet(bound);
        Ok(bound)
    }

    /// Where `address` is reached: the wildcard is this host.
    ///
    /// # Errors
    /// `ENETUNREACH` where it is outside and there is no way to it.
    pub(crate) fn route(&self, address: &Address) -> Result<Internet> {
        let to = address.internet().ok_or(Errno::EAFNOSUPPORT)?;
        if to.is_any() {
            let domain = if to.is_v4() { Domain::Inet } else { Domain::Inet6 };
            return Ok(Internet::loopback(domain, to.port));
        }
        if !to.is_here() {
            outside::source(&to)?;
        }
        Ok(to)
    }

    /// `connect` of a datagram socket: a default destination.
    fn set_destination(&self, address: &Address) -> Result<()> {
        if self.domain == Domain::Unix {
            let peer = names::find_unix(self.kind, address)?;
            let mut link = self.link.lock();
            link.remote = address.clone();
            link.state = State::Connected;
            link.peer = Some(peer);
        } else {
            let to = self.route(address)?;
            let local = self.ensure_port(None)?;
            let mut link = self.link.lock();
            if local.is_any() {
                // The address that the route gives.
                link.local = Address::Internet(Internet { port: local.port, ..source(&to)? });
            }
            link.remote = Address::Internet(to);
            link.state = State::Connected;
        }
        self.queue.wake(WRITABLE);
        Ok(())
    }

    fn disconnect(&self) {
        let mut link = self.link.lock();
        link.remote = Address::Unnamed;
        link.state = State::Idle;
        let peer = link.peer.take();
        // A name that connecting has given goes with the connection.
        let given = link.bound.map_or(Address::Unnamed, Address::Internet);
        let old = if self.domain.is_inet() { mem::replace(&mut link.local, given) } else { Address::Unnamed };
        let unbound = link.bound.is_none();
        drop(link);
        drop(peer);
        if unbound {
            names::unbind(self, &old);
        }
    }

    /// Marks the socket as connecting, or says why it cannot.
    fn begin_connect(&self) -> Result<()> {
        let mut link = self.link.lock();
        match link.state {
            State::Idle => link.state = State::Connecting,
            State::Connecting => return Err(Errno::EALREADY),
            State::Listening { .. } => return Err(Errno::EINVAL),
            State::Connected => {
                let told = !mem::take(&mut link.unannounced);
                return if told { Err(Errno::EISCONN) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Connects to a listener: makes its end of the connection and queues it there.
    fn join(&self, listener: &Arc<Self>, credentials: Credentials) -> Result<()> {
        let me = self.me.upgrade().ok_or(Errno::EINVAL)?;
        let mut door = listener.link.lock();
        let Link { state: State::Listening { backlog, pending }, local, peer_credentials, shut_read, .. } =
            &mut *door
        else {
            return Err(Errno::ECONNREFUSED);
        };
        if *shut_read {
            return Err(Errno::ECONNREFUSED);
        }
        if pending.len() > *backlog {
            return Err(Errno::EAGAIN);
        }
        let server = Self::new(listener.domain, self.kind, listener.protocol);
        *server.options.lock() = listener.options.lock().inherited();
        // A socket that connects cannot listen, so the two locks are always taken in this order.
        let mut link = self.link.lock();
        let at = match (&*local, link.remote.internet()) {
            (Address::Internet(_), Some(to)) => Address::Internet(to),
            (name, _) => name.clone(),
        };
        *server.link.lock() = Link {
            state: State::Connected,
            local: at.clone(),
            remote: link.local.clone(),
            peer: Some(me),
            peer_credentials: Some(credentials),
            ..Link::default()
        };
        link.state = State::Connected;
        link.remote = at;
        link.peer = Some(server.clone());
        link.peer_credentials = *peer_credentials;
        drop(link);
        pending.push_back(server);
        drop(door);
        listener.queue.wake(READABLE);
        self.queue.wake(WRITABLE);
        Ok(())
    }

    fn connect_unix(&self, address: &Address, nonblocking: bool) -> Result<()> {
        let listener = names::find_unix(self.kind, address)?;
        let credentials = own_credentials();
        let deadline = self.options.lock().send_deadline();
        until_ready(&listener.queue, nonblocking, deadline, || self.join(&listener, credentials))
    }

    fn connect_internet(&self, address: &Address, nonblocking: bool) -> Result<()> {
        let to = self.route(address)?;
        let local = self.ensure_port(Some(&to))?;
        if local.is_any() {
            self.link.lock().local = Address::Internet(Internet { port: local.port, ..source(&to)? });
        }
        if !to.is_here() {
            return self.connect_outside(to, nonblocking);
        }
        self.link.lock().remote = Address::Internet(to);
        let credentials = own_credentials();
        let deadline = self.options.lock().send_deadline();
        let result = match names::find_port(self.kind, &to) {
            Some(listener) => {
                until_ready(&listener.queue, false, deadline, || self.join(&listener, credentials))
            }
            None => Err(Errno::ECONNREFUSED),
        };
        if !nonblocking {
            return result;
        }
        // The handshake takes no time here, but a nonblocking caller expects to wait for it.
        let mut link = self.link.lock();
        match result {
            Ok(()) => link.unannounced = true,
            Err(Errno::ECONNREFUSED) => link.error = Some(Errno::ECONNREFUSED),
            Err(error) => return Err(error),
        }
        drop(link);
        self.queue.wake(Events::ALL);
        Err(Errno::EINPROGRESS)
    }
}

impl Endpoint for Socket {
    fn bind(&self, address: &[u8]) -> Result<()> {
        let address = Address::decode(self.domain, address)?;
        if self.link.lock().local != Address::Unnamed {
            return Err(names::refusal(&address));
        }
        let name = names::bind(self, &address)?;
        let mut link = self.link.lock();
        link.bound = name.internet();
        link.local = name;
        Ok(())
    }

    fn connect(&self, address: &[u8], nonblocking: bool) -> Result<()> {
        let family = address.first_chunk::<2>().map(|family| u16::from_le_bytes(*family));
        if family.ok_or(Errno::EINVAL)? == AF_UNSPEC && self.kind == Kind::Datagram {
            self.disconnect();
            return Ok(());
        }
        let address = Address::decode(self.domain, address)?;
        if address == Address::Unnamed {
            return Err(Errno::EINVAL);
        }
        if self.kind == Kind::Datagram {
            return self.set_destination(&address);
        }
        self.refresh();
        if self.connection_outside().is_some() && matches!(self.link.lock().state, State::Connecting) {
            return if nonblocking { Err(Errno::EALREADY) } else { self.await_connection(false) };
        }
        self.begin_connect()?;
        if matches!(self.link.lock().state, State::Connected) {
            return Ok(());
        }
        let result = if self.domain == Domain::Unix {
            self.connect_unix(&address, nonblocking)
        } else {
            self.connect_internet(&address, nonblocking)
        };
        let mut link = self.link.lock();
        // What is under way outside goes on.
        let goes_on = matches!(result, Err(Errno::EINPROGRESS | Errno::ERESTARTSYS));
        if matches!(link.state, State::Connecting) && !goes_on {
            link.state = State::Idle;
            link.remote = Address::Unnamed;
        }
        result
    }

    fn listen(&self, backlog: i32) -> Result<()> {
        if !self.by_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.domain.is_inet() {
            self.ensure_port(None)?;
        }
        let credentials = own_credentials();
        let most = usize::try_from(backlog).unwrap_or(MAX_BACKLOG).min(MAX_BACKLOG);
        let mut link = self.link.lock();
        if link.local == Address::Unnamed {
            return Err(Errno::EINVAL);
        }
        match &mut link.state {
            State::Idle => link.state = State::Listening { backlog: most, pending: VecDeque::new() },
            State::Listening { backlog, .. } => *backlog = most,
            _ => return Err(Errno::EINVAL),
        }
        link.peer_credentials = Some(credentials);
        drop(link);
        self.queue.wake(WRITABLE);
        Ok(())
    }

    fn accept(&self, nonblocking: bool) -> Result<Arc<Socket>> {
        if !self.by_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        let deadline = self.options.lock().receive_deadline();
        let socket = until_ready(&self.queue, nonblocking, deadline, || {
            let mut link = self.link.lock();
            let shut = link.shut_read;
            match &mut link.state {
                State::Listening { pending, .. } if !shut => pending.pop_front().ok_or(Errno::EAGAIN),
                _ => Err(Errno::EINVAL),
            }
        })?;
        // Who waits for a place in the backlog.
        self.queue.wake(WRITABLE);
        Ok(socket)
    }

    fn local_name(&self) -> Result<Vec<u8>> {
        Ok(self.link.lock().local.encode(self.domain))
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        self.refresh();
        if !self.is_connected() {
            return Err(Errno::ENOTCONN);
        }
        Ok(self.link.lock().remote.encode(self.domain))
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        self.refresh();
        if let Some(host) = self.connection_outside() {
            return self.shutdown_outside(&host, read, write);
        }
        let mut link = self.link.lock();
        if self.domain.is_inet() && (link.reset || !matches!(link.state, State::Connected)) {
            let listening = matches!(link.state, State::Listening { .. });
            if listening && read {
                link.state = State::Idle;
                drop(link);
                self.queue.wake(Events::ALL);
                return Ok(());
            }
            return Err(Errno::ENOTCONN);
        }
        link.shut_read |= read;
        link.shut_write |= write;
        let peer = link.peer.clone().filter(|_| self.by_connection());
        drop(link);
        if read {
            self.inbox.lock().eof = true;
        }
        if let Some(peer) = peer {
            if write {
                peer.inbox.lock().eof = true;
            }
            if read && self.domain == Domain::Unix {
                peer.link.lock().shut_write = true;
            }
            peer.queue.wake(Events::ALL);
        }
        self.queue.wake(Events::ALL);
        Ok(())
    }

    fn send(&self, message: Outgoing<'_>) -> Result<usize> {
        self.transmit(message)
    }

    fn receive(&self, to: &mut UserBuffers, flags: u32, nonblocking: bool) -> Result<Incoming> {
        self.obtain(to, flags, nonblocking)
    }

    fn option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        self.get_option(level, name)
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.change_option(level, name, value)
    }
}
