//! Sending and receiving on unix and internet sockets.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::mem;

use crate::errno::{Errno, Result};
use crate::ipc::block::{broken_pipe, until_ready};
use crate::net::address::{Address, Domain, Internet};
use crate::net::connection::own_credentials;
use crate::net::endpoint::{Incoming, Outgoing, flags};
use crate::net::inbox::{Ancillary, DEFAULT_BUFFER, Received};
use crate::net::socket::{Kind, MAX_DATAGRAMS, READABLE, Socket, State, WRITABLE};
use crate::net::{names, rights};
use crate::sync::{Observer, Wakes};
use crate::time::Deadline;
use crate::user::UserBuffers;
use crate::vfs::Events;

/// Most bytes of a UDP datagram.
const MAX_UDP: usize = 65_507;

impl Socket {
    /// `sendmsg(2)`
    pub(crate) fn transmit(&self, mut message: Outgoing<'_>) -> Result<usize> {
        if message.flags & flags::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let passed = mem::take(&mut message.rights);
        if !passed.is_empty() && self.domain != Domain::Unix {
            return Err(Errno::EINVAL);
        }
        rights::take_off(passed.len())?;
        let credentials =
            (self.domain == Domain::Unix).then(|| message.credentials.unwrap_or_else(own_credentials));
        let mut ancillary = Ancillary { rights: passed, credentials, from: None };
        let result = match self.kind {
            Kind::Stream => match self.connection_outside() {
                Some(host) => self.send_outside(&host, &mut message),
                None => self.send_stream(&mut message, &mut ancillary),
            },
            Kind::SeqPacket => self.send_packet(&mut message, &mut ancillary),
            Kind::Datagram if self.domain == Domain::Unix => self.send_unix(&mut message, &mut ancillary),
            Kind::Datagram => self.send_udp(&mut message, &mut ancillary),
        };
        // What did not go with the message.
        rights::dispose(ancillary.rights);
        result
    }

    /// The peer of a connection that can be written to.
    fn write_peer(&self) -> Result<Option<Arc<Self>>> {
        let mut link = self.link.lock();
        // A stream keeps its error for the next read where nothing can be written any more; packets tell it first.
        if link.shut_write && self.kind == Kind::Stream {
            return Err(Errno::EPIPE);
        }
        if let Some(error) = link.error.take() {
            return Err(error);
        }
        if link.shut_write {
            return Err(Errno::EPIPE);
        }
        match (&link.state, &link.peer) {
            (State::Connected, Some(peer)) => Ok(Some(peer.clone())),
            (State::Connected, None) => Ok(None),
            _ if self.domain.is_inet() => Err(Errno::EPIPE),
            _ => Err(Errno::ENOTCONN),
        }
    }

    /// Writing to an internet peer that has closed: the first write is lost, the next ones fail.
    fn write_to_nobody(&self, message: &mut Outgoing<'_>) -> Result<()> {
        if self.domain == Domain::Unix {
            return Err(Errno::EPIPE);
        }
        self.link.lock().shut_write = true;
        let left = message.buffers.remaining();
        message.buffers.advance(left);
        self.queue.wake(WRITABLE);
        Ok(())
    }

    fn send_stream(&self, message: &mut Outgoing<'_>, ancillary: &mut Ancillary) -> Result<usize> {
        if message.to.is_some() && self.domain == Domain::Unix {
            let connected = matches!(self.link.lock().state, State::Connected);
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let wanted = message.buffers.remaining();
        let (limit, deadline) = self.send_options();
        let immediate = message.immediate();
        let result = until_ready(&self.queue, immediate, deadline, || {
            let Some(peer) = self.write_peer()? else {
                return self.write_to_nobody(message);
            };
            if wanted == 0 {
                return Ok(());
            }
            let mut inbox = peer.inbox.lock();
            if inbox.closed {
                drop(inbox);
                return self.write_to_nobody(message);
            }
            inbox.push_stream(message.buffers, limit, ancillary)?;
            drop(inbox);
            peer.queue.wake(READABLE);
            if message.buffers.remaining() == 0 { Ok(()) } else { Err(Errno::EAGAIN) }
        });
        let sent = wanted - message.buffers.remaining();
        self.sent(result, sent, message.flags, deadline.is_some())
    }

    fn send_packet(&self, message: &mut Outgoing<'_>, ancillary: &mut Ancillary) -> Result<usize> {
        let (limit, deadline) = self.send_options();
        let length = message.buffers.remaining();
        if length > limit {
            return Err(Errno::EMSGSIZE);
        }
        let immediate = message.immediate();
        until_ready(&self.queue, immediate, deadline, || {
            let peer = self.write_peer()?.ok_or(Errno::EPIPE)?;
            let mut inbox = peer.inbox.lock();
            if inbox.closed {
                return Err(Errno::EPIPE);
            }
            if inbox.messages() > 0 && inbox.charge() + length > limit {
                return Err(Errno::EAGAIN);
            }
            inbox.push_message(message.buffers, ancillary)?;
            drop(inbox);
            peer.queue.wake(READABLE);
            Ok(length)
        })
        .map_err(|error| self.interrupted(error, deadline.is_some()))
    }

    fn send_unix(&self, message: &mut Outgoing<'_>, ancillary: &mut Ancillary) -> Result<usize> {
        let (limit, deadline) = self.send_options();
        let length = message.buffers.remaining();
        if length > limit {
            return Err(Errno::EMSGSIZE);
        }
        let target = match message.to {
            Some(name) => names::find_unix(self.kind, &Address::decode(self.domain, name)?)?,
            None => {
                let link = self.link.lock();
                if link.shut_write {
                    return Err(Errno::EPIPE);
                }
                link.peer.clone().ok_or(Errno::ENOTCONN)?
            }
        };
        let named = self.link.lock().local.clone();
        ancillary.from = Some(named).filter(|name| *name != Address::Unnamed);
        let immediate = message.immediate();
        until_ready(&target.queue, immediate, deadline, || {
            if !target.accepts_from(self) {
                return Err(Errno::EPERM);
            }
            let mut inbox = target.inbox.lock();
            if inbox.closed {
                return Err(Errno::ECONNREFUSED);
            }
            if inbox.eof {
                return Err(Errno::EPIPE);
            }
            let full = inbox.messages() >= MAX_DATAGRAMS || inbox.charge() + length > limit;
            if full && inbox.messages() > 0 && !core::ptr::eq(&*target, self) {
                return Err(Errno::EAGAIN);
            }
            inbox.push_message(message.buffers, ancillary)?;
            drop(inbox);
            target.queue.wake(READABLE);
            Ok(length)
        })
        .map_err(|error| self.interrupted(error, deadline.is_some()))
    }

    /// Whether a unix datagram socket takes messages of `sender`: one that is connected takes only its peer's.
    fn accepts_from(&self, sender: &Self) -> bool {
        self.link.lock().peer.as_ref().is_none_or(|peer| core::ptr::eq(&**peer, sender))
    }

    fn send_udp(&self, message: &mut Outgoing<'_>, ancillary: &mut Ancillary) -> Result<usize> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let length = message.buffers.remaining();
        if length > MAX_UDP {
            return Err(Errno::EMSGSIZE);
        }
        let local = self.ensure_port(None)?;
        let to = match message.to {
            Some(name) => self.route(&Address::decode(self.domain, name)?)?,
            None => {
                let link = self.link.lock();
                if link.shut_write {
                    return Err(Errno::EPIPE);
                }
                link.remote.internet().ok_or(Errno::EDESTADDRREQ)?
            }
        };
        if self.leads_outside(&to) {
            return self.send_datagram_outside(to, message);
        }
        let from = if local.is_any() { Internet { ip: to.ip, port: local.port } } else { local };
        let Some(target) = names::find_port(self.kind, &to) else {
            // The ICMP answer reaches connected sockets only (ip(7)).
            if message.to.is_none() {
                self.link.lock().error = Some(Errno::ECONNREFUSED);
                self.queue.wake(Events::ERR);
            }
            return Ok(length);
        };
        let only = target.link.lock().remote.internet();
        if only.is_some_and(|only| only != from) {
            return Ok(length);
        }
        let room = target.options.lock().receive_buffer;
        ancillary.from = Some(Address::Internet(from));
        let mut inbox = target.inbox.lock();
        if inbox.closed || inbox.charge() + length > room.max(DEFAULT_BUFFER) {
            return Ok(length);
        }
        inbox.push_message(message.buffers, ancillary)?;
        drop(inbox);
        target.queue.wake(READABLE);
        Ok(length)
    }

    fn send_options(&self) -> (usize, Option<Deadline>) {
        let options = self.options.lock();
        (options.send_buffer, options.send_deadline())
    }

    /// What a stream's call returns that has sent `sent` bytes and then ended so: what was sent counts, and a broken
    /// pipe raises SIGPIPE where the call does not forbid it (send(2)).
    pub(super) fn sent(&self, result: Result<()>, sent: usize, asked: u32, timed: bool) -> Result<usize> {
        match result {
            Err(_) if sent > 0 => Ok(sent),
            Err(Errno::EPIPE) if asked & flags::MSG_NOSIGNAL == 0 => Err(broken_pipe()),
            Err(error) => Err(self.interrupted(error, timed)),
            Ok(()) => Ok(sent),
        }
    }

    /// A call with a time-out is not restarted after a signal (socket(7)).
    pub(super) fn interrupted(&self, error: Errno, timed: bool) -> Errno {
        if timed && error == Errno::ERESTARTSYS { Errno::EINTR } else { error }
    }

    /// `recvmsg(2)`
    pub(crate) fn obtain(&self, to: &mut UserBuffers, asked: u32, nonblocking: bool) -> Result<Incoming> {
        if asked & flags::MSG_OOB != 0 {
            return Err(if self.kind == Kind::Stream { Errno::EINVAL } else { Errno::EOPNOTSUPP });
        }
        if asked & flags::MSG_ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        let immediate = nonblocking || asked & flags::MSG_DONTWAIT != 0;
        if let Some(host) = self.connection_outside() {
            return self.receive_outside(&host, to, asked, immediate);
        }
        let deadline = self.options.lock().receive_deadline();
        let peek = asked & flags::MSG_PEEK != 0;
        let by_sender = self.options.lock().pass_credentials;
        let all = asked & flags::MSG_WAITALL != 0 && !peek && self.kind == Kind::Stream;
        if !immediate {
            self.await_datagram_outside();
        }
        let mut total = Received::default();
        let result = until_ready(&self.queue, immediate, deadline, || {
            let received = self.take(to, peek, by_sender)?;
            if received.ended && immediate && self.kind == Kind::Datagram {
                return Err(Errno::EAGAIN);
            }
            let end = received.bytes == 0 || received.complete;
            total.bytes += received.bytes;
            total.length += received.length;
            total.ancillary.rights.extend(received.ancillary.rights);
            total.ancillary.credentials = received.ancillary.credentials.or(total.ancillary.credentials);
            total.ancillary.from = received.ancillary.from;
            if all && !end && to.remaining() > 0 { Err(Errno::EAGAIN) } else { Ok(()) }
        });
        match result {
            Err(error) if total.bytes == 0 => return Err(self.interrupted(error, deadline.is_some())),
            _ => {}
        }
        if !peek {
            rights::land(total.ancillary.rights.len());
        }
        Ok(self.incoming(total, asked))
    }

    fn incoming(&self, received: Received, asked: u32) -> Incoming {
        let mut told = 0;
        let mut length = received.bytes;
        if received.length > received.bytes {
            told |= flags::MSG_TRUNC;
            if asked & flags::MSG_TRUNC != 0 {
                length = received.length;
            }
        }
        let from = match received.ancillary.from {
            Some(from) => from.encode(self.domain),
            None => Vec::new(),
        };
        let credentials = received.ancillary.credentials.filter(|_| self.options.lock().pass_credentials);
        Incoming { length, flags: told, from, rights: received.ancillary.rights, credentials }
    }

    /// Takes what there is, and tells writers of the room.
    fn take(&self, to: &mut UserBuffers, peek: bool, by_sender: bool) -> Result<Received> {
        self.collect_answers();
        let mut inbox = self.inbox.lock();
        if self.kind == Kind::Stream && to.remaining() == 0 && inbox.has_data() {
            return Ok(Received::default());
        }
        let before = inbox.charge();
        let result = if self.by_message() {
            inbox.read_message(to, peek)
        } else {
            inbox.read_stream(to, peek, by_sender)
        };
        let after = inbox.charge();
        let eof = inbox.eof;
        let blocked = if after < before { inbox.take_blocked() } else { Vec::new() };
        drop(inbox);
        if after < before {
            self.tell_room(before, after, &blocked);
        }
        match result {
            Err(Errno::EAGAIN) => {}
            result => return result,
        }
        match self.take_datagram_outside(to, peek) {
            Err(Errno::EAGAIN) => {}
            result => return result,
        }
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        if eof {
            return Ok(Received { complete: true, ended: true, ..Received::default() });
        }
        if self.by_connection() && !matches!(self.link.lock().state, State::Connected) {
            let unix_stream = self.domain == Domain::Unix && self.kind == Kind::Stream;
            return Err(if unix_stream { Errno::EINVAL } else { Errno::ENOTCONN });
        }
        Err(Errno::EAGAIN)
    }

    fn tell_room(&self, before: usize, after: usize, blocked: &[Weak<dyn Observer>]) {
        if self.by_connection() {
            let peer = self.link.lock().peer.clone();
            let Some(peer) = peer else { return };
            // As Linux does: only once three quarters are free, so that writers do not come byte by byte.
            let threshold = peer.options.lock().send_buffer / 4;
            if before > threshold && (after <= threshold || self.kind == Kind::SeqPacket) {
                peer.queue.wake(WRITABLE);
            }
            return;
        }
        // Senders that sleep wait on this socket's own queue, those that poll have left their names.
        self.queue.wake(WRITABLE);
        for sender in blocked.iter().filter_map(Weak::upgrade) {
            sender.notify(WRITABLE, &mut Wakes::new());
        }
    }
}
