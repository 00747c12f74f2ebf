//! Byte streams of the host: standard input and output that are pipes, sockets or files there, and
//! the display stream.
//!
//! Bytes go between the program and the host without a stop in between. Whether a stream is ready the
//! host is asked at once; who has to wait is woken by the kernel's I/O thread. A regular file is always
//! ready, and its offset is the host's, which it may share with programs outside.

use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;
use core::time::Duration;

use bailey_abi::stream::{Attributes, Kind, OpenMode};

use crate::errno::{Errno, Result};
use crate::host::raw::{nr, syscall};
use crate::host::{self, HostHandle};
use crate::ipc::block::{broken_pipe, until_ready};
use crate::sync::WaitQueue;
use crate::user::UserBuffers;
use crate::vfs::devfs::{makedev, register_char_device};
use crate::vfs::{self, Events, File, FileKind, NewInode, OpenFile, Stat};

const READABLE: Events = Events(Events::IN.0 | Events::RDNORM.0);
const WRITABLE: Events = Events(Events::OUT.0 | Events::WRNORM.0);
const BROKEN: Events = Events(Events::ERR.0 | Events::HUP.0);
/// Major number of miscellaneous devices, and a minor of ours among those that nobody else has.
const MISC_MAJOR: u32 = 10;
const DISPLAY_MINOR: u32 = 240;
/// Most bytes of one write: what a pipe that is ready surely takes (`PIPE_BUF`).
const SAFE_WRITE: usize = 4096;

/// An open stream of the host.
pub struct HostStream {
    handle: Arc<HostHandle>,
    queue: Arc<WaitQueue>,
    stat: Stat,
    /// A regular file: it never makes anyone wait.
    always_ready: bool,
    /// The host's descriptor does not block: writes need not be cut.
    nonblocking: bool,
}

impl core::fmt::Debug for HostStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostStream").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Opens standard stream `number` (0–2) of the instance.
///
/// # Errors
/// Those of the monitor.
pub fn open_stdio(number: u8) -> Result<Arc<OpenFile>> {
    let read = number == 0;
    let uri = alloc::format!("stdio:{number}");
    let file = HostStream::open(&uri, read, !read, false)?;
    let name: String = match file.stat.kind {
        FileKind::Fifo => alloc::format!("pipe:[{}]", file.stat.ino),
        FileKind::Socket => alloc::format!("socket:[{}]", file.stat.ino),
        _ => uri,
    };
    Ok(OpenFile::new(Arc::new(file), u32::from(!read), name))
}

/// Makes the display stream's device node, which only the instance's user may open.
///
/// # Errors
/// Those of making a name.
pub fn make_display_node(uid: u32, gid: u32) -> Result<()> {
    register_char_device(MISC_MAJOR, DISPLAY_MINOR, DISPLAY_MINOR, |_, _| open_display());
    let node = NewInode::CharDevice(makedev(MISC_MAJOR, DISPLAY_MINOR));
    vfs::make_node("/dev/bailey/display", node, 0o600, uid, gid).map(drop)
}

/// Opens the display stream, which is `/dev/bailey/display`.
///
/// # Errors
/// Those of the monitor: there is one only where the manifest gives a display.
pub fn open_display() -> Result<Arc<dyn File>> {
    let mut file = HostStream::open("display:", true, true, true)?;
    file.stat.kind = FileKind::CharDevice;
    file.stat.mode = 0o600;
    file.stat.rdev = makedev(MISC_MAJOR, DISPLAY_MINOR);
    Ok(Arc::new(file))
}

fn stat_of(attributes: &Attributes) -> Stat {
    let kind = match attributes.kind {
        Kind::Regular => FileKind::Regular,
        Kind::Directory => FileKind::Directory,
        Kind::Symlink => FileKind::Symlink,
        Kind::CharDevice => FileKind::CharDevice,
        Kind::BlockDevice => FileKind::BlockDevice,
        Kind::Fifo => FileKind::Fifo,
        Kind::Socket => FileKind::Socket,
    };
    Stat {
        kind,
        mode: attributes.mode,
        uid: attributes.uid,
        gid: attributes.gid,
        dev: attributes.dev,
        ino: attributes.ino,
        nlink: attributes.nlink,
        // Which device stands behind a standard stream is not told; /dev/null is the likeliest.
        rdev: if kind == FileKind::CharDevice { makedev(1, 3) } else { 0 },
        size: attributes.size,
        block_size: 4096,
        blocks: attributes.blocks,
        atime: attributes.atime,
        mtime: attributes.mtime,
        ctime: attributes.ctime,
    }
}

/// What of `wanted` a descriptor of this process is ready for now, and whether it is broken.
pub(crate) fn poll_host(fd: i32, wanted: Events) -> Events {
    wait_host(fd, wanted, Duration::ZERO)
}

/// The same; it sleeps for so long where there is nothing. A signal of the kernel's ends the sleep.
pub(crate) fn wait_host(fd: i32, wanted: Events, most: Duration) -> Events {
    /// `struct pollfd`
    #[repr(C)]
    struct PollFd {
        fd: i32,
        events: u16,
        ready: u16,
    }
    let mut entry = PollFd { fd, events: (wanted.0 & 0xffff) as u16, ready: 0 };
    let time = [most.as_secs(), u64::from(most.subsec_nanos())];
    let args = [core::ptr::from_mut(&mut entry) as u64, 1, time.as_ptr() as u64, 0, 8, 0];
    // SAFETY: one entry and a time, both on this stack for as long as the call takes.
    let _ = unsafe { syscall(nr::PPOLL, args) };
    Events(u32::from(entry.ready))
}

impl HostStream {
    fn open(uri: &str, read: bool, write: bool, nonblocking: bool) -> Result<Self> {
        let mode = OpenMode { read, write, create: None, exclusive: false, truncate: false };
        let (handle, attributes) = HostHandle::open(uri, mode)?;
        let stat = stat_of(&attributes);
        let always_ready = matches!(stat.kind, FileKind::Regular | FileKind::BlockDevice);
        Ok(Self { handle, queue: Arc::new(WaitQueue::new()), stat, always_ready, nonblocking })
    }

    /// This process's descriptor, if it is ready for `events`; else the I/O thread will wake the queue.
    fn ready_fd(&self, events: Events) -> Result<i32> {
        let fd = self.handle.fd()?;
        if self.always_ready || poll_host(fd, events).intersects(events | BROKEN) {
            return Ok(fd);
        }
        host::io::arm(&self.handle, events, &self.queue)?;
        Err(Errno::EAGAIN)
    }

    fn rearm<T>(&self, result: Result<T>, events: Events) -> Result<T> {
        if matches!(result, Err(Errno::EAGAIN)) {
            host::io::arm(&self.handle, events, &self.queue)?;
        }
        result
    }

    fn try_read(&self, to: &mut UserBuffers) -> Result<usize> {
        let fd = self.ready_fd(READABLE)?;
        let count = self.rearm(host::preadv(fd, to.pieces(), None), READABLE)?;
        to.advance(count);
        Ok(count)
    }

    /// Writes until everything is written or the stream is full (`EAGAIN`).
    fn try_write(&self, from: &mut UserBuffers) -> Result<()> {
        while from.remaining() > 0 {
            let fd = self.ready_fd(WRITABLE)?;
            let whole = self.always_ready || self.nonblocking;
            let count = if whole {
                host::pwritev(fd, from.pieces(), None)
            } else {
                let (address, length) = from.pieces()[0];
                host::pwritev(fd, &[(address, length.min(SAFE_WRITE))], None)
            };
            from.advance(self.rearm(count, WRITABLE)?);
        }
        Ok(())
    }
}

impl File for HostStream {
    fn stat(&self) -> Result<Stat> {
        if self.stat.kind == FileKind::Regular
            && let Ok(attributes) = self.handle.attributes()
        {
            return Ok(stat_of(&attributes));
        }
        Ok(self.stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        until_ready(&self.queue, open.nonblocking(), None, || self.try_read(to))
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let wanted = from.remaining();
        let result = until_ready(&self.queue, open.nonblocking(), None, || self.try_write(from));
        let written = wanted - from.remaining();
        match result {
            Err(_) if written > 0 => Ok(written),
            Err(Errno::EPIPE) => Err(broken_pipe()),
            Err(error) => Err(error),
            Ok(()) => Ok(written),
        }
    }

    fn sync(&self) -> Result<()> {
        if self.stat.kind == FileKind::Regular { self.handle.flush() } else { Err(Errno::EINVAL) }
    }

    fn poll(&self, open: &OpenFile) -> Events {
        let mut wanted = Events::NONE;
        if open.readable() {
            wanted |= READABLE;
        }
        if open.writable() {
            wanted |= WRITABLE;
        }
        if self.always_ready {
            return wanted;
        }
        let Ok(fd) = self.handle.fd() else {
            return Events::ERR;
        };
        let ready = poll_host(fd, wanted);
        if !ready.intersects(BROKEN) {
            let missing = Events(wanted.0 & !ready.0 & (Events::IN.0 | Events::OUT.0));
            if missing != Events::NONE {
                // The next look tells, should this fail.
                let _ = host::io::arm(&self.handle, missing, &self.queue);
            }
        }
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        if self.always_ready { None } else { Some(&self.queue) }
    }
}
