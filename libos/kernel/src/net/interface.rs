//! `netdevice(7)`: the ioctls of network interfaces, of which there is `lo`.

use crate::errno::{Errno, Result};
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
const LO: [u8; NAME] = *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// `IFF_UP | IFF_LOOPBACK | IFF_RUNNING`
const FLAGS: u16 = 0x49;

/// Does an interface ioctl of a socket.
///
/// # Errors
/// `ENODEV` for another interface, `ENOTTY` for another request, `EFAULT`.
pub(super) fn ioctl(request: u32, argument: u64) -> Result<u64> {
    if request == SIOCGIFCONF {
        return list(argument);
    }
    let mut reply = [0; IFREQ - NAME];
    let internet = |ip: [u8; 4]| [2, 0, 0, 0, ip[0], ip[1], ip[2], ip[3]];
    match request {
        SIOCGIFNAME => {
            let index: i32 = user::read(argument + NAME as u64)?;
            if index != 1 {
                return Err(Errno::ENODEV);
            }
            user::write(argument, &LO)?;
            return Ok(0);
        }
        SIOCGIFFLAGS => reply[..2].copy_from_slice(&FLAGS.to_le_bytes()),
        SIOCGIFADDR => reply[..8].copy_from_slice(&internet([127, 0, 0, 1])),
        SIOCGIFBRDADDR => reply[..8].copy_from_slice(&internet([0, 0, 0, 0])),
        SIOCGIFNETMASK => reply[..8].copy_from_slice(&internet([255, 0, 0, 0])),
        SIOCGIFMTU => reply[..4].copy_from_slice(&65536u32.to_le_bytes()),
        // ARPHRD_LOOPBACK
        SIOCGIFHWADDR => reply[..2].copy_from_slice(&772u16.to_le_bytes()),
        SIOCGIFINDEX => reply[0] = 1,
        _ => return Err(Errno::ENOTTY),
    }
    let name: [u8; NAME] = user::read(argument)?;
    if name[..3] != LO[..3] {
        return Err(Errno::ENODEV);
    }
    user::copy_out(argument + NAME as u64, &reply)?;
    Ok(0)
}

/// `struct ifconf`: a length and a buffer of `struct ifreq`.
fn list(argument: u64) -> Result<u64> {
    let room: i32 = user::read(argument)?;
    let buffer: u64 = user::read(argument + 8)?;
    let mut used = IFREQ;
    if buffer != 0 {
        used = 0;
        if usize::try_from(room).is_ok_and(|room| room >= IFREQ) {
            let mut entry = [0; IFREQ];
            entry[..NAME].copy_from_slice(&LO);
            entry[NAME..NAME + 8].copy_from_slice(&[2, 0, 0, 0, 127, 0, 0, 1]);
            user::copy_out(buffer, &entry)?;
            used = IFREQ;
        }
    }
    user::write(argument, &i32::try_from(used).unwrap_or(0))?;
    Ok(0)
}
