//! Inodes of synthetic trees.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::time::{Clock, now};
use crate::vfs::synthetic::file::SyntheticFile;
use crate::vfs::synthetic::{Node, Subject};
use crate::vfs::{
    AttributeChange, DirEntry, File, FileKind, FileSystem, Followed, Inode, InodeId, Owner, Space, Stat,
};

/// A synthetic file system.
#[derive(Debug)]
pub struct SyntheticFs {
    /// Type, as `/proc/mounts` names it.
    pub name: &'static str,
    /// `st_dev`
    pub dev: u64,
    /// `statfs(2)`'s `f_type`.
    pub magic: u64,
}

impl FileSystem for SyntheticFs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn space(&self) -> Result<Space> {
        Ok(Space { magic: self.magic, block_size: 4096, blocks: 0, free: 0, files: 0, files_free: 0 })
    }
}

/// A file of a synthetic tree.
#[derive(Debug)]
pub struct SyntheticInode {
    fs: &'static SyntheticFs,
    node: &'static Node,
    subject: Subject,
    ino: u64,
}

/// Inode numbers are a hash of the path, so that they stay the same (FNV-1a).
fn number(parent: u64, name: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ parent;
    let hash = name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 16) | 1
}

impl SyntheticInode {
    /// The root of a tree.
    pub fn root(fs: &'static SyntheticFs, node: &'static Node) -> Arc<Self> {
        Arc::new(Self { fs, node, subject: Subject::default(), ino: 1 })
    }

    /// What it is about, if it is such a file.
    pub fn subject_of(&self, node: &'static Node) -> Option<&Subject> {
        core::ptr::eq(self.node, node).then_some(&self.subject)
    }

    fn fixed(&self) -> Result<&'static [(&'static str, Node)]> {
        match self.node {
            Node::Directory(names) | Node::Dynamic(_, names) => Ok(names),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn child(&self, name: &str, node: &'static Node, subject: Subject) -> Arc<Self> {
        Arc::new(Self { fs: self.fs, node, subject, ino: number(self.ino, name) })
    }

    fn entry(&self, name: String, node: &Node) -> DirEntry {
        DirEntry { ino: number(self.ino, &name), kind: kind_of(node), name: name.into() }
    }

    /// Names that lead here: a directory's own two, and one in each directory below. Programs count their threads by
    /// the links of `/proc/self/task`.
    fn links(&self) -> u64 {
        match self.kind() {
            FileKind::Directory => {
                let entries = self.list().unwrap_or_default();
                2 + entries.iter().filter(|entry| entry.kind == FileKind::Directory).count() as u64
            }
            _ => 1,
        }
    }

    fn mode(&self) -> u32 {
        match self.node {
            Node::Directory(_) | Node::Dynamic(..) => 0o555,
            Node::Text(_) | Node::Fixed(_) => 0o444,
            Node::Private(_) => 0o400,
            Node::Store(..) => 0o644,
            Node::Link(_) | Node::Magic(_) => 0o777,
            Node::Handle(_, mode) => mode(&self.subject),
        }
    }
}

fn kind_of(node: &Node) -> FileKind {
    match node {
        Node::Directory(_) | Node::Dynamic(..) => FileKind::Directory,
        Node::Text(_) | Node::Private(_) | Node::Store(..) | Node::Fixed(_) => FileKind::Regular,
        Node::Link(_) | Node::Magic(_) | Node::Handle(..) => FileKind::Symlink,
    }
}

impl Inode for SyntheticInode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn kind(&self) -> FileKind {
        kind_of(self.node)
    }

    fn id(&self) -> InodeId {
        InodeId { dev: self.fs.dev, ino: self.ino }
    }

    fn stat(&self) -> Result<Stat> {
        let owner = self.owner()?;
        let time = now(Clock::Realtime);
        let time = (time.as_secs() as i64, time.subsec_nanos());
        Ok(Stat {
            kind: self.kind(),
            mode: owner.mode,
            uid: owner.uid,
            gid: owner.gid,
            dev: self.fs.dev,
            ino: self.ino,
            nlink: self.links(),
            rdev: 0,
            size: 0,
            block_size: 1024,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
        })
    }

    fn file_system(&self) -> &dyn FileSystem {
        self.fs
    }

    fn owner(&self) -> Result<Owner> {
        let (uid, gid) = if self.subject.process.is_some() { crate::task::current_ids() } else { (0, 0) };
        Ok(Owner { mode: self.mode(), uid, gid })
    }

    fn lookup(&self, name: &str) -> Result<Arc<dyn Inode>> {
        if let Some((_, node)) = self.fixed()?.iter().find(|(other, _)| *other == name) {
            return Ok(self.child(name, node, self.subject.clone()));
        }
        match self.node {
            Node::Dynamic(listing, _) => {
                let (node, subject) = listing.find(&self.subject, name)?;
                Ok(self.child(name, node, subject))
            }
            _ => Err(Errno::ENOENT),
        }
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        let mut entries: Vec<_> =
            self.fixed()?.iter().map(|(name, node)| self.entry((*name).to_string(), node)).collect();
        if let Node::Dynamic(listing, _) = self.node {
            for name in listing.names(&self.subject)? {
                if let Ok((node, _)) = listing.find(&self.subject, &name) {
                    entries.push(self.entry(name, node));
                }
            }
        }
        Ok(entries)
    }

    fn read_link(&self) -> Result<String> {
        match self.node {
            Node::Link(target) => target(&self.subject),
            Node::Magic(target) | Node::Handle(target, _) => match target(&self.subject)? {
                Followed::Dentry(dentry) => Ok(dentry.path()),
                Followed::File(file) => Ok(file.name()),
            },
            _ => Err(Errno::EINVAL),
        }
    }

    fn follow(&self) -> Option<Result<Followed>> {
        match self.node {
            Node::Magic(target) | Node::Handle(target, _) => Some(target(&self.subject)),
            _ => None,
        }
    }

    fn change(&self, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Arc<dyn File>> {
        Ok(Arc::new(SyntheticFile::new(self)))
    }
}

impl SyntheticInode {
    pub(super) fn text(&self) -> Result<String> {
        match self.node {
            Node::Text(make) | Node::Private(make) | Node::Store(make, _) => make(&self.subject),
            Node::Fixed(text) => Ok((*text).to_string()),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn store(&self, text: &str) -> Result<()> {
        match self.node {
            Node::Store(_, store) => store(&self.subject, text),
            _ => Err(Errno::EACCES),
        }
    }
}
