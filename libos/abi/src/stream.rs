//! Requests to the monitor, its replies, and its events.
//!
//! Every process of an instance has a channel of its own: a `SOCK_SEQPACKET` socket on which it has
//! at most one request outstanding. A reply may carry one descriptor (`SCM_RIGHTS`). Streams are
//! named by URI:
//!
//! | URI | what |
//! |---|---|
//! | `file:/path` | a path of the instance below one of its grants, free of symbolic links and `..` |
//! | `stdio:0`, `stdio:1`, `stdio:2` | the instance's standard streams |
//! | `display:` | the instance's display stream |
//! | `handle:N` | the open stream of that handle, where a request says so |
//! | `tcp:ADDRESS:PORT` | a connection to a granted destination; it may not be established yet |
//! | `udp:ADDRESS:PORT` | datagrams to and from one granted destination |
//! | `dns:NAME` | the addresses of a granted name: a [`crate::network::Lookup`], readable once known |
//!
//! An address is written as in RFC 3986: `10.0.0.1:22`, `[2001:db8::1]:22`. A stream of the network
//! never blocks: what cannot be done at once fails with `EAGAIN`.
//!
//! The kernel resolves symbolic links; the monitor never follows one.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::SocketOption;

/// What kind of object a name stands for (`S_IFMT`).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// `S_IFREG`
    Regular,
    /// `S_IFDIR`
    Directory,
    /// `S_IFLNK`
    Symlink,
    /// `S_IFCHR`
    CharDevice,
    /// `S_IFBLK`
    BlockDevice,
    /// `S_IFIFO`
    Fifo,
    /// `S_IFSOCK`
    Socket,
}

/// Attributes of a stream, as `stat(2)` names them. Times are (seconds, nanoseconds).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct Attributes {
    pub kind: Kind,
    /// Permission bits, `st_mode & 0o7777`.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub dev: u64,
    pub ino: u64,
    pub nlink: u64,
    pub size: u64,
    pub blocks: u64,
    pub atime: (i64, u32),
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
}

/// A change of attributes; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of stat(2)")]
pub struct AttributeChange {
    pub mode: Option<u32>,
    pub atime: Option<(i64, u32)>,
    pub mtime: Option<(i64, u32)>,
}

/// How a stream is opened.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct OpenMode {
    /// Bytes may be read.
    pub read: bool,
    /// Bytes may be written.
    pub write: bool,
    /// A regular file is made when the name is free, with these permission bits.
    pub create: Option<u32>,
    /// With `create`: the name must be free (`O_EXCL`).
    pub exclusive: bool,
    /// The file is cut to length 0 (`O_TRUNC`).
    pub truncate: bool,
}

/// A request; the name is the downcall's (see [`crate::table`]). New ones go to the end: the order is the wire's.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the table documents each downcall's arguments")]
pub enum Request {
    /// Reply: [`Reply::Stream`] and the descriptor. A directory is refused (`EISDIR`): it has no bytes.
    StreamOpen { uri: String, mode: OpenMode },
    /// Reply: [`Reply::Attributes`]. Never follows a symbolic link.
    StreamAttributesQuery { uri: String },
    /// Reply: [`Reply::Attributes`] of an open handle.
    StreamAttributesQueryByHandle { handle: u64 },
    /// Of a name, or of an open stream (`handle:N`). Reply: [`Reply::Done`].
    StreamAttributesSet { uri: String, change: AttributeChange },
    /// Reply: [`Reply::Entries`]; start with cursor 0, go on with the cursor of the reply until it is `None`.
    StreamEnumerate { uri: String, cursor: u64 },
    /// Reply: [`Reply::Target`].
    StreamReadLink { uri: String },
    /// Reply: [`Reply::Done`]. `directory` as `rmdir` against `unlink`.
    StreamDelete { uri: String, directory: bool },
    /// Reply: [`Reply::Done`]. `flags` as `renameat2(2)`.
    StreamRename { from: String, to: String, flags: u32 },
    /// Makes a hard link `to` of `from`. Reply: [`Reply::Done`].
    StreamLink { from: String, to: String },
    /// Makes a symbolic link. Reply: [`Reply::Attributes`].
    StreamSymlink { uri: String, target: String },
    /// Reply: [`Reply::Attributes`].
    StreamMakeDirectory { uri: String, mode: u32 },
    /// Reply: [`Reply::Done`].
    StreamSetLength { handle: u64, length: u64 },
    /// `fsync`. Reply: [`Reply::Done`].
    StreamFlush { handle: u64 },
    /// Space of the file system behind a name. Reply: [`Reply::Space`].
    StreamSpaceQuery { uri: String },
    /// A further descriptor of an open handle, for a process that lacks one. Reply: [`Reply::Stream`].
    HandleFetch { handle: u64 },
    /// Reply: none.
    HandleClose { handle: u64 },
    /// A channel for a process that is about to be cloned. Reply: [`Reply::Done`] and the descriptor.
    ProcessChannel,
    /// The instance is at its end: the first process has ended so. Reply: none, the monitor ends all.
    InstanceExit { status: ExitStatus },
    /// A line for the instance's log. Reply: [`Reply::Done`].
    DebugOutput { text: String },
    /// `shutdown` of a connection outside. Reply: [`Reply::Done`].
    SocketShutdown { handle: u64, read: bool, write: bool },
    /// Sends an empty datagram: a write of no bytes does nothing. Reply: [`Reply::Done`].
    SocketSendEmpty { handle: u64 },
    /// `setsockopt` of a connection outside. Reply: [`Reply::Done`].
    SocketSetOption { handle: u64, option: SocketOption, value: i32 },
    /// `fallocate(2)`; `mode` as there. Reply: [`Reply::Done`].
    StreamAllocate { handle: u64, mode: u32, offset: u64, length: u64 },
    /// `SEEK_DATA`, or with `hole` `SEEK_HOLE`, of `lseek(2)`. Reply: [`Reply::Offset`].
    StreamSeek { handle: u64, offset: u64, hole: bool },
    /// What a reader of these names of a directory asks for next: the bytes of a small regular file, the names in a
    /// directory, as far as there is room and with those below. What is missing, unreadable or too large is left out.
    /// At most [`crate::codec::MAX_AHEAD`] names. Reply: [`Reply::Ahead`].
    StreamEnumerateAhead { directory: String, names: Vec<String> },
    /// As many [`Request::HandleClose`] in one. Reply: none.
    HandlesClose { handles: Vec<u64> },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum ExitStatus {
    /// By `exit_group(2)` with this status (0–255).
    Exited(u8),
    /// By this signal.
    Signaled(u8),
    /// The kernel gave up (a bug of ours, or a process died holding one of its locks).
    KernelFailure,
}

/// One name of a directory.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The name, not empty, without slash.
    pub name: String,
    /// The name's attributes, as `lstat` gives them.
    pub attributes: Attributes,
    /// Of a symbolic link: its target, where that can be said.
    pub target: Option<String>,
}

/// Bytes that travel as they are, not one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Bytes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visit)
    }
}

/// What is told ahead of something.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Contents {
    /// All bytes of a regular file, as they were while it had these attributes.
    Bytes(Bytes),
    /// All names in a directory, in the order of `getdents64(2)`.
    Names(Vec<Entry>),
}

/// Something of a [`Request::StreamEnumerateAhead`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ahead {
    /// Its path from the request's directory on, without a slash at either end.
    pub path: String,
    /// Its attributes.
    pub attributes: Attributes,
    /// What is in it.
    pub contents: Contents,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the variants are named by the requests")]
pub enum Reply {
    Done,
    Stream {
        handle: u64,
        attributes: Attributes,
    },
    Attributes(Attributes),
    Entries {
        entries: Vec<Entry>,
        next: Option<u64>,
    },
    Target(String),
    Space {
        block_size: u64,
        blocks: u64,
        free: u64,
        files: u64,
        files_free: u64,
    },
    /// A Linux error number, positive.
    Error(i32),
    Offset(u64),
    Ahead(Vec<Ahead>),
}

/// What the monitor tells the kernel unasked, on the event channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A signal for the foreground process group of the terminal (or the first process without one).
    Signal {
        /// Linux signal number.
        signo: u8,
    },
    /// The terminal's size has changed.
    TerminalSize {
        /// Rows of characters.
        rows: u16,
        /// Columns of characters.
        columns: u16,
    },
    /// A process of the instance has ended that did not tell the kernel: by a signal, or with an
    /// exit status other than 0.
    ProcessDied {
        /// Its host process id.
        host_pid: i32,
        /// The signal that ended it, or 0.
        signo: u8,
    },
}
