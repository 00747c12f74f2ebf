//! Names for open files that have none: what `/proc/PID/fd/N` leads to for a pipe or a terminal.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::fifo;
use crate::vfs::{Dentry, File, FileKind, FileSystem, Inode, InodeId, OpenFile, Space, Stat};

struct AnonymousFs;

impl FileSystem for AnonymousFs {
    fn name(&self) -> &'static str {
        "anon_inodefs"
    }

    fn space(&self) -> Result<Space> {
        const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
        Ok(Space {
            magic: ANON_INODE_FS_MAGIC,
            block_size: 4096,
            blocks: 0,
            free: 0,
            files: 0,
            files_free: 0,
        })
    }
}

static FILE_SYSTEM: AnonymousFs = AnonymousFs;

struct AnonymousInode {
    open: Arc<OpenFile>,
    stat: Stat,
}

impl Inode for AnonymousInode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn kind(&self) -> FileKind {
        self.stat.kind
    }

    fn id(&self) -> InodeId {
        InodeId { dev: self.stat.dev, ino: self.stat.ino }
    }

    fn stat(&self) -> Result<Stat> {
        self.open.file.stat()
    }

    fn file_system(&self) -> &dyn FileSystem {
        &FILE_SYSTEM
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Arc<dyn File>> {
        Err(Errno::ENXIO)
    }
}

/// A name for `file`, which was opened without one.
///
/// # Errors
/// Where its attributes can't be told.
pub fn anonymous_dentry(file: Arc<OpenFile>) -> Result<Arc<Dentry>> {
    let stat = file.file.stat()?;
    let name = file.name();
    Ok(Dentry::detached(Arc::new(AnonymousInode { open: file, stat }), name))
}

/// Opens what [`anonymous_dentry`] has named; none for every other inode.
pub fn reopen(inode: &Arc<dyn Inode>, flags: u32) -> Option<Result<Arc<OpenFile>>> {
    let inode = inode.as_any().downcast_ref::<AnonymousInode>()?;
    let (open, file) = (&inode.open, inode.open.file.clone());
    if let Some(pipe) = fifo::pipe_of(open) {
        let again = OpenFile::new(file, flags, open.name());
        pipe.attach(again.readable(), again.writable());
        return Some(Ok(again));
    }
    match inode.stat.kind {
        FileKind::Socket | FileKind::Anonymous => Some(Err(Errno::ENXIO)),
        // A terminal, or a stream of the host: it goes on where it stands, as there is but one of it.
        _ => Some(Ok(OpenFile::new(file, flags, open.name()))),
    }
}
