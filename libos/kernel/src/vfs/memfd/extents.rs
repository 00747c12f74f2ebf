//! Which pages of the instance memfd are free: first fit, with growth in place.

use alloc::collections::BTreeMap;

/// Pages in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First page.
    pub start: u64,
    /// Number of pages, not 0.
    pub pages: u64,
}

/// The free pages, as runs that neither touch nor overlap.
#[derive(Debug, Default)]
pub struct ExtentAllocator {
    free: BTreeMap<u64, u64>,
    total: u64,
    left: u64,
}

impl ExtentAllocator {
    /// An allocator without pages.
    pub const fn empty() -> Self {
        Self { free: BTreeMap::new(), total: 0, left: 0 }
    }

    /// An allocator of pages `0..pages`.
    pub fn new(pages: u64) -> Self {
        let mut free = BTreeMap::new();
        if pages > 0 {
            free.insert(0, pages);
        }
        Self { free, total: pages, left: pages }
    }

    /// All pages.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Free pages.
    pub fn left(&self) -> u64 {
        self.left
    }

    fn take(&mut self, start: u64, length: u64, pages: u64) -> Run {
        self.free.remove(&start);
        if length > pages {
            self.free.insert(start + pages, length - pages);
        }
        self.left -= pages;
        Run { start, pages }
    }

    /// Takes `pages` pages in one run.
    pub fn allocate(&mut self, pages: u64) -> Option<Run> {
        if pages == 0 || pages > self.left {
            return None;
        }
        let (start, length) = self
            .free
            .iter()
            .find(|(_, length)| **length >= pages)
            .map(|(start, length)| (*start, *length))?;
        Some(self.take(start, length, pages))
    }

    /// Takes at most `pages` pages: one run if there is such a one, else the longest there is.
    pub fn allocate_some(&mut self, pages: u64) -> Option<Run> {
        if let Some(run) = self.allocate(pages) {
            return Some(run);
        }
        let (start, length) =
            self.free.iter().max_by_key(|(_, length)| **length).map(|(start, length)| (*start, *length))?;
        if pages == 0 { None } else { Some(self.take(start, length, length.min(pages))) }
    }

    /// Takes up to `pages` pages that begin exactly at `at`: growth in place.
    pub fn allocate_at(&mut self, at: u64, pages: u64) -> Option<Run> {
        let length = *self.free.get(&at)?;
        if pages == 0 { None } else { Some(self.take(at, length, length.min(pages))) }
    }

    /// Gives a run back.
    pub fn free(&mut self, run: Run) {
        let (mut start, mut pages) = (run.start, run.pages);
        debug_assert!(start + pages <= self.total, "a run of this allocator");
        self.left += pages;
        if let Some(length) = self.free.remove(&(start + pages)) {
            pages += length;
        }
        if let Some((before, length)) =
            self.free.range(..start).next_back().map(|(at, length)| (*at, *length))
            && before + length == start
        {
            self.free.remove(&before);
            start = before;
            pages += length;
        }
        self.free.insert(start, pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_again() {
        let mut pages = ExtentAllocator::new(10);
        let first = pages.allocate(3).unwrap();
        let second = pages.allocate(3).unwrap();
        let third = pages.allocate(4).unwrap();
        assert_eq!((first.start, second.start, third.start), (0, 3, 6));
        assert_eq!((pages.left(), pages.allocate(1)), (0, None));
        pages.free(first);
        pages.free(third);
        assert_eq!(pages.allocate(5), None);
        pages.free(second);
        assert_eq!(pages.allocate(10), Some(Run { start: 0, pages: 10 }));
    }

    #[test]
    fn growth_in_place_takes_what_there_is() {
        let mut pages = ExtentAllocator::new(10);
        let run = pages.allocate(2).unwrap();
        assert_eq!(pages.allocate_at(run.start + run.pages, 3), Some(Run { start: 2, pages: 3 }));
        let wall = pages.allocate(1).unwrap();
        assert_eq!(wall.start, 5);
        assert_eq!(pages.allocate_at(5, 1), None);
        assert_eq!(pages.allocate_some(100), Some(Run { start: 6, pages: 4 }));
        assert_eq!(pages.allocate_some(1), None);
    }

    #[test]
    fn random_use_never_overlaps() {
        let mut pages = ExtentAllocator::new(64);
        let mut held: alloc::vec::Vec<Run> = alloc::vec::Vec::new();
        let mut random = 12345_u64;
        for _ in 0..2000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let dice = random >> 33;
            if dice.is_multiple_of(2) && !held.is_empty() {
                let run = held.swap_remove((dice as usize / 2) % held.len());
                pages.free(run);
            } else if let Some(run) = pages.allocate_some(dice % 9 + 1) {
                let end = run.start + run.pages;
                assert!(
                    held.iter().all(|other| end <= other.start || other.start + other.pages <= run.start)
                );
                held.push(run);
            }
            assert_eq!(pages.left() + held.iter().map(|run| run.pages).sum::<u64>(), 64);
        }
    }
}
