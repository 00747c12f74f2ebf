//! `/proc/PID/maps` and `smaps`.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::mm::{MapLine, maps as lines_of};
use crate::task::Process;
use crate::vfs::synthetic::Subject;

/// Sums over all mappings of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) bytes: u64,
    /// Of files.
    pub(super) files: u64,
    /// Executable.
    pub(super) code: u64,
    /// Private and writable.
    pub(super) data: u64,
}

impl Totals {
    pub(super) fn of(process: &Arc<Process>) -> Self {
        let mut totals = Self::default();
        for entry in lines_of(process) {
            let length = entry.end - entry.start;
            totals.bytes += length;
            totals.files += if entry.inode != 0 { length } else { 0 };
            totals.code += if entry.protection & 4 != 0 { length } else { 0 };
            totals.data += if entry.protection & 2 != 0 && !entry.shared { length } else { 0 };
        }
        totals
    }
}

fn line(entry: &MapLine) -> String {
    let flag = |bit: u32, letter: char| if entry.protection & bit != 0 { letter } else { '-' };
    // Which device a file is on is not kept with the mapping.
    let (major, minor) = (0, u8::from(entry.inode != 0));
    let head = format!(
        "{:08x}-{:08x} {}{}{}{} {:08x} {major:02x}:{minor:02x} {}",
        entry.start,
        entry.end,
        flag(1, 'r'),
        flag(2, 'w'),
        flag(4, 'x'),
        if entry.shared { 's' } else { 'p' },
        entry.offset,
        entry.inode,
    );
    if entry.name.is_empty() { format!("{head} \n") } else { format!("{head:<73}{}\n", entry.name) }
}

fn process(subject: &Subject) -> Result<&Arc<Process>> {
    subject.process.as_ref().ok_or(Errno::ESRCH)
}

pub(super) fn maps(subject: &Subject) -> Result<String> {
    Ok(lines_of(process(subject)?).iter().map(line).collect())
}

/// What is in memory is not known here: everything counts as resident and the process's own.
fn detail(bytes: u64) -> String {
    let kib = bytes / 1024;
    format!(
        "Size:           {kib:>8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n\
         Rss:            {kib:>8} kB\nPss:            {kib:>8} kB\nPss_Dirty:      {kib:>8} kB\n\
         Shared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         0 kB\n\
         Private_Dirty:  {kib:>8} kB\nReferenced:     {kib:>8} kB\nAnonymous:      {kib:>8} kB\n\
         LazyFree:              0 kB\nAnonHugePages:         0 kB\nSwap:                  0 kB\n\
         SwapPss:               0 kB\nLocked:                0 kB\n"
    )
}

pub(super) fn smaps(subject: &Subject) -> Result<String> {
    let maps = lines_of(process(subject)?);
    let text = |entry: &MapLine| {
        let flags = [(1, "rd "), (2, "wr "), (4, "ex ")];
        let flags = flags.iter().filter(|(bit, _)| entry.protection & bit != 0);
        let flags: String = flags.map(|(_, name)| *name).chain(entry.shared.then_some("sh ")).collect();
        format!("{}{}VmFlags: {flags}\n", line(entry), detail(entry.end - entry.start))
    };
    Ok(maps.iter().map(text).collect())
}

pub(super) fn rollup(subject: &Subject) -> Result<String> {
    let totals = Totals::of(process(subject)?);
    let head = "00400000-7fffffffffff ---p 00000000 00:00 0                          [rollup]\n";
    Ok(format!("{head}{}", detail(totals.bytes)))
}
