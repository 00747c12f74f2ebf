//! Datagrams outside: a socket of the host for each peer, as a router that translates addresses has one
//! mapping for each. A peer is asked for when something is sent to it; what nobody has sent to cannot send.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::block::until_ready;
use crate::net::address::{Address, Internet};
use crate::net::endpoint::{Outgoing, flags};
use crate::net::inbox::{Ancillary, Received};
use crate::net::outside::host::HostSocket;
use crate::net::outside::route::is_resolver;
use crate::net::socket::Socket;
use crate::user::UserBuffers;
use crate::vfs::Events;

/// Peers of one socket; the one that was not used for longest makes room.
const MOST_FLOWS: usize = 64;

/// A peer, and the host's socket for it.
pub(super) struct Flow {
    peer: Internet,
    host: Arc<HostSocket>,
}

impl Socket {
    /// Whether datagrams to this address leave the sockets of the instance.
    pub(in crate::net) fn leads_outside(&self, to: &Internet) -> bool {
        !to.is_here() || is_resolver(to)
    }

    /// Sends a datagram to an address outside, or a query to the resolver.
    pub(in crate::net) fn send_datagram_outside(
        &self,
        to: Internet,
        message: &mut Outgoing<'_>,
    ) -> Result<usize> {
        message.buffers.check()?;
        let length = message.buffers.remaining();
        if is_resolver(&to) {
            self.ask_resolver(message.buffers)?;
            return Ok(length);
        }
        let host = match self.flow(to) {
            Ok(host) => host,
            Err(Errno::ECONNREFUSED) => {
                // As the ICMP answer of a firewall, which reaches connected sockets only (ip(7)).
                if message.to.is_none() {
                    self.link.lock().error = Some(Errno::ECONNREFUSED);
                    self.queue.wake(Events::ERR);
                }
                return Ok(length);
            }
            Err(error) => return Err(error),
        };
        let deadline = self.options.lock().send_deadline();
        let connected = message.to.is_none();
        let mut again = !connected;
        until_ready(&self.queue, message.immediate(), deadline, || {
            loop {
                let sent = if length == 0 {
                    host.send_empty().map(|()| 0)
                } else {
                    host.send(message.buffers.pieces())
                };
                match sent {
                    // The answer to an earlier datagram is nothing to a socket that is not connected.
                    Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH) if again => again = false,
                    result => return result,
                }
            }
        })
        .map_err(|error| self.interrupted(error, deadline.is_some()))
    }

    /// The host's socket for a peer.
    fn flow(&self, peer: Internet) -> Result<Arc<HostSocket>> {
        let mut outside = self.outside.lock();
        if let Some(at) = outside.flows.iter().position(|flow| flow.peer == peer) {
            let flow = outside.flows.remove(at);
            let host = flow.host.clone();
            outside.flows.push(flow);
            return Ok(host);
        }
        drop(outside);
        let host = HostSocket::connect("udp", &peer, &self.queue)?;
        let mut outside = self.outside.lock();
        let oldest = (outside.flows.len() >= MOST_FLOWS).then(|| outside.flows.remove(0));
        outside.flows.push(Flow { peer, host: host.clone() });
        drop(outside);
        self.mark_outside();
        drop(oldest);
        // Who sleeps or polls already waits for the new peer as well.
        self.queue.wake(Events::ALL);
        Ok(host)
    }

    /// The peers that the socket hears: all of them, or the one that it is connected to.
    fn heard(&self) -> Vec<(Internet, Arc<HostSocket>)> {
        let only = self.link.lock().remote.internet();
        let outside = self.outside.lock();
        let flows = outside.flows.iter().filter(|flow| only.is_none_or(|only| only == flow.peer));
        flows.map(|flow| (flow.peer, flow.host.clone())).collect()
    }

    /// Sleeps a moment, or until there is something: for one who may sleep, and has one peer to hear.
    pub(in crate::net) fn await_datagram_outside(&self) {
        if !self.has_outside() || self.inbox.lock().has_data() || !self.outside.lock().lookups.is_empty() {
            return;
        }
        if let [(_, host)] = &self.heard()[..] {
            host.await_moment(Events::IN);
        }
    }

    /// Takes a datagram of a peer outside, if there is one.
    pub(in crate::net) fn take_datagram_outside(&self, to: &mut UserBuffers, peek: bool) -> Result<Received> {
        if !self.has_outside() {
            return Err(Errno::EAGAIN);
        }
        to.check()?;
        let connected = self.link.lock().remote.internet().is_some();
        let asked = flags::MSG_TRUNC | if peek { flags::MSG_PEEK } else { 0 };
        for (peer, host) in self.heard() {
            match host.receive(to.pieces(), asked) {
                Ok((length, _)) => {
                    let bytes = length.min(to.remaining());
                    if !peek {
                        to.advance(bytes);
                        host.expect_more();
                    }
                    let ancillary = Ancillary { from: Some(Address::Internet(peer)), ..Ancillary::default() };
                    return Ok(Received { bytes, length, ancillary, complete: true, ended: false });
                }
                Err(Errno::EAGAIN) => {}
                Err(error) if connected => return Err(error),
                // An ICMP answer, which a socket that is not connected does not hear of.
                Err(_) => host.arm(Events::IN)?,
            }
        }
        Err(Errno::EAGAIN)
    }

    /// What `poll(2)` tells of the peers outside.
    pub(in crate::net) fn poll_datagrams_outside(&self) -> Events {
        let connected = self.link.lock().remote.internet().is_some();
        let mut events = Events::NONE;
        for (_, host) in self.heard() {
            let wanted = Events::IN | Events::RDNORM;
            let ready = host.poll(wanted);
            events |= if connected || host.take_error(ready).is_none() { ready } else { host.poll(wanted) };
        }
        events
    }

    /// The pending error of the peer that the socket is connected to.
    pub(in crate::net) fn datagram_error_outside(&self) -> Option<Errno> {
        self.link.lock().remote.internet()?;
        self.heard().iter().find_map(|(_, host)| host.take_error(host.poll(Events::NONE)))
    }

    /// Bytes of the first datagram from outside.
    pub(in crate::net) fn first_datagram_outside(&self) -> usize {
        let look = flags::MSG_PEEK | flags::MSG_TRUNC;
        let mut lengths = self.heard().into_iter().filter_map(|(_, host)| host.receive(&[], look).ok());
        lengths.next().map_or(0, |(length, _)| length)
    }
}
