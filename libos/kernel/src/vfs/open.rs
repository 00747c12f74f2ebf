//! `open(2)`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::user::UserBuffers;
use crate::vfs::{
    Creation, Credentials, Dentry, DirectoryFile, EXECUTE, File, FileKind, Last, NewInode, OpenFile, READ,
    Stat, Use, WRITE, Walk, Walked, inotify,
};

const O_CREAT: u32 = 0o100;
const O_EXCL: u32 = 0o200;
const O_TRUNC: u32 = 0o1000;
const O_DIRECTORY: u32 = 0o200000;
const O_NOFOLLOW: u32 = 0o400000;
const O_NOATIME: u32 = 0o1000000;
const O_CLOEXEC: u32 = 0o2000000;
/// `__O_TMPFILE` without `O_DIRECTORY`.
const O_TMPFILE_BIT: u32 = 0o20000000;
/// Largest file that [`read_all`] takes in.
const MAX_READ_ALL: u64 = 64 * 1024 * 1024;

/// A file that was opened with `O_PATH`: only a name.
#[derive(Debug)]
struct PathFile(Arc<Dentry>);

impl File for PathFile {
    fn stat(&self) -> Result<Stat> {
        self.0.inode.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Opens `path` from `start`. `flags` and `mode` as `open(2)`; the umask has been taken off `mode`.
///
/// # Errors
/// As `open(2)`.
pub fn open(
    walk: &Walk<'_>,
    start: &Arc<Dentry>,
    path: &str,
    flags: u32,
    mode: u32,
) -> Result<Arc<OpenFile>> {
    let path_only = flags & OpenFile::PATH != 0;
    let create = flags & O_CREAT != 0 && !path_only;
    if flags & O_TMPFILE_BIT != 0 && !path_only {
        return open_unnamed(walk, start, path, flags, mode);
    }
    let follow = flags & O_NOFOLLOW == 0 && !(create && flags & O_EXCL != 0);
    if !create {
        return open_dentry(&walk.find(start, path, follow)?, flags, walk.cred);
    }
    let walked = walk.walk(start, path, follow || path.ends_with('/'))?;
    if flags & O_DIRECTORY != 0 {
        return Err(Errno::EINVAL);
    }
    match &walked.found {
        Some(_) if flags & O_EXCL != 0 => Err(Errno::EEXIST),
        Some(found) if walked.slash || found.inode.kind() == FileKind::Directory => Err(Errno::EISDIR),
        Some(found) => open_dentry(found, flags, walk.cred),
        None if walked.slash => Err(Errno::EISDIR),
        None => create_and_open(walk, start, path, &walked, flags, mode),
    }
}

fn create_and_open(
    walk: &Walk<'_>,
    start: &Arc<Dentry>,
    path: &str,
    walked: &Walked,
    flags: u32,
    mode: u32,
) -> Result<Arc<OpenFile>> {
    let Last::Name(name) = &walked.last else {
        return Err(Errno::EISDIR);
    };
    let parent = &walked.parent;
    walk.cred.check(&*parent.inode, WRITE | EXECUTE)?;
    let creation =
        Creation { what: NewInode::Regular, mode: mode & 0o7777, uid: walk.cred.uid, gid: walk.cred.gid };
    match parent.inode.create(name, &creation) {
        Ok(inode) => {
            let dentry = parent.child(name, inode);
            inotify::created(parent, name, false);
            finish(&dentry, flags & !O_TRUNC)
        }
        // Somebody else was faster; that is as good unless it had to be ours.
        Err(Errno::EEXIST) if flags & O_EXCL == 0 => {
            open_dentry(&walk.walk(start, path, flags & O_NOFOLLOW == 0)?.existing()?, flags, walk.cred)
        }
        Err(error) => Err(error),
    }
}

fn open_unnamed(
    walk: &Walk<'_>,
    start: &Arc<Dentry>,
    path: &str,
    flags: u32,
    mode: u32,
) -> Result<Arc<OpenFile>> {
    if flags & O_DIRECTORY == 0 || flags & OpenFile::ACCESS_MODE == 0 {
        return Err(Errno::EINVAL);
    }
    let directory = walk.walk(start, path, true)?.existing()?;
    if directory.inode.kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    walk.cred.check(&*directory.inode, WRITE | EXECUTE)?;
    let creation =
        Creation { what: NewInode::Regular, mode: mode & 0o7777, uid: walk.cred.uid, gid: walk.cred.gid };
    let inode = directory.inode.create_unnamed(&creation, flags & O_EXCL == 0)?;
    let name = alloc::format!("{}/#{} (deleted)", directory.path(), inode.id().ino);
    finish(&Dentry::detached(inode, name), flags & !O_TRUNC)
}

/// Opens what a name stands for.
///
/// # Errors
/// As `open(2)`.
pub fn open_dentry(dentry: &Arc<Dentry>, flags: u32, cred: &Credentials) -> Result<Arc<OpenFile>> {
    let inode = &dentry.inode;
    let kind = inode.kind();
    if flags & O_DIRECTORY != 0 && kind != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if flags & OpenFile::PATH != 0 {
        let kept = flags & (OpenFile::PATH | O_DIRECTORY | O_NOFOLLOW);
        return Ok(OpenFile::named(Arc::new(PathFile(dentry.clone())), kept, dentry.clone()));
    }
    if kind == FileKind::Symlink {
        return Err(Errno::ELOOP);
    }
    let access = match flags & OpenFile::ACCESS_MODE {
        0 => READ,
        1 => WRITE,
        _ => READ | WRITE,
    };
    let truncates = flags & O_TRUNC != 0;
    if kind == FileKind::Directory && (access & WRITE != 0 || truncates) {
        return Err(Errno::EISDIR);
    }
    cred.check(&**inode, access | if truncates && kind == FileKind::Regular { WRITE } else { 0 })?;
    if flags & O_NOATIME != 0 {
        cred.check_owns(&**inode)?;
    }
    finish(dentry, flags)
}

fn finish(dentry: &Arc<Dentry>, flags: u32) -> Result<Arc<OpenFile>> {
    let status = flags & !(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | 0o400);
    let inode = dentry.inode.clone();
    if inode.kind() == FileKind::Directory {
        return Ok(OpenFile::named(DirectoryFile::new(dentry.clone()), status, dentry.clone()));
    }
    let regular = inode.kind() == FileKind::Regular;
    // Anonymous files are opened anew under their own name.
    if let Some(reopened) = crate::vfs::procfs::reopen(&inode, status) {
        return reopened;
    }
    let writes = regular && (flags & OpenFile::ACCESS_MODE != 0 || flags & O_TRUNC != 0);
    let writing = if writes { Some(Use::to_write(inode.id())?) } else { None };
    let file = inode.open(flags)?;
    let open = OpenFile::regular(file, status, dentry.clone(), writing);
    if regular && flags & O_TRUNC != 0 {
        inotify::modified(&open);
    }
    inotify::opened(&open);
    Ok(open)
}

/// Reads up to `to.len()` bytes at `offset` into kernel memory; fewer only at the end of the file.
///
/// # Errors
/// As `pread(2)`.
pub fn read_kernel(open: &OpenFile, to: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < to.len() {
        let mut buffers = UserBuffers::kernel(&mut to[done..]);
        let count = open.file.read(open, &mut buffers, offset + done as u64)?;
        if count == 0 {
            break;
        }
        done += count;
    }
    Ok(done)
}

/// Reads a whole file into kernel memory.
///
/// # Errors
/// As `read(2)`; `EFBIG` beyond 64 MiB.
pub fn read_all(open: &OpenFile) -> Result<Vec<u8>> {
    let size = open.file.size()?;
    if size > MAX_READ_ALL {
        return Err(Errno::EFBIG);
    }
    let mut bytes = alloc::vec![0; size as usize];
    let count = read_kernel(open, &mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}
