//! The record locks of one file, without any waiting.

use alloc::vec::Vec;

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A descriptor table, that is a process (`F_SETLK`).
    Table(u64),
    /// An open file description (`F_OFD_SETLK`), by its address.
    Description(usize),
}

/// A lock on bytes `start..=end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Who holds it.
    pub holder: Holder,
    /// Process id for `F_GETLK`; -1 for locks of a description.
    pub pid: i32,
    /// Write lock, else read lock.
    pub exclusive: bool,
    /// First byte.
    pub start: u64,
    /// Last byte; `u64::MAX` for all that follow.
    pub end: u64,
}

impl Lock {
    fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// All record locks of a file.
#[derive(Debug, Default)]
pub struct Records {
    held: Vec<Lock>,
}

impl Records {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// A lock that stands against `wanted`.
    pub fn conflict(&self, wanted: &Lock) -> Option<Lock> {
        let stands = |held: &&Lock| {
            held.holder != wanted.holder && held.overlaps(wanted) && (held.exclusive || wanted.exclusive)
        };
        self.held.iter().filter(stands).min_by_key(|held| held.start).copied()
    }

    /// Frees `start..=end` of what `holder` has.
    pub fn unlock(&mut self, holder: Holder, start: u64, end: u64) {
        let mut kept = Vec::with_capacity(self.held.len() + 1);
        for lock in self.held.drain(..) {
            if lock.holder != holder || lock.end < start || lock.start > end {
                kept.push(lock);
                continue;
            }
            if lock.start < start {
                kept.push(Lock { end: start - 1, ..lock });
            }
            if lock.end > end {
                kept.push(Lock { start: end + 1, ..lock });
            }
        }
        self.held = kept;
    }

    /// Puts a lock in place of what its holder had there; it must not stand against another's.
    pub fn lock(&mut self, wanted: Lock) {
        self.unlock(wanted.holder, wanted.start, wanted.end);
        let mut merged = wanted;
        self.held.retain(|held| {
            let joins = held.holder == merged.holder
                && held.exclusive == merged.exclusive
                && (held.end.checked_add(1) == Some(merged.start)
                    || merged.end.checked_add(1) == Some(held.start));
            if joins {
                merged.start = merged.start.min(held.start);
                merged.end = merged.end.max(held.end);
            }
            !joins
        });
        self.held.push(merged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(table: u64, exclusive: bool, start: u64, end: u64) -> Lock {
        Lock { holder: Holder::Table(table), pid: 1, exclusive, start, end }
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let mut records = Records::default();
        records.lock(lock(1, false, 0, 9));
        assert_eq!(records.conflict(&lock(2, false, 5, 5)), None);
        assert!(records.conflict(&lock(2, true, 9, 20)).is_some());
        assert_eq!(records.conflict(&lock(2, true, 10, 20)), None);
        assert_eq!(records.conflict(&lock(1, true, 0, 9)), None);
    }

    #[test]
    fn unlocking_the_middle_splits() {
        let mut records = Records::default();
        records.lock(lock(1, true, 0, u64::MAX));
        records.unlock(Holder::Table(1), 10, 19);
        assert_eq!(records.conflict(&lock(2, true, 10, 19)), None);
        assert!(records.conflict(&lock(2, true, 9, 9)).is_some());
        assert!(records.conflict(&lock(2, true, 20, 20)).is_some());
        records.lock(lock(1, true, 10, 19));
        assert_eq!(records.held, [lock(1, true, 0, u64::MAX)]);
    }

    #[test]
    fn a_lock_is_changed_in_place() {
        let mut records = Records::default();
        records.lock(lock(1, true, 0, 9));
        records.lock(lock(1, false, 0, 4));
        assert_eq!(records.conflict(&lock(2, false, 0, 4)), None);
        assert!(records.conflict(&lock(2, false, 5, 5)).is_some());
    }
}
