//! Requests to the monitor: one packet out, one packet back, at most one outstanding a channel.

use alloc::vec::Vec;

use bailey_abi::codec::{MAX_MESSAGE, decode, encode};
use bailey_abi::stream::{Reply, Request};

use crate::errno::{Errno, Result};
use crate::host::pwritev;
use crate::host::raw::{nr, syscall};
use crate::sync::{Mutex, MutexGuard};
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

/// No descriptor.
const NONE: i32 = -1;

/// The channel that every process has from the first on, by the same number: a process asks there for its own, and
/// for nothing else. The lock is held through a request and its reply, as that of [`Channel`].
static DOOR: Mutex<i32> = Mutex::new(NONE);

/// Says which descriptor the instance's first channel is.
pub fn set_door(fd: i32) {
    *DOOR.lock() = fd;
}

/// A process's end of its request channel, which is made for its first request: most processes of a shell script
/// have none. The lock is held through a request and its reply.
#[derive(Debug)]
pub struct Channel(Mutex<Line>);

/// A channel's descriptor, and room for one reply, once there is either.
#[derive(Debug)]
struct Line {
    fd: i32,
    reply: Vec<u8>,
}

impl Default for Channel {
    fn default() -> Self {
        Self::new()
    }
}

impl Channel {
    /// A channel that is not there yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Line { fd: NONE, reply: Vec::new() }))
    }

    /// The descriptor, if there is one by now.
    pub fn fd(&self) -> Option<i32> {
        Some(self.0.lock().fd).filter(|fd| *fd != NONE)
    }

    /// Asks the monitor and waits for its answer, and for the descriptor that may come with it.
    ///
    /// # Errors
    /// What the monitor answers; `EIO` where it is gone or talks nonsense.
    pub fn request(&self, request: &Request) -> Result<(Reply, Option<i32>)> {
        let mut line = self.made()?;
        let Line { fd, reply } = &mut *line;
        exchange(*fd, request, reply)
    }

    /// Tells the monitor something that it does not answer.
    ///
    /// # Errors
    /// `EIO` where it is gone.
    pub fn tell(&self, request: &Request) -> Result<()> {
        send(self.made()?.fd, &encode(request, MAX_MESSAGE)?)
    }

    /// The line, locked; it is made if there is none yet.
    fn made(&self) -> Result<MutexGuard<'_, Line>> {
        let mut line = self.0.lock();
        if line.fd == NONE {
            line.fd = match exchange(*DOOR.lock(), &Request::ProcessChannel, &mut line.reply)? {
                (Reply::Done, Some(fd)) => fd,
                _ => return Err(Errno::EIO),
            };
        }
        Ok(line)
    }
}

/// One request and its reply; the caller has the channel for itself.
fn exchange(fd: i32, request: &Request, answer: &mut Vec<u8>) -> Result<(Reply, Option<i32>)> {
    send(fd, &encode(request, MAX_MESSAGE)?)?;
    let passed = receive(fd, answer)?;
    match decode::<Reply>(answer, MAX_MESSAGE)? {
        Reply::Error(number) => Err(Errno::from_raw(number)),
        reply => Ok((reply, passed)),
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

/// Receives a packet into `bytes`, and the descriptor in it.
pub(super) fn receive(fd: i32, bytes: &mut Vec<u8>) -> Result<Option<i32>> {
    bytes.clear();
    bytes.reserve_exact(MAX_MESSAGE);
    let vector = [bytes.as_mut_ptr() as u64, bytes.capacity() as u64];
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
    // SAFETY: the host has written that many bytes, which is no more than the buffer has room for.
    unsafe { bytes.set_len(length.min(bytes.capacity())) };
    let has_fd = header.control_length >= CONTROL_LENGTH
        && control.length == CONTROL_LENGTH
        && control.level == SOL_SOCKET
        && control.kind == SCM_RIGHTS;
    Ok(has_fd.then_some(control.fd))
}

/// A request without a reply, on the calling process's channel.
///
/// # Errors
/// As [`Channel::tell`].
pub fn tell(request: &Request) -> Result<()> {
    task::current().process().channel().tell(request)
}

/// A request on the calling process's channel.
///
/// # Errors
/// As [`Channel::request`].
pub fn rpc(request: &Request) -> Result<(Reply, Option<i32>)> {
    task::current().process().channel().request(request)
}
