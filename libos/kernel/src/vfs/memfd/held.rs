//! Which pages of a file hold data; the others are holes, even where pages have been taken for them ahead.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A set of pages, as runs that neither touch nor overlap: first page, and the page after the last.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<u64, u64>);

impl Held {
    /// Pages `[first, last)` hold data from now on.
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        if first >= last {
            return;
        }
        let (mut first, mut last) = (first, last);
        if let Some((start, end)) = self.0.range(..=first).next_back().map(|(start, end)| (*start, *end))
            && end >= first
        {
            if end >= last {
                return;
            }
            first = start;
        }
        while let Some((start, end)) = self.0.range(first..=last).next().map(|(start, end)| (*start, *end)) {
            self.0.remove(&start);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// Pages `[first, last)` are holes from now on.
    pub(super) fn remove(&mut self, first: u64, last: u64) {
        let touched: Vec<(u64, u64)> = self
            .0
            .range(..last)
            .rev()
            .take_while(|(_, end)| **end > first)
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in touched {
            self.0.remove(&start);
            if start < first {
                self.0.insert(start, first);
            }
            if end > last {
                self.0.insert(last, end);
            }
        }
    }

    /// The first page at or after `page` that holds data.
    pub(super) fn data_from(&self, page: u64) -> Option<u64> {
        if self.hole_from(page) > page {
            return Some(page);
        }
        self.0.range(page..).next().map(|(start, _)| *start)
    }

    /// The first page at or after `page` that is a hole.
    pub(super) fn hole_from(&self, page: u64) -> u64 {
        self.0.range(..=page).next_back().map_or(page, |(_, end)| page.max(*end))
    }

    /// How many pages hold data.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Held;

    #[test]
    fn runs_join_and_split() {
        let mut held = Held::default();
        for (first, last) in [(10, 20), (30, 40), (20, 25), (24, 31), (50, 60), (5, 5)] {
            held.insert(first, last);
        }
        assert_eq!(held.count(), 40);
        assert_eq!((held.data_from(0), held.hole_from(12), held.data_from(41)), (Some(10), 40, Some(50)));
        held.remove(15, 55);
        assert_eq!(held.count(), 10);
        assert_eq!((held.hole_from(10), held.data_from(15), held.data_from(60)), (15, Some(55), None));
    }

    #[test]
    fn random_changes_agree_with_a_plain_set() {
        let (mut held, mut plain) = (Held::default(), [false; 64]);
        let mut random = 99_u64;
        for _ in 0..2000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (first, length) = (random >> 40 & 63, random >> 50 & 15);
            let last = (first + length).min(64);
            let data = random >> 60 & 1 == 0;
            if data {
                held.insert(first, last);
            } else {
                held.remove(first, last);
            }
            plain[first as usize..last as usize].fill(data);
            assert_eq!(held.count(), plain.iter().filter(|page| **page).count() as u64);
            for page in 0..64 {
                let expected = plain[page..].iter().position(|held| *held).map(|at| (page + at) as u64);
                assert_eq!(held.data_from(page as u64), expected);
            }
        }
    }
}
