//! Open files of the host.

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering;

use bailey_abi::stream::OpenMode;

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::user::UserBuffers;
use crate::vfs::hostfs::attributes::stat_of;
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::HostInode;
use crate::vfs::hostfs::told::Told;
use crate::vfs::{File, FileKind, MapSource, OpenFile, Stat};

const O_TRUNC: u32 = 0o1000;
const FALLOC_KEEP_SIZE: u32 = 1;

/// An open regular file.
#[derive(Debug)]
pub(super) struct HostFile {
    inode: Arc<HostInode>,
    source: Source,
}

/// Where its bytes come from.
#[derive(Debug)]
enum Source {
    /// The host's file.
    Handle(Arc<HostHandle>),
    /// What the host has told of it, as long as that is good; it is opened for reading.
    Told(Arc<Told>),
}

/// Opens an inode.
pub(super) fn open(inode: Arc<HostInode>, flags: u32) -> Result<Arc<dyn File>> {
    if inode.kind != FileKind::Regular {
        // Devices, sockets and fifos of the host are not the instance's.
        return Err(Errno::ENXIO);
    }
    let access = flags & OpenFile::ACCESS_MODE;
    if access == 0
        && flags & O_TRUNC == 0
        && let Some(told) = inode.bytes_told()
    {
        return Ok(Arc::new(HostFile { inode, source: Source::Told(told) }));
    }
    let kept = {
        let mut kept = inode.handle.lock();
        if inode.tree.keeps() { kept.get(access != 0) } else { kept.take() }
    };
    if let Some(handle) = kept {
        if flags & O_TRUNC != 0 {
            handle.set_length(0)?;
            inode.written(|_| 0);
        }
        return Ok(Arc::new(HostFile { inode, source: Source::Handle(handle) }));
    }
    let mode = OpenMode {
        read: access != 1,
        write: access != 0,
        create: None,
        exclusive: false,
        truncate: flags & O_TRUNC != 0,
    };
    let handle = if inode.tree.keeps() { open_to_keep(&inode, mode)? } else { open_once(&inode, mode)? };
    Ok(Arc::new(HostFile { inode, source: Source::Handle(handle) }))
}

fn open_once(inode: &Arc<HostInode>, mode: OpenMode) -> Result<Arc<HostHandle>> {
    let epoch = inode.epoch();
    let (handle, attributes) = HostHandle::open(&inode.uri()?, mode)?;
    handle.set_patient(inode.tree.keeps());
    if mode.truncate {
        inode.written(|_| 0);
    } else if !inode.tree.immutable {
        inode.learn(attributes, epoch);
    }
    Ok(handle)
}

/// Opens a file so that the handle is good for later readers too, where that can be.
fn open_to_keep(inode: &Arc<HostInode>, mode: OpenMode) -> Result<Arc<HostHandle>> {
    let handle = match open_once(inode, OpenMode { read: true, ..mode }) {
        Err(Errno::EACCES) if !mode.read => return open_once(inode, mode),
        other => other?,
    };
    let replaced = inode.handle.lock().put(&handle, mode.write);
    drop(replaced);
    cache::keeps_handle(inode);
    Ok(handle)
}

impl HostFile {
    fn handle(&self) -> Result<Arc<HostHandle>> {
        match &self.source {
            Source::Handle(handle) => Ok(handle.clone()),
            Source::Told(told) => told.handle(&self.inode),
        }
    }

    /// The descriptor to read from; none where what the host has told is all there is.
    fn descriptor(&self) -> Result<core::result::Result<i32, &Told>> {
        let told = match &self.source {
            Source::Handle(handle) => return handle.fd().map(Ok),
            Source::Told(told) => told,
        };
        if told.is_good(&self.inode) {
            return Ok(Err(told));
        }
        match told.handle(&self.inode) {
            Ok(handle) => handle.fd().map(Ok),
            Err(Errno::ENOENT | Errno::ESTALE) => Ok(Err(told)),
            Err(error) => Err(error),
        }
    }
}

impl File for HostFile {
    fn stat(&self) -> Result<Stat> {
        if let Some(attributes) = self.inode.current() {
            return Ok(stat_of(&attributes));
        }
        let epoch = self.inode.epoch();
        let attributes = match self.handle() {
            Ok(handle) => match self.inode.attributes_here(&handle) {
                Some(attributes) => attributes,
                None => handle.attributes()?,
            },
            // Somebody on the host has removed it.
            Err(Errno::ENOENT | Errno::ESTALE) => return Ok(stat_of(&self.inode.last_known())),
            Err(error) => return Err(error),
        };
        self.inode.learn(attributes, epoch);
        Ok(stat_of(&attributes))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn size(&self) -> Result<u64> {
        match self.inode.known_size() {
            Some(size) => Ok(size),
            None => Ok(self.stat()?.size),
        }
    }

    fn read(&self, _open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        let fd = match self.descriptor()? {
            Ok(fd) => fd,
            Err(told) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(told.bytes.len());
                return to.copy_out(&told.bytes[start..]);
            }
        };
        let pieces = match to.checked_pieces() {
            // At the end no byte is moved: where to is not looked at.
            Err(_) if offset >= self.size()? => return Ok(0),
            pieces => pieces?,
        };
        let count = host::preadv(fd, pieces, Some(offset))?;
        to.advance(count);
        if count > 0 && self.inode.read_is_news.load(Ordering::Relaxed) {
            self.inode.read_is_news.store(false, Ordering::Relaxed);
            self.inode.changed();
        }
        Ok(count)
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, offset: u64) -> Result<usize> {
        if from.remaining() == 0 {
            return Ok(0);
        }
        let (fd, pieces) = (self.handle()?.fd()?, from.checked_pieces()?);
        let append = offset == OpenFile::END || open.flags() & OpenFile::APPEND != 0;
        let count =
            if append { host::pwritev_append(fd, pieces)? } else { host::pwritev(fd, pieces, Some(offset))? };
        from.advance(count);
        let count64 = count as u64;
        self.inode.written(|size| if append { size + count64 } else { size.max(offset + count64) });
        Ok(count)
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.handle()?.set_length(length)?;
        self.inode.written(|_| length);
        Ok(())
    }

    fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        self.handle()?.seek_data(offset, hole)
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        self.handle()?.allocate(mode, offset, length)?;
        let end = offset.saturating_add(length);
        self.inode.written(|size| if mode & FALLOC_KEEP_SIZE == 0 { size.max(end) } else { size });
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        if self.inode.tree.writable { self.handle()?.flush() } else { Ok(()) }
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
            self.inode.mapped_for_writing();
        }
        Ok(MapSource::Host(self.handle()?))
    }
}
