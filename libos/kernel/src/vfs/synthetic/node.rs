//! What a synthetic tree is made of.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::Result;
use crate::task::Process;
use crate::vfs::Followed;

/// What a file is about: which process, thread, descriptor or other number led to it.
#[derive(Clone, Default)]
pub struct Subject {
    /// The process of `/proc/PID`.
    pub process: Option<Arc<Process>>,
    /// The thread of `/proc/PID/task/TID`.
    pub thread: Option<i32>,
    /// The number of a numbered name (a descriptor, a processor).
    pub number: u32,
}

impl core::fmt::Debug for Subject {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Subject")
            .field("thread", &self.thread)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// A directory whose names are not fixed.
pub trait Listing: Sync {
    /// The names.
    fn names(&self, subject: &Subject) -> Result<Vec<String>>;
    /// What a name stands for.
    fn find(&self, subject: &Subject, name: &str) -> Result<(&'static Node, Subject)>;
}

/// One file of a tree.
pub enum Node {
    /// Fixed names.
    Directory(&'static [(&'static str, Self)]),
    /// Names that come and go, beside fixed ones.
    Dynamic(&'static dyn Listing, &'static [(&'static str, Self)]),
    /// A text that is made when it is read.
    Text(fn(&Subject) -> Result<String>),
    /// A text that only its owner may read.
    Private(fn(&Subject) -> Result<String>),
    /// A text that is kept for programs that write it; what is written is not looked at.
    Store(fn(&Subject) -> Result<String>, fn(&Subject, &str) -> Result<()>),
    /// A fixed text.
    Fixed(&'static str),
    /// A symbolic link.
    Link(fn(&Subject) -> Result<String>),
    /// A link that leads to an object and not to a path.
    Magic(fn(&Subject) -> Result<Followed>),
    /// The same, with permission bits that say something.
    Handle(fn(&Subject) -> Result<Followed>, fn(&Subject) -> u32),
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Node")
    }
}
