//! POSIX message queues: `mq_open` to `mq_getsetattr`.

use crate::errno::{Errno, Result};
use crate::ipc::mqueue::{self, Attributes, Descriptor, HIGHEST_PRIORITY, Notice};
use crate::net::Netlink;
use crate::signal::number::SIGRTMAX;
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::time::{Clock, Deadline, read_timespec};
use crate::user::{self, read_path};
use crate::vfs::OpenFile;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(240, "mq_open", mq_open, "queues have no names in /dev/mqueue"),
    full(241, "mq_unlink", mq_unlink),
    full(242, "mq_timedsend", mq_timedsend),
    full(243, "mq_timedreceive", mq_timedreceive),
    full(244, "mq_notify", mq_notify),
    full(245, "mq_getsetattr", mq_getsetattr),
];

const SIGEV_SIGNAL: i32 = 0;
const SIGEV_NONE: i32 = 1;
const SIGEV_THREAD: i32 = 2;

/// `struct mq_attr`: flags, most messages, most bytes of one, messages now, and what is reserved.
type MqAttr = [i64; 8];

fn mq_open(args: &Args<'_>) -> Result<u64> {
    const ALL_MODES: u32 = 0o7777;
    let wanted = match args.word(3) {
        0 => None,
        at => {
            let [_, messages, size, ..]: MqAttr = user::read(at)?;
            // A negative number is one that is too great.
            Some(Attributes { messages: messages.cast_unsigned(), size: size.cast_unsigned() })
        }
    };
    let name = read_path(args.word(0))?;
    let process = args.thread.process();
    let mode = args.uint(2) & ALL_MODES & !process.fs.lock().umask;
    let file = mqueue::open(process, &name, args.uint(1), mode, wanted)?;
    let fd = process.files().insert(file, true, 0)?;
    Ok(u64::from(fd.unsigned_abs()))
}

fn mq_unlink(args: &Args<'_>) -> Result<u64> {
    mqueue::unlink(&read_path(args.word(0))?).map(|()| 0)
}

/// When a call gives up: a time of `CLOCK_REALTIME`, none at 0.
fn deadline(address: u64) -> Result<Option<Deadline>> {
    match address {
        0 => Ok(None),
        at => Ok(Some(Deadline::on(Clock::Realtime, read_timespec(at)?))),
    }
}

fn descriptor(file: &OpenFile) -> Result<&Descriptor> {
    file.downcast::<Descriptor>().ok_or(Errno::EBADF)
}

fn mq_timedsend(args: &Args<'_>) -> Result<u64> {
    let deadline = deadline(args.word(4))?;
    if args.uint(3) > HIGHEST_PRIORITY {
        return Err(Errno::EINVAL);
    }
    let file = args.file(0)?;
    let queue = &descriptor(&file)?.queue;
    if !file.writable() {
        return Err(Errno::EBADF);
    }
    if args.word(2) > queue.attributes().size {
        return Err(Errno::EMSGSIZE);
    }
    let bytes = user::read_array(args.word(1), args.length(2))?;
    queue.send(&bytes, args.uint(3), file.nonblocking(), deadline).map(|()| 0)
}

fn mq_timedreceive(args: &Args<'_>) -> Result<u64> {
    let deadline = deadline(args.word(4))?;
    let file = args.file(0)?;
    let queue = &descriptor(&file)?.queue;
    if !file.readable() {
        return Err(Errno::EBADF);
    }
    let (bytes, priority) = queue.receive(args.length(2), file.nonblocking(), deadline)?;
    if args.word(3) != 0 {
        user::write(args.word(3), &priority)?;
    }
    user::copy_out(args.word(1), &bytes)?;
    Ok(bytes.len() as u64)
}

/// From a `struct sigevent`.
fn notice(args: &Args<'_>, address: u64) -> Result<Notice> {
    let value: u64 = user::read(address)?;
    let [signo, kind]: [i32; 2] = user::read(address + 8)?;
    match kind {
        SIGEV_NONE => Ok(Notice::Silent),
        SIGEV_SIGNAL => {
            let signo = u8::try_from(signo).ok().filter(|signo| *signo <= SIGRTMAX).ok_or(Errno::EINVAL)?;
            Ok(Notice::Signal(signo, value))
        }
        SIGEV_THREAD => {
            // The C library's form: the value leads to a cookie, the signal number is a netlink socket.
            let cookie = user::read(value)?;
            let socket = args.thread.process().file(signo)?;
            if socket.downcast::<Netlink>().is_some() {
                return Ok(Notice::Cookie(socket, cookie));
            }
            let is_socket = socket.file.stat()?.kind == crate::vfs::FileKind::Socket;
            Err(if is_socket { Errno::EINVAL } else { Errno::ENOTSOCK })
        }
        _ => Err(Errno::EINVAL),
    }
}

fn mq_notify(args: &Args<'_>) -> Result<u64> {
    let notice = match args.word(1) {
        0 => None,
        at => Some(notice(args, at)?),
    };
    let file = args.file(0)?;
    descriptor(&file)?.queue.notify(args.thread.process().pid(), notice).map(|()| 0)
}

fn mq_getsetattr(args: &Args<'_>) -> Result<u64> {
    let nonblock = i64::from(OpenFile::NONBLOCK);
    let new = match args.word(1) {
        0 => None,
        at => {
            let [flags, ..]: MqAttr = user::read(at)?;
            if flags & !nonblock != 0 {
                return Err(Errno::EINVAL);
            }
            Some(flags)
        }
    };
    let file = args.file(0)?;
    let queue = &descriptor(&file)?.queue;
    let Attributes { messages, size } = queue.attributes();
    let old: MqAttr = [
        i64::from(file.flags()) & nonblock,
        messages.cast_signed(),
        size.cast_signed(),
        queue.count().cast_signed(),
        0,
        0,
        0,
        0,
    ];
    if let Some(flags) = new {
        let on = if flags != 0 { OpenFile::NONBLOCK } else { 0 };
        file.set_flags(file.flags() & !OpenFile::NONBLOCK | on);
    }
    if args.word(2) != 0 {
        user::write(args.word(2), &old)?;
    }
    Ok(0)
}
