//! What can go wrong on the stream, and whose fault it is.

use thiserror::Error;

/// An end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The instance: it sent something that the stream does not allow.
    Instance,
    /// The host (or the viewer, on the daemon's stream to it).
    Host,
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Instance => "the instance",
            Self::Host => "the host",
        })
    }
}

/// A fault on the stream. After one from a decoder the stream cannot go on: message boundaries are lost.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LinkError {
    /// A frame of a type that this direction does not have.
    #[error("{party} sent a frame of unknown type {kind:#06x}")]
    UnknownType {
        /// Who sent it.
        party: Party,
        /// The type.
        kind: u16,
    },
    /// A frame with flags that its type does not have.
    #[error("{party} sent a frame of type {kind:#06x} with unknown flags {flags:#06x}")]
    UnknownFlags {
        /// Who sent it.
        party: Party,
        /// The type.
        kind: u16,
        /// The flags.
        flags: u16,
    },
    /// A frame that is larger than its type may be.
    #[error("{party} sent a frame of type {kind:#06x} with {length} bytes, over the limit of {limit}")]
    FrameTooLarge {
        /// Who sent it.
        party: Party,
        /// The type.
        kind: u16,
        /// Length of its body.
        length: u32,
        /// The largest allowed.
        limit: usize,
    },
    /// A body that is not what its type says.
    #[error("{party} sent a malformed {message}: {detail}")]
    Malformed {
        /// Who sent it.
        party: Party,
        /// Name of the message.
        message: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A message of ours that cannot be put on the wire. Nothing was written.
    #[error("a {message} cannot be encoded: {detail}")]
    Unencodable {
        /// Name of the message.
        message: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// More output waits than the encoder may hold: the peer does not read. Nothing was written.
    #[error("the peer does not read: {waiting} bytes wait, {limit} may")]
    Backlog {
        /// Bytes that would wait.
        waiting: usize,
        /// The bound.
        limit: usize,
    },
    /// More bytes were pushed into a decoder than it takes, without pulling messages in between.
    #[error("{pushed} bytes pushed into a decoder that takes {limit} at a time")]
    Overflow {
        /// Bytes it would hold.
        pushed: usize,
        /// The bound.
        limit: usize,
    },
}

impl LinkError {
    /// The peer at fault; `None` where the fault is in this process.
    pub const fn party(&self) -> Option<Party> {
        match self {
            Self::UnknownType { party, .. }
            | Self::UnknownFlags { party, .. }
            | Self::FrameTooLarge { party, .. }
            | Self::Malformed { party, .. } => Some(*party),
            Self::Unencodable { .. } | Self::Backlog { .. } | Self::Overflow { .. } => None,
        }
    }
}

/// What is wrong with a body, before it is known whose it is and what it was to be.
#[derive(Debug)]
pub struct Fault(pub(crate) String);

impl Fault {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }
}

impl From<ironrdp_core::DecodeError> for Fault {
    fn from(error: ironrdp_core::DecodeError) -> Self {
        Self(error.to_string())
    }
}

impl From<ironrdp_core::EncodeError> for Fault {
    fn from(error: ironrdp_core::EncodeError) -> Self {
        Self(error.to_string())
    }
}
