//! `netlink(7)`: enough of `NETLINK_ROUTE` to list the interfaces of an instance; and
//! `NETLINK_KOBJECT_UEVENT`, on which nothing is ever said.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::net::address::AF_NETLINK;
use crate::net::control::SOL_SOCKET;
use crate::net::endpoint::{Endpoint, Incoming, Outgoing, flags};
use crate::net::socket::READABLE;
use crate::net::{interface, rtnetlink};
use crate::sync::{Mutex, WaitQueue};
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// `NETLINK_ROUTE`
pub const NETLINK_ROUTE: i32 = 0;
/// `NETLINK_KOBJECT_UEVENT`
pub const NETLINK_KOBJECT_UEVENT: i32 = 15;
/// Most bytes of a request.
const MAX_REQUEST: usize = 16 * 1024;
/// Most replies that wait.
const MAX_REPLIES: usize = 256;

/// A netlink socket.
pub struct Netlink {
    protocol: i32,
    port: Mutex<u32>,
    replies: Mutex<VecDeque<Vec<u8>>>,
    queue: WaitQueue,
    ino: u64,
}

impl core::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Netlink").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Netlink {
    /// A description of a new socket; `flags` are `O_NONBLOCK` or none.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT`
    pub fn open(protocol: i32, flags: u32) -> Result<Arc<OpenFile>> {
        if !matches!(protocol, NETLINK_ROUTE | NETLINK_KOBJECT_UEVENT) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let file = Self {
            protocol,
            port: Mutex::new(0),
            replies: Mutex::new(VecDeque::new()),
            queue: WaitQueue::new(),
            ino: anonymous::inode_number(),
        };
        Ok(OpenFile::new(Arc::new(file), flags | 2, "socket:[netlink]"))
    }

    fn own_port(&self) -> u32 {
        let mut port = self.port.lock();
        if *port == 0 {
            *port = u32::try_from(self.ino).unwrap_or(1);
        }
        *port
    }

    /// A message from the kernel; it is lost where too many wait.
    pub fn deliver(&self, message: &[u8]) {
        let mut replies = self.replies.lock();
        if replies.len() < MAX_REPLIES {
            replies.push_back(message.to_vec());
        }
        drop(replies);
        self.queue.wake(READABLE);
    }

    /// What the kernel answers to a packet of requests.
    fn request(&self, packet: &[u8]) -> Result<()> {
        let port = self.own_port();
        for answer in rtnetlink::answer(packet, port, &interface::all()) {
            let mut replies = self.replies.lock();
            if replies.len() >= MAX_REPLIES {
                return Err(Errno::ENOBUFS);
            }
            replies.push_back(answer);
        }
        self.queue.wake(READABLE);
        Ok(())
    }

    fn take(&self, to: &mut UserBuffers, asked: u32) -> Result<Incoming> {
        let mut replies = self.replies.lock();
        let reply = replies.front().ok_or(Errno::EAGAIN)?;
        let moved = to.copy_out(reply)?;
        let cut = moved < reply.len();
        let length = if asked & flags::MSG_TRUNC != 0 { reply.len() } else { moved };
        if asked & flags::MSG_PEEK == 0 {
            replies.pop_front();
        }
        let told = if cut { flags::MSG_TRUNC } else { 0 };
        Ok(Incoming { length, flags: told, from: name(0), ..Incoming::default() })
    }
}

/// `struct sockaddr_nl`
fn name(port: u32) -> Vec<u8> {
    let mut bytes = AF_NETLINK.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&port.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

impl Endpoint for Netlink {
    fn bind(&self, address: &[u8]) -> Result<()> {
        let bytes: &[u8; 12] = address.first_chunk().ok_or(Errno::EINVAL)?;
        if u16::from_le_bytes([bytes[0], bytes[1]]) != AF_NETLINK {
            return Err(Errno::EINVAL);
        }
        *self.port.lock() = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        self.own_port();
        Ok(())
    }

    fn connect(&self, _address: &[u8], _nonblocking: bool) -> Result<()> {
        self.own_port();
        Ok(())
    }

    fn local_name(&self) -> Result<Vec<u8>> {
        Ok(name(*self.port.lock()))
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        Ok(name(0))
    }

    fn send(&self, message: Outgoing<'_>) -> Result<usize> {
        let length = message.buffers.remaining();
        if length > MAX_REQUEST {
            return Err(Errno::EMSGSIZE);
        }
        if self.protocol != NETLINK_ROUTE {
            return Err(Errno::EPERM);
        }
        let mut packet = alloc::vec![0; length];
        if message.buffers.copy_in(&mut packet)? < length {
            return Err(Errno::EFAULT);
        }
        self.request(&packet)?;
        Ok(length)
    }

    fn receive(&self, to: &mut UserBuffers, asked: u32, nonblocking: bool) -> Result<Incoming> {
        let immediate = nonblocking || asked & flags::MSG_DONTWAIT != 0;
        until_ready(&self.queue, immediate, None, || self.take(to, asked))
    }

    fn option(&self, level: i32, option: i32) -> Result<Vec<u8>> {
        let value = match (level, option) {
            (SOL_SOCKET, 3) => 3,
            (SOL_SOCKET, 4 | 30) => 0,
            (SOL_SOCKET, 7 | 8) => 212_992,
            (SOL_SOCKET, 38) => self.protocol,
            (SOL_SOCKET, 39) => i32::from(AF_NETLINK),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    fn set_option(&self, _level: i32, _option: i32, _value: &[u8]) -> Result<()> {
        // Buffer sizes, memberships of groups in which nothing happens, strictness of checks.
        Ok(())
    }
}

impl File for Netlink {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Socket, 0o777, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        Ok(self.receive(to, 0, open.nonblocking())?.length)
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let nonblocking = open.nonblocking();
        self.send(Outgoing {
            buffers: from,
            to: None,
            flags: 0,
            nonblocking,
            rights: Vec::new(),
            credentials: None,
        })
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        interface::ioctl(request, argument)
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let writable = Events::OUT | Events::WRNORM;
        if self.replies.lock().is_empty() { writable } else { writable | READABLE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}
