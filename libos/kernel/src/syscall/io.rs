//! Reading, writing, seeking, and moving bytes between files.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::ipc::fifo;
use crate::signal::number::SIGXFSZ;
use crate::signal::{SigInfo, send_to_thread};
use crate::sync::wait_event;
use crate::syscall::table::{Call, full, partial};
use crate::syscall::{Args, iovec};
use crate::task;
use crate::user::{self, UserBuffers};
use crate::vfs::{Events, FileKind, OpenFile, inotify};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(0, "read", read),
    full(1, "write", write),
    full(8, "lseek", lseek),
    full(17, "pread64", pread),
    full(18, "pwrite64", pwrite),
    full(19, "readv", readv),
    full(20, "writev", writev),
    full(40, "sendfile", sendfile),
    partial(275, "splice", splice, "copies; waits for room of an output that is no pipe"),
    partial(278, "vmsplice", vmsplice, "copies"),
    full(295, "preadv", preadv),
    full(296, "pwritev", pwritev),
    full(326, "copy_file_range", copy_file_range),
    partial(
        327,
        "preadv2",
        preadv2,
        "RWF_HIPRI has no effect; RWF_NOWAIT reads files that may wait for a disk",
    ),
    partial(328, "pwritev2", pwritev2, "RWF_HIPRI has no effect; no RWF_ATOMIC"),
];

const SPLICE_F_NONBLOCK: u32 = 2;
/// Bytes moved at once between two files.
const CHUNK: usize = 64 * 1024;

/// The offset of an open file, its lock being held.
fn position(file: &OpenFile, offset: u64) -> Result<u64> {
    if offset == OpenFile::END { file.file.size() } else { Ok(offset) }
}

/// `read(2)` with buffers.
pub(super) fn read_file(file: &OpenFile, to: &mut UserBuffers) -> Result<usize> {
    if !file.readable() {
        return Err(Errno::EBADF);
    }
    let count = if file.file.seekable() {
        let mut offset = file.offset.lock();
        let at = position(file, *offset)?;
        let count = file.file.read(file, to, at)?;
        *offset = at + count as u64;
        count
    } else {
        file.file.read(file, to, 0)?
    };
    if count > 0 {
        inotify::read(file);
    }
    Ok(count)
}

/// `RLIMIT_FSIZE`: cuts what would go past it off `from`.
///
/// # Errors
/// `EFBIG`, with `SIGXFSZ`, where nothing fits.
fn keep_within_limit(file: &OpenFile, from: &mut UserBuffers, at: u64) -> Result<()> {
    let limit = task::current().process().file_size_limit.load(Ordering::Relaxed);
    if limit == u64::MAX || from.remaining() == 0 || file.file.stat()?.kind != FileKind::Regular {
        return Ok(());
    }
    let room = limit.saturating_sub(position(file, at)?);
    if room == 0 {
        return Err(too_large());
    }
    from.limit(usize::try_from(room).unwrap_or(usize::MAX));
    Ok(())
}

/// What a process is told that wants a file larger than `RLIMIT_FSIZE`.
fn too_large() -> Errno {
    send_to_thread(task::current(), SigInfo::of_caller(SIGXFSZ));
    Errno::EFBIG
}

/// Whether a file may become `length` bytes long (`RLIMIT_FSIZE`).
///
/// # Errors
/// `EFBIG`, with `SIGXFSZ`
pub(super) fn check_length(length: u64) -> Result<()> {
    let limit = task::current().process().file_size_limit.load(Ordering::Relaxed);
    if length > limit { Err(too_large()) } else { Ok(()) }
}

/// Where a write without an offset of its own goes.
fn write_offset(file: &OpenFile, offset: u64) -> Result<u64> {
    if file.flags() & OpenFile::APPEND != 0 { Ok(OpenFile::END) } else { position(file, offset) }
}

/// `write(2)` with buffers.
pub(super) fn write_file(file: &OpenFile, from: &mut UserBuffers) -> Result<usize> {
    write_moving(file, from, false)
}

/// As [`write_file`]; with `append` as if the file had been opened with `O_APPEND`.
fn write_moving(file: &OpenFile, from: &mut UserBuffers, append: bool) -> Result<usize> {
    if !file.writable() {
        return Err(Errno::EBADF);
    }
    let count = if file.file.seekable() {
        let mut offset = file.offset.lock();
        let at = if append { OpenFile::END } else { write_offset(file, *offset)? };
        keep_within_limit(file, from, at)?;
        let count = file.file.write(file, from, at)?;
        if count > 0 {
            *offset = if at == OpenFile::END { at } else { at + count as u64 };
        }
        count
    } else {
        file.file.write(file, from, 0)?
    };
    if count > 0 {
        inotify::modified(file);
    }
    Ok(count)
}

fn read_at(file: &OpenFile, to: &mut UserBuffers, offset: i64) -> Result<usize> {
    let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    if !file.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    if !file.readable() {
        return Err(Errno::EBADF);
    }
    file.file.read(file, to, offset)
}

fn write_at(file: &OpenFile, from: &mut UserBuffers, offset: i64) -> Result<usize> {
    let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    write_to(file, from, write_offset(file, offset)?)
}

/// Writes at `offset`, which the file's own does not follow.
fn write_to(file: &OpenFile, from: &mut UserBuffers, offset: u64) -> Result<usize> {
    if !file.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    if !file.writable() {
        return Err(Errno::EBADF);
    }
    keep_within_limit(file, from, offset)?;
    let count = file.file.write(file, from, offset)?;
    if count > 0 {
        inotify::modified(file);
    }
    Ok(count)
}

fn read(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    read_file(&file, &mut UserBuffers::single(args.word(1), args.length(2))).map(|count| count as u64)
}

fn write(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    write_file(&file, &mut UserBuffers::single(args.word(1), args.length(2))).map(|count| count as u64)
}

fn pread(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    read_at(&file, &mut UserBuffers::single(args.word(1), args.length(2)), args.long(3))
        .map(|count| count as u64)
}

fn pwrite(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    write_at(&file, &mut UserBuffers::single(args.word(1), args.length(2)), args.long(3))
        .map(|count| count as u64)
}

fn vector(args: &Args<'_>) -> Result<UserBuffers> {
    const IOV_MAX: u64 = 1024;
    if args.word(2) > IOV_MAX {
        return Err(Errno::EINVAL);
    }
    iovec::read(args.word(1), args.word(2) as usize)
}

fn readv(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    read_file(&file, &mut vector(args)?).map(|count| count as u64)
}

fn writev(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    write_file(&file, &mut vector(args)?).map(|count| count as u64)
}

fn preadv(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    read_at(&file, &mut vector(args)?, args.long(3)).map(|count| count as u64)
}

fn pwritev(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    write_at(&file, &mut vector(args)?, args.long(3)).map(|count| count as u64)
}

/// Flags of `preadv2(2)` and `pwritev2(2)`.
const RWF_HIPRI: u32 = 0x1;
const RWF_DSYNC: u32 = 0x2;
const RWF_SYNC: u32 = 0x4;
const RWF_NOWAIT: u32 = 0x8;
const RWF_APPEND: u32 = 0x10;

/// `RWF_NOWAIT`: what would have to wait for `events` is not begun.
fn check_no_wait(file: &OpenFile, events: Events) -> Result<()> {
    if file.file.seekable() || file.file.poll(file).intersects(events | Events::ERR | Events::HUP) {
        return Ok(());
    }
    Err(Errno::EAGAIN)
}

fn preadv2(args: &Args<'_>) -> Result<u64> {
    if args.uint(5) & !(RWF_HIPRI | RWF_NOWAIT) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if args.uint(5) & RWF_NOWAIT != 0 {
        check_no_wait(&*args.file(0)?, Events::IN)?;
    }
    if args.long(3) == -1 { readv(args) } else { preadv(args) }
}

fn pwritev2(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(5);
    if flags & !(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let (file, append) = (args.file(0)?, flags & RWF_APPEND != 0);
    if flags & RWF_NOWAIT != 0 {
        check_no_wait(&file, Events::OUT)?;
    }
    let count = match args.long(3) {
        -1 => write_moving(&file, &mut vector(args)?, append)?,
        offset if append && offset >= 0 => write_to(&file, &mut vector(args)?, OpenFile::END)?,
        offset => write_at(&file, &mut vector(args)?, offset)?,
    };
    if flags & (RWF_DSYNC | RWF_SYNC) != 0 && file.file.seekable() {
        file.file.sync()?;
    }
    Ok(count as u64)
}

fn lseek(args: &Args<'_>) -> Result<u64> {
    const SEEK_SET: u32 = 0;
    const SEEK_CUR: u32 = 1;
    const SEEK_END: u32 = 2;
    const SEEK_DATA: u32 = 3;
    const SEEK_HOLE: u32 = 4;
    let file = args.file(0)?;
    if !file.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    if !file.file.has_places() {
        return Ok(0);
    }
    let by = args.long(1);
    let mut offset = file.offset.lock();
    let from = match args.uint(2) {
        SEEK_SET => 0,
        SEEK_CUR => position(&file, *offset)?,
        SEEK_END => file.file.size()?,
        whence @ (SEEK_DATA | SEEK_HOLE) => {
            let at = u64::try_from(by).map_err(|_| Errno::ENXIO)?;
            *offset = file.file.seek_data(at, whence == SEEK_HOLE)?;
            return Ok(*offset);
        }
        _ => return Err(Errno::EINVAL),
    };
    let base = i64::try_from(from).map_err(|_| Errno::EOVERFLOW)?;
    let to = base.checked_add(by).ok_or(Errno::EINVAL)?;
    *offset = u64::try_from(to).map_err(|_| Errno::EINVAL)?;
    Ok(*offset)
}

/// Where one end of a copy stands: at an offset of its own, or at the file's.
struct End {
    file: Arc<OpenFile>,
    /// Address of the `off_t` argument, or 0.
    address: u64,
    offset: Option<i64>,
    /// Whether an empty pipe is not waited for, whatever its description says.
    immediate: bool,
}

impl End {
    fn new(file: Arc<OpenFile>, address: u64) -> Result<Self> {
        let offset = if address == 0 { None } else { Some(user::read::<i64>(address)?) };
        Ok(Self { file, address, offset, immediate: false })
    }

    /// Where it stands.
    fn position(&self) -> Result<u64> {
        match self.offset {
            Some(offset) => u64::try_from(offset).map_err(|_| Errno::EINVAL),
            None => position(&self.file, *self.file.offset.lock()),
        }
    }

    fn read(&self, to: &mut [u8]) -> Result<usize> {
        let mut buffers = UserBuffers::kernel(to);
        if self.immediate
            && let Some(pipe) = fifo::pipe_of(&self.file)
        {
            return pipe.read_into(&mut buffers, true);
        }
        match self.offset {
            Some(offset) => read_at(&self.file, &mut buffers, offset),
            None => read_file(&self.file, &mut buffers),
        }
    }

    /// Writes all of `from`; less on an error, and where it would have to wait unless it `must` be written.
    fn write(&self, from: &mut [u8], must: bool) -> Result<usize> {
        let mut buffers = UserBuffers::kernel(from);
        let mut done = 0;
        let mut at = self.offset;
        while buffers.remaining() > 0 {
            let result = match at {
                Some(offset) => write_at(&self.file, &mut buffers, offset),
                None => write_file(&self.file, &mut buffers),
            };
            match result {
                Ok(0) => break,
                Ok(count) => {
                    at = at.map(|offset| offset + count as i64);
                    done += count;
                }
                Err(Errno::EAGAIN) if must => self.await_room()?,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn await_room(&self) -> Result<()> {
        let Some(queue) = self.file.file.wait_queue() else {
            return Err(Errno::EAGAIN);
        };
        let ready = || {
            self.file.file.poll(&self.file).intersects(Events::OUT | Events::ERR | Events::HUP).then_some(())
        };
        wait_event(&[queue], None, ready).map_err(|_| Errno::ERESTARTSYS)
    }

    fn advance(&mut self, count: usize) {
        self.offset = self.offset.map(|offset| offset + count as i64);
    }

    /// Takes back what was read too much.
    fn step_back(&mut self, count: usize) {
        if self.offset.is_none() && self.file.file.seekable() {
            let mut offset = self.file.offset.lock();
            *offset = offset.saturating_sub(count as u64);
        }
    }

    fn finish(&self) -> Result<()> {
        match self.offset {
            Some(offset) => user::write(self.address, &offset),
            None => Ok(()),
        }
    }
}

/// Moves up to `length` bytes; with `once` as much as one read gives.
fn transfer(from: &mut End, to: &mut End, length: usize, once: bool) -> Result<u64> {
    let mut chunk = alloc::vec![0_u8; CHUNK.min(length)];
    let mut done = 0;
    while done < length {
        let step = chunk.len().min(length - done);
        let read = match from.read(&mut chunk[..step]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        // What came out of a pipe cannot be put back.
        let written = match to.write(&mut chunk[..read], !from.file.file.seekable()) {
            Ok(count) => count,
            Err(error) => {
                from.step_back(read);
                if done == 0 {
                    return Err(error);
                }
                break;
            }
        };
        from.step_back(read - written);
        from.advance(written);
        to.advance(written);
        done += written;
        if once || written < read {
            break;
        }
    }
    from.finish()?;
    to.finish()?;
    Ok(done as u64)
}

fn sendfile(args: &Args<'_>) -> Result<u64> {
    let (output, input) = (args.file(0)?, args.file(1)?);
    if !input.file.seekable() || output.flags() & OpenFile::APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let mut from = End::new(input, args.word(2))?;
    transfer(&mut from, &mut End::new(output, 0)?, args.length(3), false)
}

fn copy_file_range(args: &Args<'_>) -> Result<u64> {
    let (input, output) = (args.file(0)?, args.file(2)?);
    if args.uint(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut ids = [(0, 0); 2];
    for (file, id) in [&input, &output].into_iter().zip(&mut ids) {
        let stat = file.file.stat()?;
        match stat.kind {
            FileKind::Regular => *id = (stat.dev, stat.ino),
            FileKind::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if !input.readable() || !output.writable() || output.flags() & OpenFile::APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let (mut from, mut to) = (End::new(input, args.word(1))?, End::new(output, args.word(3))?);
    let (start, target, length) = (from.position()?, to.position()?, args.length(4));
    if ids[0] == ids[1] && start.abs_diff(target) < length as u64 {
        return Err(Errno::EINVAL);
    }
    transfer(&mut from, &mut to, length, false)
}

fn splice(args: &Args<'_>) -> Result<u64> {
    let (input, output) = (args.file(0)?, args.file(2)?);
    let (source, target) = (fifo::pipe_of(&input), fifo::pipe_of(&output));
    if source.is_none() && target.is_none() {
        return Err(Errno::EINVAL);
    }
    if (source.is_some() && args.word(1) != 0) || (target.is_some() && args.word(3) != 0) {
        return Err(Errno::ESPIPE);
    }
    let (count, immediate) = (args.length(4), args.uint(5) & SPLICE_F_NONBLOCK != 0);
    if let (Some(source), Some(target)) = (source, target) {
        if !input.readable() || !output.writable() {
            return Err(Errno::EBADF);
        }
        let nonblocking = immediate || input.nonblocking() || output.nonblocking();
        let moved = if count == 0 { 0 } else { source.copy_to(target, count, true, nonblocking)? };
        return Ok(moved as u64);
    }
    let mut from = End::new(input.clone(), args.word(1))?;
    from.immediate = immediate;
    transfer(&mut from, &mut End::new(output, args.word(3))?, count, true)
}

fn vmsplice(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    if fifo::pipe_of(&file).is_none() {
        return Err(Errno::EBADF);
    }
    if file.writable() { writev(args) } else { readv(args) }
}
