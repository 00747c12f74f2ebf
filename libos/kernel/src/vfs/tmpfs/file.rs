//! Open tmpfs files, and memfds.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::fifo;
use crate::user::{self, UserBuffers};
use crate::vfs::memfd::{BAILEY_IOC_EXTENTS, Contents, SEAL_FUTURE_WRITE, SEAL_WRITE, Seals};
use crate::vfs::tmpfs::inode::{Body, TmpInode, timestamp};
use crate::vfs::{Creation, Credentials, Dentry, File, Inode, MapSource, NewInode, OpenFile, Stat, devfs};

const O_TRUNC: u32 = 0o1000;
const FALLOC_KEEP_SIZE: u32 = 1;
const FALLOC_PUNCH_HOLE: u32 = 2;
const FALLOC_ZERO_RANGE: u32 = 16;

/// An open regular file.
#[derive(Debug)]
pub(super) struct TmpFile(Arc<TmpInode>);

/// Opens an inode.
pub(super) fn open(inode: Arc<TmpInode>, flags: u32) -> Result<Arc<dyn File>> {
    match &inode.body {
        Body::Regular(contents) => {
            if flags & O_TRUNC != 0 {
                contents.truncate(0)?;
                inode.touch();
            }
            Ok(Arc::new(TmpFile(inode)))
        }
        Body::CharDevice(number) => devfs::open_char_device(*number, flags),
        Body::Fifo(pipe) => {
            let source = inode.clone();
            let file = fifo::open(pipe, flags, Arc::new(move || source.stat()))?;
            Ok(file)
        }
        Body::Socket(_) | Body::Directory(_) => Err(Errno::ENXIO),
        Body::Symlink(_) => Err(Errno::ELOOP),
    }
}

impl TmpFile {
    fn contents(&self) -> Result<&Contents> {
        self.0.contents().ok_or(Errno::EINVAL)
    }
}

impl File for TmpFile {
    fn stat(&self) -> Result<Stat> {
        self.0.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        const O_NOATIME: u32 = 0o1000000;
        let count = self.contents()?.read(to, offset)?;
        if count > 0 && open.flags() & O_NOATIME == 0 {
            // As `relatime` does: only where the time would look older than the last change.
            let mut attributes = self.0.attributes.lock();
            if attributes.atime <= attributes.mtime {
                attributes.atime = timestamp();
            }
        }
        Ok(count)
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, offset: u64) -> Result<usize> {
        let append = offset == OpenFile::END || open.flags() & OpenFile::APPEND != 0;
        let (count, _) = self.contents()?.write(from, offset, append)?;
        if count > 0 {
            self.0.touch();
        }
        Ok(count)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.contents()?.size())
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.contents()?.truncate(length)?;
        self.0.touch();
        Ok(())
    }

    fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        self.contents()?.seek_data(offset, hole)
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let contents = self.contents()?;
        let keep = mode & FALLOC_KEEP_SIZE != 0;
        match mode & !FALLOC_KEEP_SIZE {
            0 => contents.allocate(offset, length, keep)?,
            FALLOC_PUNCH_HOLE if keep => contents.zero_range(offset, length, true)?,
            FALLOC_ZERO_RANGE => contents.zero_range(offset, length, keep)?,
            _ => return Err(Errno::EOPNOTSUPP),
        }
        self.0.touch();
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        if request != BAILEY_IOC_EXTENTS {
            return Err(Errno::ENOTTY);
        }
        let asked: u64 = user::read(argument)?;
        let extent = self.contents()?.extent(asked)?;
        user::write(argument, &[extent.file_offset, extent.memfd_offset, extent.length])?;
        Ok(0)
    }

    fn map(
        &self,
        _open: &OpenFile,
        offset: u64,
        length: u64,
        shared: bool,
        write: bool,
    ) -> Result<MapSource> {
        let contents = self.contents()?;
        if shared && write && contents.seals.get() & (SEAL_WRITE | SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM);
        }
        contents.map(offset, length).map(MapSource::Memfd)
    }
}

/// `memfd_create(2)`: a file without a name in any directory.
pub fn memfd(name: &str, sealing: bool, executable: bool, cred: &Credentials) -> Arc<OpenFile> {
    const O_RDWR: u32 = 2;
    const O_LARGEFILE: u32 = 0o100000;
    let mode = if executable { 0o777 } else { 0o666 };
    let creation = Creation { what: NewInode::Regular, mode, uid: cred.uid, gid: cred.gid };
    let inode = TmpInode::with(Body::Regular(Contents::new(sealing)), &creation);
    inode.attributes.lock().nlink = 0;
    let dentry = Dentry::detached(inode.clone(), format!("/memfd:{name} (deleted)"));
    OpenFile::named(Arc::new(TmpFile(inode)), O_RDWR | O_LARGEFILE, dentry)
}

/// A file of `length` zero bytes without a name: what shared anonymous memory is.
///
/// # Errors
/// `ENOMEM`
pub fn anonymous(length: u64) -> Result<Arc<OpenFile>> {
    let creation = Creation { what: NewInode::Regular, mode: 0o600, uid: 0, gid: 0 };
    let contents = Contents::new(false);
    contents.truncate(length).map_err(|_| Errno::ENOMEM)?;
    let inode = TmpInode::with(Body::Regular(contents), &creation);
    inode.attributes.lock().nlink = 0;
    let dentry = Dentry::detached(inode.clone(), "/dev/zero (deleted)".to_string());
    Ok(OpenFile::named(Arc::new(TmpFile(inode)), 2, dentry))
}

/// Whether its bytes lie in the instance memfd.
pub fn is_file(file: &dyn File) -> bool {
    file.as_any().is::<TmpFile>()
}

/// The seals of a tmpfs file; none for any other.
pub fn seals_of(file: &OpenFile) -> Option<&Seals> {
    file.downcast::<TmpFile>()?.0.contents().map(|contents| &contents.seals)
}
