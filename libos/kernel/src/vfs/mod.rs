//! Files: open file descriptions, names, mounts, and the file systems.
//!
//! An [`Inode`] is a file as its file system knows it; a [`Dentry`] is a name that leads to one, with
//! the name's directory; an [`OpenFile`] is a file that has been opened. A mount is an inode of one
//! file system that stands in a directory of another: the root is a tmpfs, and grants, `/proc`, `/sys`
//! are such inodes in it.
//!
//! Lock order: dentry, directory inode, file contents, extent allocator. The namespace lock of a
//! writable host tree ([`hostfs`]) is held across requests to the monitor: it is that tree's I/O lock.

mod access;
mod busy;
pub mod bytes;
mod context;
mod dentry;
mod directory;
mod file;
mod inode;
mod known;
mod names;
mod open;
mod resolve;
mod setup;
mod table;

pub mod devfs;
pub mod hostfs;
pub mod inotify;
pub mod locks;
pub mod memfd;
pub mod procfs;
pub mod synthetic;
pub mod sysfs;
pub mod tmpfs;

pub use access::{Credentials, EXECUTE, READ, WRITE};
pub use busy::Use;
pub use context::FsContext;
pub use dentry::Dentry;
pub use directory::DirectoryFile;
pub use file::{Events, File, FileKind, MapSegment, MapSource, OpenFile, Stat};
pub use inode::{
    AttributeChange, Creation, DirEntry, FileSystem, Followed, Inode, InodeId, NewInode, Owner, Space,
    Stability, Xattrs,
};
pub use known::changed as stable_directory_changed;
pub use names::{
    bind_socket, chmod, create, link, lookup_socket, make_node, remove_node, rename, rename_exchange_flag,
    symlink, unlink,
};
pub use open::{open, open_dentry, read_all, read_kernel};
pub use resolve::{Last, MAX_NAME, Walk, Walked, resolve};
pub use setup::{init, make_directories, root};
pub use table::{FileTable, MAX_DESCRIPTORS};

#[cfg(test)]
mod tests;

pub(crate) use setup::machine;
