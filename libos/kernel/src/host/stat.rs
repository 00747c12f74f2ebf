//! `StreamAttributesQueryByHandle` of a descriptor that the process has itself.

use bailey_abi::stream::{Attributes, Kind};

use crate::errno::{Errno, Result};
use crate::host::raw::{nr, syscall};

/// `struct stat` of x86-64.
#[repr(C)]
#[derive(Default)]
struct HostStat {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    padding: u32,
    rdev: u64,
    size: i64,
    block_size: i64,
    blocks: i64,
    /// Access, modification and change, each in seconds and nanoseconds.
    times: [[i64; 2]; 3],
    reserved: [i64; 3],
}

fn kind_of(mode: u32) -> Result<Kind> {
    Ok(match mode & 0o170_000 {
        0o100_000 => Kind::Regular,
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Symlink,
        0o020_000 => Kind::CharDevice,
        0o060_000 => Kind::BlockDevice,
        0o010_000 => Kind::Fifo,
        0o140_000 => Kind::Socket,
        _ => return Err(Errno::EIO),
    })
}

/// Attributes of an open stream; owner and group are the host's.
///
/// # Errors
/// `EBADF`
#[expect(clippy::cast_sign_loss, reason = "lengths and nanoseconds are not negative")]
pub(super) fn attributes(fd: i32) -> Result<Attributes> {
    let mut stat = HostStat::default();
    let args = [u64::from(fd.cast_unsigned()), (&raw mut stat) as u64, 0, 0, 0, 0];
    // SAFETY: the host writes one `struct stat`, which this is.
    unsafe { syscall(nr::FSTAT, args) }?;
    let time = |[seconds, nanoseconds]: [i64; 2]| (seconds, nanoseconds as u32);
    Ok(Attributes {
        kind: kind_of(stat.mode)?,
        mode: stat.mode & 0o7777,
        uid: stat.uid,
        gid: stat.gid,
        dev: stat.dev,
        ino: stat.ino,
        nlink: stat.nlink,
        size: stat.size as u64,
        blocks: stat.blocks as u64,
        atime: time(stat.times[0]),
        mtime: time(stat.times[1]),
        ctime: time(stat.times[2]),
    })
}
