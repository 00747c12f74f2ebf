//! `/proc/PID/fd` and `/proc/PID/fdinfo`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::vfs::synthetic::{Listing, Node, Subject};
use crate::vfs::{FileTable, Followed, OpenFile};

fn table(subject: &Subject) -> Result<Arc<FileTable>> {
    Ok(subject.process.as_ref().ok_or(Errno::ENOENT)?.files())
}

fn file(subject: &Subject) -> Result<Arc<OpenFile>> {
    let fd = i32::try_from(subject.number).map_err(|_| Errno::ENOENT)?;
    table(subject)?.get_any(fd).map_err(|_| Errno::ENOENT)
}

fn names(subject: &Subject) -> Result<Vec<String>> {
    Ok(table(subject)?.iter().iter().map(|(fd, _)| fd.to_string()).collect())
}

fn find(subject: &Subject, name: &str, node: &'static Node) -> Result<(&'static Node, Subject)> {
    let number: u32 = name.parse().map_err(|_| Errno::ENOENT)?;
    let subject = Subject { number, ..subject.clone() };
    file(&subject)?;
    Ok((node, subject))
}

fn target(subject: &Subject) -> Result<Followed> {
    let file = file(subject)?;
    Ok(match &file.dentry {
        Some(dentry) => Followed::Dentry(dentry.clone()),
        None => Followed::File(file),
    })
}

/// What the descriptor may do, as the link's mode.
fn link_mode(subject: &Subject) -> u32 {
    const READ: u32 = 0o500;
    const WRITE: u32 = 0o300;
    let Ok(file) = file(subject) else { return 0 };
    let bit = |has: bool, bits: u32| if has { bits } else { 0 };
    bit(file.readable(), READ) | bit(file.writable(), WRITE)
}

fn info(subject: &Subject) -> Result<String> {
    const O_CLOEXEC: u32 = 0o2000000;
    let file = file(subject)?;
    let fd = i32::try_from(subject.number).map_err(|_| Errno::ENOENT)?;
    let cloexec = if table(subject)?.close_on_exec_of(fd)? { O_CLOEXEC } else { 0 };
    let position = match *file.offset.lock() {
        OpenFile::END => file.file.size()?,
        offset => offset,
    };
    let ino = file.file.stat().map_or(0, |stat| stat.ino);
    Ok(format!("pos:\t{position}\nflags:\t0{:o}\nmnt_id:\t1\nino:\t{ino}\n", file.flags() | cloexec))
}

static LINK: Node = Node::Handle(target, link_mode);
static INFO: Node = Node::Text(info);

/// `/proc/PID/fd`
pub(super) struct Links;

impl Listing for Links {
    fn names(&self, subject: &Subject) -> Result<Vec<String>> {
        names(subject)
    }

    fn find(&self, subject: &Subject, name: &str) -> Result<(&'static Node, Subject)> {
        find(subject, name, &LINK)
    }
}

/// `/proc/PID/fdinfo`
pub(super) struct Infos;

impl Listing for Infos {
    fn names(&self, subject: &Subject) -> Result<Vec<String>> {
        names(subject)
    }

    fn find(&self, subject: &Subject, name: &str) -> Result<(&'static Node, Subject)> {
        find(subject, name, &INFO)
    }
}
