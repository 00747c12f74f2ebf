//! `pipe(2)`.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::ipc::{fifo, pipe};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::user;
use crate::vfs::OpenFile;

/// This family's part of the table.
pub(super) const CALLS: &[Call] =
    &[full(22, "pipe", pipe), full(276, "tee", tee), partial(293, "pipe2", pipe2, "no O_DIRECT packet mode")];

const O_CLOEXEC: u32 = 0o2_000_000;
const SPLICE_F_NONBLOCK: u32 = 2;
/// Every `SPLICE_F_*`.
const SPLICE_FLAGS: u32 = 0xf;

fn pipe(args: &Args<'_>) -> Result<u64> {
    install_pair(args, pipe::pair(0), false, args.word(0))
}

fn pipe2(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(1);
    if flags & !(O_CLOEXEC | OpenFile::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    install_pair(args, pipe::pair(flags), flags & O_CLOEXEC != 0, args.word(0))
}

fn tee(args: &Args<'_>) -> Result<u64> {
    if args.uint(3) & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let (from, to) = (args.file(0)?, args.file(1)?);
    if !from.readable() || !to.writable() {
        return Err(Errno::EBADF);
    }
    let source = fifo::pipe_of(&from).ok_or(Errno::EINVAL)?;
    let target = fifo::pipe_of(&to).ok_or(Errno::EINVAL)?;
    let nonblocking = args.uint(3) & SPLICE_F_NONBLOCK != 0 || from.nonblocking() || to.nonblocking();
    match args.length(2) {
        0 => Ok(0),
        count => Ok(source.copy_to(target, count, false, nonblocking)? as u64),
    }
}

/// Makes two descriptors and writes their numbers at `address`; none is left behind on failure.
pub(super) fn install_pair(
    args: &Args<'_>,
    (one, other): (Arc<OpenFile>, Arc<OpenFile>),
    cloexec: bool,
    address: u64,
) -> Result<u64> {
    let files = args.thread.process().files();
    let first = files.insert(one, cloexec, 0)?;
    let second = match files.insert(other, cloexec, 0) {
        Ok(second) => second,
        Err(error) => {
            files.remove(first)?;
            return Err(error);
        }
    };
    if let Err(error) = user::write(address, &[first, second]) {
        files.remove(first)?;
        files.remove(second)?;
        return Err(error);
    }
    Ok(0)
}
