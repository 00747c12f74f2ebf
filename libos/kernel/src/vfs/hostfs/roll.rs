//! The names of an immutable directory with their attributes, packed: of most no inode is ever asked for.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::stream::{Attributes, Entry};

use crate::vfs::DirEntry;
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::kind_of;

/// Names that take as much memory as one inode.
const NAMES_PER_INODE: usize = 4;

/// A name: where it ends in the text, and what it stands for.
struct Line {
    end: u32,
    attributes: Attributes,
}

/// A directory's names in the host's order.
pub(super) struct Roll {
    /// All names, one right after the other.
    text: Box<str>,
    lines: Box<[Line]>,
    /// The lines in the order of their names.
    sorted: Box<[u32]>,
}

impl Roll {
    /// Packs a listing.
    pub(super) fn new(listed: Vec<Entry>) -> Self {
        let mut text = String::with_capacity(listed.iter().map(|entry| entry.name.len()).sum());
        let mut lines = Vec::with_capacity(listed.len());
        for entry in listed {
            text.push_str(&entry.name);
            lines.push(Line { end: text.len() as u32, attributes: entry.attributes });
        }
        let mut roll = Self { text: text.into(), lines: lines.into(), sorted: Box::default() };
        let mut sorted: Box<[u32]> = (0..roll.lines.len() as u32).collect();
        sorted.sort_unstable_by_key(|line| roll.name(*line as usize));
        roll.sorted = sorted;
        cache::count_inodes(roll.lines.len() / NAMES_PER_INODE);
        roll
    }

    fn name(&self, line: usize) -> &str {
        let start = line.checked_sub(1).map_or(0, |before| self.lines[before].end);
        &self.text[start as usize..self.lines[line].end as usize]
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&Attributes> {
        let found = self.sorted.binary_search_by_key(&name, |line| self.name(*line as usize)).ok()?;
        Some(&self.lines[self.sorted[found] as usize].attributes)
    }

    /// All names in the host's order.
    pub(super) fn entries(&self) -> impl Iterator<Item = DirEntry> {
        self.lines.iter().enumerate().map(|(line, Line { attributes, .. })| DirEntry {
            name: Arc::from(self.name(line)),
            ino: attributes.ino,
            kind: kind_of(attributes.kind),
        })
    }
}

impl Drop for Roll {
    fn drop(&mut self) {
        cache::uncount_inodes(self.lines.len() / NAMES_PER_INODE);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use bailey_abi::stream::Kind;

    use super::*;

    fn entry(name: &str, ino: u64) -> Entry {
        let attributes = Attributes {
            kind: Kind::Regular,
            mode: 0o644,
            uid: 0,
            gid: 0,
            dev: 1,
            ino,
            nlink: 1,
            size: 0,
            blocks: 0,
            atime: (0, 0),
            mtime: (0, 0),
            ctime: (0, 0),
        };
        Entry { name: name.to_string(), attributes }
    }

    #[test]
    fn names_are_found_and_keep_the_hosts_order() {
        let names = ["zeta", "a", "é", "ab", "zet"];
        let roll = Roll::new(names.iter().zip(10..).map(|(name, ino)| entry(name, ino)).collect());
        for (name, ino) in names.iter().zip(10..) {
            assert_eq!(roll.get(name).map(|attributes| attributes.ino), Some(ino), "{name}");
        }
        for missing in ["", "b", "zetaa", "ze"] {
            assert!(roll.get(missing).is_none(), "{missing}");
        }
        let order: Vec<_> = roll.entries().map(|entry| (entry.name.to_string(), entry.ino)).collect();
        assert_eq!(order, names.iter().map(ToString::to_string).zip(10..).collect::<Vec<_>>());
        assert!(Roll::new(Vec::new()).get("a").is_none());
    }
}
