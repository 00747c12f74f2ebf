//! Downcalls that the monitor answers, typed.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bailey_abi::stream::{Ahead, AttributeChange, Attributes, Entry, ExitStatus, Reply, Request};

use crate::errno::{Errno, Result};
use crate::host::rpc;

fn done(request: &Request) -> Result<()> {
    match rpc(request)? {
        (Reply::Done, _) => Ok(()),
        _ => Err(Errno::EIO),
    }
}

fn attributes_of(request: &Request) -> Result<Attributes> {
    match rpc(request)? {
        (Reply::Attributes(attributes), _) => Ok(attributes),
        _ => Err(Errno::EIO),
    }
}

/// `StreamAttributesQuery`: of a name, links not followed.
///
/// # Errors
/// `ENOENT`, `EACCES`, …
pub fn attributes(uri: &str) -> Result<Attributes> {
    attributes_of(&Request::StreamAttributesQuery { uri: uri.to_string() })
}

/// `StreamAttributesSet`.
///
/// # Errors
/// `EROFS`, `EPERM`, `ENOENT`
pub fn attributes_set(uri: &str, change: AttributeChange) -> Result<()> {
    done(&Request::StreamAttributesSet { uri: uri.to_string(), change })
}

/// `StreamEnumerate`: every name of a directory with its attributes.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`
pub fn enumerate(uri: &str) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    let mut cursor = 0;
    loop {
        match rpc(&Request::StreamEnumerate { uri: uri.to_string(), cursor })? {
            (Reply::Entries { entries, next }, _) => {
                all.extend(entries);
                match next {
                    Some(next) => cursor = next,
                    None => return Ok(all),
                }
            }
            _ => return Err(Errno::EIO),
        }
    }
}

/// `StreamEnumerate` of what a reader of `names` of a directory asks for next: as much of it as one answer holds.
///
/// # Errors
/// `EINVAL`
pub fn enumerate_ahead(directory: &str, names: Vec<String>) -> Result<Vec<Ahead>> {
    match rpc(&Request::StreamEnumerateAhead { directory: directory.to_string(), names })? {
        (Reply::Ahead(found), _) => Ok(found),
        _ => Err(Errno::EIO),
    }
}

/// `StreamReadLink`.
///
/// # Errors
/// `ENOENT`, `EINVAL`
pub fn read_link(uri: &str) -> Result<String> {
    match rpc(&Request::StreamReadLink { uri: uri.to_string() })? {
        (Reply::Target(target), _) => Ok(target),
        _ => Err(Errno::EIO),
    }
}

/// `StreamDelete`.
///
/// # Errors
/// As unlink(2) and rmdir(2).
pub fn delete(uri: &str, directory: bool) -> Result<()> {
    done(&Request::StreamDelete { uri: uri.to_string(), directory })
}

/// `StreamRename`; `flags` as renameat2(2).
///
/// # Errors
/// As rename(2).
pub fn rename(from: &str, to: &str, flags: u32) -> Result<()> {
    done(&Request::StreamRename { from: from.to_string(), to: to.to_string(), flags })
}

/// `StreamLink`: a hard link `to` of `from`.
///
/// # Errors
/// As link(2).
pub fn link(from: &str, to: &str) -> Result<()> {
    done(&Request::StreamLink { from: from.to_string(), to: to.to_string() })
}

/// `StreamSymlink`.
///
/// # Errors
/// As symlink(2).
pub fn symlink(uri: &str, target: &str) -> Result<Attributes> {
    attributes_of(&Request::StreamSymlink { uri: uri.to_string(), target: target.to_string() })
}

/// `StreamMakeDirectory`.
///
/// # Errors
/// As mkdir(2).
pub fn make_directory(uri: &str, mode: u32) -> Result<Attributes> {
    attributes_of(&Request::StreamMakeDirectory { uri: uri.to_string(), mode })
}

/// `StreamSpaceQuery`: block size, blocks, free blocks, files, free files.
///
/// # Errors
/// `ENOENT`
pub fn space(uri: &str) -> Result<[u64; 5]> {
    match rpc(&Request::StreamSpaceQuery { uri: uri.to_string() })? {
        (Reply::Space { block_size, blocks, free, files, files_free }, _) => {
            Ok([block_size, blocks, free, files, files_free])
        }
        _ => Err(Errno::EIO),
    }
}

/// `InstanceExit`: the monitor ends every process.
pub fn instance_exit(status: ExitStatus) {
    // Nothing is left to do where even this fails: the caller ends itself next.
    let _ = rpc(&Request::InstanceExit { status });
}

/// `DebugOutput`.
pub fn debug(text: &str) {
    // A lost line harms nobody.
    let _ = rpc(&Request::DebugOutput { text: text.to_string() });
}
