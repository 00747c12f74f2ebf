//! Descriptor tables: what `CLONE_FILES` shares and `fork` copies.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::{OpenFile, locks};

/// Most descriptors of a process, whatever `RLIMIT_NOFILE` says (`/proc/sys/fs/nr_open`).
pub const MAX_DESCRIPTORS: usize = 65536;
const DEFAULT_LIMIT: usize = 1024;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

#[derive(Clone, Debug)]
struct Slot {
    file: Arc<OpenFile>,
    close_on_exec: bool,
}

/// A descriptor table.
#[derive(Debug)]
pub struct FileTable {
    slots: Mutex<Vec<Option<Slot>>>,
    /// `RLIMIT_NOFILE`, soft.
    limit: AtomicUsize,
    /// Whether more than one process may use it.
    shared: AtomicBool,
    /// Who holds record locks (`fcntl(2)`): the table, not the process.
    id: u64,
}

impl Default for FileTable {
    fn default() -> Self {
        Self::new()
    }
}

fn index_of(fd: i32) -> Result<usize> {
    usize::try_from(fd).map_err(|_| Errno::EBADF)
}

impl FileTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::with(Vec::new(), DEFAULT_LIMIT)
    }

    fn with(slots: Vec<Option<Slot>>, limit: usize) -> Self {
        Self {
            slots: Mutex::new(slots),
            limit: AtomicUsize::new(limit),
            shared: AtomicBool::new(false),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Who holds this table's record locks.
    pub fn lock_owner(&self) -> u64 {
        self.id
    }

    /// `RLIMIT_NOFILE`.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit.min(MAX_DESCRIPTORS), Ordering::Relaxed);
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// The file behind a descriptor, for reading, writing and control.
    ///
    /// # Errors
    /// `EBADF`, also for an `O_PATH` descriptor.
    pub fn get(&self, fd: i32) -> Result<Arc<OpenFile>> {
        let file = self.get_any(fd)?;
        if file.is_path() { Err(Errno::EBADF) } else { Ok(file) }
    }

    /// The file behind a descriptor, which may be `O_PATH`.
    ///
    /// # Errors
    /// `EBADF`
    pub fn get_any(&self, fd: i32) -> Result<Arc<OpenFile>> {
        let slots = self.slots.lock();
        let slot = slots.get(index_of(fd)?).and_then(Option::as_ref).ok_or(Errno::EBADF)?;
        Ok(slot.file.clone())
    }

    /// As [`Self::get`], for the only thread of a process: without the lock, unless another process has the table too.
    ///
    /// # Safety
    /// The calling process has this table, and no other thread.
    pub unsafe fn get_alone(&self, fd: i32) -> Result<Arc<OpenFile>> {
        if self.shared.load(Ordering::Acquire) {
            return self.get(fd);
        }
        // SAFETY: only threads of processes that have the table change it, and the caller is the only such thread.
        let slots = unsafe { self.slots.unlocked() };
        let slot = slots.get(index_of(fd)?).and_then(Option::as_ref).ok_or(Errno::EBADF)?;
        if slot.file.is_path() { Err(Errno::EBADF) } else { Ok(slot.file.clone()) }
    }

    /// Another process is about to have it too (`CLONE_FILES`).
    pub fn share(&self) {
        self.shared.store(true, Ordering::Release);
    }

    /// Puts a file at the lowest free descriptor from `minimum` on.
    ///
    /// # Errors
    /// `EMFILE`; `EINVAL` for a minimum beyond the limit.
    pub fn insert(&self, file: Arc<OpenFile>, close_on_exec: bool, minimum: i32) -> Result<i32> {
        let minimum = usize::try_from(minimum).map_err(|_| Errno::EINVAL)?;
        let limit = self.limit();
        if minimum > 0 && minimum >= limit {
            return Err(Errno::EINVAL);
        }
        let mut slots = self.slots.lock();
        let free = (minimum..slots.len()).find(|index| slots[*index].is_none());
        let index = free.unwrap_or_else(|| slots.len().max(minimum));
        if index >= limit {
            return Err(Errno::EMFILE);
        }
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        slots[index] = Some(Slot { file, close_on_exec });
        i32::try_from(index).map_err(|_| Errno::EMFILE)
    }

    /// Puts a file at exactly `fd`, and gives back what was there.
    ///
    /// # Errors
    /// `EBADF` for a descriptor beyond the limit.
    pub fn place(&self, fd: i32, file: Arc<OpenFile>, close_on_exec: bool) -> Result<()> {
        let index = index_of(fd)?;
        if index >= self.limit() {
            return Err(Errno::EBADF);
        }
        let mut slots = self.slots.lock();
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        let old = slots[index].replace(Slot { file, close_on_exec });
        drop(slots);
        self.closed(old);
        Ok(())
    }

    /// `dup2(2)`: makes `to` refer to what `from` does.
    ///
    /// # Errors
    /// `EBADF`
    pub fn duplicate(&self, from: i32, to: i32, close_on_exec: bool) -> Result<i32> {
        let file = self.get_any(from)?;
        if from != to {
            self.place(to, file, close_on_exec)?;
        }
        Ok(to)
    }

    /// Takes a descriptor out.
    ///
    /// # Errors
    /// `EBADF`
    pub fn remove(&self, fd: i32) -> Result<()> {
        let index = index_of(fd)?;
        let mut slots = self.slots.lock();
        let old = slots.get_mut(index).and_then(Option::take).ok_or(Errno::EBADF)?;
        while slots.last().is_some_and(Option::is_none) {
            slots.pop();
        }
        drop(slots);
        self.closed(Some(old));
        Ok(())
    }

    fn closed(&self, slot: Option<Slot>) {
        // POSIX: any close of a file drops all record locks that the process has on it.
        if let Some(slot) = slot {
            locks::release_owner_on(self.id, &slot.file);
            if let Some(thread) = crate::task::try_current() {
                slot.file.file.flush(thread.process().pid());
            }
        }
    }

    /// `close_range(2)`: takes out `first..=last`, or only marks it close-on-exec.
    pub fn remove_range(&self, first: u32, last: u32, only_mark: bool) {
        let mut gone = Vec::new();
        let mut slots = self.slots.lock();
        let end = slots.len().min((last as usize).saturating_add(1));
        for index in first as usize..end {
            if only_mark {
                if let Some(slot) = &mut slots[index] {
                    slot.close_on_exec = true;
                }
            } else if let Some(slot) = slots[index].take() {
                gone.push(slot);
            }
        }
        drop(slots);
        for slot in gone {
            self.closed(Some(slot));
        }
    }

    /// Whether a descriptor is close-on-exec.
    ///
    /// # Errors
    /// `EBADF`
    pub fn close_on_exec_of(&self, fd: i32) -> Result<bool> {
        let slots = self.slots.lock();
        let slot = slots.get(index_of(fd)?).and_then(Option::as_ref).ok_or(Errno::EBADF)?;
        Ok(slot.close_on_exec)
    }

    /// Sets whether a descriptor is close-on-exec.
    ///
    /// # Errors
    /// `EBADF`
    pub fn set_close_on_exec(&self, fd: i32, on: bool) -> Result<()> {
        let mut slots = self.slots.lock();
        let slot = slots.get_mut(index_of(fd)?).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        slot.close_on_exec = on;
        Ok(())
    }

    /// A copy, as `fork` makes.
    pub fn clone_table(&self) -> Self {
        Self::with(self.slots.lock().clone(), self.limit())
    }

    /// Closes what is close-on-exec (`execve`).
    pub fn close_on_exec(&self) {
        let mut gone = Vec::new();
        let mut slots = self.slots.lock();
        for slot in slots.iter_mut() {
            if slot.as_ref().is_some_and(|slot| slot.close_on_exec) {
                gone.extend(slot.take());
            }
        }
        drop(slots);
        for slot in gone {
            self.closed(Some(slot));
        }
    }

    /// All descriptors and their files, in order.
    pub fn iter(&self) -> Vec<(i32, Arc<OpenFile>)> {
        let slots = self.slots.lock();
        let open = slots.iter().enumerate();
        open.filter_map(|(fd, slot)| Some((i32::try_from(fd).ok()?, slot.as_ref()?.file.clone()))).collect()
    }

    /// Closes everything (the last thread of a process ends).
    pub fn close_all(&self) {
        self.remove_range(0, u32::MAX, false);
    }
}

impl Drop for FileTable {
    fn drop(&mut self) {
        self.close_all();
    }
}
