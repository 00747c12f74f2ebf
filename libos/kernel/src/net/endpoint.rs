//! What every kind of socket can do.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::net::control::Credentials;
use crate::net::netlink::Netlink;
use crate::net::socket::Socket;
use crate::user::UserBuffers;
use crate::vfs::OpenFile;

/// `MSG_*` flags.
pub mod flags {
    #![expect(missing_docs, reason = "send(2) and recv(2) document them")]
    pub const MSG_OOB: u32 = 0x1;
    pub const MSG_PEEK: u32 = 0x2;
    pub const MSG_CTRUNC: u32 = 0x8;
    pub const MSG_TRUNC: u32 = 0x20;
    pub const MSG_DONTWAIT: u32 = 0x40;
    pub const MSG_WAITALL: u32 = 0x100;
    pub const MSG_ERRQUEUE: u32 = 0x2000;
    pub const MSG_NOSIGNAL: u32 = 0x4000;
    pub const MSG_WAITFORONE: u32 = 0x10000;
    pub const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
}

/// A message to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Its bytes.
    pub buffers: &'a mut UserBuffers,
    /// Where to, as `struct sockaddr`, where the caller says.
    pub to: Option<&'a [u8]>,
    /// `MSG_*`
    pub flags: u32,
    /// The description is `O_NONBLOCK`.
    pub nonblocking: bool,
    /// Descriptors to pass.
    pub rights: Vec<Arc<OpenFile>>,
    /// Credentials to show, where not the caller's own.
    pub credentials: Option<Credentials>,
}

impl Outgoing<'_> {
    /// Whether the call must not sleep.
    pub fn immediate(&self) -> bool {
        self.nonblocking || self.flags & flags::MSG_DONTWAIT != 0
    }
}

/// A message that was received.
#[derive(Debug, Default)]
pub struct Incoming {
    /// What the call returns: bytes moved (with `MSG_TRUNC` asked for: bytes that there were).
    pub length: usize,
    /// `MSG_*` that the caller is told.
    pub flags: u32,
    /// The sender, as `struct sockaddr`; empty where the socket does not say.
    pub from: Vec<u8>,
    /// Descriptors that were passed.
    pub rights: Vec<Arc<OpenFile>>,
    /// Credentials, where the socket has `SO_PASSCRED`.
    pub credentials: Option<Credentials>,
}

/// A socket of any family. The defaults are what Linux answers where a family has no such thing.
pub trait Endpoint {
    /// `bind(2)`
    fn bind(&self, address: &[u8]) -> Result<()>;

    /// `connect(2)`
    fn connect(&self, address: &[u8], nonblocking: bool) -> Result<()>;

    /// `listen(2)`
    fn listen(&self, backlog: i32) -> Result<()> {
        let _ = backlog;
        Err(Errno::EOPNOTSUPP)
    }

    /// `accept(2)`
    fn accept(&self, nonblocking: bool) -> Result<Arc<Socket>> {
        let _ = nonblocking;
        Err(Errno::EOPNOTSUPP)
    }

    /// `getsockname(2)`, as `struct sockaddr`.
    fn local_name(&self) -> Result<Vec<u8>>;

    /// `getpeername(2)`, as `struct sockaddr`.
    fn peer_name(&self) -> Result<Vec<u8>>;

    /// `shutdown(2)`
    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        let _ = (read, write);
        Err(Errno::EOPNOTSUPP)
    }

    /// `sendmsg(2)`: bytes sent.
    fn send(&self, message: Outgoing<'_>) -> Result<usize>;

    /// `recvmsg(2)`
    fn receive(&self, to: &mut UserBuffers, flags: u32, nonblocking: bool) -> Result<Incoming>;

    /// `getsockopt(2)`
    fn option(&self, level: i32, name: i32) -> Result<Vec<u8>>;

    /// `setsockopt(2)`
    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()>;
}

/// The socket behind a description.
///
/// # Errors
/// `ENOTSOCK`
pub fn endpoint_of(open: &OpenFile) -> Result<&dyn Endpoint> {
    if let Some(socket) = open.downcast::<Socket>() {
        return Ok(socket);
    }
    match open.downcast::<Netlink>() {
        Some(netlink) => Ok(netlink),
        None => Err(Errno::ENOTSOCK),
    }
}
