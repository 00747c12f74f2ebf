//! Drivers by device number.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::File;

/// Opens a device: its number, and the flags of `open(2)`.
pub(crate) type Open = fn(u64, u32) -> Result<Arc<dyn File>>;

struct Driver {
    major: u32,
    first: u32,
    last: u32,
    open: Open,
}

static DRIVERS: Mutex<Vec<Driver>> = Mutex::new(Vec::new());

/// `makedev(3)`, as the kernel's `st_rdev` has it.
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}

const fn major(number: u64) -> u32 {
    ((number >> 8 & 0xfff) | (number >> 32 & !0xfff)) as u32
}

const fn minor(number: u64) -> u32 {
    (number & 0xff | (number >> 12 & 0xffff_ff00)) as u32
}

/// Devices `major:first` to `major:last` are opened by `open`.
pub fn register_char_device(major: u32, first: u32, last: u32, open: Open) {
    DRIVERS.lock().push(Driver { major, first, last, open });
}

/// Opens the character device of a number.
///
/// # Errors
/// `ENXIO` where there is no such device, and the driver's.
pub fn open_char_device(number: u64, flags: u32) -> Result<Arc<dyn File>> {
    let (major, minor) = (major(number), minor(number));
    let found = DRIVERS
        .lock()
        .iter()
        .find(|driver| driver.major == major && (driver.first..=driver.last).contains(&minor))
        .map(|driver| driver.open);
    found.ok_or(Errno::ENXIO)?(number, flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_apart() {
        for (high, low) in [(1, 3), (136, 0), (136, 300), (5000, 70_000)] {
            let number = makedev(high, low);
            assert_eq!((major(number), minor(number)), (high, low));
        }
        assert_eq!(makedev(136, 2), 0x8802);
    }
}
