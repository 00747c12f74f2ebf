//! Reading, writing, seeking, and moving bytes between files.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::ipc::fifo;
use crate::sync::wait_event;
use crate::syscall::table::{Call, full, partial};
use crate::syscall::{Args, iovec};
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
    partial(327, "preadv2", preadv2, "RWF_NOWAIT and RWF_HIPRI have no effect"),
    partial(328, "pwritev2", pwritev2, "RWF_DSYNC, RWF_SYNC and RWF_HIPRI have no effect, no RWF_APPEND"),
];

/// The offset of a file that was last written at its end: it is asked for when it is needed.
const AT_END: u64 = u64::MAX;
const SPLICE_F_NONBLOCK: u32 = 2;
/// Bytes moved at once between two files.
const CHUNK: usize = 64 * 1024;

/// The offset of an open file, its lock being held.
fn position(file: &OpenFile, offset: u64) -> Result<u64> {
    if offset == AT_END { file.file.size() } else { Ok(offset) }
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

/// `write(2)` with buffers.
pub(super) fn write_file(file: &OpenFile, from: &mut UserBuffers) -> Result<usize> {
    if !file.writable() {
        return Err(Errno::EBADF);
    }
    let count = if file.file.seekable() {
        let mut offset = file.offset.lock();
        let append = file.flags() & OpenFile::APPEND != 0;
        let at = if append { 0 } else { position(file, *offset)? };
        let count = file.file.write(file, from, at)?;
        if count > 0 {
            *offset = if append { AT_END } else { at + count as u64 };
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
    if !file.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    if !file.writable() {
        return Err(Errno::EBADF);
    }
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

fn preadv2(args: &Args<'_>) -> Result<u64> {
    const KNOWN: u32 = 0x1 | 0x8;
    if args.uint(5) & !KNOWN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if args.long(3) == -1 { readv(args) } else { preadv(args) }
}

fn pwritev2(args: &Args<'_>) -> Result<u64> {
    const KNOWN: u32 = 0x1 | 0x2 | 0x4;
    if args.uint(5) & !KNOWN != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if args.long(3) == -1 { writev(args) } else { pwritev(args) }
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
    let by = args.long(1);
    let mut offset = file.offset.lock();
    let from = match args.uint(2) {
        SEEK_SET => 0,
        SEEK_CUR => position(&file, *offset)?,
        SEEK_END => file.file.size()?,
        // Every byte counts as data, up to the hole at the end.
        whence @ (SEEK_DATA | SEEK_HOLE) => {
            let size = file.file.size()?;
            let at = u64::try_from(by).ok().filter(|at| *at < size).ok_or(Errno::ENXIO)?;
            *offset = if whence == SEEK_DATA { at } else { size };
            return Ok(*offset);
        }
        _ => return Err(Errno::EINVAL),
    };
    let base = i64::try_from(from).map_err(|_| Errno::EOVERFLOW)?;
    let to = base.checked_add(by).ok_or(Errno::EOVERFLOW)?;
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
        let total = buffers.remaining();
        let mut at = self.offset;
        while buffers.remaining() > 0 {
            let result = match at {
                Some(offset) => write_at(&self.file, &mut buffers, offset),
                None => write_file(&self.file, &mut buffers),
            };
            match result {
                Ok(0) => break,
                Ok(count) => at = at.map(|offset| offset + count as i64),
                Err(Errno::EAGAIN) if must => self.await_room()?,
                Err(error) if buffers.remaining() == total => return Err(error),
                Err(_) => break,
            }
        }
        Ok(total - buffers.remaining())
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
    for file in [&input, &output] {
        match file.file.stat()?.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if output.flags() & OpenFile::APPEND != 0 {
        return Err(Errno::EBADF);
    }
    transfer(&mut End::new(input, args.word(1))?, &mut End::new(output, args.word(3))?, args.length(4), false)
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
