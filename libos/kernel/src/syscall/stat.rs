//! Attributes and directory listings, in the structures that programs know.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::syscall::at::{AT_FDCWD, AT_SYMLINK_NOFOLLOW, lookup, path, stat_file, target};
use crate::syscall::table::{Call, full, partial};
use crate::user;
use crate::vfs::bytes::to_bytes;
use crate::vfs::{DirectoryFile, FileSystem, Stat};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(4, "stat", stat),
    full(5, "fstat", fstat),
    full(6, "lstat", lstat),
    full(78, "getdents", getdents),
    full(137, "statfs", statfs),
    full(138, "fstatfs", fstatfs),
    full(217, "getdents64", getdents64),
    full(262, "newfstatat", newfstatat),
    partial(332, "statx", statx, "no birth time, no mount id, no attributes"),
];

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

fn mode(stat: &Stat) -> u32 {
    stat.kind.mode_bits() | stat.mode
}

/// Writes a `struct stat`.
fn write_stat(address: u64, stat: &Stat) -> Result<u64> {
    let mut bytes = [0; 144];
    put(&mut bytes, 0, stat.dev);
    put(&mut bytes, 8, stat.ino);
    put(&mut bytes, 16, stat.nlink);
    put32(&mut bytes, 24, mode(stat));
    put32(&mut bytes, 28, stat.uid);
    put32(&mut bytes, 32, stat.gid);
    put(&mut bytes, 40, stat.rdev);
    put(&mut bytes, 48, stat.size);
    put(&mut bytes, 56, stat.block_size);
    put(&mut bytes, 64, stat.blocks);
    for (at, time) in [(72, stat.atime), (88, stat.mtime), (104, stat.ctime)] {
        put(&mut bytes, at, time.0 as u64);
        put(&mut bytes, at + 8, u64::from(time.1));
    }
    user::copy_out(address, &bytes)?;
    Ok(0)
}

fn stat(args: &Args<'_>) -> Result<u64> {
    let dentry = lookup(args, AT_FDCWD, &path(args, 0)?, true)?;
    write_stat(args.word(1), &dentry.inode.stat()?)
}

fn lstat(args: &Args<'_>) -> Result<u64> {
    let dentry = lookup(args, AT_FDCWD, &path(args, 0)?, false)?;
    write_stat(args.word(1), &dentry.inode.stat()?)
}

fn fstat(args: &Args<'_>) -> Result<u64> {
    let file = args.thread.process().files().get_any(args.int(0))?;
    write_stat(args.word(1), &stat_file(&file)?)
}

fn newfstatat(args: &Args<'_>) -> Result<u64> {
    const KNOWN: u32 = AT_SYMLINK_NOFOLLOW | 0x1000 | 0x800;
    let flags = args.uint(3);
    if flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let stat = target(args, args.int(0), args.word(1), flags)?.stat()?;
    write_stat(args.word(2), &stat)
}

fn statx(args: &Args<'_>) -> Result<u64> {
    const STATX_BASIC_STATS: u32 = 0x7ff;
    const STATX_RESERVED: u32 = 0x8000_0000;
    const KNOWN: u32 = AT_SYMLINK_NOFOLLOW | 0x1000 | 0x800 | 0x6000;
    let flags = args.uint(2);
    if flags & !KNOWN != 0 || flags & 0x6000 == 0x6000 || args.uint(3) & STATX_RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let stat = target(args, args.int(0), args.word(1), flags)?.stat()?;
    let mut bytes = [0; 256];
    put32(&mut bytes, 0, STATX_BASIC_STATS);
    put32(&mut bytes, 4, u32::try_from(stat.block_size).unwrap_or(4096));
    put32(&mut bytes, 16, u32::try_from(stat.nlink).unwrap_or(u32::MAX));
    put32(&mut bytes, 20, stat.uid);
    put32(&mut bytes, 24, stat.gid);
    put32(&mut bytes, 28, mode(&stat));
    put(&mut bytes, 32, stat.ino);
    put(&mut bytes, 40, stat.size);
    put(&mut bytes, 48, stat.blocks);
    for (at, time) in [(64, stat.atime), (96, stat.ctime), (112, stat.mtime)] {
        put(&mut bytes, at, time.0 as u64);
        put32(&mut bytes, at + 8, time.1);
    }
    for (at, number) in [(128, stat.rdev), (136, stat.dev)] {
        put32(&mut bytes, at, (number >> 8 & 0xfff) as u32);
        put32(&mut bytes, at + 4, (number & 0xff | number >> 12 & 0xffff_ff00) as u32);
    }
    user::copy_out(args.word(4), &bytes)?;
    Ok(0)
}

/// Writes a `struct statfs`.
fn write_statfs(address: u64, fs: &dyn FileSystem, dev: u64) -> Result<u64> {
    const ST_RDONLY: u64 = 1;
    const ST_VALID: u64 = 0x20;
    let space = fs.space()?;
    let mut bytes = [0; 120];
    put(&mut bytes, 0, space.magic);
    put(&mut bytes, 8, space.block_size);
    put(&mut bytes, 16, space.blocks);
    put(&mut bytes, 24, space.free);
    put(&mut bytes, 32, space.free);
    put(&mut bytes, 40, space.files);
    put(&mut bytes, 48, space.files_free);
    put(&mut bytes, 56, dev);
    put(&mut bytes, 64, 255);
    put(&mut bytes, 72, space.block_size);
    put(&mut bytes, 80, ST_VALID | if fs.read_only() { ST_RDONLY } else { 0 });
    user::copy_out(address, &bytes)?;
    Ok(0)
}

fn statfs(args: &Args<'_>) -> Result<u64> {
    let dentry = lookup(args, AT_FDCWD, &path(args, 0)?, true)?;
    write_statfs(args.word(1), dentry.inode.file_system(), dentry.inode.id().dev)
}

fn fstatfs(args: &Args<'_>) -> Result<u64> {
    let file = args.thread.process().files().get_any(args.int(0))?;
    let dentry = match &file.dentry {
        Some(dentry) => dentry.clone(),
        None => crate::vfs::procfs::anonymous_dentry(file.clone())?,
    };
    write_statfs(args.word(1), dentry.inode.file_system(), dentry.inode.id().dev)
}

/// One entry: inode number, offset of the next, name, type.
type Encode = fn(u64, u64, &[u8], u8) -> Vec<u8>;

fn encode64(ino: u64, next: u64, name: &[u8], kind: u8) -> Vec<u8> {
    let length = (19 + name.len() + 1).next_multiple_of(8);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&ino.to_ne_bytes());
    bytes.extend_from_slice(&next.to_ne_bytes());
    bytes.extend_from_slice(&(length as u16).to_ne_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(name);
    bytes.resize(length, 0);
    bytes
}

fn encode_old(ino: u64, next: u64, name: &[u8], kind: u8) -> Vec<u8> {
    let length = (18 + name.len() + 2).next_multiple_of(8);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&ino.to_ne_bytes());
    bytes.extend_from_slice(&next.to_ne_bytes());
    bytes.extend_from_slice(&(length as u16).to_ne_bytes());
    bytes.extend_from_slice(name);
    bytes.resize(length - 1, 0);
    bytes.push(kind);
    bytes
}

fn list(args: &Args<'_>, encode: Encode) -> Result<u64> {
    let file = args.file(0)?;
    let directory = file.downcast::<DirectoryFile>().ok_or(Errno::ENOTDIR)?;
    let room = args.uint(2) as usize;
    let mut offset = file.offset.lock();
    let entries = directory.entries(*offset)?;
    let mut bytes = Vec::new();
    let mut index = usize::try_from(*offset).unwrap_or(usize::MAX);
    while let Some(entry) = entries.get(index) {
        let one = encode(entry.ino, index as u64 + 1, &to_bytes(&entry.name), entry.kind.entry_type());
        if bytes.len() + one.len() > room {
            break;
        }
        bytes.extend_from_slice(&one);
        index += 1;
    }
    if bytes.is_empty() && index < entries.len() {
        return Err(Errno::EINVAL);
    }
    user::copy_out(args.word(1), &bytes)?;
    *offset = index as u64;
    Ok(bytes.len() as u64)
}

fn getdents64(args: &Args<'_>) -> Result<u64> {
    list(args, encode64)
}

fn getdents(args: &Args<'_>) -> Result<u64> {
    list(args, encode_old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_terminated() {
        for name in ["a", "abc", "abcd", "abcdefghijk"] {
            let new = encode64(7, 1, name.as_bytes(), 4);
            assert_eq!((new.len() % 8, new[18], new[19 + name.len()]), (0, 4, 0));
            let old = encode_old(7, 1, name.as_bytes(), 4);
            assert_eq!((old.len() % 8, old[old.len() - 1], old[18 + name.len()]), (0, 4, 0));
        }
    }
}
