//! Open synthetic files: the text is made when reading begins, and stays the same until it begins anew.

use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::user::UserBuffers;
use crate::vfs::synthetic::SyntheticInode;
use crate::vfs::{File, Inode, OpenFile, Stat};

/// Longest text that can be written at once.
const MAX_WRITE: usize = 4096;

#[derive(Debug)]
pub(super) struct SyntheticFile {
    inode: Arc<SyntheticInode>,
    text: Mutex<Option<Arc<str>>>,
}

impl SyntheticFile {
    pub(super) fn new(inode: Arc<SyntheticInode>) -> Self {
        Self { inode, text: Mutex::new(None) }
    }

    fn text(&self, anew: bool) -> Result<Arc<str>> {
        if !anew && let Some(text) = &*self.text.lock() {
            return Ok(text.clone());
        }
        let text: Arc<str> = self.inode.text()?.into();
        *self.text.lock() = Some(text.clone());
        Ok(text)
    }
}

impl File for SyntheticFile {
    fn stat(&self) -> Result<Stat> {
        self.inode.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read(&self, _open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        let text = self.text(offset == 0)?;
        let rest = text.as_bytes().get(offset as usize..).unwrap_or_default();
        to.copy_out(rest)
    }

    fn write(&self, _open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        let mut bytes = alloc::vec![0; from.remaining().min(MAX_WRITE)];
        let count = from.copy_in(&mut bytes)?;
        bytes.truncate(count);
        let text = String::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
        self.inode.store(&text)?;
        Ok(count)
    }

    fn truncate(&self, _length: u64) -> Result<()> {
        Ok(())
    }
}
