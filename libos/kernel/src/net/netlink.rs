//! `netlink(7)`: enough of `NETLINK_ROUTE` to list the one interface of an instance, `lo`; and
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

    /// What the kernel answers to a packet of requests.
    fn request(&self, packet: &[u8]) -> Result<()> {
        let port = self.own_port();
        for answer in rtnetlink::answer(packet, port) {
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
        super::interface::ioctl(request, argument)
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let writable = Events::OUT | Events::WRNORM;
        if self.replies.lock().is_empty() { writable } else { writable | READABLE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}

/// `rtnetlink(7)` without any state: requests in, answers out.
mod rtnetlink {
    use alloc::vec::Vec;

    use crate::errno::Errno;

    const HEADER: usize = 16;
    const NLMSG_NOOP: u16 = 1;
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    const NLM_F_MULTI: u16 = 2;
    const NLM_F_ACK: u16 = 4;
    const NLM_F_DUMP: u16 = 0x300;
    const RTM_NEWLINK: u16 = 16;
    const RTM_GETLINK: u16 = 18;
    const RTM_NEWADDR: u16 = 20;
    const RTM_GETADDR: u16 = 22;
    const RTM_GETROUTE: u16 = 26;
    const RTM_GETNEIGH: u16 = 30;
    const RTM_GETRULE: u16 = 34;

    struct Request {
        kind: u16,
        flags: u16,
        sequence: u32,
        port: u32,
    }

    impl Request {
        fn message(&self, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
            let length = u32::try_from(HEADER + body.len()).unwrap_or(0);
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend_from_slice(&kind.to_le_bytes());
            bytes.extend_from_slice(&flags.to_le_bytes());
            bytes.extend_from_slice(&self.sequence.to_le_bytes());
            bytes.extend_from_slice(&self.port.to_le_bytes());
            bytes.extend_from_slice(body);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        }

        fn error(&self, error: i32, header: &[u8]) -> Vec<u8> {
            let mut body = (-error).to_le_bytes().to_vec();
            body.extend_from_slice(header);
            self.message(NLMSG_ERROR, 0, &body)
        }

        fn answer(&self, header: &[u8], family: u8) -> Vec<Vec<u8>> {
            let dump = self.flags & NLM_F_DUMP != 0;
            let many = if dump { NLM_F_MULTI } else { 0 };
            let parts: Vec<u8> = match self.kind {
                RTM_GETLINK => self.message(RTM_NEWLINK, many, &link()),
                RTM_GETADDR if dump => {
                    addresses(family).iter().flat_map(|body| self.message(RTM_NEWADDR, many, body)).collect()
                }
                RTM_GETROUTE if !dump => return alloc::vec![self.error(Errno::ENETUNREACH.raw(), header)],
                RTM_GETROUTE | RTM_GETNEIGH | RTM_GETRULE if dump => Vec::new(),
                NLMSG_NOOP => return Vec::new(),
                _ => return alloc::vec![self.error(Errno::EPERM.raw(), header)],
            };
            let mut packets = Vec::new();
            if !parts.is_empty() {
                packets.push(parts);
            }
            if dump {
                packets.push(self.message(NLMSG_DONE, NLM_F_MULTI, &[0; 4]));
            } else if self.flags & NLM_F_ACK != 0 {
                packets.push(self.error(0, header));
            }
            packets
        }
    }

    fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
        let length = u16::try_from(4 + value.len()).unwrap_or(4);
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&kind.to_le_bytes());
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }

    /// `struct ifinfomsg` of `lo`: ARPHRD_LOOPBACK, index 1, up and running.
    fn link() -> Vec<u8> {
        let mut body = alloc::vec![0, 0];
        body.extend_from_slice(&772u16.to_le_bytes());
        body.extend_from_slice(&1u32.to_le_bytes());
        body.extend_from_slice(&0x10049u32.to_le_bytes());
        body.extend_from_slice(&[0; 4]);
        attribute(&mut body, 3, b"lo\0");
        attribute(&mut body, 13, &1000u32.to_le_bytes());
        attribute(&mut body, 16, &[0]);
        attribute(&mut body, 4, &65536u32.to_le_bytes());
        attribute(&mut body, 1, &[0; 6]);
        attribute(&mut body, 2, &[0; 6]);
        body
    }

    /// `struct ifaddrmsg` of 127.0.0.1/8 and ::1/128, permanent, of host scope.
    fn addresses(family: u8) -> Vec<Vec<u8>> {
        let v6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let all: [(u8, u8, &[u8]); 2] = [(2, 8, &[127, 0, 0, 1]), (10, 128, &v6)];
        let wanted = all.iter().filter(|(of, _, _)| family == 0 || family == *of);
        wanted
            .map(|(of, prefix, ip)| {
                let mut body = alloc::vec![*of, *prefix, 0x80, 254, 1, 0, 0, 0];
                attribute(&mut body, 1, ip);
                if *of == 2 {
                    attribute(&mut body, 2, ip);
                    attribute(&mut body, 3, b"lo\0");
                }
                attribute(&mut body, 8, &0x80u32.to_le_bytes());
                body
            })
            .collect()
    }

    /// Answers each request in `packet`, one packet of answers after the other.
    pub(super) fn answer(mut packet: &[u8], port: u32) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        while let Some(header) = packet.first_chunk::<HEADER>() {
            let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
            let word =
                |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let length = usize::try_from(word(0)).unwrap_or(0);
            if length < HEADER || length > packet.len() {
                break;
            }
            let request = Request { kind: half(4), flags: half(6), sequence: word(8), port };
            let family = packet[..length].get(HEADER).copied().unwrap_or(0);
            answers.extend(request.answer(header, family));
            packet = &packet[length.next_multiple_of(4).min(packet.len())..];
        }
        answers
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn request(kind: u16, family: u8) -> Vec<u8> {
            let asked = Request { kind, flags: 1, sequence: 7, port: 0 };
            asked.message(kind, 1 | NLM_F_DUMP, &[family, 0, 0, 0])
        }

        #[test]
        fn a_dump_ends_with_done() {
            let answers = answer(&request(RTM_GETLINK, 0), 42);
            assert_eq!(answers.len(), 2);
            assert_eq!(answers[0][4..6], RTM_NEWLINK.to_le_bytes());
            assert_eq!(answers[0][12..16], 42u32.to_le_bytes());
            assert_eq!(answers[1][4..6], NLMSG_DONE.to_le_bytes());
        }

        #[test]
        fn hostile_lengths_end_the_packet() {
            assert!(answer(&[0; 16], 1).is_empty());
            assert!(answer(&[0xff; 20], 1).is_empty());
            assert!(answer(&[1, 2, 3], 1).is_empty());
            let one = answer(&request(RTM_GETADDR, 2), 1);
            let both = answer(&request(RTM_GETADDR, 0), 1);
            assert!(one[0].len() < both[0].len());
        }
    }
}
