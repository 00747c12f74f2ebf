//! Sockets: `socket` to `sendmmsg`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::net::address::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, Domain, MAX_ADDRESS};
use crate::net::control::{self, Builder, Control, Credentials, MAX_CONTROL};
use crate::net::endpoint::flags;
use crate::net::netlink::Netlink;
use crate::net::{Endpoint, Incoming, Kind, Outgoing, Socket, endpoint_of, pair};
use crate::syscall::table::{Call, full, partial};
use crate::syscall::{Args, iovec};
use crate::time::Deadline;
use crate::user::{self, UserBuffers};
use crate::vfs::OpenFile;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(
        41,
        "socket",
        socket,
        "AF_UNIX; AF_INET and AF_INET6: TCP and UDP; AF_NETLINK to list interfaces and routes",
    ),
    partial(
        42,
        "connect",
        connect,
        "addresses outside the instance: those that the manifest grants; else ECONNREFUSED, without a network ENETUNREACH",
    ),
    full(43, "accept", accept),
    full(44, "sendto", sendto),
    full(45, "recvfrom", recvfrom),
    partial(46, "sendmsg", sendmsg, "no out-of-band data"),
    partial(47, "recvmsg", recvmsg, "no out-of-band data, no error queue"),
    full(48, "shutdown", shutdown),
    partial(
        49,
        "bind",
        bind,
        "servers are reached from within the instance; the port outside is the host's choice",
    ),
    full(50, "listen", listen),
    full(51, "getsockname", getsockname),
    full(52, "getpeername", getpeername),
    partial(53, "socketpair", socketpair, "AF_UNIX"),
    partial(
        54,
        "setsockopt",
        setsockopt,
        "outside: TCP_NODELAY, CORK, QUICKACK, KEEP*, USER_TIMEOUT, SO_KEEPALIVE, SNDBUF, RCVBUF, IP_TOS, TTL and IPv6's reach the host's TCP socket; options of hardware and routing are kept without effect",
    ),
    partial(55, "getsockopt", getsockopt, "see setsockopt"),
    full(288, "accept4", accept4),
    full(299, "recvmmsg", recvmmsg),
    full(307, "sendmmsg", sendmmsg),
];

const SOCK_NONBLOCK: u32 = 0o4000;
const SOCK_CLOEXEC: u32 = 0o2_000_000;
const SOCK_RAW: u32 = 3;
const IPPROTO_ICMP: i32 = 1;
const IPPROTO_TCP: i32 = 6;
const IPPROTO_UDP: i32 = 17;
const IPPROTO_ICMPV6: i32 = 58;
/// Bytes of `struct msghdr` and `struct mmsghdr`.
const MSGHDR: u64 = 56;
const MMSGHDR: u64 = 64;
/// `UIO_MAXIOV`
const UIO_MAXIOV: usize = 1024;

fn kind_of(value: u32) -> Result<Kind> {
    match value & 0xf {
        1 => Ok(Kind::Stream),
        2 => Ok(Kind::Datagram),
        5 => Ok(Kind::SeqPacket),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

fn install(args: &Args<'_>, file: Arc<OpenFile>, kind: u32) -> Result<u64> {
    let fd = args.thread.process().files().insert(file, kind & SOCK_CLOEXEC != 0, 0)?;
    Ok(u64::from(fd.unsigned_abs()))
}

fn socket(args: &Args<'_>) -> Result<u64> {
    let (family, kind, protocol) = (args.uint(0), args.uint(1), args.int(2));
    if kind & !(0xf | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let status = kind & SOCK_NONBLOCK;
    let file = match u16::try_from(family).map_err(|_| Errno::EAFNOSUPPORT)? {
        AF_UNIX => {
            if !matches!(protocol, 0 | 1) {
                return Err(Errno::EPROTONOSUPPORT);
            }
            // A raw unix socket is a datagram socket (unix(7)).
            let kind = if kind & 0xf == SOCK_RAW { Kind::Datagram } else { kind_of(kind)? };
            Socket::new(Domain::Unix, kind, 0).open(status)
        }
        AF_INET => internet(Domain::Inet, kind, protocol)?.open(status),
        AF_INET6 => internet(Domain::Inet6, kind, protocol)?.open(status),
        AF_NETLINK => {
            if !matches!(kind & 0xf, 2 | SOCK_RAW) {
                return Err(Errno::ESOCKTNOSUPPORT);
            }
            Netlink::open(protocol, status)?
        }
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    install(args, file, kind)
}

fn internet(domain: Domain, kind: u32, protocol: i32) -> Result<Arc<Socket>> {
    if kind & 0xf == SOCK_RAW {
        return Err(Errno::EPERM);
    }
    match (kind_of(kind)?, protocol) {
        (Kind::Stream, 0 | IPPROTO_TCP) => Ok(Socket::new(domain, Kind::Stream, IPPROTO_TCP)),
        (Kind::Datagram, 0 | IPPROTO_UDP) => Ok(Socket::new(domain, Kind::Datagram, IPPROTO_UDP)),
        (Kind::Datagram, IPPROTO_ICMP | IPPROTO_ICMPV6) => Err(Errno::EACCES),
        (Kind::SeqPacket, _) => Err(Errno::ESOCKTNOSUPPORT),
        _ => Err(Errno::EPROTONOSUPPORT),
    }
}

fn socketpair(args: &Args<'_>) -> Result<u64> {
    let kind = args.uint(1);
    if kind & !(0xf | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    match u16::try_from(args.uint(0)) {
        Ok(AF_UNIX) => {}
        Ok(AF_INET | AF_INET6) => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EAFNOSUPPORT),
    }
    if !matches!(args.int(2), 0 | 1) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let (one, other) = pair(kind_of(kind)?);
    let status = kind & SOCK_NONBLOCK;
    super::pipe::install_pair(
        args,
        (one.open(status), other.open(status)),
        kind & SOCK_CLOEXEC != 0,
        args.word(3),
    )
}

/// Reads a `struct sockaddr` argument.
fn address(at: u64, length: u32) -> Result<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_ADDRESS).ok_or(Errno::EINVAL)?;
    let mut bytes = alloc::vec![0; length];
    user::copy_in(&mut bytes, at)?;
    Ok(bytes)
}

/// Writes a `struct sockaddr` result, cut to the room at `length_at`, and its whole length there.
fn return_address(at: u64, length_at: u64, name: &[u8]) -> Result<()> {
    if at == 0 || length_at == 0 {
        return Ok(());
    }
    let room: i32 = user::read(length_at)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    user::copy_out(at, &name[..name.len().min(room)])?;
    user::write(length_at, &u32::try_from(name.len()).unwrap_or(0))
}

fn bind(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    endpoint_of(&file)?.bind(&address(args.word(1), args.uint(2))?)?;
    Ok(0)
}

fn connect(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    endpoint_of(&file)?.connect(&address(args.word(1), args.uint(2))?, file.nonblocking())?;
    Ok(0)
}

fn listen(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    endpoint_of(&file)?.listen(args.int(1))?;
    Ok(0)
}

fn accept(args: &Args<'_>) -> Result<u64> {
    accept_with(args, 0)
}

fn accept4(args: &Args<'_>) -> Result<u64> {
    let kind = args.uint(3);
    if kind & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    accept_with(args, kind)
}

fn accept_with(args: &Args<'_>, kind: u32) -> Result<u64> {
    let file = args.file(0)?;
    let socket = endpoint_of(&file)?.accept(file.nonblocking())?;
    // A peer that has gone meanwhile has no name any more.
    let name = socket.peer_name().unwrap_or_else(|_| socket.domain().family().to_le_bytes().to_vec());
    let accepted = socket.open(kind & SOCK_NONBLOCK);
    return_address(args.word(1), args.word(2), &name)?;
    install(args, accepted, kind)
}

fn getsockname(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    return_address(args.word(1), args.word(2), &endpoint_of(&file)?.local_name()?)?;
    Ok(0)
}

fn getpeername(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    return_address(args.word(1), args.word(2), &endpoint_of(&file)?.peer_name()?)?;
    Ok(0)
}

fn shutdown(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let (read, write) = match args.int(1) {
        0 => (true, false),
        1 => (false, true),
        2 => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    endpoint_of(&file)?.shutdown(read, write)?;
    Ok(0)
}

fn setsockopt(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let endpoint = endpoint_of(&file)?;
    let length = usize::try_from(args.int(4)).map_err(|_| Errno::EINVAL)?.min(1024);
    let mut value = alloc::vec![0; length];
    user::copy_in(&mut value, args.word(3))?;
    endpoint.set_option(args.int(1), args.int(2), &value)?;
    Ok(0)
}

fn getsockopt(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let endpoint = endpoint_of(&file)?;
    let room: i32 = user::read(args.word(4))?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let value = endpoint.option(args.int(1), args.int(2))?;
    let count = value.len().min(room);
    user::copy_out(args.word(3), &value[..count])?;
    user::write(args.word(4), &u32::try_from(count).unwrap_or(0))?;
    Ok(0)
}

fn sendto(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let to = if args.word(4) == 0 { None } else { Some(address(args.word(4), args.uint(5))?) };
    let sent = endpoint_of(&file)?.send(Outgoing {
        buffers: &mut UserBuffers::single(args.word(1), args.length(2)),
        to: to.as_deref(),
        flags: args.uint(3),
        nonblocking: file.nonblocking(),
        rights: Vec::new(),
        credentials: None,
    })?;
    Ok(sent as u64)
}

fn recvfrom(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let mut buffers = UserBuffers::single(args.word(1), args.length(2));
    let incoming = endpoint_of(&file)?.receive(&mut buffers, args.uint(3), file.nonblocking())?;
    drop(incoming.rights);
    return_address(args.word(4), args.word(5), &incoming.from)?;
    Ok(incoming.length as u64)
}

/// `struct msghdr`
struct Header {
    at: u64,
    name: u64,
    name_length: u32,
    buffers: UserBuffers,
    control: u64,
    control_length: usize,
}

fn read_header(at: u64) -> Result<Header> {
    let words: [u64; 6] = user::read(at)?;
    let count = usize::try_from(words[3]).ok().filter(|count| *count <= UIO_MAXIOV).ok_or(Errno::EMSGSIZE)?;
    Ok(Header {
        at,
        name: words[0],
        name_length: (words[1] & 0xffff_ffff) as u32,
        buffers: iovec::read(words[2], count)?,
        control: words[4],
        control_length: usize::try_from(words[5]).map_err(|_| Errno::ENOBUFS)?,
    })
}

fn control_of(args: &Args<'_>, header: &Header) -> Result<(Vec<Arc<OpenFile>>, Option<Credentials>)> {
    if header.control == 0 || header.control_length == 0 {
        return Ok((Vec::new(), None));
    }
    if header.control_length > MAX_CONTROL {
        return Err(Errno::ENOBUFS);
    }
    let mut bytes = alloc::vec![0; header.control_length];
    user::copy_in(&mut bytes, header.control)?;
    let Control { rights, credentials } = control::parse(&bytes)?;
    let files = args.thread.process().files();
    let passed = rights.iter().map(|fd| files.get(*fd)).collect::<Result<Vec<_>>>()?;
    if let Some(shown) = credentials {
        let (uid, gid) = crate::task::current_ids();
        let own = Credentials { pid: args.thread.process().pid(), uid, gid };
        if uid != 0 && shown != own {
            return Err(Errno::EPERM);
        }
    }
    Ok((passed, credentials))
}

fn send_message(
    args: &Args<'_>,
    file: &OpenFile,
    endpoint: &dyn Endpoint,
    at: u64,
    asked: u32,
) -> Result<usize> {
    let mut header = read_header(at)?;
    let to = match (header.name, header.name_length) {
        (0, _) | (_, 0) => None,
        (name, length) => Some(address(name, length)?),
    };
    let (rights, credentials) = control_of(args, &header)?;
    endpoint.send(Outgoing {
        buffers: &mut header.buffers,
        to: to.as_deref(),
        flags: asked,
        nonblocking: file.nonblocking(),
        rights,
        credentials,
    })
}

fn sendmsg(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let sent = send_message(args, &file, endpoint_of(&file)?, args.word(1), args.uint(2))?;
    Ok(sent as u64)
}

fn sendmmsg(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let endpoint = endpoint_of(&file)?;
    let count = u64::from(args.uint(2)).min(UIO_MAXIOV as u64);
    for index in 0..count {
        let at = args.word(1) + index * MMSGHDR;
        match send_message(args, &file, endpoint, at, args.uint(3)) {
            Ok(sent) => user::write(at + MSGHDR, &u32::try_from(sent).unwrap_or(u32::MAX))?,
            Err(_) if index > 0 => return Ok(index),
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Writes what came with a message; returns the message's flags.
fn return_control(args: &Args<'_>, header: &Header, incoming: &mut Incoming, asked: u32) -> Result<u32> {
    let room = if header.control == 0 { 0 } else { header.control_length.min(MAX_CONTROL) };
    let mut builder = Builder::new(room);
    if let Some(credentials) = incoming.credentials {
        builder.put(control::SCM_CREDENTIALS, &credentials.encode());
    }
    let passed = core::mem::take(&mut incoming.rights);
    if !passed.is_empty() {
        let fits = builder.room_for_rights().min(passed.len());
        builder.truncated |= fits < passed.len();
        let cloexec = asked & flags::MSG_CMSG_CLOEXEC != 0;
        let files = args.thread.process().files();
        let mut fds = Vec::with_capacity(fits * 4);
        for file in passed.into_iter().take(fits) {
            match files.insert(file, cloexec, 0) {
                Ok(fd) => fds.extend_from_slice(&fd.to_le_bytes()),
                Err(_) => builder.truncated = true,
            }
        }
        if !fds.is_empty() {
            builder.put(control::SCM_RIGHTS, &fds);
        }
    }
    let truncated = if builder.truncated { flags::MSG_CTRUNC } else { 0 };
    let bytes = builder.finish();
    user::copy_out(header.control, &bytes)
        .or_else(|error| if bytes.is_empty() { Ok(()) } else { Err(error) })?;
    user::write(header.at + 40, &(bytes.len() as u64))?;
    Ok(incoming.flags | truncated | (asked & flags::MSG_CMSG_CLOEXEC))
}

fn receive_message(
    args: &Args<'_>,
    file: &OpenFile,
    endpoint: &dyn Endpoint,
    at: u64,
    asked: u32,
) -> Result<usize> {
    let mut header = read_header(at)?;
    let mut incoming = endpoint.receive(&mut header.buffers, asked, file.nonblocking())?;
    let length = incoming.length;
    if header.name != 0 {
        let room = usize::try_from(header.name_length).unwrap_or(0).min(incoming.from.len());
        user::copy_out(header.name, &incoming.from[..room])?;
        user::write(at + 8, &u32::try_from(incoming.from.len()).unwrap_or(0))?;
    }
    let told = return_control(args, &header, &mut incoming, asked)?;
    user::write(at + 48, &told)?;
    Ok(length)
}

fn recvmsg(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let length = receive_message(args, &file, endpoint_of(&file)?, args.word(1), args.uint(2))?;
    Ok(length as u64)
}

fn recvmmsg(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let endpoint = endpoint_of(&file)?;
    let count = u64::from(args.uint(2)).min(UIO_MAXIOV as u64);
    let deadline = match args.word(4) {
        0 => None,
        at => Some(Deadline::after(crate::time::read_timespec(at)?)),
    };
    let mut asked = args.uint(3);
    for index in 0..count {
        let at = args.word(1) + index * MMSGHDR;
        match receive_message(args, &file, endpoint, at, asked & !flags::MSG_WAITFORONE) {
            Ok(length) => user::write(at + MSGHDR, &u32::try_from(length).unwrap_or(u32::MAX))?,
            Err(_) if index > 0 => return Ok(index),
            Err(error) => return Err(error),
        }
        if deadline.is_some_and(|deadline| deadline.passed()) {
            return Ok(index + 1);
        }
        if asked & flags::MSG_WAITFORONE != 0 {
            asked |= flags::MSG_DONTWAIT;
        }
    }
    Ok(count)
}
