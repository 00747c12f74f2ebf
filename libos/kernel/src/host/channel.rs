//! Requests to the monitor: one packet out, one packet back, at most one outstanding a channel.

use alloc::vec;
use alloc::vec::Vec;

use bailey_abi::codec::{MAX_MESSAGE, decode, encode};
use bailey_abi::stream::{Reply, Request};

use crate::errno::{Errno, Result};
use crate::host::pwritev;
use crate::host::raw::{nr, syscall};
use crate::sync::Mutex;
use crate::task;

const MSG_CMSG_CLOEXEC: u64 = 0x4000_0000;

/// `struct msghdr`
#[repr(C)]
#[derive(Default)]
pub(super) struct MessageHeader {
    pub(super) name: u64,
    pub(super) name_length: u64,
    pub(super) vector: u64,
    pub(super) vector_length: u64,
    pub(super) control: u64,
    pub(super) control_length: u64,
    pub(super) flags: u64,
}

/// `struct cmsghdr` with room for one descriptor.
#[repr(C, align(8))]
#[derive(Default)]
struct Control {
    length: u64,
    level: i32,
    kind: i32,
    fd: i32,
    padding: i32,
}

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
/// Header and one descriptor, without padding (`CMSG_LEN`).
const CONTROL_LENGTH: u64 = 20;

/// A process's end of its request channel; the lock holds its descriptor through a request and its reply.
#[derive(Debug)]
pub struct Channel(Mutex<i32>);

impl Channel {
    /// The channel on this descriptor.
    pub const fn new(fd: i32) -> Self {
        Self(Mutex::new(fd))
    }

    /// The descriptor.
    pub fn fd(&self) -> i32 {
        *self.0.lock()
    }

    /// Asks the monitor and waits for its answer, and for the descriptor that may come with it.
    ///
    /// # Errors
    /// What the monitor answers; `EIO` where it is gone or talks nonsense.
    pub fn request(&self, request: &Request) -> Result<(Reply, Option<i32>)> {
        let bytes = encode(request, MAX_MESSAGE)?;
        let fd = self.0.lock();
        send(*fd, &bytes)?;
        let (answer, passed) = receive(*fd)?;
        drop(fd);
        match decode::<Reply>(&answer, MAX_MESSAGE)? {
            Reply::Error(number) => Err(Errno::from_raw(number)),
            reply => Ok((reply, passed)),
        }
    }
}

/// Sends a packet.
pub(super) fn send(fd: i32, bytes: &[u8]) -> Result<()> {
    loop {
        match pwritev(fd, &[(bytes.as_ptr() as u64, bytes.len())], None) {
            Err(Errno::EINTR) => {}
            Err(_) => return Err(Errno::EIO),
            Ok(_) => return Ok(()),
        }
    }
}

/// Receives a packet and the descriptor in it.
pub(super) fn receive(fd: i32) -> Result<(Vec<u8>, Option<i32>)> {
    let mut bytes = vec![0; MAX_MESSAGE];
    let vector = [bytes.as_mut_ptr() as u64, bytes.len() as u64];
    let mut control = Control::default();
    let mut header = MessageHeader {
        vector: vector.as_ptr() as u64,
        vector_length: 1,
        control: (&raw mut control) as u64,
        control_length: size_of::<Control>() as u64,
        ..MessageHeader::default()
    };
    let length = loop {
        let args = [u64::from(fd.cast_unsigned()), (&raw mut header) as u64, MSG_CMSG_CLOEXEC, 0, 0, 0];
        // SAFETY: header, vector, bytes and control outlive the call and are as long as they say.
        match unsafe { syscall(nr::RECVMSG, args) } {
            Err(Errno::EINTR) => {}
            Err(_) | Ok(0) => return Err(Errno::EIO),
            Ok(length) => break length as usize,
        }
    };
    bytes.truncate(length);
    let has_fd = header.control_length >= CONTROL_LENGTH
        && control.length == CONTROL_LENGTH
        && control.level == SOL_SOCKET
        && control.kind == SCM_RIGHTS;
    Ok((bytes, has_fd.then_some(control.fd)))
}

/// A request on the calling process's channel.
///
/// # Errors
/// As [`Channel::request`].
pub fn rpc(request: &Request) -> Result<(Reply, Option<i32>)> {
    task::current().process().channel().request(request)
}
