//! Names on a tmpfs, without a kernel around.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::tmpfs::TmpInode;
use super::*;
use crate::errno::{Errno, Result};

struct World {
    root: Arc<Dentry>,
    cred: Credentials,
}

impl World {
    fn new() -> Self {
        memfd::init_for_test();
        let root = Dentry::root(TmpInode::directory(0o755));
        Self { root, cred: Credentials { uid: 0, gid: 0, groups: Vec::new() } }
    }

    fn walk(&self, path: &str, follow: bool) -> Result<Walked> {
        let walk = Walk {
            root: self.root.clone(),
            cred: &self.cred,
            no_links: false,
            no_magic: false,
            beneath: false,
            in_root: false,
            look: false,
        };
        walk.walk(&self.root, path, follow)
    }

    fn make(&self, path: &str, what: NewInode<'_>) -> Result<Arc<Dentry>> {
        create(&self.walk(path, false)?, &Creation { what, mode: 0o755, uid: 0, gid: 0 }, &self.cred)
    }

    fn mkdir(&self, path: &str) {
        self.make(path, NewInode::Directory).unwrap();
    }

    fn find(&self, path: &str) -> Result<String> {
        Ok(self.walk(path, true)?.existing()?.path())
    }

    fn rename(&self, from: &str, to: &str, flags: u32) -> Result<()> {
        rename(&self.walk(from, false)?, &self.walk(to, false)?, flags, &self.cred)
    }

    fn unlink(&self, path: &str, directory: bool) -> Result<()> {
        unlink(&self.walk(path, false)?, directory, &self.cred)
    }

    fn names(&self, path: &str) -> Vec<String> {
        let dentry = self.walk(path, true).unwrap().existing().unwrap();
        dentry.inode.list().unwrap().into_iter().map(|entry| entry.name.to_string()).collect()
    }
}

#[test]
fn paths_are_walked() {
    let world = World::new();
    world.mkdir("/a");
    world.mkdir("/a/b");
    world.make("/a/f", NewInode::Regular).unwrap();
    assert_eq!(world.find("/a//./b/../b/"), Ok("/a/b".to_string()));
    assert_eq!(world.find("/../../a"), Ok("/a".to_string()));
    assert_eq!(world.find("/a/f/"), Err(Errno::ENOTDIR));
    assert_eq!(world.find("/a/f/x"), Err(Errno::ENOTDIR));
    assert_eq!(world.find("/a/x"), Err(Errno::ENOENT));
    assert_eq!(world.find("/x/y"), Err(Errno::ENOENT));
    assert_eq!(world.find(""), Err(Errno::ENOENT));
    assert_eq!(world.find(&"n".repeat(256)), Err(Errno::ENAMETOOLONG));
    assert_eq!(world.find("/"), Ok("/".to_string()));
}

#[test]
fn links_are_followed() {
    let world = World::new();
    world.mkdir("/a");
    world.make("/a/f", NewInode::Regular).unwrap();
    world.make("/abs", NewInode::Symlink("/a")).unwrap();
    world.make("/a/rel", NewInode::Symlink("../abs/f")).unwrap();
    world.make("/loop", NewInode::Symlink("loop")).unwrap();
    world.make("/top", NewInode::Symlink("/")).unwrap();
    assert_eq!(world.find("/abs/rel"), Ok("/a/f".to_string()));
    assert_eq!(world.find("/loop"), Err(Errno::ELOOP));
    assert_eq!(world.find("/top/a"), Ok("/a".to_string()));
    assert_eq!(world.find("/top"), Ok("/".to_string()));
    let link = world.walk("/abs", false).unwrap().existing().unwrap();
    assert_eq!(link.inode.kind(), FileKind::Symlink);
    assert_eq!(world.unlink("/abs/", false), Err(Errno::ENOTDIR));
    // What a dangling link names can be made through it.
    world.make("/new", NewInode::Symlink("/a/made")).unwrap();
    let walked = world.walk("/new", true).unwrap();
    assert_eq!((walked.parent.path().as_str(), walked.last), ("/a", Last::Name("made".to_string())));
}

#[test]
fn directories_go_when_they_are_empty() {
    let world = World::new();
    world.mkdir("/a");
    world.mkdir("/a/b");
    assert_eq!(world.unlink("/a", true), Err(Errno::ENOTEMPTY));
    assert_eq!(world.unlink("/a", false), Err(Errno::EISDIR));
    assert_eq!(world.unlink("/a/.", true), Err(Errno::EINVAL));
    let inside = world.walk("/a/b", true).unwrap().existing().unwrap();
    world.unlink("/a/b", true).unwrap();
    assert!(inside.is_deleted());
    assert_eq!(inside.path(), "/a/b (deleted)");
    let creation = Creation { what: NewInode::Regular, mode: 0o600, uid: 0, gid: 0 };
    assert_eq!(inside.inode.create("late", &creation).err(), Some(Errno::ENOENT));
    assert_eq!(world.walk("/a", true).unwrap().existing().unwrap().inode.stat().unwrap().nlink, 2);
    assert_eq!(world.unlink("/", true), Err(Errno::EBUSY));
}

#[test]
fn names_are_moved() {
    let world = World::new();
    world.mkdir("/a");
    world.mkdir("/b");
    world.make("/a/f", NewInode::Regular).unwrap();
    let file = world.walk("/a/f", true).unwrap().existing().unwrap();
    world.rename("/a/f", "/b/g", 0).unwrap();
    assert_eq!(file.path(), "/b/g");
    assert_eq!(world.rename("/b", "/b/inside", 0), Err(Errno::EINVAL));
    assert_eq!(world.rename("/a", "/b", 0), Err(Errno::ENOTEMPTY));
    assert_eq!(world.rename("/b/g", "/a", 0), Err(Errno::EISDIR));
    assert_eq!(world.rename("/a", "/b/g", 0), Err(Errno::ENOTDIR));
    assert_eq!(world.rename("/b/g", "/a/x", 3), Err(Errno::EINVAL));
    world.make("/a/other", NewInode::Regular).unwrap();
    assert_eq!(world.rename("/b/g", "/a/other", 1), Err(Errno::EEXIST));
    let other = world.walk("/a/other", true).unwrap().existing().unwrap();
    world.rename("/b/g", "/a/other", 2).unwrap();
    assert_eq!((file.path().as_str(), other.path().as_str()), ("/a/other", "/b/g"));
    world.rename("/b/g", "/a/other", 0).unwrap();
    assert!(file.is_deleted() && world.names("/b").is_empty());
    assert_eq!(file.inode.stat().unwrap().nlink, 0);
}

#[test]
fn hard_links_count() {
    let world = World::new();
    let file = world.make("/f", NewInode::Regular).unwrap();
    link(&file, &world.walk("/g", false).unwrap(), &world.cred).unwrap();
    assert_eq!(file.inode.stat().unwrap().nlink, 2);
    // Two names of one file: rename does nothing.
    world.rename("/f", "/g", 0).unwrap();
    assert_eq!(world.names("/"), ["f", "g"]);
    assert_eq!(link(&file, &world.walk("/g", false).unwrap(), &world.cred), Err(Errno::EEXIST));
    let directory = world.make("/d", NewInode::Directory).unwrap();
    assert_eq!(link(&directory, &world.walk("/e", false).unwrap(), &world.cred), Err(Errno::EPERM));
}

#[test]
fn the_sticky_bit_protects() {
    let mut world = World::new();
    world.mkdir("/tmp");
    let tmp = world.walk("/tmp", true).unwrap().existing().unwrap();
    chmod(&tmp, 0o1777, &world.cred).unwrap();
    world.make("/tmp/root", NewInode::Regular).unwrap();
    world.cred = Credentials { uid: 1000, gid: 1000, groups: Vec::new() };
    assert_eq!(world.unlink("/tmp/root", false), Err(Errno::EPERM));
    assert_eq!(world.make("/mine", NewInode::Regular).err(), Some(Errno::EACCES));
    assert_eq!(chmod(&tmp, 0, &world.cred), Err(Errno::EPERM));
}

#[test]
fn open_obeys_its_flags() {
    const O_CREAT: u32 = 0o100;
    const O_EXCL: u32 = 0o200;
    const O_TRUNC: u32 = 0o1000;
    const O_DIRECTORY: u32 = 0o200000;
    const O_NOFOLLOW: u32 = 0o400000;
    let world = World::new();
    world.mkdir("/d");
    world.make("/l", NewInode::Symlink("/d/f")).unwrap();
    let walk = Walk {
        root: world.root.clone(),
        cred: &world.cred,
        no_links: false,
        no_magic: false,
        beneath: false,
        in_root: false,
        look: false,
    };
    let try_open = |path: &str, flags: u32| open(&walk, &world.root, path, flags, 0o644);
    assert_eq!(try_open("/l", 0).err(), Some(Errno::ENOENT));
    assert_eq!(try_open("/l", O_CREAT | O_EXCL | 1).err(), Some(Errno::EEXIST));
    let file = try_open("/l", O_CREAT | 2).unwrap();
    assert_eq!(file.name(), "/d/f");
    let mut bytes = *b"hello";
    file.file.write(&file, &mut crate::user::UserBuffers::kernel(&mut bytes), 0).unwrap();
    assert_eq!(read_all(&file).unwrap(), b"hello");
    assert_eq!(try_open("/l", O_NOFOLLOW).err(), Some(Errno::ELOOP));
    assert_eq!(try_open("/d/f", O_DIRECTORY).err(), Some(Errno::ENOTDIR));
    assert_eq!(try_open("/d", 1).err(), Some(Errno::EISDIR));
    assert_eq!(try_open("/d/x/", O_CREAT | 1).err(), Some(Errno::EISDIR));
    try_open("/d/f", O_TRUNC | 1).unwrap();
    assert_eq!(file.file.size(), Ok(0));
    assert!(try_open("/d", 0).unwrap().downcast::<DirectoryFile>().is_some());
}

#[test]
fn descriptors_are_the_lowest_free() {
    let world = World::new();
    let dentry = world.make("/f", NewInode::Regular).unwrap();
    let file = open_dentry(&dentry, 0, &world.cred).unwrap();
    let table = FileTable::new();
    for fd in 0..4 {
        assert_eq!(table.insert(file.clone(), false, 0), Ok(fd));
    }
    table.remove(1).unwrap();
    assert_eq!(table.remove(1), Err(Errno::EBADF));
    assert_eq!(table.insert(file.clone(), true, 0), Ok(1));
    assert_eq!(table.insert(file.clone(), false, 10), Ok(10));
    assert_eq!(table.duplicate(0, 20, false), Ok(20));
    let copy = table.clone_table();
    copy.close_on_exec();
    assert!(copy.get(1).is_err() && copy.get(20).is_ok() && table.get(1).is_ok());
    table.set_limit(12);
    assert_eq!(table.insert(file.clone(), false, 12), Err(Errno::EINVAL));
    assert_eq!(table.insert(file.clone(), false, 11), Ok(11));
    assert_eq!(table.insert(file, false, 11), Err(Errno::EMFILE));
    table.remove_range(2, u32::MAX, false);
    assert_eq!(table.iter().iter().map(|(fd, _)| *fd).collect::<Vec<_>>(), [0, 1]);
}
