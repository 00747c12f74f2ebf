//! Where a file's bytes lie in the instance's shared memory.
//!
//! Inside a library OS every memfd is one or more stretches of one host memfd, and a private
//! ioctl on the descriptor tells which. On plain Linux that ioctl is unknown.

use std::ffi::c_void;
use std::os::fd::AsFd;

use rustix::io::{Errno, Result};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

/// `BAILEY_IOC_EXTENTS`, read and write of [`Extent`].
const BAILEY_IOC_EXTENTS: Opcode = 0x8018_4200 | 1;

/// A stretch of a file that is contiguous in the instance's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// First byte of the stretch, in the file.
    pub file_offset: u64,
    /// The same byte in the instance's memory.
    pub instance_offset: u64,
    /// Bytes in the stretch.
    pub length: u64,
}

struct Query(Extent);

// SAFETY: the kernel reads and writes exactly one `Extent` (three u64, no padding) at the pointer,
// which points into `self` and lives for the call; any bit pattern is a valid `Extent`.
unsafe impl Ioctl for Query {
    type Output = Extent;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        BAILEY_IOC_EXTENTS
    }

    fn as_ptr(&mut self) -> *mut c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, pointer: *mut c_void) -> Result<Extent> {
        // SAFETY: rustix passes back the pointer of `as_ptr`, which is a live, aligned `Extent`.
        Ok(unsafe { pointer.cast::<Extent>().read() })
    }
}

/// The stretch that holds byte `file_offset` of a file, or `None` where this kernel
/// does not know such stretches (plain Linux).
///
/// # Errors
/// The kernel's, e.g. `EINVAL` past the end of the file.
pub fn extent_at(file: impl AsFd, file_offset: u64) -> Result<Option<Extent>> {
    let query = Query(Extent { file_offset, ..Extent::default() });
    // SAFETY: `Query` states its layout truthfully, see its `Ioctl` implementation. No other
    // driver of plain Linux defines this number for memfds: they answer ENOTTY.
    match unsafe { ioctl(file, query) } {
        Ok(extent) => Ok(Some(extent)),
        Err(Errno::NOTTY | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where `length` bytes from `file_offset` lie in the instance's memory, if in one piece.
///
/// # Errors
/// As [`extent_at`].
pub fn contiguous(file: impl AsFd, file_offset: u64, length: u64) -> Result<Option<u64>> {
    let Some(extent) = extent_at(file, file_offset)? else {
        return Ok(None);
    };
    let Some(skip) = file_offset.checked_sub(extent.file_offset) else {
        return Ok(None);
    };
    let fits = skip.checked_add(length).is_some_and(|end| end <= extent.length);
    Ok(if fits { extent.instance_offset.checked_add(skip) } else { None })
}
