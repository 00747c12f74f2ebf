//! Keys and identifiers, which all three kinds have.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;

/// `IPC_PRIVATE`
const PRIVATE: i32 = 0;
const IPC_CREAT: u32 = 0o1000;
const IPC_EXCL: u32 = 0o2000;
/// Most objects of a kind.
const MAX_OBJECTS: usize = 4096;

/// `struct ipc_perm`
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "sysvipc(7) documents them")]
pub struct Permissions {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

impl Permissions {
    /// `struct ipc64_perm`
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.key.to_le_bytes().to_vec();
        for word in [self.uid, self.gid, self.uid, self.gid, self.mode] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.resize(48, 0);
        bytes
    }
}

/// Objects of one kind.
#[derive(Debug)]
pub struct Registry<T> {
    objects: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    next: i32,
    by_id: BTreeMap<i32, (Permissions, Arc<T>)>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Registry<T> {
    /// None yet.
    pub const fn new() -> Self {
        Self { objects: Mutex::new(Table { next: 0, by_id: BTreeMap::new() }) }
    }

    /// `*get(2)`: the object of a key, which `make` makes where there is none and `IPC_CREAT` is asked for.
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST`, `ENOSPC`, and those of `check` (an existing object) and `make`.
    pub fn get(
        &self,
        key: i32,
        flags: u32,
        check: impl FnOnce(&T) -> Result<()>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<i32> {
        let (uid, gid) = crate::task::current_ids();
        let mut table = self.objects.lock();
        let found = table.by_id.iter().find(|(_, (perm, _))| key != PRIVATE && perm.key == key);
        if let Some((id, (_, object))) = found {
            if flags & IPC_CREAT != 0 && flags & IPC_EXCL != 0 {
                return Err(Errno::EEXIST);
            }
            check(object)?;
            return Ok(*id);
        }
        if key != PRIVATE && flags & IPC_CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        if table.by_id.len() >= MAX_OBJECTS {
            return Err(Errno::ENOSPC);
        }
        let object = Arc::new(make()?);
        let id = table.next;
        table.next = (table.next + 1) & i32::MAX;
        table.by_id.insert(id, (Permissions { key, uid, gid, mode: flags & 0o777 }, object));
        Ok(id)
    }

    /// The object of an identifier.
    ///
    /// # Errors
    /// `EINVAL`
    pub fn find(&self, id: i32) -> Result<(Permissions, Arc<T>)> {
        self.objects.lock().by_id.get(&id).cloned().ok_or(Errno::EINVAL)
    }

    /// `IPC_RMID`
    ///
    /// # Errors
    /// `EINVAL`
    pub fn remove(&self, id: i32) -> Result<Arc<T>> {
        self.objects.lock().by_id.remove(&id).map(|(_, object)| object).ok_or(Errno::EINVAL)
    }

    /// The key can be used for another object; this one stays.
    pub fn forget_key(&self, id: i32) {
        if let Some((perm, _)) = self.objects.lock().by_id.get_mut(&id) {
            perm.key = PRIVATE;
        }
    }

    /// `IPC_SET`: owner and mode.
    ///
    /// # Errors
    /// `EINVAL`
    pub fn change(&self, id: i32, uid: u32, gid: u32, mode: u32) -> Result<()> {
        let mut table = self.objects.lock();
        let (perm, _) = table.by_id.get_mut(&id).ok_or(Errno::EINVAL)?;
        *perm = Permissions { uid, gid, mode: mode & 0o777, ..*perm };
        Ok(())
    }

    /// Removes what `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&Arc<T>) -> bool) {
        let mut table = self.objects.lock();
        let gone: Vec<i32> =
            table.by_id.iter().filter(|(_, (_, object))| !keep(object)).map(|(id, _)| *id).collect();
        let dropped: Vec<_> = gone.iter().filter_map(|id| table.by_id.remove(id)).collect();
        drop(table);
        drop(dropped);
    }
}
