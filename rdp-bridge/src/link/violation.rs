//! Why an instance is cut off.

use std::time::Duration;

use bailey_link::LinkError;
use thiserror::Error;

/// A rule that an instance broke on its link. The text is what the log says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkViolation {
    /// Its bytes are not messages of the stream.
    #[error("{0}")]
    Stream(#[from] LinkError),
    /// The stream ended within a message.
    #[error("the stream ended within a message")]
    Truncated,
    /// Something else came before Hello.
    #[error("it did not begin with Hello")]
    NoHello,
    /// A second Hello.
    #[error("it said Hello twice")]
    SecondHello,
    /// A version of the stream that the host does not speak.
    #[error("it speaks version {theirs} of the stream, this host speaks {ours}")]
    Version {
        /// Of the instance.
        theirs: u32,
        /// Of the host.
        ours: u32,
    },
    /// More windows than [`LinkLimits::windows`](super::LinkLimits::windows).
    #[error("it has more than {0} windows")]
    TooManyWindows(usize),
    /// A window of this number exists.
    #[error("window {0} exists already")]
    DuplicateWindow(u32),
    /// No window of this number exists.
    #[error("there is no window {0}")]
    UnknownWindow(u32),
    /// A popup without an owner that exists.
    #[error("popup {popup} is owned by {owner:?}, which is no window of the instance")]
    PopupOwner {
        /// The popup.
        popup: u32,
        /// The owner it names.
        owner: Option<u32>,
    },
    /// More buffers than [`LinkLimits::buffers`](super::LinkLimits::buffers).
    #[error("it names more than {0} buffers")]
    TooManyBuffers(usize),
    /// A buffer of this number exists.
    #[error("buffer {0} exists already")]
    DuplicateBuffer(u32),
    /// No buffer of this number exists.
    #[error("there is no buffer {0}")]
    UnknownBuffer(u32),
    /// A buffer's side is zero or too long.
    #[error("buffer {buffer} of {width} x {height} pixels is outside 1..={limit} a side")]
    BufferSize {
        /// The buffer.
        buffer: u32,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The longest side allowed.
        limit: u32,
    },
    /// Rows overlap.
    #[error("buffer {buffer} has {stride} bytes a row for {width} pixels")]
    BufferStride {
        /// The buffer.
        buffer: u32,
        /// Bytes a row.
        stride: u32,
        /// Pixels across.
        width: u32,
    },
    /// A buffer reaches out of the instance's memory.
    #[error(
        "buffer {buffer} of {length} bytes at {offset} is beyond the instance's memory of {memory} bytes"
    )]
    BufferOutside {
        /// The buffer.
        buffer: u32,
        /// Its first byte.
        offset: u64,
        /// Its bytes.
        length: u64,
        /// Bytes of the memory.
        memory: u64,
    },
    /// It presented again without waiting for acknowledgements.
    #[error("more than {limit} presents of window {window} are unacknowledged")]
    TooManyPresents {
        /// The window.
        window: u32,
        /// How many may be.
        limit: usize,
    },
    /// It sent frames without waiting for acknowledgements.
    #[error("{0} frames are unacknowledged")]
    TooManyFrames(usize),
    /// Pixels by another way than the one agreed on.
    #[error("it sends pixels by another way than agreed on")]
    Transport,
    /// More messages than [`LinkLimits::message_rate`](super::LinkLimits::message_rate) allows.
    #[error("it floods the host with more than {0} messages a second")]
    Flood(u32),
    /// It has stopped reading.
    #[error("it has stopped reading: {bytes} bytes wait since {} s", since.as_secs())]
    NotReading {
        /// Bytes that wait.
        bytes: usize,
        /// Since when.
        since: Duration,
    },
}
