//! Messages to bytes and back.

use std::marker::PhantomData;

use crate::error::LinkError;
use crate::limits::{HEADER_LEN, MAX_CHUNK, MAX_EGFX_BODY};

pub(crate) mod sealed {
    use super::Frame;
    use crate::error::{Fault, Party};

    /// How one direction's messages are written and read.
    pub trait Sealed: Sized {
        /// Who sends this direction.
        const SENDER: Party;

        /// Name and largest body of a frame type; `None` for a type that the direction does not have.
        fn limit(kind: u16) -> Option<(&'static str, usize)>;

        /// The flags that a frame of this type may have.
        fn flags(kind: u16) -> u16;

        /// The message's name, for errors.
        fn name(&self) -> &'static str;

        /// Appends the body; returns type and flags.
        fn write(&self, out: &mut Vec<u8>) -> Result<(u16, u16), Fault>;

        /// Reads a whole body.
        fn read(frame: Frame<'_>) -> Result<Self, Fault>;
    }
}

/// A whole frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) body: &'a [u8],
}

/// A direction of the stream: [`ToHost`](crate::ToHost) or [`ToInstance`](crate::ToInstance).
pub trait Message: sealed::Sealed {
    /// Appends the message as a frame.
    ///
    /// # Errors
    /// [`LinkError::Unencodable`]; `out` is as before then.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), LinkError> {
        let start = out.len();
        out.resize(start + HEADER_LEN, 0);
        let unencodable = |detail: String| LinkError::Unencodable { message: self.name(), detail };
        let written = self.write(out).map_err(|fault| unencodable(fault.0)).and_then(|(kind, flags)| {
            let length = out.len() - start - HEADER_LEN;
            let limit = Self::limit(kind).map_or(0, |(_, limit)| limit);
            match u32::try_from(length) {
                Ok(wire) if length <= limit => Ok((kind, flags, wire)),
                _ => Err(unencodable(format!("{length} bytes, over the limit of {limit}"))),
            }
        });
        match written {
            Ok((kind, flags, length)) => {
                out[start..start + 2].copy_from_slice(&kind.to_le_bytes());
                out[start + 2..start + 4].copy_from_slice(&flags.to_le_bytes());
                out[start + 4..start + HEADER_LEN].copy_from_slice(&length.to_le_bytes());
                Ok(())
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }
}

/// Bytes on their way out, bounded.
#[derive(Debug)]
pub struct Encoder<T> {
    bytes: Vec<u8>,
    sent: usize,
    limit: usize,
    direction: PhantomData<fn(&T)>,
}

impl<T: Message> Encoder<T> {
    /// An encoder that holds at most `limit` bytes which the peer has not read yet.
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), sent: 0, limit, direction: PhantomData }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`LinkError::Unencodable`], [`LinkError::Backlog`]; nothing was queued then.
    pub fn push(&mut self, message: &T) -> Result<(), LinkError> {
        let before = self.bytes.len();
        message.encode(&mut self.bytes)?;
        let waiting = self.waiting();
        if waiting > self.limit {
            self.bytes.truncate(before);
            return Err(LinkError::Backlog { waiting, limit: self.limit });
        }
        Ok(())
    }

    /// The bytes to send next.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Number of bytes to send.
    pub const fn waiting(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The first `count` pending bytes are sent.
    pub fn sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent > MAX_CHUNK {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

/// Bytes on their way in, bounded: push what was read, then pull messages until there is none.
#[derive(Debug)]
pub struct Decoder<T> {
    bytes: Vec<u8>,
    taken: usize,
    direction: PhantomData<fn() -> T>,
}

impl<T: Message> Default for Decoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Message> Decoder<T> {
    /// Most bytes held: one frame less a byte, and one chunk.
    const LIMIT: usize = HEADER_LEN + MAX_EGFX_BODY + MAX_CHUNK;

    /// A decoder at the start of a stream.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), taken: 0, direction: PhantomData }
    }

    /// Takes at most [`MAX_CHUNK`] bytes. All messages must have been pulled before.
    ///
    /// # Errors
    /// [`LinkError::Overflow`] if they were not.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let pushed = self.bytes.len() + bytes.len();
        if bytes.len() > MAX_CHUNK || pushed > Self::LIMIT {
            return Err(LinkError::Overflow { pushed, limit: MAX_CHUNK });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole message, `None` if more bytes are needed.
    ///
    /// # Errors
    /// A [`LinkError`] that names the peer; the stream is at its end then.
    pub fn pull(&mut self) -> Result<Option<T>, LinkError> {
        let party = T::SENDER;
        let rest = &self.bytes[self.taken..];
        let Some((header, rest)) = rest.split_at_checked(HEADER_LEN) else {
            return Ok(None);
        };
        let kind = u16::from_le_bytes([header[0], header[1]]);
        let flags = u16::from_le_bytes([header[2], header[3]]);
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let Some((message, limit)) = T::limit(kind) else {
            return Err(LinkError::UnknownType { party, kind });
        };
        if flags & !T::flags(kind) != 0 {
            return Err(LinkError::UnknownFlags { party, kind, flags });
        }
        let body = usize::try_from(length).ok().filter(|length| *length <= limit);
        let Some(body) = body else {
            return Err(LinkError::FrameTooLarge { party, kind, length, limit });
        };
        let Some(bytes) = rest.get(..body) else {
            return Ok(None);
        };
        let read = T::read(Frame { kind, flags, body: bytes });
        self.taken += HEADER_LEN + body;
        read.map(Some).map_err(|fault| LinkError::Malformed { party, message, detail: fault.0 })
    }

    /// Whether the stream may end here: no part of a message is held.
    pub const fn is_at_boundary(&self) -> bool {
        self.bytes.len() == self.taken
    }
}
