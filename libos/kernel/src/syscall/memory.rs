//! Memory: mmap(2) and its kin.

use crate::errno::{Errno, Result};
use crate::mm::{self, MapRequest, PAGE};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, ignored, partial};
use crate::task::Process;
use crate::user;
use crate::vfs::memfd;

const NOT_LOCKED: &str = "memory is not locked";

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(9, "mmap", sys_mmap),
    full(10, "mprotect", sys_mprotect),
    full(11, "munmap", sys_munmap),
    full(12, "brk", sys_brk),
    full(25, "mremap", sys_mremap),
    full(26, "msync", sys_msync),
    partial(27, "mincore", sys_mincore, "every mapped page counts as resident: the host is not asked"),
    full(28, "madvise", sys_madvise),
    ignored(149, "mlock", sys_mlock, NOT_LOCKED),
    ignored(150, "munlock", sys_mlock, NOT_LOCKED),
    ignored(151, "mlockall", sys_mlockall, NOT_LOCKED),
    ignored(152, "munlockall", sys_nothing, NOT_LOCKED),
    ignored(325, "mlock2", sys_mlock2, NOT_LOCKED),
];

const MAP_SHARED: u32 = 0x01;
const MAP_PRIVATE: u32 = 0x02;
const MAP_SHARED_VALIDATE: u32 = 0x03;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_32BIT: u32 = 0x40;
const MAP_GROWSDOWN: u32 = 0x100;
const MAP_POPULATE: u32 = 0x8000;
const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;

/// `RLIMIT_AS`, and for private memory that can be written `RLIMIT_DATA`: whether there may be `more` bytes.
fn check_room(process: &Process, more: u64, data: bool) -> Result<()> {
    const DATA: usize = 2;
    const AS: usize = 9;
    let [most_data, most] = [DATA, AS].map(|resource| process.limits.lock().0[resource][0]);
    if (most_data, most) == (u64::MAX, u64::MAX) {
        return Ok(());
    }
    let space = process.mm.lock();
    let full = space.size().saturating_add(more) > most;
    let full_of_data = data && space.data_size().saturating_add(more) > most_data;
    if full || full_of_data { Err(Errno::ENOMEM) } else { Ok(()) }
}

fn sys_mmap(args: &Args<'_>) -> Result<u64> {
    let (protection, flags, offset) = (args.uint(2), args.uint(3), args.word(5));
    let shared = match flags & 0xf {
        MAP_PRIVATE => false,
        MAP_SHARED | MAP_SHARED_VALIDATE => true,
        _ => return Err(Errno::EINVAL),
    };
    if offset % PAGE != 0 || args.word(1) == 0 {
        return Err(Errno::EINVAL);
    }
    let length = args.word(1).checked_add(PAGE - 1).ok_or(Errno::ENOMEM)? & !(PAGE - 1);
    check_room(args.thread.process(), length, !shared && protection & 2 != 0)?;
    let file = if flags & MAP_ANONYMOUS != 0 {
        // Anonymous memory that is shared is a file without a name.
        if shared { Some((memfd::anonymous(length)?, 0)) } else { None }
    } else {
        let file = args.file(4)?;
        if !file.readable() || shared && protection & 2 != 0 && !file.writable() {
            return Err(Errno::EACCES);
        }
        offset.checked_add(length).ok_or(Errno::EOVERFLOW)?;
        Some((file, offset))
    };
    mm::mmap(
        args.thread.process(),
        &MapRequest {
            address: args.word(0),
            length,
            protection: protection & 7,
            file,
            shared,
            fixed: flags & MAP_FIXED != 0,
            no_replace: flags & MAP_FIXED_NOREPLACE != 0,
            populate: flags & MAP_POPULATE != 0,
            grows: flags & MAP_GROWSDOWN != 0 && flags & MAP_ANONYMOUS != 0 && !shared,
            low: flags & MAP_32BIT != 0 && args.word(0) == 0,
            label: "",
        },
    )
}

fn sys_mprotect(args: &Args<'_>) -> Result<u64> {
    mm::mprotect(args.thread.process(), args.word(0), args.word(1), args.uint(2) & 7).map(|()| 0)
}

fn sys_munmap(args: &Args<'_>) -> Result<u64> {
    mm::munmap(args.thread.process(), args.word(0), args.word(1)).map(|()| 0)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_brk(args: &Args<'_>) -> Result<u64> {
    let process = args.thread.process();
    let now = process.mm.lock().heap.1;
    // What cannot be had is answered with what there is.
    let wish = match args.word(0).checked_sub(now) {
        Some(more) if check_room(process, more, true).is_err() => 0,
        _ => args.word(0),
    };
    Ok(mm::brk(process, wish))
}

fn sys_mremap(args: &Args<'_>) -> Result<u64> {
    let process = args.thread.process();
    if let Some(more) = args.word(2).checked_sub(args.word(1)) {
        check_room(process, more, true)?;
    }
    mm::mremap(process, args.word(0), args.word(1), args.word(2), args.uint(3), args.word(4))
}

fn sys_madvise(args: &Args<'_>) -> Result<u64> {
    mm::advise(args.thread.process(), args.word(0), args.word(1), args.int(2)).map(|()| 0)
}

fn sys_mincore(args: &Args<'_>) -> Result<u64> {
    let (start, length) = (args.word(0), args.word(1));
    let end = start.checked_add(length).ok_or(Errno::ENOMEM)?;
    if start % PAGE != 0 {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(0);
    }
    if !args.thread.process().mm.lock().covers(start, end) {
        return Err(Errno::ENOMEM);
    }
    let resident = alloc::vec![1_u8; length.div_ceil(PAGE).min(1 << 20) as usize];
    user::copy_out(args.word(2), &resident)?;
    Ok(0)
}

fn sys_msync(args: &Args<'_>) -> Result<u64> {
    const ASYNC: u32 = 1;
    const INVALIDATE: u32 = 2;
    const SYNC: u32 = 4;
    let flags = args.uint(2);
    let both = flags & (ASYNC | SYNC) == ASYNC | SYNC;
    if flags & !(ASYNC | INVALIDATE | SYNC) != 0 || both || !args.word(0).is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    mm::sync(args.thread.process(), args.word(0), args.word(1)).map(|()| 0)
}

/// Checks that a range, widened to whole pages, is mapped.
fn sys_mlock(args: &Args<'_>) -> Result<u64> {
    let start = args.word(0) & !(PAGE - 1);
    let length = (args.word(0) - start).checked_add(args.word(1)).ok_or(Errno::EINVAL)?;
    let end = start.checked_add(length).and_then(|end| end.checked_next_multiple_of(PAGE));
    let end = end.ok_or(Errno::EINVAL)?;
    const MEMLOCK: usize = 8;
    match args.thread.process().limits.lock().0[MEMLOCK][0] {
        0 => return Err(Errno::EPERM),
        most if end - start > most => return Err(Errno::ENOMEM),
        _ => {}
    }
    if args.thread.process().mm.lock().covers(start, end) { Ok(0) } else { Err(Errno::ENOMEM) }
}

fn sys_mlock2(args: &Args<'_>) -> Result<u64> {
    const MLOCK_ONFAULT: u32 = 1;
    if args.uint(2) & !MLOCK_ONFAULT == 0 { sys_mlock(args) } else { Err(Errno::EINVAL) }
}

fn sys_mlockall(args: &Args<'_>) -> Result<u64> {
    const MCL_ONFAULT: u32 = 4;
    const MCL_ALL: u32 = 7;
    let flags = args.uint(0);
    if flags & !MCL_ALL != 0 || flags & !MCL_ONFAULT == 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_nothing(_args: &Args<'_>) -> Result<u64> {
    Ok(0)
}
