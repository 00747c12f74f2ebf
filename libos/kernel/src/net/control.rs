//! Control messages (`cmsg(3)`): their layout in a buffer, in and out.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};

/// `SOL_SOCKET`
pub const SOL_SOCKET: i32 = 1;
/// `SCM_RIGHTS`
pub const SCM_RIGHTS: i32 = 1;
/// `SCM_CREDENTIALS`
pub const SCM_CREDENTIALS: i32 = 2;
/// `sizeof(struct cmsghdr)`
pub const HEADER: usize = 16;
/// Most bytes of control messages that are read (`net.core.optmem_max` bounds it on Linux).
pub const MAX_CONTROL: usize = 16 * 1024;
/// `SCM_MAX_FD`
pub const MAX_RIGHTS: usize = 253;

/// Who sent a message (`struct ucred`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "unix(7) documents them")]
pub struct Credentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

impl Credentials {
    /// What stands for "nobody known" (`overflowuid`).
    pub const NONE: Self = Self { pid: 0, uid: 65534, gid: 65534 };

    /// `struct ucred`
    pub fn encode(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.pid.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_le_bytes());
        bytes[8..].copy_from_slice(&self.gid.to_le_bytes());
        bytes
    }

    /// From a `struct ucred`.
    pub fn decode(bytes: &[u8; 12]) -> Self {
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        Self {
            pid: i32::from_le_bytes(word(0)),
            uid: u32::from_le_bytes(word(4)),
            gid: u32::from_le_bytes(word(8)),
        }
    }
}

/// What a sender attaches to a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Descriptors to pass (`SCM_RIGHTS`).
    pub rights: Vec<i32>,
    /// Credentials to show (`SCM_CREDENTIALS`).
    pub credentials: Option<Credentials>,
}

/// Reads a sender's control buffer.
///
/// # Errors
/// `EINVAL` for a malformed header, too many descriptors, or a `SOL_SOCKET` type that is unknown.
/// Messages of other levels are ignored.
pub fn parse(mut bytes: &[u8]) -> Result<Control> {
    let mut control = Control::default();
    while bytes.len() >= HEADER {
        let (length, level, kind) = header(bytes);
        if length < HEADER || length > bytes.len() {
            return Err(Errno::EINVAL);
        }
        let data = &bytes[HEADER..length];
        match (level, kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                let (fds, _) = data.as_chunks::<4>();
                control.rights.extend(fds.iter().map(|fd| i32::from_le_bytes(*fd)));
                if control.rights.len() > MAX_RIGHTS {
                    return Err(Errno::EINVAL);
                }
            }
            (SOL_SOCKET, SCM_CREDENTIALS) => {
                let data = data.try_into().map_err(|_| Errno::EINVAL)?;
                control.credentials = Some(Credentials::decode(data));
            }
            (SOL_SOCKET, _) => return Err(Errno::EINVAL),
            _ => {}
        }
        bytes = &bytes[length.next_multiple_of(8).min(bytes.len())..];
    }
    Ok(control)
}

fn header(bytes: &[u8]) -> (usize, i32, i32) {
    let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let length = u64::from(u32::from_le_bytes(word(0))) | u64::from(u32::from_le_bytes(word(4))) << 32;
    (usize::try_from(length).unwrap_or(usize::MAX), i32::from_le_bytes(word(8)), i32::from_le_bytes(word(12)))
}

/// Builds a receiver's control buffer of at most `room` bytes.
#[derive(Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    room: usize,
    /// Something did not fit (`MSG_CTRUNC`).
    pub truncated: bool,
}

impl Builder {
    /// An empty buffer that may grow to `room` bytes.
    pub fn new(room: usize) -> Self {
        Self { bytes: Vec::new(), room, truncated: false }
    }

    /// How many descriptors fit in one more message.
    pub fn room_for_rights(&self) -> usize {
        self.left().saturating_sub(HEADER) / 4
    }

    /// Adds a message of `SOL_SOCKET`; data is cut where it does not fit, as `put_cmsg` does.
    pub fn put(&mut self, kind: i32, data: &[u8]) {
        self.put_level(SOL_SOCKET, kind, data);
    }

    /// Adds a message.
    pub fn put_level(&mut self, level: i32, kind: i32, data: &[u8]) {
        if self.left() < HEADER {
            self.truncated = true;
            return;
        }
        let fits = data.len().min(self.left() - HEADER);
        self.truncated |= fits < data.len();
        self.bytes.extend_from_slice(&((HEADER + fits) as u64).to_le_bytes());
        self.bytes.extend_from_slice(&level.to_le_bytes());
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&data[..fits]);
        let padded = self.bytes.len().next_multiple_of(8).min(self.room);
        self.bytes.resize(padded.max(self.bytes.len()), 0);
    }

    /// The buffer.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn left(&self) -> usize {
        self.room.saturating_sub(self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_parses() {
        let mut builder = Builder::new(256);
        let fds: Vec<u8> = [3i32, 4, 5].iter().flat_map(|fd| fd.to_le_bytes()).collect();
        builder.put(SCM_RIGHTS, &fds);
        let credentials = Credentials { pid: 7, uid: 1000, gid: 100 };
        builder.put(SCM_CREDENTIALS, &credentials.encode());
        let bytes = builder.finish();
        assert_eq!(bytes.len(), 32 + 32);
        let control = parse(&bytes).unwrap();
        assert_eq!(control.rights, [3, 4, 5]);
        assert_eq!(control.credentials, Some(credentials));
    }

    #[test]
    fn hostile_headers_are_refused() {
        let mut bytes = [0; 16];
        bytes[0] = 15;
        assert_eq!(parse(&bytes), Err(Errno::EINVAL));
        bytes[0] = 17;
        assert_eq!(parse(&bytes), Err(Errno::EINVAL));
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(parse(&bytes), Err(Errno::EINVAL));
        assert_eq!(parse(&bytes[..15]), Ok(Control::default()));
    }

    #[test]
    fn short_room_truncates() {
        let mut builder = Builder::new(24);
        builder.put(SCM_RIGHTS, &[1; 12]);
        assert!(builder.truncated);
        assert_eq!(builder.finish().len(), 24);
        let mut builder = Builder::new(10);
        builder.put(SCM_RIGHTS, &[1; 4]);
        assert!(builder.truncated);
        assert!(builder.finish().is_empty());
    }
}
