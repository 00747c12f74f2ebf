//! The names of an immutable directory with their attributes, packed: of most no inode is ever asked for.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bailey_abi::stream::{Attributes, Entry};

use crate::vfs::DirEntry;
use crate::vfs::hostfs::attributes::kind_of;
use crate::vfs::hostfs::cache;

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
    /// The lines of links, and where those lead.
    targets: Box<[(u32, Box<str>)]>,
}

impl Roll {
    /// Packs a listing.
    pub(super) fn new(listed: Vec<Entry>) -> Self {
        let mut text = String::with_capacity(listed.iter().map(|entry| entry.name.len()).sum());
        let mut lines = Vec::with_capacity(listed.len());
        let mut targets = Vec::new();
        for entry in listed {
            text.push_str(&entry.name);
            if let Some(target) = entry.target {
                targets.push((lines.len() as u32, target.into()));
            }
            lines.push(Line { end: text.len() as u32, attributes: entry.attributes });
        }
        let (text, lines, targets) = (text.into(), lines.into(), targets.into());
        let mut roll = Self { text, lines, sorted: Box::default(), targets };
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

    /// Where a name is among all: in the host's order, and in that of the alphabet.
    pub(super) fn place(&self, name: &str) -> Option<(usize, usize)> {
        let rank = self.sorted.binary_search_by_key(&name, |line| self.name(*line as usize)).ok()?;
        Some((self.sorted[rank] as usize, rank))
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&Attributes> {
        self.place(name).map(|(line, _)| &self.lines[line].attributes)
    }

    /// Where a link leads, if the host has said so.
    pub(super) fn target(&self, name: &str) -> Option<&str> {
        let line = self.place(name)?.0 as u32;
        let found = self.targets.binary_search_by_key(&line, |(line, _)| *line).ok()?;
        Some(&self.targets[found].1)
    }

    /// Names in the host's order, from one on, and what they stand for.
    pub(super) fn by_host(&self, line: usize) -> impl Iterator<Item = (&str, &Attributes)> {
        (line..self.lines.len()).map(|line| (self.name(line), &self.lines[line].attributes))
    }

    /// The same in the order of the alphabet.
    pub(super) fn by_name(&self, rank: usize) -> impl Iterator<Item = (&str, &Attributes)> {
        let lines = self.sorted.iter().skip(rank).map(|line| *line as usize);
        lines.map(|line| (self.name(line), &self.lines[line].attributes))
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
        let target = ino.is_multiple_of(2).then(|| name.to_string());
        Entry { name: name.to_string(), attributes, target }
    }

    #[test]
    fn names_are_found_and_keep_the_hosts_order() {
        let names = ["zeta", "a", "é", "ab", "zet"];
        let roll = Roll::new(names.iter().zip(10..).map(|(name, ino)| entry(name, ino)).collect());
        for (name, ino) in names.iter().zip(10..) {
            assert_eq!(roll.get(name).map(|attributes| attributes.ino), Some(ino), "{name}");
        }
        assert_eq!((roll.target("zeta"), roll.target("a")), (Some("zeta"), None));
        let ranked: Vec<_> = roll.by_name(2).map(|(name, _)| name).collect();
        assert_eq!((ranked, roll.place("ab")), (["zet", "zeta", "é"].to_vec(), Some((3, 1))));
        for missing in ["", "b", "zetaa", "ze"] {
            assert!(roll.get(missing).is_none(), "{missing}");
        }
        let order: Vec<_> = roll.entries().map(|entry| (entry.name.to_string(), entry.ino)).collect();
        assert_eq!(order, names.iter().map(ToString::to_string).zip(10..).collect::<Vec<_>>());
        assert!(Roll::new(Vec::new()).get("a").is_none());
    }
}
