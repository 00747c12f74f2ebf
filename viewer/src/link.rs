//! The two threads that carry the link: one reads for the window's event loop, one writes for it

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use bailey_link::limits::MAX_CHUNK;
use bailey_link::{Decoder, Encoder, InputEvent, ToHost, ToInstance};
use winit::event_loop::EventLoopProxy;

use crate::error::ViewerError;

/// Messages that wait for a daemon that does not read, at most.
const OUTGOING: usize = 1024;
/// Bytes of one message, at most.
const MESSAGE_BYTES: usize = 1 << 20;

/// What reaches the event loop from the link.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// What came, in order.
    Messages(Vec<ToHost>),
    /// Nothing more will come.
    Ended(ViewerError),
}

/// The event loop's end of the link.
#[derive(Debug)]
pub(crate) struct Link {
    outgoing: SyncSender<ToInstance>,
    stream: UnixStream,
}

impl Drop for Link {
    fn drop(&mut self) {
        // Ends both threads; the socket may be closed already.
        let _closed_already = self.stream.shutdown(Shutdown::Both);
    }
}

impl Link {
    /// Starts to read and write. `first_bytes` were read from the stream before.
    pub(crate) fn start(
        stream: UnixStream,
        first_bytes: Vec<u8>,
        to_loop: EventLoopProxy<Incoming>,
    ) -> Result<Self, ViewerError> {
        let clone = || stream.try_clone().map_err(ViewerError::Connection);
        let (reader, writer) = (clone()?, clone()?);
        let (outgoing, messages) = sync_channel(OUTGOING);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work).map_err(ViewerError::Connection)
        };
        spawn("link reader", Box::new(move || read(reader, &first_bytes, &to_loop)))?;
        spawn("link writer", Box::new(move || write(writer, &messages)))?;
        Ok(Self { outgoing, stream })
    }

    /// Sends a message. Pointer motions may be dropped while the daemon does not read.
    ///
    /// # Errors
    /// [`ViewerError::DaemonStuck`] if it has not read for very long. A daemon that is gone is no error here: the
    /// reader tells.
    pub(crate) fn send(&self, message: ToInstance) -> Result<(), ViewerError> {
        match self.outgoing.try_send(message) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(ToInstance::Input(events)))
                if events.iter().all(|event| matches!(event, InputEvent::PointerMove { .. })) =>
            {
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(ViewerError::DaemonStuck),
        }
    }
}

/// Reads until the stream ends or makes no sense. The event loop is gone if it takes no more; so is the program then.
fn read(mut stream: UnixStream, first_bytes: &[u8], to_loop: &EventLoopProxy<Incoming>) {
    let mut decoder = Decoder::new();
    let mut chunk = vec![0; MAX_CHUNK];
    let mut bytes = first_bytes;
    let ended = loop {
        match decode(&mut decoder, bytes) {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                if to_loop.send_event(Incoming::Messages(messages)).is_err() {
                    return;
                }
            }
            Err(error) => break error,
        }
        bytes = match stream.read(&mut chunk) {
            Ok(0) => break ViewerError::DaemonGone,
            Ok(count) => &chunk[..count],
            Err(error) if error.kind() == ErrorKind::Interrupted => &[],
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break ViewerError::DaemonGone,
            Err(error) => break ViewerError::Connection(error),
        };
    };
    // If the event loop is gone, nobody wants to know.
    let _nobody_listens = to_loop.send_event(Incoming::Ended(ended));
}

fn decode(decoder: &mut Decoder<ToHost>, bytes: &[u8]) -> Result<Vec<ToHost>, ViewerError> {
    decoder.push(bytes)?;
    let mut messages = Vec::new();
    while let Some(message) = decoder.pull()? {
        messages.push(message);
    }
    Ok(messages)
}

/// Writes until the event loop or the daemon is gone; the reader tells of the latter.
fn write(mut stream: UnixStream, messages: &Receiver<ToInstance>) {
    let mut encoder = Encoder::new(MESSAGE_BYTES);
    while let Ok(message) = messages.recv() {
        if encoder.push(&message).is_err() || stream.write_all(encoder.pending()).is_err() {
            return;
        }
        encoder.sent(encoder.waiting());
    }
}
