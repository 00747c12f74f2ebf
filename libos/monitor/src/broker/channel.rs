//! Messages on `SOCK_SEQPACKET` sockets, never waiting.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use bailey_abi::codec::{self, MAX_MESSAGE};
use bailey_abi::stream::{Reply, Request};
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType,
};

/// What came in on a channel.
#[derive(Debug)]
pub(super) enum Received {
    /// A request.
    Request(Request),
    /// Nothing more for now.
    Nothing,
    /// Every other end is closed.
    Closed,
    /// Something that is no request.
    Malformed(&'static str),
}

/// A pair of connected sockets of the given type.
pub(crate) fn pair(socket: SocketType, flags: SocketFlags) -> Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(AddressFamily::UNIX, socket, flags | SocketFlags::CLOEXEC, None)
}

/// Takes one request from a channel, if there is one. Descriptors that come with it are dropped.
pub(super) fn receive(channel: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received> {
    let mut none = rustix::net::RecvAncillaryBuffer::new(&mut []);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = match rustix::net::recvmsg(channel, &mut slices, &mut none, RecvFlags::DONTWAIT) {
        Ok(message) => message,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
        Err(Errno::CONNRESET) => return Ok(Received::Closed),
        Err(errno) => return Err(errno),
    };
    if message.flags.contains(ReturnFlags::TRUNC) {
        return Ok(Received::Malformed("longer than a message may be"));
    }
    let bytes = buffer.get(..message.bytes).unwrap_or_default();
    if bytes.is_empty() {
        return Ok(Received::Closed);
    }
    Ok(match codec::decode(bytes, MAX_MESSAGE) {
        Ok(request) => Received::Request(request),
        Err(_) => Received::Malformed("not a request of this ABI"),
    })
}

/// Sends a reply, with a descriptor or without.
///
/// # Errors
/// `EAGAIN` where the instance does not take its replies.
pub(super) fn reply(channel: BorrowedFd<'_>, reply: &Reply, fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let bytes = codec::encode(reply, MAX_MESSAGE).map_err(|_| Errno::MSGSIZE)?;
    send(channel, &bytes, fd.as_slice())
}

/// Sends bytes and descriptors as one message.
pub(crate) fn send(channel: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::sendmsg(channel, &[IoSlice::new(bytes)], &mut ancillary, flags).map(drop)
}
