//! What `/proc/PID/maps` says.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::mm::Backing;
use crate::task::Process;

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug)]
pub struct MapLine {
    /// First address.
    pub start: u64,
    /// First address above.
    pub end: u64,
    /// `PROT_*`
    pub protection: u32,
    /// `MAP_SHARED`
    pub shared: bool,
    /// Offset in the file.
    pub offset: u64,
    /// Inode number, 0 without a file.
    pub inode: u64,
    /// Path or label.
    pub name: String,
}

/// The areas of a process.
pub fn maps(process: &Process) -> Vec<MapLine> {
    let areas: Vec<_> = process.mm.lock().iter().map(|(start, area)| (start, area.clone())).collect();
    areas
        .into_iter()
        .map(|(start, area)| {
            let (shared, offset, inode, name) = match &area.backing {
                Backing::File { file, offset, shared } => {
                    (*shared, *offset, file.file.stat().map_or(0, |stat| stat.ino), file.name())
                }
                Backing::Anonymous | Backing::Kernel => (false, 0, 0, area.label.to_string()),
            };
            MapLine { start, end: area.end, protection: area.protection, shared, offset, inode, name }
        })
        .collect()
}
