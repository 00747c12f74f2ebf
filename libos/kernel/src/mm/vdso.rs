//! The vDSO (vdso(7)): a small ELF image of ours in each program's memory, whose functions read the host's clock
//! without a system call. The image holds no address of the host's: it finds the clock by [`clock_cell`], so a
//! process can go on under another host kernel.

mod image;

use crate::errno::Result;
use crate::host::memory::{self, PROT_EXEC, PROT_READ, PROT_WRITE};
use crate::mm::{Area, Backing, PAGE};
use crate::task::Process;
use crate::time::clock_cell;

/// What `/proc/PID/maps` calls it.
pub(crate) const LABEL: &str = "[vdso]";

/// Maps the image into the calling process; returns its address (`AT_SYSINFO_EHDR`).
///
/// # Errors
/// `ENOMEM`
pub(crate) fn map(process: &Process) -> Result<u64> {
    let mut space = process.mm.lock();
    let start = space.place(0, PAGE)?;
    let (code, slots) = image::parts();
    // SAFETY: the place is free, and entered into the map in what follows.
    unsafe { memory::allocate(start, PAGE, PROT_READ | PROT_WRITE)? };
    // SAFETY: the page has just been made for this; the image is smaller, and its slots lie in it.
    unsafe {
        core::ptr::copy_nonoverlapping(code.as_ptr(), start as *mut u8, code.len());
        let slots = (start + slots) as *mut u64;
        slots.write(clock_cell());
        slots.add(1).write(u64::from(crate::vfs::machine().cpus.max(1)));
        memory::protect(start, PAGE, PROT_READ | PROT_EXEC)?;
    }
    let protection = PROT_READ | PROT_EXEC;
    let area = Area::new(start + PAGE, protection, Backing::Kernel, LABEL);
    space.insert(start, area)?;
    Ok(start)
}
