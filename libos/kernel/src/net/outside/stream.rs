//! Connections outside.

use alloc::sync::Arc;
use core::mem;

use crate::errno::{Errno, Result};
use crate::host;
use crate::ipc::block::until_ready;
use crate::net::address::{Address, Internet};
use crate::net::endpoint::{Incoming, Outgoing, flags};
use crate::net::outside::host::{HostSocket, host_option};
use crate::net::socket::{READABLE, Socket, State, WRITABLE};
use crate::user::UserBuffers;
use crate::vfs::Events;

const BROKEN: Events = Events(Events::ERR.0 | Events::HUP.0);
/// A buffer that is named and never written to: where it lies does not matter.
const NOWHERE: (u64, usize) = (bailey_abi::layout::APP_START, 1 << 30);

impl Socket {
    /// The connection outside, where there is one.
    pub(in crate::net) fn connection_outside(&self) -> Option<Arc<HostSocket>> {
        if self.has_outside() { self.outside.lock().stream.clone() } else { None }
    }

    /// `connect(2)` to an address outside; the socket is marked as connecting already.
    pub(in crate::net) fn connect_outside(&self, to: Internet, nonblocking: bool) -> Result<()> {
        let host = HostSocket::connect("tcp", &to, &self.queue)?;
        for (option, value) in self.options.lock().for_host() {
            // A host that knows the option not, or refuses the value, changes nothing that is told.
            let _ = host::socket_set_option(host.handle.id(), option, value);
        }
        let old = self.outside.lock().stream.replace(host);
        self.mark_outside();
        drop(old);
        let mut link = self.link.lock();
        link.remote = Address::Internet(to);
        link.shut_read = false;
        link.shut_write = false;
        drop(link);
        self.await_connection(nonblocking)
    }

    /// Waits until connecting has ended, one way or the other.
    pub(in crate::net) fn await_connection(&self, nonblocking: bool) -> Result<()> {
        if nonblocking {
            return Err(Errno::EINPROGRESS);
        }
        let deadline = self.options.lock().send_deadline();
        if let Some(host) = self.connection_outside() {
            host.await_moment(Events::OUT);
        }
        let ended = until_ready(&self.queue, false, deadline, || self.settle());
        self.link.lock().unannounced = false;
        ended.map_err(|error| if error == Errno::EAGAIN { Errno::EINPROGRESS } else { error })
    }

    /// Takes note of how connecting outside has ended: `EAGAIN` while it has not, its error once.
    fn settle(&self) -> Result<()> {
        let Some(host) = self.connection_outside() else {
            return self.take_error().map_or(Ok(()), Err);
        };
        if !matches!(self.link.lock().state, State::Connecting) {
            return Ok(());
        }
        if !host.poll(Events::OUT).intersects(Events::OUT | BROKEN) {
            return Err(Errno::EAGAIN);
        }
        let mut byte = [0];
        let piece = [(byte.as_mut_ptr() as u64, 1)];
        let failed = match host::receive(host.handle.fd()?, &piece, flags::MSG_PEEK) {
            Ok(_) | Err(Errno::EAGAIN) => None,
            Err(error) => Some(error),
        };
        let mut link = self.link.lock();
        if !matches!(link.state, State::Connecting) {
            return Ok(());
        }
        let Some(error) = failed else {
            link.state = State::Connected;
            link.unannounced = true;
            return Ok(());
        };
        link.state = State::Idle;
        link.remote = Address::Unnamed;
        drop(link);
        let gone = self.outside.lock().stream.take();
        drop(gone);
        Err(error)
    }

    /// As [`Self::settle`], for those who look at the socket without waiting: an error is kept for `SO_ERROR`.
    pub(in crate::net) fn refresh(&self) {
        if !self.has_outside() || !matches!(self.link.lock().state, State::Connecting) {
            return;
        }
        match self.settle() {
            Ok(()) | Err(Errno::EAGAIN) => {}
            Err(error) => self.link.lock().error = Some(error),
        }
    }

    /// `sendmsg(2)`
    pub(in crate::net) fn send_outside(
        &self,
        host: &HostSocket,
        message: &mut Outgoing<'_>,
    ) -> Result<usize> {
        message.buffers.check()?;
        let wanted = message.buffers.remaining();
        let deadline = self.options.lock().send_deadline();
        let result = until_ready(&self.queue, message.immediate(), deadline, || {
            self.settle()?;
            if self.link.lock().shut_write {
                return Err(Errno::EPIPE);
            }
            while message.buffers.remaining() > 0 {
                let sent = host.send(message.buffers.pieces())?;
                message.buffers.advance(sent);
            }
            Ok(())
        });
        let sent = wanted - message.buffers.remaining();
        self.sent(result, sent, message.flags, deadline.is_some())
    }

    /// `recvmsg(2)`
    pub(in crate::net) fn receive_outside(
        &self,
        host: &HostSocket,
        to: &mut UserBuffers,
        asked: u32,
        immediate: bool,
    ) -> Result<Incoming> {
        to.check()?;
        let peek = asked & flags::MSG_PEEK != 0;
        let all = asked & flags::MSG_WAITALL != 0 && !peek;
        let passed = asked & (flags::MSG_PEEK | flags::MSG_TRUNC);
        let deadline = self.options.lock().receive_deadline();
        let mut patient = !immediate;
        let mut total = 0;
        let result = until_ready(&self.queue, immediate, deadline, || {
            self.settle()?;
            if to.remaining() == 0 {
                return Ok(());
            }
            loop {
                let wanted = to.remaining();
                let (length, _) = match mem::take(&mut patient) {
                    true => host.await_some(to.pieces(), passed)?,
                    false => host.receive(to.pieces(), passed)?,
                };
                total += length;
                if peek || length == 0 {
                    return Ok(());
                }
                to.advance(length);
                if length < wanted {
                    host.expect_more();
                }
                if !all || to.remaining() == 0 {
                    return Ok(());
                }
            }
        });
        match result {
            Err(error) if total == 0 => Err(self.interrupted(error, deadline.is_some())),
            _ => Ok(Incoming { length: total, ..Incoming::default() }),
        }
    }

    /// What `poll(2)` tells of a connection outside.
    pub(in crate::net) fn poll_outside(&self, host: &HostSocket) -> Events {
        let link = self.link.lock();
        let events = if link.error.is_some() { Events::ERR } else { Events::NONE };
        if matches!(link.state, State::Connecting) {
            return events;
        }
        drop(link);
        events | host.poll(READABLE | WRITABLE | Events::RDHUP)
    }

    /// Bytes that can be read from a connection outside.
    pub(in crate::net) fn waiting_outside(&self, host: &HostSocket) -> usize {
        // Looked at, cut to nothing: the bytes are counted and not copied.
        let flags = flags::MSG_PEEK | flags::MSG_TRUNC;
        let fd = host.handle.fd();
        fd.and_then(|fd| host::receive(fd, &[NOWHERE], flags)).map_or(0, |(length, _)| length)
    }

    /// `shutdown(2)`
    pub(in crate::net) fn shutdown_outside(&self, host: &HostSocket, read: bool, write: bool) -> Result<()> {
        host::socket_shutdown(host.handle.id(), read, write)?;
        let mut link = self.link.lock();
        link.shut_read |= read;
        link.shut_write |= write;
        drop(link);
        self.queue.wake(Events::ALL);
        Ok(())
    }

    /// Sets an option of the host's socket, where there is one and it knows the option.
    pub(in crate::net) fn option_outside(&self, level: i32, name: i32, value: i32) -> Result<()> {
        match (self.connection_outside(), host_option(level, name)) {
            (Some(host), Some(option)) => host::socket_set_option(host.handle.id(), option, value),
            _ => Ok(()),
        }
    }

    /// The pending error of what is outside (`SO_ERROR`).
    pub(in crate::net) fn error_outside(&self) -> Option<Errno> {
        match self.connection_outside() {
            Some(host) => host.take_error(host.poll(Events::NONE)),
            None if self.has_outside() => self.datagram_error_outside(),
            None => None,
        }
    }

    /// Lets go of everything outside.
    pub(in crate::net) fn leave_outside(&self) {
        if self.has_outside() {
            let gone = mem::take(&mut *self.outside.lock());
            drop(gone);
        }
    }
}
