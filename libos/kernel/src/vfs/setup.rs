//! The name space of an instance, as it is made at boot.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;

use bailey_abi::boot::{BootConfig, Grant, SyntheticFile};

use crate::errno::{Errno, Result};
use crate::sync::{Mutex, Once};
use crate::user::UserBuffers;
use crate::vfs::hostfs::{HostInode, Tree};
use crate::vfs::tmpfs::TmpInode;
use crate::vfs::{
    Creation, Credentials, Dentry, FileKind, Inode, NewInode, devfs, memfd, procfs, resolve, sysfs,
};

const S_IFMT: u32 = 0o170000;
const S_IFLNK: u32 = 0o120000;
const S_IFDIR: u32 = 0o040000;

/// What `/proc` and `/sys` say of the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Processors.
    pub(crate) cpus: u32,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// `uname` node name.
    pub(crate) hostname: String,
    /// Grants: path in the instance, writable.
    pub(crate) grants: Vec<(String, bool)>,
}

static ROOT: Once<Arc<Dentry>> = Once::new();
static MACHINE: Once<Machine> = Once::new();

/// The root directory.
pub fn root() -> Arc<Dentry> {
    if let Some(root) = ROOT.get() {
        return root.clone();
    }
    ROOT.set(Dentry::root(TmpInode::directory(0o755)));
    ROOT.get().cloned().unwrap_or_else(|| Dentry::root(TmpInode::directory(0o755)))
}

/// What the machine looks like to programs.
pub(crate) fn machine() -> Machine {
    MACHINE.get().cloned().unwrap_or_default()
}

fn kernel() -> Credentials {
    Credentials { uid: 0, gid: 0, groups: Vec::new() }
}

/// Puts `inode` at `name` of a directory, whatever is there.
fn put(directory: &Arc<Dentry>, name: &str, inode: Arc<dyn Inode>) -> Result<()> {
    let parent = directory.inode.as_any();
    if let Some(parent) = parent.downcast_ref::<TmpInode>() {
        parent.replace(name, inode)
    } else if let Some(parent) = parent.downcast_ref::<HostInode>() {
        parent.lay_over(name, inode);
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// The directory at an absolute path; what is missing of it is made, and made over files.
///
/// # Errors
/// `EPERM` in `/proc` and `/sys`.
pub fn make_directories(path: &str) -> Result<Arc<Dentry>> {
    let cred = kernel();
    let mut at = root();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let found = resolve(&at, name, true, &cred).ok();
        at = match found.filter(|found| found.inode.kind() == FileKind::Directory) {
            Some(found) => found,
            None => {
                let inode = TmpInode::directory(0o755);
                put(&at, name, inode.clone())?;
                at.child(name, inode)
            }
        };
    }
    Ok(at)
}

fn split(path: &str) -> (&str, &str) {
    path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path))
}

fn mount(path: &str, inode: Arc<dyn Inode>) -> Result<()> {
    let (parent, name) = split(path);
    if name.is_empty() {
        return Err(Errno::EBUSY);
    }
    put(&make_directories(parent)?, name, inode)
}

fn mount_grant(grant: &Grant) -> Result<()> {
    let tree = Tree {
        guest: grant.guest.clone(),
        writable: grant.writable,
        immutable: grant.immutable,
        private: grant.private,
        changes: AtomicU32::new(0),
        epoch: AtomicU32::new(0),
        orphans: AtomicU32::new(0),
        momentum: Default::default(),
        changing: Mutex::new(()),
    };
    mount(&grant.guest, HostInode::root(tree)?)
}

/// A directory of the instance's own, unless it is granted.
fn own_directory(config: &BootConfig, path: &str, mode: u32, uid: u32, gid: u32) -> Result<()> {
    if config.grants.iter().any(|grant| grant.guest == path) {
        return Ok(());
    }
    let directory = make_directories(path)?;
    let inode = if directory.inode.as_any().is::<TmpInode>() {
        directory.inode.clone()
    } else {
        let inode: Arc<dyn Inode> = TmpInode::directory(mode);
        mount(path, inode.clone())?;
        inode
    };
    inode.change(&crate::vfs::AttributeChange {
        mode: Some(mode),
        uid: Some(uid),
        gid: Some(gid),
        ..crate::vfs::AttributeChange::default()
    })
}

fn put_file(config: &BootConfig, file: &SyntheticFile) -> Result<()> {
    let text = || core::str::from_utf8(&file.contents).map_err(|_| Errno::EILSEQ);
    let mode = file.mode & 0o7777;
    let what = match file.mode & S_IFMT {
        S_IFLNK => NewInode::Symlink(text()?),
        S_IFDIR => NewInode::Directory,
        _ => NewInode::Regular,
    };
    // A directory for one user alone is the instance's user's.
    let own = file.mode & S_IFMT == S_IFDIR && mode & 0o077 == 0;
    let (uid, gid) = if own { (config.uid, config.gid) } else { (0, 0) };
    let is_link = matches!(what, NewInode::Symlink(_));
    let inode = TmpInode::make(&Creation { what, mode: if is_link { 0o777 } else { mode }, uid, gid });
    if let Some(contents) = inode.contents() {
        let mut bytes = file.contents.clone();
        contents.write(&mut UserBuffers::kernel(&mut bytes), 0, false)?;
    }
    mount(&file.path, inode)
}

fn make_devices() -> Result<()> {
    let directory = make_directories("/dev")?;
    let node = |name: &str, what: NewInode<'_>, mode: u32| {
        let inode = TmpInode::make(&Creation { what, mode, uid: 0, gid: 0 });
        put(&directory, name, inode)
    };
    for (name, minor, mode) in devfs::NODES {
        node(name, NewInode::CharDevice(devfs::makedev(1, *minor)), *mode)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        node(name, NewInode::Symlink(target), 0o777)?;
    }
    Ok(())
}

/// Makes the name space: `memfd_size` is the length of the instance memfd in bytes.
///
/// A grant or file that cannot be put in its place is told to `complain` and left out.
///
/// # Errors
/// Where not even the instance's own directories can be made.
pub fn init(config: &BootConfig, memfd_size: u64, complain: &dyn Fn(&str)) -> Result<()> {
    memfd::init(memfd_size);
    MACHINE.set(Machine {
        cpus: config.cpus.max(1),
        memory: config.memory_total,
        hostname: config.hostname.clone(),
        grants: config.grants.iter().map(|grant| (grant.guest.clone(), grant.writable)).collect(),
    });
    let mut grants: Vec<&Grant> = config.grants.iter().collect();
    grants.sort_by_key(|grant| grant.guest.len());
    for grant in grants {
        if let Err(error) = mount_grant(grant) {
            complain(&alloc::format!("grant {} is left out: {error:?}", grant.guest));
        }
    }
    let (uid, gid) = (config.uid, config.gid);
    for (path, mode, uid, gid) in [
        ("/tmp", 0o1777, 0, 0),
        ("/var/tmp", 0o1777, 0, 0),
        ("/run", 0o755, 0, 0),
        ("/run/user", 0o755, 0, 0),
        ("/dev", 0o755, 0, 0),
        ("/dev/shm", 0o1777, 0, 0),
        ("/dev/pts", 0o755, 0, 0),
        ("/dev/bailey", 0o755, 0, 0),
    ] {
        own_directory(config, path, mode, uid, gid)?;
    }
    own_directory(config, &alloc::format!("/run/user/{uid}"), 0o700, uid, gid)?;
    devfs::init();
    make_devices()?;
    mount("/proc", procfs::root())?;
    mount("/sys", sysfs::root())?;
    for file in &config.files {
        if let Err(error) = put_file(config, file) {
            complain(&alloc::format!("file {} is left out: {error:?}", file.path));
        }
    }
    Ok(())
}

/// The grants and other mounts, for `/proc/mounts`: source, path, type, options.
pub(crate) fn mounts() -> Vec<[String; 4]> {
    let fixed = [
        ("tmpfs", "/", "tmpfs", "rw,relatime"),
        ("proc", "/proc", "proc", "rw,nosuid,nodev,noexec,relatime"),
        ("sysfs", "/sys", "sysfs", "ro,nosuid,nodev,noexec,relatime"),
    ];
    let mut mounts: Vec<[String; 4]> = fixed
        .iter()
        .map(|(a, b, c, d)| [a.to_string(), b.to_string(), c.to_string(), d.to_string()])
        .collect();
    for (path, writable) in machine().grants {
        let options = if writable { "rw,nosuid,nodev,relatime" } else { "ro,nosuid,nodev,relatime" };
        mounts.push(["host".to_string(), path, "ext4".to_string(), options.to_string()]);
    }
    mounts
}
