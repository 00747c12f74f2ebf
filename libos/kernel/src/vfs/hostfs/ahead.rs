//! Directories whose files are read, or listed, one after the other: the host is asked for the next ones in the same
//! question.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Bound, Range};
use core::sync::atomic::Ordering;
use core::time::Duration;

use bailey_abi::codec::{MAX_AHEAD, MAX_AHEAD_BYTES, MAX_MESSAGE};
use bailey_abi::stream::{Ahead, Attributes, Contents};

use crate::errno::Result;
use crate::host;
use crate::time::{Clock, now};
use crate::vfs::FileKind;
use crate::vfs::hostfs::attributes::kind_of;
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::{HostInode, Names};
use crate::vfs::hostfs::roll::Roll;
use crate::vfs::hostfs::told::Told;

/// How many names one after the other may leave out.
const MOST_LEFT_OUT: usize = 8;
/// How many names are asked for when two have come one after the other; four times as many each time from then on.
const FIRST_WINDOW: usize = 4;
/// How long it is remembered that names have come one after the other.
const MOMENTUM: Duration = Duration::from_millis(250);
/// How many names are looked at to find those that are asked for.
const MOST_LOOKED_AT: usize = 4 * MAX_AHEAD;

/// Names of a directory that are used one after the other: by the host's order, as programs do that read directories,
/// or by the alphabet, as those do that sort what they have read.
#[derive(Debug, Default)]
pub(super) struct Run {
    last: Option<(Arc<str>, usize)>,
    window: usize,
}

/// Which run is that of such files.
fn which(kind: FileKind) -> usize {
    usize::from(kind == FileKind::Directory)
}

/// A name that may be told ahead.
struct Candidate {
    name: Arc<str>,
    kind: FileKind,
    size: u64,
    /// Its inode, if there is one.
    inode: Option<Arc<HostInode>>,
}

impl Candidate {
    fn of(inode: &Arc<HostInode>) -> Self {
        let size = inode.last_known().size;
        Self { name: inode.name(), kind: inode.kind, size, inode: Some(inode.clone()) }
    }

    /// Whether what is in it is not known, and can be told.
    fn is_worth_telling(&self) -> bool {
        let fits = self.kind == FileKind::Directory || self.size <= MAX_AHEAD_BYTES;
        fits && self.inode.as_ref().is_none_or(|inode| inode.is_worth_telling())
    }
}

/// Where `used` is in the host's order.
fn position(names: &Names, used: &HostInode, name: &str) -> usize {
    let line = names.roll.as_ref().and_then(|roll| roll.place(name));
    line.map_or_else(|| used.position.load(Ordering::Relaxed) as usize, |(line, _)| line)
}

/// Where the last name and one after it may be that nothing, or little, has been left out between.
fn near(last: Option<usize>) -> Range<usize> {
    let from = last.map_or(0, |last| last + 1);
    from..from + MOST_LEFT_OUT
}

/// The names from `name` on, if it comes after the last one, of a directory that has a roll.
fn next_on_roll(
    names: &Names,
    roll: &Roll,
    last: Option<&(Arc<str>, usize)>,
    name: &str,
) -> Option<Vec<Candidate>> {
    let (line, rank) = roll.place(name)?;
    let last_rank = last.and_then(|(name, _)| roll.place(name)).map(|(_, rank)| rank);
    let candidate = |(name, attributes): (&str, &Attributes)| Candidate {
        name: name.into(),
        kind: kind_of(attributes.kind),
        size: attributes.size,
        inode: names.known.get(name).and_then(|known| known.inode.clone()),
    };
    if near(last.map(|(_, line)| *line)).contains(&line) {
        Some(roll.by_host(line).take(MOST_LOOKED_AT).map(candidate).collect())
    } else if near(last_rank).contains(&rank) {
        Some(roll.by_name(rank).take(MOST_LOOKED_AT).map(candidate).collect())
    } else {
        None
    }
}

/// The same of a directory whose inodes are all known.
fn next_inodes(
    names: &Names,
    last: Option<&(Arc<str>, usize)>,
    name: &str,
    position: usize,
) -> Option<Vec<Candidate>> {
    if let Some(listed) = &names.listed
        && near(last.map(|(_, position)| *position)).contains(&position)
    {
        return Some(listed.iter().skip(position).take(MOST_LOOKED_AT).map(Candidate::of).collect());
    }
    let before = last.map_or(Bound::Unbounded, |(name, _)| Bound::Excluded(&**name));
    let mut after = names.known.range::<str, _>((before, Bound::Unbounded)).take(MOST_LEFT_OUT);
    if !after.any(|(other, _)| **other == *name) {
        return None;
    }
    let rest = names.known.range::<str, _>((Bound::Included(name), Bound::Unbounded));
    let inodes = rest.filter_map(|(_, name)| name.inode.as_ref());
    Some(inodes.take(MOST_LOOKED_AT).map(Candidate::of).collect())
}

impl HostInode {
    /// The bytes of a file that is opened for reading, if they can be had with those of others.
    pub(super) fn bytes_told(self: &Arc<Self>) -> Option<Arc<Told>> {
        if !self.tree.keeps() {
            return None;
        }
        let good = || self.told.lock().clone().filter(|told| told.is_good(self));
        let parent = self.parent()?;
        if let Some(told) = good() {
            parent.note(self);
            return Some(told);
        }
        let next = parent.following(self);
        if next.first().is_none_or(|first| *first.name != *self.name()) {
            return None;
        }
        parent.ask_ahead(&next).ok()?;
        good()
    }

    /// Asks for this directory's names with those of others, if it looks as if they are listed next.
    pub(super) fn list_ahead(self: &Arc<Self>) -> bool {
        if !self.tree.keeps() {
            return false;
        }
        let Some(parent) = self.parent() else { return false };
        let next = parent.following(self);
        !next.is_empty() && parent.ask_ahead(&next).is_ok()
    }

    /// This directory, all names of which are known, has been listed.
    pub(super) fn note_listed(self: &Arc<Self>) {
        if let Some(parent) = self.parent() {
            parent.note(self);
        }
    }

    /// A file in this directory is used, for which nobody needs to be asked.
    fn note(&self, used: &Self) {
        let name = used.name();
        let mut names = self.names.lock();
        let position = position(&names, used, &name);
        let replaced = names.runs[which(used.kind)].last.replace((name, position));
        drop(names);
        drop(replaced);
    }

    /// `used`, and what will be used next if it goes on as it has begun; nothing if it has not.
    fn following(&self, used: &Self) -> Vec<Candidate> {
        let (candidates, window) = self.candidates(used);
        let mut room = MAX_MESSAGE as u64;
        let next = candidates.into_iter().filter(|next| next.kind == used.kind && next.is_worth_telling());
        let fits = |next: &Candidate| {
            if next.kind == FileKind::Regular {
                room = room.saturating_sub(next.size + 512);
            }
            room > 0
        };
        next.take(window).take_while(fits).collect()
    }

    /// `used` and the names after it, if the last one that was used was just before it; and how many of those that
    /// can be told are to be asked for.
    fn candidates(&self, used: &Self) -> (Vec<Candidate>, usize) {
        let name = used.name();
        let now = now(Clock::Monotonic);
        let momentum = &self.tree.momentum[which(used.kind)];
        let moving = now.as_nanos() < u128::from(momentum.load(Ordering::Relaxed));
        let mut names = self.names.lock();
        let position = position(&names, used, &name);
        let last = names.runs[which(used.kind)].last.replace((name.clone(), position));
        // A directory that is begun goes on as the one before it.
        let window = match &last {
            Some(_) => names.runs[which(used.kind)].window,
            None if moving => MAX_AHEAD,
            None => 0,
        };
        let begins = last.is_none() && window == 0;
        let next = match names.roll.clone() {
            _ if names.complete_until <= now || begins => None,
            Some(roll) => next_on_roll(&names, &roll, last.as_ref(), &name),
            None => next_inodes(&names, last.as_ref(), &name, position),
        };
        let window = if next.is_some() { (window * 4).clamp(FIRST_WINDOW, MAX_AHEAD) } else { 0 };
        names.runs[which(used.kind)].window = window;
        if window == MAX_AHEAD {
            momentum.store((now + MOMENTUM).as_nanos() as u64, Ordering::Relaxed);
        }
        (next.unwrap_or_default(), window)
    }

    /// Whether what is in it is not known, and can be told.
    fn is_worth_telling(self: &Arc<Self>) -> bool {
        match self.kind {
            FileKind::Regular => {
                let attributes = self.last_known();
                let alone = self.tree.immutable || attributes.nlink == 1;
                let known = self.told.lock().as_ref().is_some_and(|told| told.is_good(self));
                attributes.size <= MAX_AHEAD_BYTES && alone && !known
            }
            FileKind::Directory => self.live_name().is_some() && self.listed().is_none(),
            _ => false,
        }
    }

    /// Asks for what is in some names of this directory.
    fn ask_ahead(self: &Arc<Self>, next: &[Candidate]) -> Result<()> {
        let names = next.iter().map(|next| next.name.to_string()).collect();
        let before = self.counters();
        let state = |inode: &Arc<Self>| (inode.epoch(), inode.version.load(Ordering::SeqCst));
        // One that has no inode yet is in an immutable tree: neither counts there.
        let files: Vec<(u32, u32)> =
            next.iter().map(|next| next.inode.as_ref().map_or((0, 0), state)).collect();
        for Ahead { path, attributes, contents } in host::enumerate_ahead(&self.uri()?, names)? {
            let Some(inode) = self.below(&path).filter(|inode| inode.is(&attributes)) else { continue };
            match contents {
                Contents::Names(listed) => drop(inode.take_in(listed, before)),
                Contents::Bytes(bytes) => {
                    let asked = next.iter().zip(&files).find(|(next, _)| *next.name == *path);
                    if let Some((_, (epoch, version))) = asked {
                        inode.learn(attributes, *epoch);
                        inode.take_bytes(bytes.0, *version);
                    }
                }
            }
        }
        Ok(())
    }

    /// The file at `path` below this directory, as far as that is known.
    fn below(self: &Arc<Self>, path: &str) -> Option<Arc<Self>> {
        path.split('/').try_fold(self.clone(), |at, name| match at.remembered(name) {
            Ok(found) => found.ok(),
            Err(found) => found,
        })
    }

    /// The host has told all its bytes when they were of `version`.
    fn take_bytes(self: &Arc<Self>, bytes: Vec<u8>, version: u32) {
        let length = bytes.len();
        let told = Told::new(self, bytes, version);
        let mut slot = self.told.lock();
        // Who has the file open goes by what was told then.
        if slot.as_ref().is_some_and(|told| Arc::strong_count(told) > 1) {
            return;
        }
        let replaced = slot.replace(told);
        drop(slot);
        drop(replaced);
        cache::keeps_bytes(self, length);
    }
}
