//! Socket addresses and their wire form (`unix(7)`, `ip(7)`, `ipv6(7)`, `netlink(7)`).

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::net::outside;

/// `AF_UNIX`
pub const AF_UNIX: u16 = 1;
/// `AF_INET`
pub const AF_INET: u16 = 2;
/// `AF_INET6`
pub const AF_INET6: u16 = 10;
/// `AF_NETLINK`
pub const AF_NETLINK: u16 = 16;
/// `sizeof(struct sockaddr_storage)`: most bytes of any address.
pub const MAX_ADDRESS: usize = 128;
/// Most bytes of `sun_path`.
pub const MAX_UNIX_PATH: usize = 108;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "address_families(7) documents them")]
pub enum Domain {
    Unix,
    Inet,
    Inet6,
}

impl Domain {
    /// `AF_*`
    pub fn family(self) -> u16 {
        match self {
            Self::Unix => AF_UNIX,
            Self::Inet => AF_INET,
            Self::Inet6 => AF_INET6,
        }
    }

    /// Whether it is one of the internet families.
    pub fn is_inet(self) -> bool {
        !matches!(self, Self::Unix)
    }
}

/// An internet address: IPv4 addresses are kept in their mapped form (`::ffff:a.b.c.d`), so that the
/// two families share ports as Linux lets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Internet {
    /// Address, network order.
    pub ip: [u8; 16],
    /// Port, host order.
    pub port: u16,
}

const V4_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl Internet {
    /// From an IPv4 address.
    pub fn v4(ip: [u8; 4], port: u16) -> Self {
        let mut mapped = [0; 16];
        mapped[..12].copy_from_slice(&V4_PREFIX);
        mapped[12..].copy_from_slice(&ip);
        Self { ip: mapped, port }
    }

    /// The wildcard address of a family.
    pub fn any(domain: Domain, port: u16) -> Self {
        if domain == Domain::Inet6 { Self { ip: [0; 16], port } } else { Self::v4([0; 4], port) }
    }

    /// The loopback address of a family.
    pub fn loopback(domain: Domain, port: u16) -> Self {
        if domain == Domain::Inet6 {
            let mut ip = [0; 16];
            ip[15] = 1;
            Self { ip, port }
        } else {
            Self::v4([127, 0, 0, 1], port)
        }
    }

    /// Whether it is an IPv4 address (mapped).
    pub fn is_v4(&self) -> bool {
        self.ip[..12] == V4_PREFIX
    }

    /// `INADDR_ANY` or `in6addr_any`.
    pub fn is_any(&self) -> bool {
        self.ip == [0; 16] || (self.is_v4() && self.ip[12..] == [0; 4])
    }

    /// Whether it is an address of this instance.
    pub fn is_here(&self) -> bool {
        self.is_loopback() || outside::is_own(&self.ip)
    }

    /// Whether it is an address of this instance's loopback interface: 127/8 or `::1`.
    pub fn is_loopback(&self) -> bool {
        (self.is_v4() && self.ip[12] == 127) || *self == Self::loopback(Domain::Inet6, self.port)
    }
}

/// Who a socket is or talks to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Address {
    /// No name.
    #[default]
    Unnamed,
    /// A path, as it was given to `bind`.
    Path(Vec<u8>),
    /// A name in the abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
    /// An internet address.
    Internet(Internet),
}

fn family_of(bytes: &[u8]) -> Result<u16> {
    match bytes {
        [low, high, ..] => Ok(u16::from_le_bytes([*low, *high])),
        _ => Err(Errno::EINVAL),
    }
}

impl Address {
    /// Decodes a `struct sockaddr` given for a socket of `domain`.
    ///
    /// # Errors
    /// `EINVAL` for a wrong size or unix family, `EAFNOSUPPORT` for a wrong internet family.
    pub fn decode(domain: Domain, bytes: &[u8]) -> Result<Self> {
        let family = family_of(bytes)?;
        match domain {
            Domain::Unix => decode_unix(family, bytes),
            Domain::Inet => decode_inet(family, bytes),
            Domain::Inet6 => decode_inet6(family, bytes),
        }
    }

    /// Encodes it for a socket of `domain`.
    pub fn encode(&self, domain: Domain) -> Vec<u8> {
        let mut bytes = domain.family().to_le_bytes().to_vec();
        match self {
            Self::Unnamed if domain.is_inet() => {
                return Self::Internet(Internet::any(domain, 0)).encode(domain);
            }
            Self::Unnamed => {}
            Self::Path(path) => {
                bytes.extend_from_slice(path);
                bytes.push(0);
            }
            Self::Abstract(name) => {
                bytes.push(0);
                bytes.extend_from_slice(name);
            }
            Self::Internet(address) => {
                bytes.extend_from_slice(&address.port.to_be_bytes());
                if domain == Domain::Inet6 {
                    bytes.extend_from_slice(&[0; 4]);
                    bytes.extend_from_slice(&address.ip);
                    bytes.extend_from_slice(&[0; 4]);
                } else {
                    bytes.extend_from_slice(&address.ip[12..]);
                    bytes.extend_from_slice(&[0; 8]);
                }
            }
        }
        bytes
    }

    /// The internet address, if it is one.
    pub fn internet(&self) -> Option<Internet> {
        match self {
            Self::Internet(address) => Some(*address),
            _ => None,
        }
    }
}

fn decode_unix(family: u16, bytes: &[u8]) -> Result<Address> {
    if family != AF_UNIX || bytes.len() > 2 + MAX_UNIX_PATH {
        return Err(Errno::EINVAL);
    }
    match &bytes[2..] {
        [] => Ok(Address::Unnamed),
        [0, name @ ..] => Ok(Address::Abstract(name.to_vec())),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            Ok(Address::Path(path[..end].to_vec()))
        }
    }
}

fn decode_inet(family: u16, bytes: &[u8]) -> Result<Address> {
    if bytes.len() < 16 {
        return Err(Errno::EINVAL);
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let ip = [bytes[4], bytes[5], bytes[6], bytes[7]];
    // AF_UNSPEC with the wildcard address is taken for AF_INET by bind(2).
    if family != AF_INET && !(family == 0 && ip == [0; 4]) {
        return Err(Errno::EAFNOSUPPORT);
    }
    Ok(Address::Internet(Internet::v4(ip, port)))
}

fn decode_inet6(family: u16, bytes: &[u8]) -> Result<Address> {
    if family == AF_INET && bytes.len() >= 16 {
        return decode_inet(family, bytes);
    }
    if bytes.len() < 24 {
        return Err(Errno::EINVAL);
    }
    if family != AF_INET6 {
        return Err(Errno::EAFNOSUPPORT);
    }
    let mut ip = [0; 16];
    ip.copy_from_slice(&bytes[8..24]);
    Ok(Address::Internet(Internet { ip, port: u16::from_be_bytes([bytes[2], bytes[3]]) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_names() {
        let path = Address::decode(Domain::Unix, b"\x01\x00/tmp/x\x00junk").unwrap();
        assert_eq!(path, Address::Path(b"/tmp/x".to_vec()));
        assert_eq!(path.encode(Domain::Unix), b"\x01\x00/tmp/x\x00");
        let name = Address::decode(Domain::Unix, b"\x01\x00\x00a\x00b").unwrap();
        assert_eq!(name, Address::Abstract(b"a\x00b".to_vec()));
        assert_eq!(name.encode(Domain::Unix), b"\x01\x00\x00a\x00b");
        assert_eq!(Address::decode(Domain::Unix, b"\x01\x00"), Ok(Address::Unnamed));
        assert_eq!(Address::decode(Domain::Unix, b"\x01"), Err(Errno::EINVAL));
        assert_eq!(Address::decode(Domain::Unix, b"\x02\x00x"), Err(Errno::EINVAL));
        assert_eq!(Address::decode(Domain::Unix, &[1; 111]), Err(Errno::EINVAL));
    }

    #[test]
    fn internet_names() {
        let bytes = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let address = Address::decode(Domain::Inet, &bytes).unwrap();
        assert_eq!(address, Address::Internet(Internet::loopback(Domain::Inet, 8080)));
        assert_eq!(address.encode(Domain::Inet), bytes);
        let wide = Address::Internet(Internet::loopback(Domain::Inet6, 80)).encode(Domain::Inet6);
        assert_eq!(wide.len(), 28);
        assert!(Address::decode(Domain::Inet6, &wide).unwrap().internet().unwrap().is_loopback());
        assert_eq!(Address::decode(Domain::Inet, &wide), Err(Errno::EAFNOSUPPORT));
        assert!(Internet::any(Domain::Inet, 1).is_any() && Internet::any(Domain::Inet6, 1).is_any());
    }
}
