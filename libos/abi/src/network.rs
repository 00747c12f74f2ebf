//! An instance's view of the network, where its manifest grants one: one interface, whose addresses say
//! nothing of the host's, and a resolver.
//!
//! The addresses are of ranges that no host on the Internet has (RFC 7335, RFC 4193). Streams outside are
//! opened by URI (see [`crate::stream`]); their bytes go between the instance and the host's socket
//! without a stop in between.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Address of the instance, of the network that [`V4_PREFIX`] bits of it name.
pub const INSTANCE_V4: [u8; 4] = [192, 0, 0, 2];
/// The instance's router; granted ports of the host's own loopback interface are reached by it.
pub const GATEWAY_V4: [u8; 4] = [192, 0, 0, 1];
/// Bits of the network's name.
pub const V4_PREFIX: u8 = 29;
/// As [`INSTANCE_V4`].
pub const INSTANCE_V6: [u8; 16] = [0xfd, 0x62, 0x61, 0x69, 0x6c, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
/// As [`GATEWAY_V4`].
pub const GATEWAY_V6: [u8; 16] = [0xfd, 0x62, 0x61, 0x69, 0x6c, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// Bits of the network's name.
pub const V6_PREFIX: u8 = 64;
/// Where the kernel answers name queries (UDP, port 53).
pub const RESOLVER_V4: [u8; 4] = [127, 0, 0, 53];
/// The name by which an instance knows the host's loopback interface, where some of it is granted.
pub const HOST_LOOPBACK: &str = "host-loopback";

/// What an instance has of the network.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct NetworkConfig {
    /// Whether the host has IPv6.
    pub v6: bool,
}

/// An option of a host's socket. Values are as `setsockopt(2)` takes them.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "named as tcp(7), ip(7) and socket(7) name them")]
pub enum SocketOption {
    TcpNodelay,
    TcpCork,
    TcpQuickack,
    TcpKeepidle,
    TcpKeepintvl,
    TcpKeepcnt,
    TcpUserTimeout,
    SoKeepalive,
    SoSndbuf,
    SoRcvbuf,
    IpTos,
    IpTtl,
    Ipv6Tclass,
    Ipv6UnicastHops,
}

/// Most addresses of a name that are told.
pub const MAX_ADDRESSES: usize = 24;
/// Most bytes of an encoded [`Lookup`].
pub const MAX_LOOKUP: usize = 1024;

/// The whole contents of a stream `dns:NAME`, after which it ends.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Lookup {
    /// The name's addresses, IPv4 ones in their mapped form; perhaps none.
    Addresses(Vec<[u8; 16]>),
    /// There is no such name, or it is not granted.
    NoSuchName,
    /// The host's resolver cannot say now.
    Failed,
}
