//! Open file descriptions (`open(2)`) and the operations that every kind of file implements.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::errno::{Errno, Result};
use crate::host::HostHandle;
use crate::sync::{Mutex, WaitQueue};
use crate::time::Deadline;
use crate::user::UserBuffers;
use crate::vfs::{Dentry, Use};

/// Readiness, as `poll(2)` and `epoll(7)` name it: `POLLIN` and its kin, the low 16 bits shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(pub u32);

#[expect(missing_docs, reason = "poll(2) documents them")]
impl Events {
    pub const NONE: Self = Self(0);
    pub const IN: Self = Self(0x001);
    pub const PRI: Self = Self(0x002);
    pub const OUT: Self = Self(0x004);
    pub const ERR: Self = Self(0x008);
    pub const HUP: Self = Self(0x010);
    pub const NVAL: Self = Self(0x020);
    pub const RDNORM: Self = Self(0x040);
    pub const RDBAND: Self = Self(0x080);
    pub const WRNORM: Self = Self(0x100);
    pub const WRBAND: Self = Self(0x200);
    pub const RDHUP: Self = Self(0x2000);
    pub const ALL: Self = Self(0x23ff);

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl core::ops::BitOr for Events {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::ops::BitOrAssign for Events {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl core::ops::BitAnd for Events {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// `S_IFMT` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "inode(7) documents them")]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
    /// An anonymous inode (eventfd, epoll, ...), without a type in `st_mode`.
    Anonymous,
}

impl FileKind {
    /// `S_IFMT` bits of `st_mode`.
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Regular => 0o100000,
            Self::Directory => 0o040000,
            Self::Symlink => 0o120000,
            Self::CharDevice => 0o020000,
            Self::BlockDevice => 0o060000,
            Self::Fifo => 0o010000,
            Self::Socket => 0o140000,
            Self::Anonymous => 0,
        }
    }

    /// `d_type` of `readdir(3)`.
    pub const fn entry_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }
}

/// Attributes, as `stat(2)` names them.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct Stat {
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub dev: u64,
    pub ino: u64,
    pub nlink: u64,
    pub rdev: u64,
    pub size: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub atime: (i64, u32),
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
}

/// A run of file bytes that lies in one piece of the instance memfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSegment {
    /// Offset in the file, page-aligned.
    pub file_offset: u64,
    /// Offset in the instance memfd, page-aligned.
    pub memfd_offset: u64,
    /// Bytes, page-aligned.
    pub length: u64,
}

/// Where `mmap` finds a file's bytes.
pub enum MapSource {
    /// A file of the host; offsets are the file's own.
    Host(Arc<HostHandle>),
    /// Windows of the instance memfd that cover the range asked for, in order.
    Memfd(Vec<MapSegment>),
    /// Fresh zero pages (`/dev/zero`).
    Zero,
}

impl fmt::Debug for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(handle) => write!(f, "Host({})", handle.id()),
            Self::Memfd(segments) => f.debug_tuple("Memfd").field(segments).finish(),
            Self::Zero => f.write_str("Zero"),
        }
    }
}

/// What every kind of file can do. Defaults are the errors that Linux gives where a kind can't.
///
/// Reads and writes get the open file description (for its status flags) and, for `pread`/`pwrite`
/// and for seekable files, the offset. They block (by [`crate::sync::wait_event`]) unless the description is
/// `O_NONBLOCK`, then they return `EAGAIN`. `EINTR` is given as [`Errno::ERESTARTSYS`].
pub trait File: Send + Sync + Any {
    /// `stat(2)`.
    fn stat(&self) -> Result<Stat>;

    /// For down-casts: `file.as_any().downcast_ref::<Pipe>()`.
    fn as_any(&self) -> &dyn Any;

    /// Whether there is a file offset (`lseek`, `pread`); pipes, sockets and ttys have none.
    fn seekable(&self) -> bool {
        false
    }

    /// Whether one place differs from another: where not, `lseek` always leads to 0.
    fn has_places(&self) -> bool {
        true
    }

    /// `read(2)` at `offset` (meaningless unless seekable) into `to`.
    fn read(&self, open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        let _ = (open, to, offset);
        Err(Errno::EINVAL)
    }

    /// `write(2)` at `offset` from `from`; at [`OpenFile::END`] it goes to the end, as with `O_APPEND`.
    fn write(&self, open: &OpenFile, from: &mut UserBuffers, offset: u64) -> Result<usize> {
        let _ = (open, from, offset);
        Err(Errno::EINVAL)
    }

    /// Size for `SEEK_END` and `O_APPEND`.
    fn size(&self) -> Result<u64> {
        Ok(self.stat()?.size)
    }

    /// `SEEK_DATA`, or with `hole` `SEEK_HOLE`: where the next such byte at or after `offset` is. Without
    /// knowledge of holes every byte is data, up to the hole at the end.
    fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        let size = self.size()?;
        if offset >= size {
            return Err(Errno::ENXIO);
        }
        Ok(if hole { size } else { offset })
    }

    /// `ftruncate(2)`.
    fn truncate(&self, length: u64) -> Result<()> {
        let _ = length;
        Err(Errno::EINVAL)
    }

    /// `fallocate(2)`.
    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let _ = (mode, offset, length);
        Err(Errno::EOPNOTSUPP)
    }

    /// `fsync(2)`.
    fn sync(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// `ioctl(2)`; `argument` is the raw third argument.
    fn ioctl(&self, open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        let _ = (open, request, argument);
        Err(Errno::ENOTTY)
    }

    /// What is ready now.
    fn poll(&self, open: &OpenFile) -> Events {
        let _ = open;
        Events::IN | Events::OUT | Events::RDNORM | Events::WRNORM
    }

    /// What is woken when [`Self::poll`] may have changed; none for files that are always ready.
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// When [`Self::poll`] changes by itself (timerfd).
    fn deadline(&self) -> Option<Deadline> {
        None
    }

    /// Bytes of `[offset, offset + length)` for `mmap(2)`; `shared` and `write` as asked for.
    fn map(&self, open: &OpenFile, offset: u64, length: u64, shared: bool, write: bool) -> Result<MapSource> {
        let _ = (open, offset, length, shared, write);
        Err(Errno::ENODEV)
    }

    /// A descriptor of this file has been closed by the process `pid`; others may remain.
    fn flush(&self, pid: i32) {
        let _ = pid;
    }

    /// The last descriptor of this description is gone.
    fn release(&self, open: &OpenFile) {
        let _ = open;
    }
}

/// An open file description: what descriptors, in any process of the instance, refer to.
pub struct OpenFile {
    /// The file.
    pub file: Arc<dyn File>,
    /// Access mode and status flags (`O_RDONLY`…, `O_APPEND`, `O_NONBLOCK`, …).
    flags: AtomicU32,
    /// The file offset; held during reads and writes of seekable files, as POSIX asks.
    pub offset: Mutex<u64>,
    /// Name of a file that has no directory entry (`pipe:[7]`).
    name: String,
    /// The directory entry that was opened, for `*at` calls and `/proc`; none for anonymous files.
    pub dentry: Option<Arc<Dentry>>,
    /// Where it may be written to: what keeps it from being run.
    writing: Option<Use>,
    /// `F_SETOWN`: a process (positive) or process group (negative), and `F_SETSIG`.
    pub owner: AtomicI32,
    /// See `owner`.
    pub owner_signal: AtomicI32,
}

impl OpenFile {
    /// `O_ACCMODE`
    pub const ACCESS_MODE: u32 = 0o3;
    /// `O_NONBLOCK`
    pub const NONBLOCK: u32 = 0o4000;
    /// `O_APPEND`
    pub const APPEND: u32 = 0o2000;
    /// `O_PATH`
    pub const PATH: u32 = 0o10000000;
    /// The offset that stands for the end of the file, wherever that is when it is needed.
    pub const END: u64 = u64::MAX;

    /// A description of `file`.
    pub fn new(file: Arc<dyn File>, flags: u32, name: impl Into<String>) -> Arc<Self> {
        Self::with_entry(file, flags, name.into(), None, None)
    }

    /// A description of `file`, which was opened by the name `dentry`.
    pub fn named(file: Arc<dyn File>, flags: u32, dentry: Arc<Dentry>) -> Arc<Self> {
        Self::with_entry(file, flags, String::new(), Some(dentry), None)
    }

    /// As [`Self::named`], of a regular file, with what keeps it from being run.
    pub fn regular(file: Arc<dyn File>, flags: u32, dentry: Arc<Dentry>, writing: Option<Use>) -> Arc<Self> {
        Self::with_entry(file, flags, String::new(), Some(dentry), writing)
    }

    fn with_entry(
        file: Arc<dyn File>,
        flags: u32,
        name: String,
        dentry: Option<Arc<Dentry>>,
        writing: Option<Use>,
    ) -> Arc<Self> {
        Arc::new(Self {
            file,
            flags: AtomicU32::new(flags),
            offset: Mutex::new(0),
            name,
            dentry,
            writing,
            owner: AtomicI32::new(0),
            owner_signal: AtomicI32::new(0),
        })
    }

    /// Access mode and status flags.
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// `F_SETFL`.
    pub fn set_flags(&self, flags: u32) {
        self.flags.store(flags, Ordering::Relaxed);
    }

    /// Whether it must not block.
    pub fn nonblocking(&self) -> bool {
        self.flags() & Self::NONBLOCK != 0
    }

    /// Whether it only stands for a name (`O_PATH`).
    pub fn is_path(&self) -> bool {
        self.flags() & Self::PATH != 0
    }

    /// The name by which it goes now, for `/proc/PID/fd` and `/proc/PID/maps`: a renamed file has a new one.
    pub fn name(&self) -> String {
        self.dentry.as_ref().map_or_else(|| self.name.clone(), |dentry| dentry.path())
    }

    /// Whether `read` is allowed.
    pub fn readable(&self) -> bool {
        self.flags() & Self::PATH == 0 && self.flags() & Self::ACCESS_MODE != 1
    }

    /// Whether `write` is allowed.
    pub fn writable(&self) -> bool {
        self.flags() & Self::PATH == 0 && matches!(self.flags() & Self::ACCESS_MODE, 1 | 2)
    }

    /// The file as a kind.
    pub fn downcast<T: File>(&self) -> Option<&T> {
        self.file.as_any().downcast_ref()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        crate::vfs::locks::release_description(self);
        crate::vfs::inotify::closed(self);
        if self.flags() & Self::PATH == 0 {
            let file = self.file.clone();
            file.release(self);
        }
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile")
            .field("name", &self.name())
            .field("flags", &self.flags())
            .field("writing", &self.writing)
            .finish_non_exhaustive()
    }
}
