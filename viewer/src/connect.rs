//! Getting hold of the desktop: control socket, request, answer, and the memory with the pixels

use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::Deserialize;

use crate::error::ViewerError;

/// Longest answer to `view`, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// A desktop to view.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Carries the link from now on.
    pub(crate) stream: UnixStream,
    /// The memory with the pixels.
    pub(crate) pixels: OwnedFd,
    /// What of the link came along with the answer.
    pub(crate) first_bytes: Vec<u8>,
}

/// What the viewer looks at in the answer; the daemon may say more.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<serde_json::Value>,
}

/// Connects to the daemon at `path` and asks for a view.
pub(crate) fn connect(path: &Path) -> Result<Connection, ViewerError> {
    let mut stream = UnixStream::connect(path)
        .map_err(|source| ViewerError::NoDaemon { path: path.to_owned(), source })?;
    stream.write_all(b"{\"verb\":\"view\"}\n").map_err(ViewerError::Connection)?;
    let mut received = Vec::new();
    let mut pixels = None;
    let end = loop {
        if let Some(end) = received.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        if received.len() > MAX_ANSWER {
            return Err(ViewerError::BadAnswer(format!("no end of line within {MAX_ANSWER} bytes")));
        }
        if receive(&stream, &mut received, &mut pixels).map_err(ViewerError::Connection)? == 0 {
            return Err(ViewerError::DaemonGone);
        }
    };
    let first_bytes = received.split_off(end + 1);
    let answer: Answer =
        serde_json::from_slice(&received).map_err(|error| ViewerError::BadAnswer(error.to_string()))?;
    match answer.error {
        Some(serde_json::Value::String(reason)) => return Err(ViewerError::Refused(reason)),
        Some(reason) if !reason.is_null() => return Err(ViewerError::Refused(reason.to_string())),
        _ => {}
    }
    let pixels = pixels.ok_or_else(|| ViewerError::BadAnswer("no descriptor came with it".to_owned()))?;
    Ok(Connection { stream, pixels, first_bytes })
}

/// Reads some bytes, and keeps the first descriptor that comes.
fn receive(stream: &UnixStream, bytes: &mut Vec<u8>, pixels: &mut Option<OwnedFd>) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut chunk)];
        match recvmsg(stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for descriptor in descriptors {
                pixels.get_or_insert(descriptor);
            }
        }
    }
    bytes.extend_from_slice(&chunk[..received.bytes]);
    Ok(received.bytes)
}
