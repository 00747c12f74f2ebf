//! Connections outside: `StreamRead` as sockets know it, and the downcalls that only sockets have.

use bailey_abi::network::SocketOption;
use bailey_abi::stream::{Reply, Request};

use crate::errno::{Errno, Result};
use crate::host::channel::MessageHeader;
use crate::host::raw::{nr, syscall};
use crate::host::rpc;

const MSG_DONTWAIT: u64 = 0x40;
/// Most buffers of one call (`UIO_MAXIOV`).
const MAX_PIECES: usize = 1024;

/// Receives into buffers without waiting: the length (with `MSG_TRUNC` in `flags`: what there was) and the
/// `MSG_*` flags that the host tells.
///
/// # Errors
/// `EAGAIN`, `EFAULT`, `ECONNREFUSED`, `ECONNRESET`, `ETIMEDOUT`, `EHOSTUNREACH`, …
pub fn receive(fd: i32, pieces: &[(u64, usize)], flags: u32) -> Result<(usize, u32)> {
    let vector: alloc::vec::Vec<[u64; 2]> =
        pieces.iter().take(MAX_PIECES).map(|(address, length)| [*address, *length as u64]).collect();
    let mut header = MessageHeader {
        vector: vector.as_ptr() as u64,
        vector_length: vector.len() as u64,
        ..MessageHeader::default()
    };
    let args =
        [u64::from(fd.cast_unsigned()), (&raw mut header) as u64, u64::from(flags) | MSG_DONTWAIT, 0, 0, 0];
    // SAFETY: header and vector outlive the call. The host checks the buffers (EFAULT); those of the application
    // have been checked to lie outside the kernel, and a kernel buffer is lent by its owner.
    let length = unsafe { syscall(nr::RECVMSG, args) }? as usize;
    Ok((length, (header.flags & 0xffff_ffff) as u32))
}

/// `SocketShutdown`
///
/// # Errors
/// `ENOTCONN`, `EBADF`
pub fn socket_shutdown(handle: u64, read: bool, write: bool) -> Result<()> {
    done(&Request::SocketShutdown { handle, read, write })
}

/// `SocketSendEmpty`
///
/// # Errors
/// `EAGAIN`, `ECONNREFUSED`, `EBADF`
pub fn socket_send_empty(handle: u64) -> Result<()> {
    done(&Request::SocketSendEmpty { handle })
}

/// `SocketSetOption`
///
/// # Errors
/// `EINVAL`, `EBADF`, and what the host says of the option.
pub fn socket_set_option(handle: u64, option: SocketOption, value: i32) -> Result<()> {
    done(&Request::SocketSetOption { handle, option, value })
}

fn done(request: &Request) -> Result<()> {
    match rpc(request)? {
        (Reply::Done, _) => Ok(()),
        _ => Err(Errno::EIO),
    }
}
