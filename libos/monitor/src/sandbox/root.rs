//! The monitor's root: an empty file system that holds the grants, each mounted at its number, and
//! nothing else of the host.

use std::ffi::{CString, c_void};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};

use super::SandboxError;
use crate::broker::{Root, Source, open_source};
use crate::manifest::GrantSpec;

/// Copies of the granted trees' mounts, not attached anywhere.
#[derive(Debug)]
pub struct Trees {
    trees: Vec<OwnedFd>,
}

fn fail(step: impl Into<String>) -> impl FnOnce(Errno) -> SandboxError {
    let step = step.into();
    move |errno| SandboxError::namespaces(step, errno)
}

/// Copies the grants' mounts: without devices and set-user-id programs, and read-only unless the grant
/// is writable. Needs a mount namespace of this process's own.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn clone_trees(grants: &[GrantSpec]) -> Result<Trees, SandboxError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).map_err(fail("make the mounts private"))?;
    let mut trees = Vec::new();
    for grant in grants {
        let host = grant.host.display();
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let tree =
            rustix::mount::open_tree(CWD, &grant.host, flags).map_err(fail(format!("mount {host}")))?;
        restrict_tree(tree.as_fd(), grant.writable).map_err(fail(format!("protect the mount of {host}")))?;
        trees.push(tree);
    }
    Ok(Trees { trees })
}

/// `mount_setattr(2)`, recursively.
fn restrict_tree(tree: BorrowedFd<'_>, writable: bool) -> Result<(), Errno> {
    let mut set = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    if !writable {
        set |= libc::MOUNT_ATTR_RDONLY;
    }
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the path is a NUL-terminated constant, the attributes live on this stack and their
    // size is given; the kernel only reads both.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            (&raw const attributes).cast::<c_void>(),
            size_of::<libc::mount_attr>(),
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// Makes the empty root, attaches the trees in it and makes it this process's root; the host's is
/// gone afterwards. Gives the grants as the broker serves them, in order.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn enter(trees: Trees, grants: &[GrantSpec]) -> Result<Vec<Root>, SandboxError> {
    let root = new_root()?;
    rustix::process::fchdir(&root).map_err(fail("enter the new root"))?;
    for (number, (tree, grant)) in trees.trees.iter().zip(grants).enumerate() {
        attach(tree.as_fd(), &number.to_string(), grant)?;
    }
    rustix::process::pivot_root(".", ".").map_err(fail("change the root"))?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(fail("leave the host's root"))?;
    rustix::process::chdir("/").map_err(fail("enter the new root"))?;
    let top = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(fail("open the new root"))?;
    seal(top.as_fd())?;
    let served = grants.iter().enumerate();
    served.map(|(number, grant)| serve(number, grant)).collect::<Result<_, _>>()
}

/// A new tmpfs, mounted over a directory that every host has.
fn new_root() -> Result<OwnedFd, SandboxError> {
    let context =
        rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(fail("open a tmpfs"))?;
    let set = |key: &str, value: &str| rustix::mount::fsconfig_set_string(context.as_fd(), key, value);
    set("mode", "0755").map_err(fail("configure a tmpfs"))?;
    set("size", "1m").map_err(fail("configure a tmpfs"))?;
    rustix::mount::fsconfig_create(context.as_fd()).map_err(fail("make a tmpfs"))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .map_err(fail("mount a tmpfs"))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(mount.as_fd(), "", CWD, "/tmp", flags)
        .map_err(fail("mount a tmpfs over /tmp"))?;
    Ok(mount)
}

/// Attaches a tree at `name` in the current directory.
fn attach(tree: BorrowedFd<'_>, name: &str, grant: &GrantSpec) -> Result<(), SandboxError> {
    if grant.file {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::open(name, flags, Mode::RUSR).map(drop).map_err(fail("make a mount point"))?;
    } else {
        rustix::fs::mkdir(name, Mode::RWXU).map_err(fail("make a mount point"))?;
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(tree, "", CWD, name, flags)
        .map_err(fail(format!("attach the mount of {}", grant.host.display())))
}

/// The new root itself is read-only from here on.
fn seal(top: BorrowedFd<'_>) -> Result<(), SandboxError> {
    let attributes =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let path = CString::default();
    // SAFETY: as in `restrict_tree`.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            top.as_raw_fd(),
            path.as_ptr(),
            libc::AT_EMPTY_PATH,
            (&raw const attributes).cast::<c_void>(),
            size_of::<libc::mount_attr>(),
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(SandboxError::plain("seal the new root", std::io::Error::last_os_error())),
    }
}

fn serve(number: usize, grant: &GrantSpec) -> Result<Root, SandboxError> {
    let path = format!("/{number}");
    let source = open_source(path.as_ref(), grant.file)
        .map_err(fail(format!("open the mount of {}", grant.host.display())))?;
    let writable = grant.writable;
    Ok(Root { guest: grant.guest.clone(), writable, public_only: grant.public_only, source })
}

impl Trees {
    /// The grants' sources and whether they are writable, for Landlock.
    #[must_use]
    pub fn for_landlock(roots: &[Root]) -> Vec<(OwnedFd, bool)> {
        let open = |root: &Root| {
            let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            match &root.source {
                Source::Directory(fd) => rustix::fs::openat(fd, ".", flags, Mode::empty()),
                Source::File(directory, name) => {
                    rustix::fs::openat(directory, name.as_str(), flags, Mode::empty())
                }
            }
        };
        roots.iter().filter_map(|root| Some((open(root).ok()?, root.writable))).collect()
    }
}
