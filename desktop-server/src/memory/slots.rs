//! Hands out ranges of a fixed space: first fit, whole pages, neighbours joined again.

use std::collections::BTreeMap;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// The free ranges: start and length.
#[derive(Debug)]
pub(super) struct Slots {
    free: BTreeMap<u64, u64>,
}

impl Slots {
    /// All of `length` bytes is free.
    pub(super) fn new(length: u64) -> Self {
        Self { free: BTreeMap::from([(0, length)]) }
    }

    /// A range for `bytes` bytes, rounded up to pages; `None` if there is no room. Start and rounded length.
    pub(super) fn take(&mut self, bytes: u64) -> Option<(u64, u64)> {
        let length = bytes.max(1).checked_next_multiple_of(PAGE)?;
        let (start, room) =
            self.free.iter().find(|(_, room)| **room >= length).map(|(start, room)| (*start, *room))?;
        self.free.remove(&start);
        if room > length {
            self.free.insert(start + length, room - length);
        }
        Some((start, length))
    }

    /// Gives a range back.
    pub(super) fn give_back(&mut self, start: u64, length: u64) {
        let (mut start, mut length) = (start, length);
        if let Some((before, room)) = self.free.range(..start).next_back().map(|(at, room)| (*at, *room))
            && before + room == start
        {
            self.free.remove(&before);
            start = before;
            length += room;
        }
        if let Some(room) = self.free.remove(&(start + length)) {
            length += room;
        }
        self.free.insert(start, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_disjoint_and_come_back_together() {
        let mut slots = Slots::new(8 * PAGE);
        let a = slots.take(1).unwrap();
        let b = slots.take(PAGE + 1).unwrap();
        let c = slots.take(5 * PAGE).unwrap();
        assert_eq!((a, b, c), ((0, PAGE), (PAGE, 2 * PAGE), (3 * PAGE, 5 * PAGE)));
        assert_eq!(slots.take(1), None);
        slots.give_back(a.0, a.1);
        slots.give_back(c.0, c.1);
        assert_eq!(slots.take(6 * PAGE), None);
        slots.give_back(b.0, b.1);
        assert_eq!(slots.take(8 * PAGE), Some((0, 8 * PAGE)));
        assert_eq!(slots.take(u64::MAX), None);
    }
}
