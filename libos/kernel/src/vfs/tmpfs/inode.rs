//! tmpfs inodes.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::errno::{Errno, Result};
use crate::ipc::pipe::Pipe;
use crate::sync::Mutex;
use crate::time::{Clock, now};
use crate::vfs::memfd::{self, Contents};
use crate::vfs::tmpfs::directory::Directory;
use crate::vfs::{
    AttributeChange, Creation, DirEntry, File, FileKind, FileSystem, Inode, InodeId, NewInode, Owner, Space,
    Stability, Stat, Xattrs, stable_directory_changed,
};

/// `st_dev` of the tmpfs: of a major and minor that no host file has.
pub const DEVICE: u64 = 0x0ff0_0001;
const TMPFS_MAGIC: u64 = 0x0102_1994;
/// Most bytes of all extended attributes of an inode.
const MAX_XATTRS: usize = 64 * 1024;

static NEXT_INO: AtomicU64 = AtomicU64::new(2);

struct TmpFs;

impl FileSystem for TmpFs {
    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn space(&self) -> Result<Space> {
        let (total, free) = (memfd::total_pages(), memfd::free_pages());
        Ok(Space {
            magic: TMPFS_MAGIC,
            block_size: 4096,
            blocks: total,
            free,
            files: total,
            files_free: free,
        })
    }
}

static FILE_SYSTEM: TmpFs = TmpFs;

/// The time now, as file times are kept.
pub(super) fn timestamp() -> (i64, u32) {
    let time = now(Clock::Realtime);
    (time.as_secs() as i64, time.subsec_nanos())
}

#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nlink: u64,
    /// Whether it may be given a name though it has none (`O_TMPFILE`).
    pub(super) linkable: bool,
    pub(super) atime: (i64, u32),
    pub(super) mtime: (i64, u32),
    pub(super) ctime: (i64, u32),
}

pub(super) enum Body {
    Regular(Contents),
    Directory(Mutex<Directory>),
    Symlink(String),
    CharDevice(u64),
    Fifo(Arc<Pipe>),
    Socket(Arc<dyn Any + Send + Sync>),
}

/// An inode of the tmpfs.
pub struct TmpInode {
    ino: u64,
    pub(super) attributes: Mutex<Attributes>,
    pub(super) body: Body,
    xattrs: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl core::fmt::Debug for TmpInode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TmpInode").field("ino", &self.ino).finish_non_exhaustive()
    }
}

impl TmpInode {
    /// An inode without a name yet.
    pub fn make(creation: &Creation<'_>) -> Arc<Self> {
        let body = match &creation.what {
            NewInode::Regular => Body::Regular(Contents::new(false)),
            NewInode::Directory => Body::Directory(Mutex::new(Directory::default())),
            NewInode::Symlink(target) => Body::Symlink(target.to_string()),
            NewInode::Fifo => Body::Fifo(Arc::new(Pipe::default())),
            NewInode::Socket(endpoint) => Body::Socket(endpoint.clone()),
            NewInode::CharDevice(number) => Body::CharDevice(*number),
        };
        Self::with(body, creation)
    }

    pub(super) fn with(body: Body, creation: &Creation<'_>) -> Arc<Self> {
        let now = timestamp();
        let nlink = if matches!(body, Body::Directory(_)) { 2 } else { 1 };
        let Creation { mode, uid, gid, .. } = *creation;
        Arc::new(Self {
            ino: NEXT_INO.fetch_add(1, Ordering::Relaxed),
            attributes: Mutex::new(Attributes {
                mode,
                uid,
                gid,
                nlink,
                linkable: false,
                atime: now,
                mtime: now,
                ctime: now,
            }),
            body,
            xattrs: Mutex::new(BTreeMap::new()),
        })
    }

    /// An empty directory, owned by root.
    pub fn directory(mode: u32) -> Arc<Self> {
        Self::make(&Creation { what: NewInode::Directory, mode, uid: 0, gid: 0 })
    }

    /// The bytes of a regular file.
    pub fn contents(&self) -> Option<&Contents> {
        match &self.body {
            Body::Regular(contents) => Some(contents),
            _ => None,
        }
    }

    /// The bytes have changed.
    pub(super) fn touch(&self) {
        let now = timestamp();
        let mut attributes = self.attributes.lock();
        attributes.mtime = now;
        attributes.ctime = now;
        drop(attributes);
        if matches!(self.body, Body::Directory(_)) && self.stability() == Stability::Fixed {
            stable_directory_changed();
        }
    }

    pub(super) fn change_links(&self, by: i64) {
        let mut attributes = self.attributes.lock();
        attributes.nlink = attributes.nlink.saturating_add_signed(by);
        attributes.ctime = timestamp();
    }
}

impl Inode for TmpInode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn kind(&self) -> FileKind {
        match &self.body {
            Body::Regular(_) => FileKind::Regular,
            Body::Directory(_) => FileKind::Directory,
            Body::Symlink(_) => FileKind::Symlink,
            Body::CharDevice(_) => FileKind::CharDevice,
            Body::Fifo(_) => FileKind::Fifo,
            Body::Socket(_) => FileKind::Socket,
        }
    }

    fn id(&self) -> InodeId {
        InodeId { dev: DEVICE, ino: self.ino }
    }

    fn stat(&self) -> Result<Stat> {
        let (size, pages) = match &self.body {
            Body::Regular(contents) => (contents.size(), contents.pages()),
            Body::Directory(directory) => (directory.lock().len() as u64 * 20 + 40, 0),
            Body::Symlink(target) => (target.len() as u64, 0),
            _ => (0, 0),
        };
        let rdev = if let Body::CharDevice(number) = self.body { number } else { 0 };
        let attributes = self.attributes.lock();
        Ok(Stat {
            kind: self.kind(),
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            dev: DEVICE,
            ino: self.ino,
            nlink: attributes.nlink,
            rdev,
            size,
            block_size: 4096,
            blocks: pages * 8,
            atime: attributes.atime,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
        })
    }

    fn file_system(&self) -> &dyn FileSystem {
        &FILE_SYSTEM
    }

    /// Those that only root changes, which is to say the kernel as an instance comes up.
    fn stability(&self) -> Stability {
        let attributes = self.attributes.lock();
        let fixed = attributes.uid == 0 && attributes.mode & 0o022 == 0;
        if fixed { Stability::Fixed } else { Stability::Changing }
    }

    fn owner(&self) -> Result<Owner> {
        let attributes = self.attributes.lock();
        Ok(Owner { mode: attributes.mode, uid: attributes.uid, gid: attributes.gid })
    }

    fn lookup(&self, name: &str) -> Result<Arc<dyn Inode>> {
        self.find(name)
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        self.names()
    }

    fn create(&self, name: &str, creation: &Creation<'_>) -> Result<Arc<dyn Inode>> {
        let inode = Self::make(creation);
        self.add(name, inode.clone())?;
        Ok(inode)
    }

    fn create_unnamed(&self, creation: &Creation<'_>, linkable: bool) -> Result<Arc<dyn Inode>> {
        let inode = Self::make(creation);
        let mut attributes = inode.attributes.lock();
        attributes.nlink = 0;
        attributes.linkable = linkable;
        drop(attributes);
        Ok(inode)
    }

    fn link(&self, name: &str, target: &Arc<dyn Inode>) -> Result<()> {
        let inode = target.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        {
            let attributes = inode.attributes.lock();
            if attributes.nlink == 0 && !attributes.linkable {
                return Err(Errno::ENOENT);
            }
        }
        self.add(name, target.clone())?;
        inode.change_links(1);
        Ok(())
    }

    fn unlink(&self, name: &str, directory: bool) -> Result<()> {
        self.remove(name, directory)
    }

    fn rename(&self, name: &str, to: &Arc<dyn Inode>, to_name: &str, flags: u32) -> Result<()> {
        let to = to.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        self.move_name(name, to, to_name, flags)
    }

    fn read_link(&self) -> Result<String> {
        match &self.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        let mut attributes = self.attributes.lock();
        attributes.mode = change.mode.unwrap_or(attributes.mode);
        attributes.uid = change.uid.unwrap_or(attributes.uid);
        attributes.gid = change.gid.unwrap_or(attributes.gid);
        attributes.atime = change.atime.unwrap_or(attributes.atime);
        attributes.mtime = change.mtime.unwrap_or(attributes.mtime);
        attributes.ctime = timestamp();
        drop(attributes);
        let permissions = change.mode.is_some() || change.uid.is_some() || change.gid.is_some();
        if permissions && matches!(self.body, Body::Directory(_)) {
            stable_directory_changed();
        }
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>> {
        super::file::open(self, flags)
    }

    fn endpoint(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        match &self.body {
            Body::Socket(endpoint) => Some(endpoint.clone()),
            _ => None,
        }
    }

    fn xattrs(&self) -> Option<&dyn Xattrs> {
        matches!(self.body, Body::Regular(_) | Body::Directory(_)).then_some(self as &dyn Xattrs)
    }
}

impl Xattrs for TmpInode {
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.xattrs.lock().get(name).cloned().ok_or(Errno::ENODATA)
    }

    fn set(&self, name: &str, value: &[u8], flags: u32) -> Result<()> {
        let mut xattrs = self.xattrs.lock();
        match (xattrs.contains_key(name), flags) {
            (true, 1) => return Err(Errno::EEXIST),
            (false, 2) => return Err(Errno::ENODATA),
            _ => {}
        }
        let held: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if held + name.len() + value.len() > MAX_XATTRS {
            return Err(Errno::ENOSPC);
        }
        xattrs.insert(name.to_string(), value.to_vec());
        Ok(())
    }

    fn list(&self) -> Vec<String> {
        self.xattrs.lock().keys().cloned().collect()
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.xattrs.lock().remove(name).map(drop).ok_or(Errno::ENODATA)
    }
}
