//! Connections outside, once they are open.

use bailey_abi::network::SocketOption;
use rustix::io::{Errno, Result};
use rustix::net::{SendFlags, Shutdown, sockopt};

use super::handles::Handle;

/// `shutdown(2)`
pub(super) fn shutdown(handle: &Handle, read: bool, write: bool) -> Result<()> {
    let how = match (read, write) {
        _ if !handle.socket => return Err(Errno::NOTSOCK),
        (true, true) => Shutdown::Both,
        (true, false) => Shutdown::Read,
        (false, true) => Shutdown::Write,
        (false, false) => return Err(Errno::INVAL),
    };
    rustix::net::shutdown(&handle.fd, how)
}

/// An empty datagram to the socket's peer.
pub(super) fn send_empty(handle: &Handle) -> Result<()> {
    if !handle.socket {
        return Err(Errno::NOTSOCK);
    }
    rustix::net::send(&handle.fd, &[], SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)
}

/// `setsockopt(2)`
pub(super) fn set_option(handle: &Handle, option: SocketOption, value: i32) -> Result<()> {
    if !handle.socket {
        return Err(Errno::NOTSOCK);
    }
    let fd = &handle.fd;
    let on = value != 0;
    let count = u32::try_from(value).map_err(|_| Errno::INVAL);
    let byte = u8::try_from(value).map_err(|_| Errno::INVAL);
    let seconds = count.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    match option {
        SocketOption::TcpNodelay => sockopt::set_tcp_nodelay(fd, on),
        SocketOption::TcpCork => sockopt::set_tcp_cork(fd, on),
        SocketOption::TcpQuickack => sockopt::set_tcp_quickack(fd, on),
        SocketOption::TcpKeepidle => sockopt::set_tcp_keepidle(fd, seconds?),
        SocketOption::TcpKeepintvl => sockopt::set_tcp_keepintvl(fd, seconds?),
        SocketOption::TcpKeepcnt => sockopt::set_tcp_keepcnt(fd, count?),
        SocketOption::TcpUserTimeout => sockopt::set_tcp_user_timeout(fd, count?),
        SocketOption::SoKeepalive => sockopt::set_socket_keepalive(fd, on),
        SocketOption::SoSndbuf => sockopt::set_socket_send_buffer_size(fd, count? as usize),
        SocketOption::SoRcvbuf => sockopt::set_socket_recv_buffer_size(fd, count? as usize),
        SocketOption::IpTos => sockopt::set_ip_tos(fd, byte?),
        SocketOption::IpTtl => sockopt::set_ip_ttl(fd, count?),
        SocketOption::Ipv6Tclass => sockopt::set_ipv6_tclass(fd, count?),
        SocketOption::Ipv6UnicastHops => sockopt::set_ipv6_unicast_hops(fd, Some(byte?)),
    }
}
