//! Files that are written to and programs that run: never both at a time (`ETXTBSY` of open(2) and execve(2)).

use alloc::collections::BTreeMap;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::inode::InodeId;

/// How many write to a file (positive), or run it (negative). One lock, held for a look-up.
static USES: Mutex<BTreeMap<InodeId, i32>> = Mutex::new(BTreeMap::new());

/// A use of a file that excludes the other kind, while it lives.
#[derive(Debug)]
pub struct Use {
    inode: InodeId,
    step: i32,
}

fn begin(inode: InodeId, step: i32) -> Result<Use> {
    let mut uses = USES.lock();
    let count = uses.get(&inode).copied().unwrap_or(0);
    if count.signum() == -step {
        return Err(Errno::ETXTBSY);
    }
    uses.insert(inode, count + step);
    Ok(Use { inode, step })
}

impl Use {
    /// Somebody may write to the file from now on.
    ///
    /// # Errors
    /// `ETXTBSY` while it runs.
    pub fn to_write(inode: InodeId) -> Result<Self> {
        begin(inode, 1)
    }

    /// The file runs from now on.
    ///
    /// # Errors
    /// `ETXTBSY` while somebody may write to it.
    pub fn to_run(inode: InodeId) -> Result<Self> {
        begin(inode, -1)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut uses = USES.lock();
        if let Some(count) = uses.get_mut(&self.inode) {
            *count -= self.step;
            if *count == 0 {
                uses.remove(&self.inode);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Use;
    use crate::errno::Errno;
    use crate::vfs::inode::InodeId;

    #[test]
    fn a_file_is_written_to_or_runs() {
        let inode = InodeId { dev: 0xbad, ino: 7 };
        let writers = [Use::to_write(inode), Use::to_write(inode)];
        assert!(writers.iter().all(Result::is_ok));
        assert_eq!(Use::to_run(inode).err(), Some(Errno::ETXTBSY));
        drop(writers);
        let running = Use::to_run(inode);
        assert_eq!(Use::to_write(inode).err(), Some(Errno::ETXTBSY));
        assert!(Use::to_run(inode).is_ok());
        drop(running);
        assert!(Use::to_write(inode).is_ok());
    }
}
