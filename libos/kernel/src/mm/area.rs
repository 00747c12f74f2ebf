//! Areas: runs of pages that were mapped alike (`struct vm_area_struct`).

use alloc::sync::Arc;
use core::fmt;

use crate::mm::PAGE;
use crate::vfs::OpenFile;

/// `value` rounded up to whole pages; nothing where that overflows.
pub(super) fn page_up(value: u64) -> Option<u64> {
    value.checked_add(PAGE - 1).map(page_down)
}

/// `value` rounded down to whole pages.
pub(super) const fn page_down(value: u64) -> u64 {
    value & !(PAGE - 1)
}

/// What an area's pages come from.
#[derive(Clone)]
pub enum Backing {
    /// Private zero pages.
    Anonymous,
    /// A file, from this offset at the area's start.
    File {
        /// The file.
        file: Arc<OpenFile>,
        /// Offset in it, whole pages.
        offset: u64,
        /// `MAP_SHARED`
        shared: bool,
    },
    /// Pages of the kernel's own in application memory: the vDSO, trampolines.
    Kernel,
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::File { file, offset, shared } => {
                write!(f, "File({}, {offset:#x}, shared {shared})", file.name())
            }
            Self::Kernel => f.write_str("Kernel"),
        }
    }
}

/// A run of pages. Its start is its key in the map.
#[derive(Clone, Debug)]
pub struct Area {
    /// First address above it.
    pub end: u64,
    /// `PROT_*`
    pub protection: u32,
    /// See [`Backing`].
    pub backing: Backing,
    /// What `/proc/PID/maps` calls it where there is no file: `[heap]`, `[stack]`, `[vdso]`.
    pub label: &'static str,
    /// Whether its pages have no bytes yet, since they lie beyond the end of their file: touching one is `SIGBUS`
    /// unless the file has grown meanwhile.
    pub missing: bool,
    /// Whether it grows downwards when a page below it is touched (`MAP_GROWSDOWN`).
    pub grows: bool,
    /// What a forked process gets of it.
    pub at_fork: AtFork,
}

/// What a forked process gets of an area (`MADV_DONTFORK` and its kin).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtFork {
    /// The same.
    #[default]
    Copied,
    /// Nothing.
    Left,
}

impl Area {
    /// An area that a program has asked for, with all its pages.
    pub const fn new(end: u64, protection: u32, backing: Backing, label: &'static str) -> Self {
        Self { end, protection, backing, label, missing: false, grows: false, at_fork: AtFork::Copied }
    }

    /// The part of an area that begins at `by` bytes from its start.
    pub fn advanced(&self, by: u64) -> Self {
        let mut rest = self.clone();
        if let Backing::File { offset, .. } = &mut rest.backing {
            *offset += by;
        }
        rest
    }

    /// Whether `next`, which begins where this one of `length` bytes ends, is just more of the same.
    pub fn continues_in(&self, length: u64, next: &Self) -> bool {
        if self.protection != next.protection
            || self.label != next.label
            || self.missing != next.missing
            || self.at_fork != next.at_fork
            || self.grows != next.grows
        {
            return false;
        }
        match (&self.backing, &next.backing) {
            (Backing::Anonymous, Backing::Anonymous) => true,
            (
                Backing::File { file: a, offset: from, shared: s },
                Backing::File { file: b, offset: to, shared: t },
            ) => Arc::ptr_eq(a, b) && s == t && from + length == *to,
            _ => false,
        }
    }
}
