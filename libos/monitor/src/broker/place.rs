//! From a guest path to a directory descriptor and a name in it.
//!
//! The instance names paths free of symbolic links; nothing here follows one. Every name is looked
//! up relative to its grant's own descriptor, and cannot leave it.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, Result};

const MOST_PATH_BYTES: usize = 4096;
const MOST_NAME_BYTES: usize = 255;
const OTHERS_READ: u32 = 0o4;
const OTHERS_SEARCH: u32 = 0o1;

/// What stands behind a grant on the host.
#[derive(Debug)]
pub enum Source {
    /// A directory, opened `O_PATH`.
    Directory(OwnedFd),
    /// A regular file: the directory that holds it, and its name there.
    File(OwnedFd, String),
}

/// A grant as the broker serves it.
#[derive(Debug)]
pub struct Root {
    /// Absolute path in the instance.
    pub guest: String,
    /// Whether the instance may change it.
    pub writable: bool,
    /// Whether only what everybody on the host may read is served (system trees).
    pub public_only: bool,
    /// The host's side.
    pub source: Source,
}

impl Root {
    /// The part of `path` below this grant (empty: the grant itself), or `None` outside it.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.guest == "/" {
            return path.strip_prefix('/');
        }
        match path.strip_prefix(self.guest.as_str())? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }
}

/// Directory part of a [`Place`].
#[derive(Debug)]
enum Directory<'a> {
    Granted(BorrowedFd<'a>),
    Opened(Arc<OwnedFd>),
}

/// A name below a grant, found without following any link.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The grant.
    pub(super) root: &'a Root,
    directory: Directory<'a>,
    name: Option<&'a str>,
    /// Whether this is the grant itself, which cannot be removed or renamed.
    pub(super) is_root: bool,
}

impl Place<'_> {
    /// The directory that holds the name, or is the place itself.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        match &self.directory {
            Directory::Granted(fd) => *fd,
            Directory::Opened(fd) => fd.as_fd(),
        }
    }

    /// The name in the directory; `None` where the directory itself is meant.
    pub(super) fn name(&self) -> Option<&str> {
        self.name
    }

    /// The name of something that is to be made, removed or renamed.
    ///
    /// # Errors
    /// `EROFS` below a read-only grant, `EBUSY` for the grant itself.
    pub(super) fn changeable(&self) -> Result<&str> {
        if !self.root.writable {
            return Err(Errno::ROFS);
        }
        match self.name {
            Some(name) if !self.is_root => Ok(name),
            _ => Err(Errno::BUSY),
        }
    }

    /// `lstat` of the place.
    pub(super) fn stat(&self) -> Result<Stat> {
        match self.name {
            Some(name) => rustix::fs::statat(self.directory(), name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW),
            None => rustix::fs::fstat(self.directory()),
        }
    }

    /// Opens the place for use. Never follows a link, waits for a writer, or takes a terminal.
    pub(super) fn open(&self, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        rustix::fs::openat(self.directory(), self.name.unwrap_or("."), flags, mode)
    }

    /// Whether the permission bits let the instance read what `stat` describes.
    ///
    /// # Errors
    /// `EACCES` where the grant serves only what everybody may read, and this is not so.
    pub(super) fn check_readable(&self, stat: &Stat) -> Result<()> {
        if self.root.public_only && stat.st_mode & OTHERS_READ == 0 {
            return Err(Errno::ACCESS);
        }
        Ok(())
    }
}

/// The path of a `file:` URI.
///
/// # Errors
/// `EINVAL` unless it is absolute and free of empty, `.` and `..` components and NUL bytes,
/// `ENAMETOOLONG` past the host's bounds.
pub(super) fn file_path(uri: &str) -> Result<&str> {
    let path = uri.strip_prefix("file:").ok_or(Errno::INVAL)?;
    if path == "/" {
        return Ok(path);
    }
    if path.len() >= MOST_PATH_BYTES {
        return Err(Errno::NAMETOOLONG);
    }
    let components = path.strip_prefix('/').ok_or(Errno::INVAL)?;
    for component in components.split('/') {
        if matches!(component, "" | "." | "..") || component.contains('\0') {
            return Err(Errno::INVAL);
        }
        if component.len() > MOST_NAME_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
    }
    Ok(path)
}

/// Directories that are remembered.
const MOST_NEAR: usize = 16;
/// How long where a path leads is taken for granted: somebody on the host may move a directory.
const NEAR: Duration = Duration::from_millis(20);
/// The same in a system tree.
const NEAR_SYSTEM: Duration = Duration::from_secs(1);

/// A directory that was found lately.
#[derive(Debug)]
struct Near {
    /// Index of its grant.
    root: usize,
    /// Its path below the grant.
    path: String,
    directory: Arc<OwnedFd>,
    until: Instant,
}

/// The grants, and the directories below them that requests have lately led through.
#[derive(Debug)]
pub(super) struct Grants {
    roots: Vec<Root>,
    near: RefCell<Vec<Near>>,
}

impl Grants {
    pub(super) fn new(roots: Vec<Root>) -> Self {
        Self { roots, near: RefCell::new(Vec::new()) }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Root> {
        self.roots.get(index)
    }

    pub(super) fn index_of(&self, root: &Root) -> Option<usize> {
        self.roots.iter().position(|other| std::ptr::eq(other, root))
    }

    /// A directory may have gone or moved: the next path is walked from its grant on.
    pub(super) fn moved(&self) {
        self.near.borrow_mut().clear();
    }

    /// Finds the grant that a path lies below (the longest one), and the place below it.
    ///
    /// # Errors
    /// `ENOENT` outside all grants, `EACCES` behind a directory that not everybody may search (system
    /// trees), otherwise what the host says of the directories on the way.
    pub(super) fn find<'a>(&'a self, path: &'a str) -> Result<Place<'a>> {
        let granted = self.roots.iter().enumerate();
        let granted = granted.filter_map(|(index, root)| Some((index, root, root.below(path)?)));
        let longest = granted.max_by_key(|(_, root, _)| root.guest.len());
        let (index, root, below) = longest.ok_or(Errno::NOENT)?;
        match &root.source {
            Source::File(directory, name) if below.is_empty() => Ok(Place {
                root,
                directory: Directory::Granted(directory.as_fd()),
                name: Some(name),
                is_root: true,
            }),
            Source::File(..) => Err(Errno::NOTDIR),
            Source::Directory(directory) => self.below_directory(index, root, directory.as_fd(), below),
        }
    }

    fn below_directory<'a>(
        &'a self,
        index: usize,
        root: &'a Root,
        top: BorrowedFd<'a>,
        below: &'a str,
    ) -> Result<Place<'a>> {
        let place = |directory, name, is_root| Place { root, directory, name, is_root };
        if is_secret(root, below) {
            return Err(Errno::ACCESS);
        }
        let Some((parent, name)) = below.rsplit_once('/') else {
            if root.public_only {
                check_searchable(top)?;
            }
            let name = if below.is_empty() { None } else { Some(below) };
            return Ok(place(Directory::Granted(top), name, below.is_empty()));
        };
        let directory = self.directory(index, root, top, parent)?;
        Ok(place(Directory::Opened(directory), Some(name), false))
    }

    /// The directory at `path` below a grant: walked to from the nearest that is remembered.
    fn directory(&self, index: usize, root: &Root, top: BorrowedFd<'_>, path: &str) -> Result<Arc<OwnedFd>> {
        let now = Instant::now();
        let mut all = self.near.borrow_mut();
        all.retain(|near| near.until > now);
        let leads = |near: &&Near| near.root == index && beyond(&near.path, path).is_some();
        let nearest = all.iter().filter(leads).max_by_key(|near| near.path.len());
        let (from, rest, until) = match nearest {
            Some(near) if near.path == path => return Ok(near.directory.clone()),
            Some(near) => (near.directory.as_fd(), beyond(&near.path, path).unwrap_or(path), near.until),
            None => (top, path, now + if root.public_only { NEAR_SYSTEM } else { NEAR }),
        };
        let opened = if !root.public_only {
            open_beneath(from, rest)?
        } else {
            check_searchable(top)?;
            walk(from, rest)?
        };
        let directory = Arc::new(opened);
        if all.len() >= MOST_NEAR {
            all.remove(0);
        }
        all.push(Near { root: index, path: path.to_owned(), directory: directory.clone(), until });
        Ok(directory)
    }
}

/// What is left of `path` after that of a directory above it.
fn beyond<'a>(above: &str, path: &'a str) -> Option<&'a str> {
    match path.strip_prefix(above)? {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}

/// Password hashes, whatever their permission bits say.
fn is_secret(root: &Root, below: &str) -> bool {
    root.public_only && matches!(below.trim_end_matches('-'), "shadow" | "gshadow")
}

const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory by one host call; where the host is too old for it, step by step.
fn open_beneath(top: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(top, path, DIRECTORY, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => step_by_step(top, path, |_| Ok(())),
        other => other,
    }
}

/// A directory step by step, each of which everybody may search.
fn walk(top: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    step_by_step(top, path, check_searchable)
}

fn step_by_step(
    top: BorrowedFd<'_>,
    path: &str,
    check: impl Fn(BorrowedFd<'_>) -> Result<()>,
) -> Result<OwnedFd> {
    let mut reached: Option<OwnedFd> = None;
    for name in path.split('/') {
        let from = reached.as_ref().map_or(top, AsFd::as_fd);
        let next = rustix::fs::openat(from, name, DIRECTORY, Mode::empty())?;
        check(next.as_fd())?;
        reached = Some(next);
    }
    reached.ok_or(Errno::INVAL)
}

fn check_searchable(directory: BorrowedFd<'_>) -> Result<()> {
    if rustix::fs::fstat(directory)?.st_mode & OTHERS_SEARCH == 0 {
        return Err(Errno::ACCESS);
    }
    Ok(())
}

/// Opens the host's side of a grant.
///
/// # Errors
/// What the host says of the path, `EINVAL` where a file has no name.
pub fn open_source(host: &std::path::Path, file: bool) -> Result<Source> {
    if !file {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        return Ok(Source::Directory(rustix::fs::openat(CWD, host, flags, Mode::empty())?));
    }
    let parent = host.parent().ok_or(Errno::INVAL)?;
    let name = host.file_name().and_then(|name| name.to_str()).ok_or(Errno::INVAL)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, parent, flags, Mode::empty())?;
    Ok(Source::File(directory, name.to_owned()))
}
