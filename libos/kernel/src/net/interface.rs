//! The interfaces of an instance: `lo`, and `eth0` where the manifest grants something of the network. And
//! `netdevice(7)`: their ioctls.

use alloc::vec::Vec;

use bailey_abi::network::{GATEWAY_V4, GATEWAY_V6, INSTANCE_V4, INSTANCE_V6, V4_PREFIX, V6_PREFIX};

use crate::errno::{Errno, Result};
use crate::net::outside;
use crate::user;

const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;
/// `sizeof(struct ifreq)`, and of the name in front.
const IFREQ: usize = 40;
const NAME: usize = 16;
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;
/// `IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP`
const LOOPBACK_FLAGS: u32 = 0x10049;
/// `IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST | IFF_LOWER_UP`
const ETHERNET_FLAGS: u32 = 0x11043;

/// An address of an interface, its network, and the router there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assigned<const N: usize> {
    pub(crate) ip: [u8; N],
    pub(crate) prefix: u8,
    pub(crate) gateway: Option<[u8; N]>,
}

/// An interface.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) index: u8,
    pub(crate) name: &'static str,
    pub(crate) hardware: u16,
    pub(crate) flags: u32,
    pub(crate) mtu: u32,
    pub(crate) mac: [u8; 6],
    pub(crate) v4: Assigned<4>,
    pub(crate) v6: Option<Assigned<16>>,
}

/// All interfaces.
pub(crate) fn all() -> Vec<Interface> {
    let mut own_v6 = [0; 16];
    own_v6[15] = 1;
    let loopback = Interface {
        index: 1,
        name: "lo",
        hardware: ARPHRD_LOOPBACK,
        flags: LOOPBACK_FLAGS,
        mtu: 65536,
        mac: [0; 6],
        v4: Assigned { ip: [127, 0, 0, 1], prefix: 8, gateway: None },
        v6: Some(Assigned { ip: own_v6, prefix: 128, gateway: None }),
    };
    let mut all = alloc::vec![loopback];
    if let Some(config) = outside::config() {
        let v6 = Assigned { ip: INSTANCE_V6, prefix: V6_PREFIX, gateway: Some(GATEWAY_V6) };
        all.push(Interface {
            index: 2,
            name: "eth0",
            hardware: ARPHRD_ETHER,
            flags: ETHERNET_FLAGS,
            mtu: 1500,
            // Locally administered.
            mac: [2, 0, 0, 0, 0, 2],
            v4: Assigned { ip: INSTANCE_V4, prefix: V4_PREFIX, gateway: Some(GATEWAY_V4) },
            v6: config.v6.then_some(v6),
        });
    }
    all
}

impl Interface {
    /// Whether it is the loopback interface.
    pub(crate) fn is_loopback(&self) -> bool {
        self.hardware == ARPHRD_LOOPBACK
    }

    /// The mask of its IPv4 network.
    pub(crate) fn mask(&self) -> [u8; 4] {
        (u32::MAX << (32 - u32::from(self.v4.prefix))).to_be_bytes()
    }

    /// The last address of its IPv4 network; of the loopback's there is none.
    pub(crate) fn broadcast(&self) -> [u8; 4] {
        if self.is_loopback() {
            return [0; 4];
        }
        (u32::from_be_bytes(self.v4.ip) | !u32::from_be_bytes(self.mask())).to_be_bytes()
    }

    /// `ifr_name`
    fn request_name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        name[..self.name.len()].copy_from_slice(self.name.as_bytes());
        name
    }
}

/// `struct sockaddr_in` of an address.
fn internet(ip: [u8; 4]) -> [u8; 8] {
    [2, 0, 0, 0, ip[0], ip[1], ip[2], ip[3]]
}

/// Does an interface ioctl of a socket.
///
/// # Errors
/// `ENODEV` for another interface, `ENOTTY` for another request, `EFAULT`.
pub(super) fn ioctl(request: u32, argument: u64) -> Result<u64> {
    if request == SIOCGIFCONF {
        return list(argument);
    }
    let interfaces = all();
    if request == SIOCGIFNAME {
        let index: i32 = user::read(argument + NAME as u64)?;
        let found = interfaces.iter().find(|interface| i32::from(interface.index) == index);
        user::write(argument, &found.ok_or(Errno::ENODEV)?.request_name())?;
        return Ok(0);
    }
    let known =
        [SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX];
    if !known.contains(&request) {
        return Err(Errno::ENOTTY);
    }
    let name: [u8; NAME] = user::read(argument)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME);
    let found = interfaces.iter().find(|interface| interface.name.as_bytes() == &name[..end]);
    user::copy_out(argument + NAME as u64, &reply(request, found.ok_or(Errno::ENODEV)?))?;
    Ok(0)
}

/// What follows the name in `struct ifreq`.
fn reply(request: u32, interface: &Interface) -> [u8; IFREQ - NAME] {
    let mut reply = [0; IFREQ - NAME];
    match request {
        SIOCGIFFLAGS => reply[..2].copy_from_slice(&interface.flags.to_le_bytes()[..2]),
        SIOCGIFADDR => reply[..8].copy_from_slice(&internet(interface.v4.ip)),
        SIOCGIFBRDADDR => reply[..8].copy_from_slice(&internet(interface.broadcast())),
        SIOCGIFNETMASK => reply[..8].copy_from_slice(&internet(interface.mask())),
        SIOCGIFMTU => reply[..4].copy_from_slice(&interface.mtu.to_le_bytes()),
        SIOCGIFHWADDR => {
            reply[..2].copy_from_slice(&interface.hardware.to_le_bytes());
            reply[2..8].copy_from_slice(&interface.mac);
        }
        _ => reply[0] = interface.index,
    }
    reply
}

/// `struct ifconf`: a length and a buffer of `struct ifreq`.
fn list(argument: u64) -> Result<u64> {
    let room: i32 = user::read(argument)?;
    let buffer: u64 = user::read(argument + 8)?;
    let interfaces = all();
    let mut used = interfaces.len() * IFREQ;
    if buffer != 0 {
        let fits = usize::try_from(room).unwrap_or(0) / IFREQ;
        let mut entries = Vec::with_capacity(used);
        for interface in interfaces.iter().take(fits) {
            entries.extend_from_slice(&interface.request_name());
            entries.extend_from_slice(&reply(SIOCGIFADDR, interface));
        }
        user::copy_out(buffer, &entries)?;
        used = entries.len();
    }
    user::write(argument, &i32::try_from(used).unwrap_or(0))?;
    Ok(0)
}
