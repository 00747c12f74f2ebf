//! Open files of the host.

use alloc::sync::Arc;
use core::any::Any;

use bailey_abi::stream::OpenMode;

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::user::UserBuffers;
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::{HostInode, stat_of};
use crate::vfs::{File, FileKind, MapSource, OpenFile, Stat};

const O_TRUNC: u32 = 0o1000;
const FALLOC_KEEP_SIZE: u32 = 1;

/// An open regular file.
#[derive(Debug)]
pub(super) struct HostFile {
    inode: Arc<HostInode>,
    handle: Arc<HostHandle>,
}

/// Opens an inode.
pub(super) fn open(inode: Arc<HostInode>, flags: u32) -> Result<Arc<dyn File>> {
    if inode.kind != FileKind::Regular {
        // Devices, sockets and fifos of the host are not the instance's.
        return Err(Errno::ENXIO);
    }
    let kept = if inode.tree.immutable { inode.handle.lock().clone() } else { inode.handle.lock().take() };
    if let Some(handle) = kept {
        if flags & O_TRUNC != 0 {
            handle.set_length(0)?;
        }
        return Ok(Arc::new(HostFile { inode, handle }));
    }
    let access = flags & OpenFile::ACCESS_MODE;
    let mode = OpenMode {
        read: access != 1,
        write: access != 0,
        create: None,
        exclusive: false,
        truncate: flags & O_TRUNC != 0,
    };
    let (handle, attributes) = HostHandle::open(&inode.uri()?, mode)?;
    if inode.tree.immutable {
        *inode.handle.lock() = Some(handle.clone());
        cache::keeps_handle(&inode);
    } else {
        inode.learn(attributes);
    }
    Ok(Arc::new(HostFile { inode, handle }))
}

impl File for HostFile {
    fn stat(&self) -> Result<Stat> {
        if let Some(attributes) = self.inode.current() {
            return Ok(stat_of(&attributes));
        }
        let attributes = self.handle.attributes()?;
        self.inode.learn(attributes);
        Ok(stat_of(&attributes))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read(&self, _open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        to.check()?;
        let count = host::preadv(self.handle.fd()?, to.pieces(), Some(offset))?;
        to.advance(count);
        Ok(count)
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, offset: u64) -> Result<usize> {
        if from.remaining() == 0 {
            return Ok(0);
        }
        from.check()?;
        let fd = self.handle.fd()?;
        let count = if open.flags() & OpenFile::APPEND != 0 {
            host::pwritev_append(fd, from.pieces())?
        } else {
            host::pwritev(fd, from.pieces(), Some(offset))?
        };
        from.advance(count);
        self.inode.changed();
        Ok(count)
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.handle.set_length(length)?;
        self.inode.changed();
        Ok(())
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        // The host is asked for no space ahead: only the length can be made to fit.
        match mode {
            0 => {
                let end = offset.checked_add(length).ok_or(Errno::EFBIG)?;
                if end > self.size()? { self.truncate(end) } else { Ok(()) }
            }
            FALLOC_KEEP_SIZE => Ok(()),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn sync(&self) -> Result<()> {
        if self.inode.tree.writable { self.handle.flush() } else { Ok(()) }
    }

    fn map(
        &self,
        _open: &OpenFile,
        _offset: u64,
        _length: u64,
        shared: bool,
        write: bool,
    ) -> Result<MapSource> {
        if shared && write {
            self.inode.changed();
        }
        Ok(MapSource::Host(self.handle.clone()))
    }
}
