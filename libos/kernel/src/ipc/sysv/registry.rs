//! Keys, identifiers and permissions, which all three kinds have.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;

/// `IPC_PRIVATE`
const PRIVATE: i32 = 0;
const IPC_CREAT: u32 = 0o1000;
const IPC_EXCL: u32 = 0o2000;
/// `SHM_DEST`: in the mode of a removed segment that is still mapped.
const DEST: u32 = 0o1000;
/// Most objects of a kind (`SHMMNI`).
pub const MAX_OBJECTS: usize = 4096;
/// Bits of an identifier that are the object's place in the table; the others tell it from earlier ones there.
const PLACE_BITS: u32 = 15;

/// Permission to look at an object, and to change it, as the bits of each of a mode's three digits.
pub mod access {
    /// `S_IROTH`
    pub const READ: u32 = 4;
    /// `S_IWOTH`
    pub const WRITE: u32 = 2;
}

/// `struct ipc_perm`
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "sysvipc(7) documents them")]
pub struct Permissions {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
    pub seq: u16,
}

impl Permissions {
    fn new(key: i32, mode: u32, seq: u16) -> Self {
        let (uid, gid) = crate::task::current_ids();
        Self { key, uid, gid, cuid: uid, cgid: gid, mode, seq }
    }

    /// Whether the caller may use the object so: `wanted` as in [`access`], or the mode of a `*get(2)`.
    ///
    /// # Errors
    /// `EACCES`
    pub fn check(&self, wanted: u32) -> Result<()> {
        let (uid, gid) = crate::task::current_ids();
        let wanted = (wanted >> 6 | wanted >> 3 | wanted) & 7;
        let granted = if uid == self.uid || uid == self.cuid {
            self.mode >> 6
        } else if gid == self.gid || gid == self.cgid {
            self.mode >> 3
        } else {
            self.mode
        };
        if wanted & !granted == 0 || uid == 0 { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// Whether the caller may remove the object or change its owner.
    ///
    /// # Errors
    /// `EPERM`
    pub fn check_owner(&self) -> Result<()> {
        let (uid, _) = crate::task::current_ids();
        if uid == self.uid || uid == self.cuid || uid == 0 { Ok(()) } else { Err(Errno::EPERM) }
    }
}

/// Objects of one kind.
#[derive(Debug)]
pub struct Registry<T> {
    objects: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    /// How many have been removed: what tells an object from an earlier one at its place.
    removed: u16,
    by_place: BTreeMap<i32, (Permissions, Arc<T>)>,
}

const fn place_of(id: i32) -> i32 {
    id & ((1 << PLACE_BITS) - 1)
}

fn id_at(place: i32, perm: &Permissions) -> i32 {
    i32::from(perm.seq) << PLACE_BITS | place
}

impl<T> Table<T> {
    fn at(&mut self, id: i32) -> Result<&mut (Permissions, Arc<T>)> {
        let found = self.by_place.get_mut(&place_of(id)).ok_or(Errno::EINVAL)?;
        if id_at(place_of(id), &found.0) == id { Ok(found) } else { Err(Errno::EINVAL) }
    }

    fn take(&mut self, place: i32) -> Option<Arc<T>> {
        let (_, object) = self.by_place.remove(&place)?;
        self.removed = (self.removed + 1) & 0x7fff;
        Some(object)
    }

    fn free_place(&self) -> i32 {
        let taken = self.by_place.keys().zip(0..).take_while(|(place, index)| *place == index);
        taken.last().map_or(0, |(place, _)| place + 1)
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Registry<T> {
    /// None yet.
    pub const fn new() -> Self {
        Self { objects: Mutex::new(Table { removed: 0, by_place: BTreeMap::new() }) }
    }

    /// `*get(2)`: the object of a key, which `make` makes where there is none and `IPC_CREAT` is asked for.
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST`, `EACCES`, `ENOSPC`, and those of `check` (an existing object) and `make`.
    pub fn get(
        &self,
        key: i32,
        flags: u32,
        check: impl FnOnce(&T) -> Result<()>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<i32> {
        let mut table = self.objects.lock();
        let found = table.by_place.iter().find(|(_, (perm, _))| key != PRIVATE && perm.key == key);
        if let Some((place, (perm, object))) = found {
            if flags & IPC_CREAT != 0 && flags & IPC_EXCL != 0 {
                return Err(Errno::EEXIST);
            }
            check(object)?;
            perm.check(flags & 0o777)?;
            return Ok(id_at(*place, perm));
        }
        if key != PRIVATE && flags & IPC_CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        if table.by_place.len() >= MAX_OBJECTS {
            return Err(Errno::ENOSPC);
        }
        let object = Arc::new(make()?);
        let perm = Permissions::new(key, flags & 0o777, table.removed);
        let place = table.free_place();
        table.by_place.insert(place, (perm, object));
        Ok(id_at(place, &perm))
    }

    /// The object of an identifier.
    ///
    /// # Errors
    /// `EINVAL`
    pub fn find(&self, id: i32) -> Result<(Permissions, Arc<T>)> {
        self.objects.lock().at(id).cloned()
    }

    /// As [`Self::find`], of an object that the caller may use so, see [`Permissions::check`].
    ///
    /// # Errors
    /// `EINVAL`, `EACCES`
    pub fn find_for(&self, id: i32, wanted: u32) -> Result<(Permissions, Arc<T>)> {
        let found = self.find(id)?;
        found.0.check(wanted)?;
        Ok(found)
    }

    /// The object at a place of the table, with its identifier (`*_STAT`).
    ///
    /// # Errors
    /// `EINVAL`
    pub fn find_at(&self, place: i32) -> Result<(i32, Permissions, Arc<T>)> {
        let table = self.objects.lock();
        let (perm, object) = table.by_place.get(&place).ok_or(Errno::EINVAL)?;
        Ok((id_at(place, perm), *perm, object.clone()))
    }

    /// All objects with their identifiers.
    pub fn all(&self) -> Vec<(i32, Permissions, Arc<T>)> {
        let table = self.objects.lock();
        let one = |(place, (perm, object)): (&i32, &(Permissions, Arc<T>))| {
            (id_at(*place, perm), *perm, object.clone())
        };
        table.by_place.iter().map(one).collect()
    }

    /// The highest place that is taken, 0 without any: what `*_INFO` answer.
    pub fn highest(&self) -> i32 {
        self.objects.lock().by_place.keys().next_back().copied().unwrap_or(0)
    }

    /// `IPC_RMID`
    ///
    /// # Errors
    /// `EINVAL`, `EPERM`
    pub fn remove(&self, id: i32) -> Result<Arc<T>> {
        let mut table = self.objects.lock();
        table.at(id)?.0.check_owner()?;
        table.take(place_of(id)).ok_or(Errno::EINVAL)
    }

    /// `IPC_RMID` of what stays as long as it is used: the key can be used for another object.
    ///
    /// # Errors
    /// `EINVAL`, `EPERM`
    pub fn doom(&self, id: i32) -> Result<Arc<T>> {
        let mut table = self.objects.lock();
        let (perm, object) = table.at(id)?;
        perm.check_owner()?;
        perm.key = PRIVATE;
        perm.mode |= DEST;
        Ok(object.clone())
    }

    /// `IPC_SET`: owner and mode.
    ///
    /// # Errors
    /// `EINVAL`, `EPERM`
    pub fn change(&self, id: i32, uid: u32, gid: u32, mode: u32) -> Result<()> {
        let mut table = self.objects.lock();
        let (perm, _) = table.at(id)?;
        perm.check_owner()?;
        if uid == u32::MAX || gid == u32::MAX {
            return Err(Errno::EINVAL);
        }
        *perm = Permissions { uid, gid, mode: perm.mode & !0o777 | mode & 0o777, ..*perm };
        Ok(())
    }

    /// Removes what `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&Arc<T>) -> bool) {
        let mut table = self.objects.lock();
        let unwanted = table.by_place.iter().filter(|(_, (_, object))| !keep(object));
        let gone: Vec<i32> = unwanted.map(|(place, _)| *place).collect();
        let dropped: Vec<_> = gone.iter().filter_map(|place| table.take(*place)).collect();
        drop(table);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_not_used_again_at_once() {
        let registry = Registry::new();
        let make = |key| registry.get(key, IPC_CREAT | 0o600, |_| Ok(()), || Ok(key)).unwrap();
        let (first, second) = (make(1), make(2));
        registry.remove(first).unwrap();
        let third = make(3);
        assert_eq!(place_of(third), place_of(first));
        assert!(third != first && second != first);
        assert_eq!(registry.find(first).map(|found| *found.1), Err(Errno::EINVAL));
        assert_eq!(registry.find_at(0).map(|found| *found.2), Ok(3));
        assert_eq!(registry.highest(), 1);
        assert_eq!(registry.all().len(), 2);
    }
}
