//! The bytes of one tmpfs file or memfd.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bailey_abi::layout::PAGE_SIZE;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::user::UserBuffers;
use crate::vfs::MapSegment;
use crate::vfs::memfd::held::Held;
use crate::vfs::memfd::{Run, Seals, pool};

/// `_IOR('B'… )` of our own: tells which bytes of the instance memfd hold an offset of this file;
/// `struct { u64 file_offset; u64 instance_offset; u64 length; }`, the first field given.
pub const BAILEY_IOC_EXTENTS: u32 = 0x8018_4201;
/// Most pages taken ahead of a growing file.
const MAX_AHEAD: u64 = 1024;
/// Largest hole (in pages) that is filled at once when a byte of it is first written.
const MAX_FILL: u64 = 65536;
/// Largest length of a file.
const MAX_SIZE: u64 = i64::MAX as u64;

#[derive(Debug, Default)]
struct State {
    size: u64,
    /// First page in the file: run in the memfd.
    runs: BTreeMap<u64, Run>,
    /// Pages that have been written, allocated or mapped.
    held: Held,
    /// Whether it has ever been mapped: pages then stay its own until it is gone, since a program
    /// may still see them.
    mapped: bool,
}

/// The bytes of a file, and their seals.
#[derive(Debug)]
pub struct Contents {
    state: Mutex<State>,
    /// See `memfd_create(2)`.
    pub seals: Seals,
}

fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

impl State {
    /// The run that holds `page`, and where in it.
    fn find(&self, page: u64) -> Option<(Run, u64)> {
        let (start, run) = self.runs.range(..=page).next_back()?;
        let skip = page - start;
        (skip < run.pages).then_some((*run, skip))
    }

    /// Pages from `page` on that have no run, at most `limit`.
    fn gap(&self, page: u64, limit: u64) -> u64 {
        let next = self.runs.range(page..).next().map_or(u64::MAX, |(start, _)| *start);
        (next - page).min(limit)
    }

    fn insert(&mut self, page: u64, run: Run) {
        if let Some((start, before)) = self.runs.range(..page).next_back().map(|(start, run)| (*start, *run))
            && start + before.pages == page
            && before.start + before.pages == run.start
        {
            self.runs.insert(start, Run { start: before.start, pages: before.pages + run.pages });
        } else {
            self.runs.insert(page, run);
        }
    }

    /// Gives every page of `[first, last)` a run.
    fn fill(&mut self, first: u64, last: u64) -> Result<()> {
        let mut page = first;
        while page < last {
            if let Some((run, skip)) = self.find(page) {
                page += run.pages - skip;
                continue;
            }
            let needed = self.gap(page, last - page);
            // The rest of a known length, or some room for a file that grows.
            let held: u64 = self.runs.values().map(|run| run.pages).sum();
            let ahead = pages_of(self.size).saturating_sub(page).min(MAX_FILL).max(held.min(MAX_AHEAD));
            let wanted = self.gap(page, needed.max(ahead));
            let before =
                page.checked_sub(1).and_then(|page| self.find(page)).map(|(run, _)| run.start + run.pages);
            let run = pool::with_pages(|pages| {
                let grown = before.and_then(|at| pages.allocate_at(at, wanted));
                grown.or_else(|| pages.allocate(wanted)).or_else(|| pages.allocate_some(needed))
            });
            let run = run.ok_or(Errno::ENOSPC)?;
            self.insert(page, run);
            page += run.pages;
        }
        Ok(())
    }

    /// Takes out the runs of `[first, last)`; with `keep` they are only made zero.
    fn clear(&mut self, first: u64, last: u64, keep: bool) {
        self.held.remove(first, last);
        let mut page = first;
        while page < last {
            let Some((run, skip)) = self.find(page) else {
                page += self.gap(page, last - page);
                continue;
            };
            let pages = (run.pages - skip).min(last - page);
            let part = Run { start: run.start + skip, pages };
            if keep {
                pool::punch(part);
            } else {
                self.cut(page - skip, run, skip, pages);
                pool::release(part);
            }
            page += pages;
        }
    }

    fn cut(&mut self, start: u64, run: Run, skip: u64, pages: u64) {
        self.runs.remove(&start);
        if skip > 0 {
            self.runs.insert(start, Run { start: run.start, pages: skip });
        }
        if skip + pages < run.pages {
            let rest = Run { start: run.start + skip + pages, pages: run.pages - skip - pages };
            self.runs.insert(start + skip + pages, rest);
        }
    }

    /// Makes `[offset, offset + length)` zero within a page.
    fn zero_within_page(&self, offset: u64, length: u64) {
        if length > 0
            && let Some((run, skip)) = self.find(offset / PAGE_SIZE)
        {
            pool::zero_bytes(run.start + skip, offset % PAGE_SIZE, length);
        }
    }

    fn zero_range(&mut self, offset: u64, length: u64) {
        let end = offset + length;
        let (first, last) = (pages_of(offset), end / PAGE_SIZE);
        if first > last {
            return self.zero_within_page(offset, length);
        }
        self.zero_within_page(offset, first * PAGE_SIZE - offset);
        self.clear(first, last, self.mapped);
        self.zero_within_page(last * PAGE_SIZE, end - last * PAGE_SIZE);
    }

    fn shrink(&mut self, size: u64) {
        let tail = pages_of(size) * PAGE_SIZE - size;
        self.zero_within_page(size, tail);
        self.clear(pages_of(size), u64::MAX / PAGE_SIZE, self.mapped);
        self.size = size;
    }
}

impl Contents {
    /// No bytes.
    pub fn new(sealing: bool) -> Self {
        Self { state: Mutex::new(State::default()), seals: Seals::new(sealing) }
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.state.lock().size
    }

    /// Pages that it holds, not counting those taken ahead.
    pub fn pages(&self) -> u64 {
        self.state.lock().held.count()
    }

    /// `SEEK_DATA`, or with `hole` `SEEK_HOLE`, from `offset`. What has been mapped counts as data.
    ///
    /// # Errors
    /// `ENXIO`
    pub fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        let page = offset / PAGE_SIZE;
        if hole {
            let found = state.held.hole_from(page) * PAGE_SIZE;
            return Ok(found.clamp(offset, state.size));
        }
        let found = state.held.data_from(page).ok_or(Errno::ENXIO)? * PAGE_SIZE;
        if found < state.size { Ok(found.max(offset)) } else { Err(Errno::ENXIO) }
    }

    /// Reads at `offset`.
    ///
    /// # Errors
    /// `EFAULT`
    pub fn read(&self, to: &mut UserBuffers, mut offset: u64) -> Result<usize> {
        const ZEROS: [u8; 512] = [0; 512];
        let state = self.state.lock();
        let mut done = 0;
        while offset < state.size && to.remaining() > 0 {
            let left = (state.size - offset).min(to.remaining() as u64);
            let result = match state.find(offset / PAGE_SIZE) {
                Some((run, skip)) => {
                    let room = (run.pages - skip) * PAGE_SIZE - offset % PAGE_SIZE;
                    pool::copy_out(run.start + skip, offset % PAGE_SIZE, left.min(room) as usize, to)
                }
                None => {
                    let hole = PAGE_SIZE - offset % PAGE_SIZE;
                    to.copy_out(&ZEROS[..left.min(hole).min(ZEROS.len() as u64) as usize])
                }
            };
            match result {
                Ok(count) => {
                    done += count;
                    offset += count as u64;
                }
                Err(error) => return if done > 0 { Ok(done) } else { Err(error) },
            }
        }
        Ok(done)
    }

    /// Writes at `offset`, or at the end if `append`; returns the bytes written and where they end.
    ///
    /// # Errors
    /// `ENOSPC`, `EFBIG`, `EFAULT`, `EPERM` where sealed.
    pub fn write(&self, from: &mut UserBuffers, offset: u64, append: bool) -> Result<(usize, u64)> {
        self.seals.check_write()?;
        let mut state = self.state.lock();
        let mut at = if append { state.size } else { offset };
        let end =
            at.checked_add(from.remaining() as u64).filter(|end| *end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        if end > state.size {
            self.seals.check_resize(state.size, end)?;
        }
        let mut done = 0;
        while from.remaining() > 0 {
            // In steps, so that what fits is written where not everything does.
            let step = (from.remaining() as u64).min(1 << 20);
            let result = state.fill(at / PAGE_SIZE, pages_of(at + step)).and_then(|()| {
                let (run, skip) = state.find(at / PAGE_SIZE).ok_or(Errno::ENOSPC)?;
                let room = (run.pages - skip) * PAGE_SIZE - at % PAGE_SIZE;
                pool::copy_in(run.start + skip, at % PAGE_SIZE, step.min(room) as usize, from)
            });
            match result {
                Ok(count) => {
                    done += count;
                    state.held.insert(at / PAGE_SIZE, pages_of(at + count as u64));
                    at += count as u64;
                    state.size = state.size.max(at);
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok((done, at))
    }

    /// `ftruncate(2)`.
    ///
    /// # Errors
    /// `EFBIG`, `EPERM` where sealed.
    pub fn truncate(&self, size: u64) -> Result<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let mut state = self.state.lock();
        self.seals.check_resize(state.size, size)?;
        if size < state.size {
            state.shrink(size);
        }
        state.size = size;
        Ok(())
    }

    /// `fallocate(2)` without flags: pages for the range; the length grows unless `keep_size`.
    ///
    /// # Errors
    /// `ENOSPC`, `EPERM` where sealed.
    pub fn allocate(&self, offset: u64, length: u64, keep_size: bool) -> Result<()> {
        let end = offset.checked_add(length).filter(|end| *end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        let mut state = self.state.lock();
        if end > state.size && !keep_size {
            self.seals.check_resize(state.size, end)?;
        }
        state.fill(offset / PAGE_SIZE, pages_of(end))?;
        state.held.insert(offset / PAGE_SIZE, pages_of(end));
        if !keep_size {
            state.size = state.size.max(end);
        }
        Ok(())
    }

    /// `fallocate(2)` with `FALLOC_FL_PUNCH_HOLE`, or `FALLOC_FL_ZERO_RANGE`.
    ///
    /// # Errors
    /// `EPERM` where sealed.
    pub fn zero_range(&self, offset: u64, length: u64, keep_size: bool) -> Result<()> {
        self.seals.check_write()?;
        let mut state = self.state.lock();
        let end = offset.saturating_add(length);
        if !keep_size && end > state.size {
            self.seals.check_resize(state.size, end)?;
            state.size = end;
        }
        // Pages that were allocated beyond the end are punched as well.
        let end = if keep_size { end.min(MAX_SIZE) } else { end.min(pages_of(state.size) * PAGE_SIZE) };
        if offset < end {
            state.zero_range(offset, end - offset);
        }
        Ok(())
    }

    /// Windows of the memfd for `mmap(2)`, as far as the file goes. What is a hole and larger than half of what is
    /// free is left out: its pages are taken as they are touched.
    ///
    /// # Errors
    /// `EOVERFLOW`
    pub fn map(&self, offset: u64, length: u64) -> Result<Vec<MapSegment>> {
        let mut state = self.state.lock();
        let first = offset / PAGE_SIZE;
        let last = pages_of(offset.checked_add(length).ok_or(Errno::EOVERFLOW)?).min(pages_of(state.size));
        state.mapped = true;
        if last.saturating_sub(first) <= pool::with_pages(|pages| pages.left() / 2) {
            // Where there are too few in spite of it, some pages stay missing.
            let _ = state.fill(first, last);
            state.held.insert(first, last);
        }
        let mut segments: Vec<MapSegment> = Vec::new();
        let mut page = first;
        while page < last {
            let Some((run, skip)) = state.find(page) else {
                page += state.gap(page, last - page);
                continue;
            };
            let pages = (run.pages - skip).min(last - page);
            let memfd_offset = (run.start + skip) * PAGE_SIZE;
            match segments.last_mut() {
                Some(before)
                    if before.memfd_offset + before.length == memfd_offset
                        && before.file_offset + before.length == page * PAGE_SIZE =>
                {
                    before.length += pages * PAGE_SIZE;
                }
                _ => segments.push(MapSegment {
                    file_offset: page * PAGE_SIZE,
                    memfd_offset,
                    length: pages * PAGE_SIZE,
                }),
            }
            page += pages;
        }
        Ok(segments)
    }

    /// [`BAILEY_IOC_EXTENTS`]: the run of bytes in the memfd that holds `offset` of the file.
    ///
    /// # Errors
    /// `ENXIO` beyond the end of the file.
    pub fn extent(&self, offset: u64) -> Result<MapSegment> {
        let mut state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        let page = offset / PAGE_SIZE;
        state.fill(page, page + 1)?;
        state.held.insert(page, page + 1);
        // Whoever asks will look at the bytes there: they must stay this file's.
        state.mapped = true;
        let (run, skip) = state.find(page).ok_or(Errno::ENXIO)?;
        let file_offset = (page - skip) * PAGE_SIZE;
        Ok(MapSegment { file_offset, memfd_offset: run.start * PAGE_SIZE, length: run.pages * PAGE_SIZE })
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        for run in core::mem::take(&mut self.state.lock().runs).into_values() {
            pool::release(run);
        }
    }
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
