//! The device numbers of terminals.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::tty::pty::{self, PTS_MAJOR, TTY_GROUP};
use crate::tty::{Terminal, console, job};
use crate::vfs::devfs::{makedev, register_char_device};
use crate::vfs::{self, File, NewInode};

/// `O_NOCTTY`
const O_NOCTTY: u32 = 0o400;
/// Major number of `/dev/tty`, `/dev/console` and `/dev/ptmx`.
pub const TTYAUX_MAJOR: u32 = 5;

const fn split(device: u64) -> (u32, u32) {
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xffff_ff00);
    (major as u32, minor as u32)
}

/// Makes the terminals' device nodes, and says who opens them.
///
/// # Errors
/// Those of making a name.
pub fn init() -> Result<()> {
    register_char_device(TTYAUX_MAJOR, 0, 2, open);
    register_char_device(PTS_MAJOR, 0, u32::MAX, open);
    for (name, minor, mode) in [("/dev/tty", 0, 0o666), ("/dev/console", 1, 0o666), ("/dev/ptmx", 2, 0o666)] {
        vfs::make_node(name, NewInode::CharDevice(makedev(TTYAUX_MAJOR, minor)), mode, 0, TTY_GROUP)?;
    }
    Ok(())
}

/// Opens a terminal by its device number; `flags` as `open(2)`. The result is to be put in a description at once.
///
/// # Errors
/// `ENXIO` without such a terminal (`/dev/tty` without a controlling one), `EIO` for a locked pty,
/// `EBUSY` for an exclusive terminal, `ENOSPC` for one pty too many.
pub fn open(device: u64, flags: u32) -> Result<Arc<dyn File>> {
    match split(device) {
        (TTYAUX_MAJOR, 0) => job::caller().terminal().ok_or(Errno::ENXIO)?.open(flags | O_NOCTTY),
        (TTYAUX_MAJOR, 1) => console::terminal().ok_or(Errno::ENXIO)?.open(flags),
        (TTYAUX_MAJOR, 2) => Ok(pty::open_master()?),
        (PTS_MAJOR, index) => pty::near_side(index)?.open(flags),
        _ => Err(Errno::ENXIO),
    }
}

impl Terminal {
    /// Counts a description that is about to be made.
    ///
    /// # Errors
    /// `EIO`, `EBUSY`
    pub fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>> {
        let mut line = self.line.lock();
        if line.locked || line.hung_up {
            return Err(Errno::EIO);
        }
        if line.exclusive && crate::task::current_ids().0 != 0 {
            return Err(Errno::EBUSY);
        }
        line.opens += 1;
        line.was_open = true;
        drop(line);
        if flags & O_NOCTTY == 0 {
            self.adopt();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers() {
        assert_eq!(split(makedev(136, 300)), (136, 300));
    }
}
