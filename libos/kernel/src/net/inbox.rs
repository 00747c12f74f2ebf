//! What a socket has been sent and has not yet read: bytes in one ring, and the borders of messages,
//! senders, credentials and passed descriptors beside it.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::ring::Ring;
use crate::net::address::Address;
use crate::net::control::Credentials;
use crate::sync::Observer;
use crate::user::UserBuffers;
use crate::vfs::OpenFile;

/// `net.core.rmem_default` and `wmem_default`.
pub const DEFAULT_BUFFER: usize = 212_992;
/// What a datagram costs beside its bytes.
pub const PACKET_OVERHEAD: usize = 576;
/// Most bytes that all accounting lets an inbox hold.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most blocked senders that are remembered.
const MAX_BLOCKED: usize = 1024;

/// What a message carries beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Ancillary {
    /// Passed descriptors.
    pub rights: Vec<Arc<OpenFile>>,
    /// The sender, as it was when it sent.
    pub credentials: Option<Credentials>,
    /// The sender's name (datagrams).
    pub from: Option<Address>,
}

#[derive(Debug)]
struct Segment {
    len: usize,
    ancillary: Ancillary,
}

/// What one `recvmsg` gets.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes moved.
    pub bytes: usize,
    /// Bytes that the message had (datagrams: more than `bytes` where it was cut).
    pub length: usize,
    /// What came with it.
    pub ancillary: Ancillary,
    /// Whether a further call must not add to it (a border was met).
    pub complete: bool,
    /// Whether there is nothing because nothing more comes.
    pub ended: bool,
}

/// The receive queue of one socket.
#[derive(Debug)]
pub struct Inbox {
    ring: Ring,
    segments: VecDeque<Segment>,
    /// No more will come: the peer has shut down writing, or we reading.
    pub eof: bool,
    /// The socket is closed: nothing may be put in.
    pub closed: bool,
    /// Who waits for room beside this socket's own queue: senders that poll.
    blocked: Vec<Weak<dyn Observer>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            ring: Ring::new(MAX_BYTES),
            segments: VecDeque::new(),
            eof: false,
            closed: false,
            blocked: Vec::new(),
        }
    }
}

impl Inbox {
    /// Bytes to be read.
    pub fn bytes(&self) -> usize {
        self.ring.len()
    }

    /// Messages to be read.
    pub fn messages(&self) -> usize {
        self.segments.len()
    }

    /// Whether a read would find something.
    pub fn has_data(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Bytes of the first message.
    pub fn first_length(&self) -> usize {
        self.segments.front().map_or(0, |segment| segment.len)
    }

    /// What it holds, with the overhead of messages, as accounting sees it.
    pub fn charge(&self) -> usize {
        self.ring.len() + self.segments.len() * PACKET_OVERHEAD
    }

    /// Appends bytes of a stream, as much as `limit` lets it hold; `ancillary` goes with the first byte.
    ///
    /// # Errors
    /// `EAGAIN` without room, `EFAULT`.
    pub fn push_stream(
        &mut self,
        from: &mut UserBuffers,
        limit: usize,
        ancillary: &mut Ancillary,
    ) -> Result<usize> {
        let room = limit.saturating_sub(self.charge()).min(from.remaining());
        if room == 0 {
            return Err(Errno::EAGAIN);
        }
        let moved = self.ring.fill(room, |slice| from.copy_in(slice))?;
        let joins = ancillary.rights.is_empty()
            && self.segments.back().is_some_and(|last| {
                last.ancillary.rights.is_empty() && last.ancillary.credentials == ancillary.credentials
            });
        match self.segments.back_mut().filter(|_| joins) {
            Some(last) => last.len += moved,
            None => {
                let credentials = ancillary.credentials;
                let sent = core::mem::replace(ancillary, Ancillary { credentials, ..Ancillary::default() });
                self.segments.push_back(Segment { len: moved, ancillary: sent });
            }
        }
        Ok(moved)
    }

    /// Appends one message whole.
    ///
    /// # Errors
    /// `EFAULT`
    pub fn push_message(&mut self, from: &mut UserBuffers, ancillary: &mut Ancillary) -> Result<usize> {
        let len = from.remaining();
        let mut moved = 0;
        while moved < len {
            match self.ring.fill(len - moved, |slice| from.copy_in(slice)) {
                Ok(step) if step > 0 => moved += step,
                result => {
                    self.ring.unpush(moved);
                    return Err(result.err().unwrap_or(Errno::ENOBUFS));
                }
            }
        }
        self.segments.push_back(Segment { len, ancillary: core::mem::take(ancillary) });
        Ok(len)
    }

    /// Takes (or with `peek` copies) bytes of a stream up to the next border: a change of
    /// credentials where `by_sender`, or a message with descriptors.
    ///
    /// # Errors
    /// `EAGAIN` where there is nothing, `EFAULT`.
    pub fn read_stream(&mut self, to: &mut UserBuffers, peek: bool, by_sender: bool) -> Result<Received> {
        let mut received = Received::default();
        let mut index = 0;
        let mut offset = 0;
        if self.segments.is_empty() {
            return Err(Errno::EAGAIN);
        }
        while to.remaining() > 0 {
            let Some(segment) = self.segments.get_mut(index) else {
                break;
            };
            let credentials = segment.ancillary.credentials;
            if by_sender && received.bytes > 0 && received.ancillary.credentials != credentials {
                received.complete = true;
                break;
            }
            let len = segment.len;
            let moved = match self.ring.peek(offset, len, |slice| to.copy_out(slice)) {
                Ok(moved) => moved,
                Err(_) if received.bytes > 0 => break,
                Err(error) => return Err(error),
            };
            received.bytes += moved;
            received.ancillary.credentials = credentials;
            received.complete = !segment.ancillary.rights.is_empty();
            if peek {
                received.ancillary.rights.extend(segment.ancillary.rights.iter().cloned());
                offset += moved;
                index += 1;
            } else {
                received.ancillary.rights.append(&mut segment.ancillary.rights);
                segment.len -= moved;
                self.ring.skip(moved);
                if segment.len == 0 {
                    self.segments.pop_front();
                }
            }
            if received.complete || moved < len {
                break;
            }
        }
        received.length = received.bytes;
        Ok(received)
    }

    /// Takes (or copies) the first message; bytes that do not fit are lost.
    ///
    /// # Errors
    /// `EAGAIN` where there is nothing, `EFAULT` (the message stays).
    pub fn read_message(&mut self, to: &mut UserBuffers, peek: bool) -> Result<Received> {
        let Some(segment) = self.segments.front() else {
            return Err(Errno::EAGAIN);
        };
        let length = segment.len;
        let bytes = self.ring.peek(0, length.min(to.remaining()), |slice| to.copy_out(slice))?;
        let ancillary = if peek {
            segment.ancillary.clone()
        } else {
            self.ring.skip(length);
            self.segments.pop_front().map(|segment| segment.ancillary).unwrap_or_default()
        };
        Ok(Received { bytes, length, ancillary, complete: true, ended: false })
    }

    /// Remembers a sender that polls for room; the next [`Self::take_blocked`] gives it back.
    pub fn add_blocked(&mut self, sender: Weak<dyn Observer>) {
        if self.blocked.len() >= MAX_BLOCKED {
            self.blocked.retain(|other| other.strong_count() > 0);
        }
        let known = self.blocked.iter().any(|other| core::ptr::addr_eq(other.as_ptr(), sender.as_ptr()));
        if !known && self.blocked.len() < MAX_BLOCKED {
            self.blocked.push(sender);
        }
    }

    /// Who polls for room.
    pub fn take_blocked(&mut self) -> Vec<Weak<dyn Observer>> {
        core::mem::take(&mut self.blocked)
    }

    /// Empties it; the descriptors that were in flight are given back to be dropped without its lock.
    pub fn clear(&mut self) -> Vec<Arc<OpenFile>> {
        self.ring.clear();
        self.segments.drain(..).flat_map(|segment| segment.ancillary.rights).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(pid: i32) -> Ancillary {
        Ancillary { credentials: Some(Credentials { pid, uid: 1, gid: 1 }), ..Ancillary::default() }
    }

    fn push(inbox: &mut Inbox, bytes: &[u8], pid: i32) -> Result<usize> {
        let mut bytes = bytes.to_vec();
        inbox.push_stream(&mut UserBuffers::kernel(&mut bytes), 100 + PACKET_OVERHEAD, &mut sender(pid))
    }

    fn read(inbox: &mut Inbox, room: usize, peek: bool, by_sender: bool) -> Result<Vec<u8>> {
        let mut bytes = alloc::vec![0; room];
        let received = inbox.read_stream(&mut UserBuffers::kernel(&mut bytes), peek, by_sender)?;
        bytes.truncate(received.bytes);
        Ok(bytes)
    }

    #[test]
    fn a_stream_joins_writes_and_honours_its_limit() {
        let mut inbox = Inbox::default();
        assert_eq!(read(&mut inbox, 10, false, false), Err(Errno::EAGAIN));
        assert_eq!(push(&mut inbox, b"hello ", 1), Ok(6));
        assert_eq!(push(&mut inbox, b"world", 1), Ok(5));
        assert_eq!(inbox.messages(), 1);
        assert_eq!(push(&mut inbox, &[0; 200], 1), Ok(89));
        assert_eq!(push(&mut inbox, &[0; 200], 1), Err(Errno::EAGAIN));
        assert_eq!(read(&mut inbox, 5, true, false).unwrap(), b"hello");
        assert_eq!(read(&mut inbox, 11, false, false).unwrap(), b"hello world");
        assert_eq!(inbox.bytes(), 89);
    }

    #[test]
    fn senders_are_kept_apart_only_where_asked() {
        let mut inbox = Inbox::default();
        push(&mut inbox, b"ab", 1).unwrap();
        push(&mut inbox, b"cd", 2).unwrap();
        assert_eq!(read(&mut inbox, 10, true, false).unwrap(), b"abcd");
        assert_eq!(read(&mut inbox, 10, true, true).unwrap(), b"ab");
        assert_eq!(read(&mut inbox, 10, false, true).unwrap(), b"ab");
        assert_eq!(read(&mut inbox, 10, false, true).unwrap(), b"cd");
    }

    #[test]
    fn messages_keep_their_borders() {
        let mut inbox = Inbox::default();
        for text in [&b"one"[..], b"", b"three"] {
            let mut bytes = text.to_vec();
            inbox.push_message(&mut UserBuffers::kernel(&mut bytes), &mut sender(1)).unwrap();
        }
        let mut room = [0; 4];
        for (bytes, length) in [(3, 3), (0, 0), (4, 5)] {
            let received = inbox.read_message(&mut UserBuffers::kernel(&mut room), false).unwrap();
            assert_eq!((received.bytes, received.length), (bytes, length));
        }
        assert_eq!(&room, b"thre");
        assert!(!inbox.has_data() && inbox.bytes() == 0);
    }
}
