//! The line to a monitor: `SOCK_SEQPACKET`, one JSON message a packet, descriptors beside them.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bailey_monitor::control::{FromMonitor, MAX_MESSAGE, ToMonitor};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinHandle};

use super::event::{Event, Id};

/// The daemon's end. The monitor ends its instance when this is dropped.
///
/// A socket of sequenced packets is read as one of datagrams is, so tokio's type for those serves.
#[derive(Debug)]
pub(super) struct Line {
    socket: Arc<UnixDatagram>,
    reader: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Line {
    /// Starts to read from a monitor; the socket does not block. The second value completes when all that the monitor
    /// said has been handed on and no more can come.
    ///
    /// # Errors
    /// What the host says.
    pub(super) fn new(
        socket: OwnedFd,
        instance: Id,
        events: &mpsc::Sender<Event>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let socket = Arc::new(UnixDatagram::from_std(socket.into())?);
        let reader = tokio::spawn(read(Arc::clone(&socket), instance, events.clone()));
        Ok((Self { socket, reader: reader.abort_handle() }, reader))
    }

    /// Tells the monitor. One that does not listen, or is gone, misses it.
    pub(super) fn tell(&self, message: &ToMonitor) {
        if let Ok(bytes) = serde_json::to_vec(message) {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            if let Err(error) = rustix::net::send(self.socket.as_fd(), &bytes, flags) {
                tracing::debug!("a monitor misses {message:?}: {error}");
            }
        }
    }
}

async fn read(socket: Arc<UnixDatagram>, instance: Id, events: mpsc::Sender<Event>) {
    let one = Arc::new(Semaphore::new(1));
    loop {
        let Ok(permit) = Arc::clone(&one).acquire_owned().await else {
            return;
        };
        let packet = loop {
            if socket.readable().await.is_err() {
                return;
            }
            match socket.try_io(Interest::READABLE, || receive(&*socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                packet => break packet,
            }
        };
        match packet {
            Ok((bytes, _)) if bytes.is_empty() => return,
            Ok((bytes, fd)) => match serde_json::from_slice::<FromMonitor>(&bytes) {
                Ok(message) => {
                    if events.send(Event::Monitor(instance, message, fd, permit)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!("a monitor said something odd: {error}"),
            },
            Err(error) => {
                tracing::debug!("the line to a monitor is broken: {error}");
                return;
            }
        }
    }
}

/// Takes a packet and the first descriptor that came with it, if there is a packet now.
///
/// # Errors
/// What the host says; `WouldBlock` where there is none.
pub(crate) fn receive(socket: &impl AsFd) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut bytes = vec![0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(socket.as_fd(), &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
    let mut first = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for descriptor in descriptors {
                first.get_or_insert(descriptor);
            }
        }
    }
    bytes.truncate(received.bytes);
    Ok((bytes, first))
}
