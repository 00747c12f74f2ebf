//! What reaches the desktop's task.

use std::os::fd::OwnedFd;
use std::process::ExitStatus;

use bailey_monitor::control::FromMonitor;
use bailey_rdp::server::SessionInput;
use tokio::sync::OwnedSemaphorePermit;

use super::control::Client;
use crate::protocol::Request;

/// Number of an instance, viewer or attachment; not used again.
pub(super) type Id = u32;

/// Lets the reader go on when dropped: each has one event under way at most.
pub(super) type Permit = OwnedSemaphorePermit;

/// Something happened.
#[derive(Debug)]
pub(super) enum Event {
    /// On an instance's display stream.
    Link(Id, StreamEvent),
    /// On a viewer's.
    Viewer(Id, StreamEvent),
    /// A monitor said something, with or without a descriptor.
    Monitor(Id, FromMonitor, Option<OwnedFd>, Permit),
    /// The process that was spawned for an instance has ended.
    MonitorEnded(Id, std::io::Result<ExitStatus>),
    /// A client asks.
    Request(Request, Client),
    /// A user of an attached RDP server did something.
    Attached(Id, SessionInput),
    /// The client that held an attachment has gone.
    AttachmentLeft(Id),
}

/// On a stream.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// These bytes came.
    Bytes(Vec<u8>, Permit),
    /// No more will come.
    Ended,
    /// It takes bytes again.
    Writable,
}
