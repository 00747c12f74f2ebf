//! The instance's resolver: a datagram socket's queries become look-ups by the host, and what these find
//! becomes datagrams in the socket's inbox.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::codec::decode;
use bailey_abi::network::{Lookup, MAX_LOOKUP, RESOLVER_V4};

use crate::errno::{Errno, Result};
use crate::net::address::{Address, Internet};
use crate::net::inbox::Ancillary;
use crate::net::outside::dns::{self, Query, Reading};
use crate::net::outside::host::HostSocket;
use crate::net::outside::route::RESOLVER_PORT;
use crate::net::socket::{READABLE, Socket};
use crate::user::UserBuffers;
use crate::vfs::Events;

/// Most bytes of a query.
const MAX_QUERY: usize = 512;
/// Most names that one socket waits for; the first of them are given up.
const MOST_ASKED: usize = 64;

/// A query, and the stream on which the answer will come.
pub(super) struct Asked {
    query: Query,
    host: Arc<HostSocket>,
}

impl Socket {
    /// Takes a query.
    pub(super) fn ask_resolver(&self, packet: &mut UserBuffers) -> Result<()> {
        let mut bytes = alloc::vec![0; packet.remaining().min(MAX_QUERY)];
        packet.copy_in(&mut bytes)?;
        let query = match dns::read(&bytes) {
            Reading::Nothing => return Ok(()),
            Reading::Answer(answer) => return self.deliver(answer),
            Reading::Query(query) => query,
        };
        match HostSocket::open(&alloc::format!("dns:{}", query.name), &self.queue) {
            Ok(host) => {
                let mut outside = self.outside.lock();
                let oldest = (outside.lookups.len() >= MOST_ASKED).then(|| outside.lookups.remove(0));
                outside.lookups.push(Asked { query, host });
                drop(outside);
                self.mark_outside();
                drop(oldest);
                // Who sleeps or polls already waits for the answer as well.
                self.queue.wake(Events::ALL);
                Ok(())
            }
            Err(Errno::ECONNREFUSED) => self.deliver(query.answer(&Lookup::NoSuchName)),
            Err(_) => self.deliver(query.answer(&Lookup::Failed)),
        }
    }

    /// Makes datagrams of the answers that have come.
    pub(in crate::net) fn collect_answers(&self) {
        if !self.has_outside() {
            return;
        }
        let mut outside = self.outside.lock();
        if outside.lookups.is_empty() {
            return;
        }
        let asked = core::mem::take(&mut outside.lookups);
        drop(outside);
        let mut waiting = Vec::new();
        for question in asked {
            match question.look() {
                None => waiting.push(question),
                Some(found) => {
                    let answer = question.query.answer(&found);
                    // Where there is no room for it, it is lost as a datagram may be.
                    let _ = self.deliver(answer);
                }
            }
        }
        self.outside.lock().lookups.extend(waiting);
    }

    fn deliver(&self, mut answer: Vec<u8>) -> Result<()> {
        let from = Address::Internet(Internet::v4(RESOLVER_V4, RESOLVER_PORT));
        let mut ancillary = Ancillary { from: Some(from), ..Ancillary::default() };
        self.inbox.lock().push_message(&mut UserBuffers::kernel(&mut answer), &mut ancillary)?;
        self.queue.wake(READABLE);
        Ok(())
    }
}

impl Asked {
    /// What was found, once it is known.
    fn look(&self) -> Option<Lookup> {
        let mut bytes = [0; MAX_LOOKUP];
        match self.host.receive(&[(bytes.as_mut_ptr() as u64, bytes.len())], 0) {
            Err(Errno::EAGAIN) => None,
            Ok((length, _)) => Some(decode(&bytes[..length], MAX_LOOKUP).unwrap_or(Lookup::Failed)),
            Err(_) => Some(Lookup::Failed),
        }
    }
}
