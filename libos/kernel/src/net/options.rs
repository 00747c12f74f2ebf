//! `getsockopt(2)` and `setsockopt(2)`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bailey_abi::network::SocketOption;

use crate::errno::{Errno, Result};
use crate::net::address::Domain;
use crate::net::control::{Credentials, SOL_SOCKET};
use crate::net::inbox::DEFAULT_BUFFER;
use crate::net::outside::host_option;
use crate::net::socket::{Kind, Socket, State};
use crate::time::Deadline;

const SO_REUSEADDR: i32 = 2;
const SO_TYPE: i32 = 3;
const SO_ERROR: i32 = 4;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;
const SO_REUSEPORT: i32 = 15;
const SO_PASSCRED: i32 = 16;
const SO_PEERCRED: i32 = 17;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_ACCEPTCONN: i32 = 30;
const SO_SNDBUFFORCE: i32 = 32;
const SO_RCVBUFFORCE: i32 = 33;
const SO_PROTOCOL: i32 = 38;
const SO_DOMAIN: i32 = 39;
const SO_LINGER: i32 = 13;
const SO_RCVTIMEO_NEW: i32 = 66;
const SO_SNDTIMEO_NEW: i32 = 67;
const IPPROTO_IPV6: i32 = 41;
const IPV6_V6ONLY: i32 = 26;
const IPPROTO_TCP: i32 = 6;
const TCP_INFO: i32 = 11;

/// Options that are kept and told, and change nothing inside one machine: level, name, default.
const INERT: &[(i32, i32, i32)] = &[
    (SOL_SOCKET, 1, 0),      // SO_DEBUG
    (SOL_SOCKET, 5, 0),      // SO_DONTROUTE
    (SOL_SOCKET, 6, 0),      // SO_BROADCAST
    (SOL_SOCKET, 9, 0),      // SO_KEEPALIVE
    (SOL_SOCKET, 10, 0),     // SO_OOBINLINE
    (SOL_SOCKET, 11, 0),     // SO_NO_CHECK
    (SOL_SOCKET, 12, 0),     // SO_PRIORITY
    (SOL_SOCKET, 18, 1),     // SO_RCVLOWAT
    (SOL_SOCKET, 29, 0),     // SO_TIMESTAMP
    (SOL_SOCKET, 35, 0),     // SO_TIMESTAMPNS
    (SOL_SOCKET, 46, 0),     // SO_BUSY_POLL
    (0, 1, 0),               // IP_TOS
    (0, 2, 64),              // IP_TTL
    (0, 8, 0),               // IP_PKTINFO
    (0, 10, 1),              // IP_MTU_DISCOVER
    (0, 11, 0),              // IP_RECVERR
    (0, 12, 0),              // IP_RECVTTL
    (0, 13, 0),              // IP_RECVTOS
    (0, 15, 0),              // IP_FREEBIND
    (0, 24, 0),              // IP_BIND_ADDRESS_NO_PORT
    (0, 33, 1),              // IP_MULTICAST_TTL
    (0, 34, 1),              // IP_MULTICAST_LOOP
    (IPPROTO_TCP, 1, 0),     // TCP_NODELAY
    (IPPROTO_TCP, 2, 32768), // TCP_MAXSEG
    (IPPROTO_TCP, 3, 0),     // TCP_CORK
    (IPPROTO_TCP, 4, 7200),  // TCP_KEEPIDLE
    (IPPROTO_TCP, 5, 75),    // TCP_KEEPINTVL
    (IPPROTO_TCP, 6, 9),     // TCP_KEEPCNT
    (IPPROTO_TCP, 7, 6),     // TCP_SYNCNT
    (IPPROTO_TCP, 8, 60),    // TCP_LINGER2
    (IPPROTO_TCP, 9, 0),     // TCP_DEFER_ACCEPT
    (IPPROTO_TCP, 12, 1),    // TCP_QUICKACK
    (IPPROTO_TCP, 18, 0),    // TCP_USER_TIMEOUT
    (IPPROTO_TCP, 23, 0),    // TCP_FASTOPEN
    (IPPROTO_TCP, 25, 0),    // TCP_NOTSENT_LOWAT
    (IPPROTO_IPV6, 16, 64),  // IPV6_UNICAST_HOPS
    (IPPROTO_IPV6, 23, 1),   // IPV6_MTU_DISCOVER
    (IPPROTO_IPV6, 25, 0),   // IPV6_RECVERR
    (IPPROTO_IPV6, 49, 0),   // IPV6_RECVPKTINFO
    (IPPROTO_IPV6, 51, 0),   // IPV6_RECVHOPLIMIT
    (IPPROTO_IPV6, 66, 0),   // IPV6_RECVTCLASS
    (IPPROTO_IPV6, 67, 0),   // IPV6_TCLASS
];
/// `net.core.wmem_max`
const MAX_BUFFER: usize = DEFAULT_BUFFER;
/// `SOCK_MIN_SNDBUF`
const MIN_BUFFER: usize = 4608;

/// What can be set on a socket.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) pass_credentials: bool,
    pub(crate) v6_only: bool,
    reuse_address: bool,
    reuse_port: bool,
    linger: (i32, i32),
    send_timeout: Duration,
    receive_timeout: Duration,
    inert: BTreeMap<(i32, i32), i32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            send_buffer: DEFAULT_BUFFER,
            receive_buffer: DEFAULT_BUFFER,
            pass_credentials: false,
            v6_only: false,
            reuse_address: false,
            reuse_port: false,
            linger: (0, 0),
            send_timeout: Duration::ZERO,
            receive_timeout: Duration::ZERO,
            inert: BTreeMap::new(),
        }
    }
}

impl Options {
    /// `SO_REUSEADDR`, `SO_REUSEPORT`
    pub(crate) fn reuse(&self) -> (bool, bool) {
        (self.reuse_address, self.reuse_port)
    }

    /// Whether `close` breaks the connection off: `SO_LINGER` with a time of 0.
    pub(crate) fn breaks_off(&self) -> bool {
        matches!(self.linger, (on, 0) if on != 0)
    }

    /// When a send gives up.
    pub(crate) fn send_deadline(&self) -> Option<Deadline> {
        (!self.send_timeout.is_zero()).then(|| Deadline::after(self.send_timeout))
    }

    /// When a receive gives up.
    pub(crate) fn receive_deadline(&self) -> Option<Deadline> {
        (!self.receive_timeout.is_zero()).then(|| Deadline::after(self.receive_timeout))
    }

    /// What an accepted socket has of its listener's.
    pub(crate) fn inherited(&self) -> Self {
        Self { send_timeout: Duration::ZERO, receive_timeout: Duration::ZERO, ..self.clone() }
    }

    fn set_socket(&mut self, name: i32, value: &[u8]) -> Result<()> {
        let flag = || int(value).map(|value| value != 0);
        match name {
            SO_REUSEADDR => self.reuse_address = flag()?,
            SO_REUSEPORT => self.reuse_port = flag()?,
            SO_PASSCRED => self.pass_credentials = flag()?,
            SO_SNDBUF | SO_SNDBUFFORCE => self.send_buffer = buffer_size(int(value)?),
            SO_RCVBUF | SO_RCVBUFFORCE => self.receive_buffer = buffer_size(int(value)?),
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => self.receive_timeout = timeout(value)?,
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => self.send_timeout = timeout(value)?,
            SO_LINGER => {
                let both: &[u8; 8] = value.first_chunk().ok_or(Errno::EINVAL)?;
                self.linger = (int(both)?, int(&both[4..])?);
            }
            SO_TYPE | SO_ERROR | SO_PROTOCOL | SO_DOMAIN | SO_ACCEPTCONN => return Err(Errno::ENOPROTOOPT),
            _ => return self.set_inert(SOL_SOCKET, name, value),
        }
        Ok(())
    }

    /// What the host's socket of a connection outside is to be told: what was set.
    pub(crate) fn for_host(&self) -> Vec<(SocketOption, i32)> {
        let size = |bytes: usize| i32::try_from(bytes / 2).unwrap_or(i32::MAX);
        let sizes = [(SO_SNDBUF, self.send_buffer), (SO_RCVBUF, self.receive_buffer)];
        let sizes = sizes.into_iter().filter(|(_, bytes)| *bytes != DEFAULT_BUFFER);
        let set = self.inert.iter().map(|((level, name), value)| ((*level, *name), *value));
        sizes
            .map(|(name, bytes)| ((SOL_SOCKET, name), size(bytes)))
            .chain(set)
            .filter_map(|((level, name), value)| Some((host_option(level, name)?, value)))
            .collect()
    }

    fn set_inert(&mut self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        if !INERT.iter().any(|known| (known.0, known.1) == (level, name)) {
            return Err(Errno::ENOPROTOOPT);
        }
        let value = match value {
            [byte] => i32::from(*byte),
            _ => int(value)?,
        };
        self.inert.insert((level, name), value);
        Ok(())
    }

    fn inert(&self, level: i32, name: i32) -> Result<i32> {
        let known = INERT.iter().find(|known| (known.0, known.1) == (level, name));
        let (_, _, default) = known.ok_or(Errno::ENOPROTOOPT)?;
        Ok(self.inert.get(&(level, name)).copied().unwrap_or(*default))
    }
}

fn int(value: &[u8]) -> Result<i32> {
    value.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or(Errno::EINVAL)
}

/// Linux doubles what is asked for, to make room for its bookkeeping (socket(7)).
fn buffer_size(asked: i32) -> usize {
    let asked = usize::try_from(asked).unwrap_or(MAX_BUFFER).min(MAX_BUFFER);
    (asked * 2).max(MIN_BUFFER)
}

/// `struct timeval`; zero is never.
fn timeout(value: &[u8]) -> Result<Duration> {
    let bytes: &[u8; 16] = value.first_chunk().ok_or(Errno::EINVAL)?;
    let word = |half: &[u8]| half.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)).unwrap_or(0);
    let (seconds, micros) = (word(&bytes[..8]), word(&bytes[8..]));
    let micros = u32::try_from(micros).ok().filter(|micros| *micros < 1_000_000).ok_or(Errno::EDOM)?;
    // A time in the past does not wait; the shortest wait comes nearest.
    Ok(u64::try_from(seconds)
        .map_or(Duration::from_nanos(1), |seconds| Duration::new(seconds, micros * 1000)))
}

fn encode_timeout(timeout: Duration) -> Vec<u8> {
    let mut bytes = timeout.as_secs().to_le_bytes().to_vec();
    bytes.extend_from_slice(&u64::from(timeout.subsec_micros()).to_le_bytes());
    bytes
}

impl Socket {
    /// `setsockopt(2)`
    pub(crate) fn change_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.keep_option(level, name, value)?;
        // What is kept is told; the host's socket may know better.
        let _ = self.option_outside(level, name, int(value).unwrap_or(0));
        Ok(())
    }

    fn keep_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let mut options = self.options.lock();
        match (level, name) {
            (SOL_SOCKET, name) => options.set_socket(name, value),
            (IPPROTO_IPV6, IPV6_V6ONLY) if self.domain == Domain::Inet6 => {
                options.v6_only = int(value)? != 0;
                Ok(())
            }
            (level, name) if self.has_level(level) => options.set_inert(level, name, value),
            _ => Err(if self.domain == Domain::Unix { Errno::EOPNOTSUPP } else { Errno::ENOPROTOOPT }),
        }
    }

    /// `getsockopt(2)`
    pub(crate) fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        match (level, name) {
            (SOL_SOCKET, name) => self.socket_option(name),
            (IPPROTO_IPV6, IPV6_V6ONLY) if self.domain == Domain::Inet6 => {
                Ok(i32::from(self.options.lock().v6_only).to_le_bytes().to_vec())
            }
            (IPPROTO_TCP, TCP_INFO) if self.has_level(level) => {
                let mut info = alloc::vec![0; 104];
                info[0] = if matches!(self.link.lock().state, State::Connected) { 1 } else { 7 };
                Ok(info)
            }
            (level, name) if self.has_level(level) => {
                Ok(self.options.lock().inert(level, name)?.to_le_bytes().to_vec())
            }
            _ => Err(if self.domain == Domain::Unix { Errno::EOPNOTSUPP } else { Errno::ENOPROTOOPT }),
        }
    }

    /// Whether a protocol's options apply to this socket.
    fn has_level(&self, level: i32) -> bool {
        match level {
            IPPROTO_TCP => self.domain.is_inet() && self.kind == Kind::Stream,
            IPPROTO_IPV6 => self.domain == Domain::Inet6,
            _ => self.domain.is_inet(),
        }
    }

    fn socket_option(&self, name: i32) -> Result<Vec<u8>> {
        let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        let value = match name {
            SO_TYPE => self.kind as i32,
            SO_ERROR => {
                self.refresh();
                self.take_error().or_else(|| self.error_outside()).map_or(0, Errno::raw)
            }
            SO_DOMAIN => i32::from(self.domain.family()),
            SO_PROTOCOL => self.protocol,
            SO_ACCEPTCONN => i32::from(matches!(self.link.lock().state, State::Listening { .. })),
            SO_PEERCRED if self.domain == Domain::Unix => {
                let known = self.link.lock().peer_credentials;
                let none = Credentials { pid: 0, uid: u32::MAX, gid: u32::MAX };
                return Ok(known.unwrap_or(none).encode().to_vec());
            }
            _ => {
                let options = self.options.lock();
                match name {
                    SO_REUSEADDR => i32::from(options.reuse_address),
                    SO_REUSEPORT => i32::from(options.reuse_port),
                    SO_PASSCRED => i32::from(options.pass_credentials),
                    SO_SNDBUF => size(options.send_buffer),
                    SO_RCVBUF => size(options.receive_buffer),
                    SO_RCVTIMEO | SO_RCVTIMEO_NEW => return Ok(encode_timeout(options.receive_timeout)),
                    SO_SNDTIMEO | SO_SNDTIMEO_NEW => return Ok(encode_timeout(options.send_timeout)),
                    SO_LINGER => {
                        let (on, seconds) = options.linger;
                        return Ok([on.to_le_bytes(), seconds.to_le_bytes()].concat());
                    }
                    _ => options.inert(SOL_SOCKET, name)?,
                }
            }
        };
        Ok(value.to_le_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_doubled_and_bounded() {
        let mut options = Options::default();
        options.set_socket(SO_SNDBUF, &1000i32.to_le_bytes()).unwrap();
        assert_eq!(options.send_buffer, MIN_BUFFER);
        options.set_socket(SO_SNDBUF, &10_000i32.to_le_bytes()).unwrap();
        assert_eq!(options.send_buffer, 20_000);
        options.set_socket(SO_SNDBUF, &i32::MAX.to_le_bytes()).unwrap();
        assert_eq!(options.send_buffer, 2 * MAX_BUFFER);
        assert_eq!(options.set_socket(SO_SNDBUF, &[1, 2]), Err(Errno::EINVAL));
    }

    #[test]
    fn timeouts() {
        let mut value = [0; 16];
        value[0] = 2;
        value[8] = 5;
        assert_eq!(timeout(&value), Ok(Duration::new(2, 5000)));
        value[8..].copy_from_slice(&1_000_000u64.to_le_bytes());
        assert_eq!(timeout(&value), Err(Errno::EDOM));
    }

    #[test]
    fn unknown_options_are_refused() {
        let mut options = Options::default();
        assert_eq!(options.set_inert(IPPROTO_TCP, 1, &1i32.to_le_bytes()), Ok(()));
        assert_eq!(options.inert(IPPROTO_TCP, 1), Ok(1));
        assert_eq!(options.inert(IPPROTO_TCP, 5), Ok(75));
        assert_eq!(options.set_inert(IPPROTO_TCP, 99, &1i32.to_le_bytes()), Err(Errno::ENOPROTOOPT));
    }
}
