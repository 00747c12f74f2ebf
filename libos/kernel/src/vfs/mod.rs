//! Files: open file descriptions, names, mounts, and the file systems.

mod file;

pub use file::{Events, File, FileKind, MapSegment, MapSource, OpenFile, SeekFrom, Stat};
