//! The map of a process's areas. It only keeps account; [`crate::mm`]'s operations change the host's mappings.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bailey_abi::layout::{APP_END, APP_START};

use crate::errno::{Errno, Result};
use crate::mm::area::{page_down, page_up};
use crate::mm::{Area, AtFork};

/// Where areas without a wish of their own are placed: below this, downwards.
const PLACE_TOP: u64 = 0x5f00_0000_0000;
/// Most areas of a process (`vm.max_map_count`).
const MAX_AREAS: usize = 65_000;

/// A process's areas and its break.
#[derive(Clone, Debug, Default)]
pub struct AddressSpace {
    areas: BTreeMap<u64, Area>,
    /// Start and end of the heap (brk(2)).
    pub heap: (u64, u64),
    /// Below this the search for a free place begins; a hint.
    hint: u64,
    /// Near pages with jumps into the kernel: start and bytes used.
    pub trampolines: Vec<(u64, u64)>,
    /// Of patched sites whose next instruction had to move: `syscall` instruction, where it goes on.
    pub moved_sites: BTreeMap<u64, u64>,
    /// How often sites have been trapped, by a hash of their address; empty: never.
    pub heat: Vec<u8>,
    /// Where the program's initial stack ends, and `argv` and `envp` lie, for `/proc`.
    pub stack_top: u64,
    /// From here up to its end the initial stack may grow: nothing is placed there without a wish.
    pub stack_room: u64,
}

impl AddressSpace {
    /// What a forked process has of it.
    pub fn for_child(&self) -> Self {
        let mut copy = self.clone();
        copy.areas.retain(|_, area| area.at_fork != AtFork::Left);
        copy
    }

    /// Every area with its start, by address.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Area)> {
        self.areas.iter().map(|(start, area)| (*start, area))
    }

    /// The area that holds `address`, with its start.
    pub fn find(&self, address: u64) -> Option<(u64, &Area)> {
        let (start, area) = self.areas.range(..=address).next_back()?;
        (address < area.end).then_some((*start, area))
    }

    /// The first area that begins above `address`, with its start.
    pub fn find_above(&self, address: u64) -> Option<(u64, &Area)> {
        self.areas.range(address..).next().map(|(start, area)| (*start, area))
    }

    /// The areas that touch `[start, end)`, cut to it.
    pub fn within(&self, start: u64, end: u64) -> Vec<(u64, Area)> {
        let first = self.find(start).map_or(start, |(first, _)| first);
        self.areas
            .range(first..end)
            .filter(|(_, area)| area.end > start)
            .map(|(from, area)| {
                let cut = start.saturating_sub(*from);
                let mut part = area.advanced(cut);
                part.end = area.end.min(end);
                (from + cut, part)
            })
            .collect()
    }

    /// Whether all of `[start, end)` is mapped.
    pub fn covers(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        while at < end {
            match self.find(at) {
                Some((_, area)) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// Whether nothing of `[start, end)` is mapped.
    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.find(start).is_none() && self.areas.range(start..end).next().is_none()
    }

    /// Takes `[start, end)` out of the map.
    pub fn remove(&mut self, start: u64, end: u64) {
        self.split(start);
        self.split(end);
        let gone: Vec<u64> = self.areas.range(start..end).map(|(from, _)| *from).collect();
        for from in gone {
            self.areas.remove(&from);
        }
        self.hint = self.hint.max(end);
    }

    /// Cuts the area that holds `at` in two there.
    fn split(&mut self, at: u64) {
        if let Some((start, area)) = self.find(at)
            && start < at
        {
            let rest = area.advanced(at - start);
            self.areas.insert(at, rest);
            if let Some(first) = self.areas.get_mut(&start) {
                first.end = at;
            }
        }
    }

    /// Puts an area into the map, in place of what was there.
    ///
    /// # Errors
    /// `ENOMEM` past the bound on areas.
    pub fn insert(&mut self, start: u64, area: Area) -> Result<()> {
        if self.areas.len() >= MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        let end = area.end;
        self.remove(start, end);
        self.areas.insert(start, area);
        self.join(end);
        self.join(start);
        Ok(())
    }

    /// Makes one area of the two that meet at `at`, if they are alike.
    fn join(&mut self, at: u64) {
        let Some(second) = self.areas.get(&at) else { return };
        let Some((start, first)) = self.areas.range(..at).next_back() else {
            return;
        };
        let start = *start;
        if first.end == at && first.continues_in(at - start, second) {
            let end = second.end;
            self.areas.remove(&at);
            if let Some(first) = self.areas.get_mut(&start) {
                first.end = end;
            }
        }
    }

    /// Changes the areas of `[start, end)`.
    pub fn change(&mut self, start: u64, end: u64, change: impl Fn(&mut Area)) {
        self.split(start);
        self.split(end);
        let keys: Vec<u64> = self.areas.range(start..end).map(|(from, _)| *from).collect();
        for from in &keys {
            if let Some(area) = self.areas.get_mut(from) {
                change(area);
            }
        }
        self.join(end);
        for from in keys.iter().rev() {
            self.join(*from);
        }
    }

    /// A free place of `length` bytes: at `wish` if that is free, else from the top downwards.
    ///
    /// # Errors
    /// `ENOMEM`
    pub fn place(&mut self, wish: u64, length: u64) -> Result<u64> {
        let length = page_up(length).filter(|length| *length < APP_END).ok_or(Errno::ENOMEM)?;
        let wish = page_down(wish);
        if wish >= APP_START
            && wish.checked_add(length).is_some_and(|end| end <= APP_END && self.is_free(wish, end))
        {
            return Ok(wish);
        }
        let highest = if self.stack_room == 0 { PLACE_TOP } else { self.stack_room };
        let top = if self.hint == 0 { highest } else { self.hint.min(highest) };
        let found =
            [top, highest, PLACE_TOP].into_iter().find_map(|top| self.gap_below(top, length, APP_START));
        let start = found.ok_or(Errno::ENOMEM)?;
        self.hint = start;
        Ok(start)
    }

    /// Whether a part of `[start, end)` is kept for the initial stack.
    fn in_stack_room(&self, start: u64, end: u64) -> bool {
        start < self.stack_top && end > self.stack_room
    }

    /// The highest free place of `length` bytes that ends at or below `top` and begins at or above `bottom`.
    fn gap_below(&self, top: u64, length: u64, bottom: u64) -> Option<u64> {
        let mut end = match self.find(top.checked_sub(1)?) {
            Some((start, _)) => start,
            None => top,
        };
        loop {
            let start = end.checked_sub(length).filter(|start| *start >= bottom)?;
            match self.areas.range(..end).next_back() {
                Some((below, area)) if area.end > start => end = *below,
                _ if self.in_stack_room(start, end) => end = self.stack_room,
                _ => return Some(start),
            }
        }
    }

    /// A free place of `length` bytes no further than `reach` from `near`.
    pub fn place_near(&self, near: u64, length: u64, reach: u64) -> Option<u64> {
        let bottom = near.saturating_sub(reach).max(APP_START);
        let above = || {
            let mut start = self.find(near).map_or(near, |(_, area)| area.end);
            loop {
                let end = start.checked_add(length).filter(|end| *end <= APP_END && *end - near <= reach)?;
                match self.areas.range(..end).next_back() {
                    Some((_, area)) if area.end > start => start = area.end,
                    _ if self.in_stack_room(start, end) => start = self.stack_top,
                    _ => return Some(start),
                }
            }
        };
        self.gap_below(page_down(near), length, bottom).or_else(above)
    }

    /// A free place of `length` bytes that lies between two addresses.
    pub fn place_between(&self, low: u64, high: u64, length: u64) -> Option<u64> {
        self.gap_below(page_down(high.min(APP_END - 1) + 1), length, page_up(low.max(APP_START))?)
    }

    /// Bytes that are mapped.
    pub fn size(&self) -> u64 {
        self.iter().map(|(start, area)| area.end - start).sum()
    }

    /// Bytes of private writable areas.
    pub fn data_size(&self) -> u64 {
        let private = |area: &Area| !matches!(area.backing, crate::mm::Backing::File { shared: true, .. });
        self.iter()
            .filter(|(_, area)| area.protection & 2 != 0 && private(area))
            .map(|(s, a)| a.end - s)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::AddressSpace;
    use crate::mm::{Area, Backing};

    fn area(end: u64, protection: u32) -> Area {
        Area::new(end, protection, Backing::Anonymous, "")
    }

    #[test]
    fn areas_split_and_join() {
        let mut space = AddressSpace::default();
        space.insert(0x10_0000, area(0x20_0000, 3)).unwrap();
        space.change(0x14_0000, 0x18_0000, |area| area.protection = 1);
        assert_eq!(space.iter().count(), 3);
        space.change(0x14_0000, 0x18_0000, |area| area.protection = 3);
        assert_eq!(
            space.iter().map(|(start, area)| (start, area.end)).collect::<Vec<_>>(),
            [(0x10_0000, 0x20_0000)]
        );
        space.remove(0x11_0000, 0x12_0000);
        assert!(!space.covers(0x10_0000, 0x20_0000) && space.covers(0x12_0000, 0x20_0000));
        assert!(space.is_free(0x11_0000, 0x12_0000));
    }

    #[test]
    fn places_are_free_and_distinct() {
        let mut space = AddressSpace::default();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let start = space.place(0, 0x3000).unwrap();
            assert!(space.is_free(start, start + 0x3000) && seen.insert(start));
            space.insert(start, area(start + 0x3000, 1)).unwrap();
        }
        let near = *seen.iter().next().unwrap();
        let found = space.place_near(near, 0x1000, 1 << 30).unwrap();
        assert!(space.is_free(found, found + 0x1000) && found.abs_diff(near) <= 1 << 30);
    }

    use std::vec::Vec;
}
