//! What a file system offers: inodes, and the file system they belong to.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::vfs::{Dentry, File, FileKind, OpenFile, Stat};

/// Who an inode is: `st_dev` and `st_ino`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct InodeId {
    pub dev: u64,
    pub ino: u64,
}

/// Who may do what with an inode.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct Owner {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// `statfs(2)`, as far as file systems differ.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "statfs(2) documents them")]
pub struct Space {
    pub magic: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub files: u64,
    pub files_free: u64,
}

/// A mounted file system.
pub trait FileSystem: Send + Sync {
    /// Type, as `/proc/mounts` names it.
    fn name(&self) -> &'static str;

    /// Whether nothing in it can be changed.
    fn read_only(&self) -> bool {
        false
    }

    /// `statfs(2)`.
    fn space(&self) -> Result<Space>;
}

/// What a new name stands for.
pub enum NewInode<'a> {
    /// An empty file.
    Regular,
    /// An empty directory.
    Directory,
    /// A link with this target.
    Symlink(&'a str),
    /// A named pipe.
    Fifo,
    /// A socket and its endpoint.
    Socket(Arc<dyn Any + Send + Sync>),
    /// A character device of this number.
    CharDevice(u64),
}

impl core::fmt::Debug for NewInode<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Regular => "Regular",
            Self::Directory => "Directory",
            Self::Symlink(_) => "Symlink",
            Self::Fifo => "Fifo",
            Self::Socket(_) => "Socket",
            Self::CharDevice(_) => "CharDevice",
        })
    }
}

/// How to make an inode.
#[derive(Debug)]
pub struct Creation<'a> {
    /// What it is.
    pub what: NewInode<'a>,
    /// Permission bits, the umask already taken off.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A change of attributes; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct AttributeChange {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub atime: Option<(i64, u32)>,
    pub mtime: Option<(i64, u32)>,
}

/// One name of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Arc<str>,
    /// `d_ino`
    pub ino: u64,
    /// `d_type`
    pub kind: FileKind,
}

/// Where a magic link of `/proc` leads, without a path.
#[derive(Debug)]
pub enum Followed {
    /// A name.
    Dentry(Arc<Dentry>),
    /// An open file without a name (a pipe, a socket).
    File(Arc<OpenFile>),
}

/// How lasting what is found in a directory is. Permissions, and what leads through it to other directories, change
/// only with a word ([`crate::vfs::stable_directory_changed`]) unless it is `Changing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Any name may change at any time.
    Changing,
    /// Names come and go: [`Inode::still`] is asked.
    Leased,
    /// No name changes without a word.
    Fixed,
}

/// Extended attributes (`xattr(7)`) of one inode.
pub trait Xattrs {
    /// The value of `name`.
    fn get(&self, name: &str) -> Result<Vec<u8>>;
    /// Sets `name`; `flags` are `XATTR_CREATE` and `XATTR_REPLACE`.
    fn set(&self, name: &str, value: &[u8], flags: u32) -> Result<()>;
    /// The names.
    fn list(&self) -> Vec<String>;
    /// Removes `name`.
    fn remove(&self, name: &str) -> Result<()>;
}

/// A file of a file system. Directory operations get names without slash, that are neither `.` nor
/// `..`, and permissions have been checked.
pub trait Inode: Send + Sync + Any {
    /// For down-casts.
    fn as_any(&self) -> &dyn Any;

    /// `S_IFMT`
    fn kind(&self) -> FileKind;

    /// Who it is.
    fn id(&self) -> InodeId;

    /// `stat(2)`.
    fn stat(&self) -> Result<Stat>;

    /// The file system.
    fn file_system(&self) -> &dyn FileSystem;

    /// Mode and owner, for permission checks; may be a little older than [`Self::stat`]'s.
    fn owner(&self) -> Result<Owner> {
        let stat = self.stat()?;
        Ok(Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid })
    }

    /// Of a directory: how lasting what is found in it is.
    fn stability(&self) -> Stability {
        Stability::Changing
    }

    /// Of a [`Stability::Leased`] directory: whether `name` is still known to lead to `found`, or to nothing.
    fn still(&self, name: &str, found: Option<&Arc<dyn Inode>>) -> bool {
        let _ = (name, found);
        false
    }

    /// The inode that `name` stands for in this directory; `ENOENT`.
    fn lookup(&self, name: &str) -> Result<Arc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR)
    }

    /// All names but `.` and `..`.
    fn list(&self) -> Result<Vec<DirEntry>> {
        Err(Errno::ENOTDIR)
    }

    /// Makes a name that is free; `EEXIST`.
    fn create(&self, name: &str, creation: &Creation<'_>) -> Result<Arc<dyn Inode>> {
        let _ = (name, creation);
        Err(Errno::EPERM)
    }

    /// A file without a name in this directory's file system (`O_TMPFILE`), which may be given one if `linkable`.
    fn create_unnamed(&self, creation: &Creation<'_>, linkable: bool) -> Result<Arc<dyn Inode>> {
        let _ = (creation, linkable);
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives `target`, of the same file system, a further name.
    fn link(&self, name: &str, target: &Arc<dyn Inode>) -> Result<()> {
        let _ = (name, target);
        Err(Errno::EPERM)
    }

    /// Removes a name: of a directory, if `directory`, which must be empty; else of anything else.
    fn unlink(&self, name: &str, directory: bool) -> Result<()> {
        let _ = (name, directory);
        Err(Errno::EPERM)
    }

    /// `rename(2)` to a directory of the same file system; `flags` as `renameat2(2)`.
    fn rename(&self, name: &str, to: &Arc<dyn Inode>, to_name: &str, flags: u32) -> Result<()> {
        let _ = (name, to, to_name, flags);
        Err(Errno::EPERM)
    }

    /// Target of a symbolic link.
    fn read_link(&self) -> Result<String> {
        Err(Errno::EINVAL)
    }

    /// Where a magic link leads; none for every other inode.
    fn follow(&self) -> Option<Result<Followed>> {
        None
    }

    /// Changes attributes.
    fn change(&self, change: &AttributeChange) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// Opens it; `flags` as `open(2)`, `O_TRUNC` included. Directories are opened by the caller.
    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>> {
        let _ = flags;
        Err(Errno::ENXIO)
    }

    /// The endpoint of a socket.
    fn endpoint(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// Extended attributes, where they can be stored.
    fn xattrs(&self) -> Option<&dyn Xattrs> {
        None
    }
}

impl core::fmt::Debug for dyn Inode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} {:?}", self.kind(), self.id())
    }
}
