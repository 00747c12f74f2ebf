//! The host's end of the service: a non-blocking byte stream with messages on it.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use bailey_link::limits::VERSION;
use bailey_link::{Decoder, Encoder, HelloAck, LinkError, ToHost, ToInstance};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open, stat};
use rustix::io::{Errno, read, write};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, sendmsg, socket_with,
};

use crate::link::stream_unsafe::inherited;

/// Bytes that may wait for the host to read them. Past that the host is taken for dead: presents are paced
/// by acknowledgements, so this much never builds up with one that reads.
const MAX_WAITING: usize = 256 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// What can go wrong on the display stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be opened.
    #[error("the display stream {0} cannot be opened: {1}")]
    Open(String, #[source] Errno),
    /// It broke.
    #[error("the display stream broke: {0}")]
    Io(#[from] Errno),
    /// The host sent what the link does not allow, or cannot be told something.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The host ended the stream.
    #[error("the host has closed the display stream")]
    Closed,
    /// The host's first message was another.
    #[error("the host answered Hello with something else")]
    NoHello,
    /// The host speaks another version.
    #[error("the host speaks version {0} of the display stream, not {VERSION}")]
    Version(u32),
}

/// The display stream.
#[derive(Debug)]
pub struct HostStream {
    file: OwnedFd,
    is_socket: bool,
    encoder: Encoder<ToHost>,
    decoder: Decoder<ToInstance>,
    chunk: Vec<u8>,
    received: VecDeque<ToInstance>,
}

impl HostStream {
    /// Opens a device, or connects to a Unix socket.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    pub fn open(path: &Path) -> Result<Self, StreamError> {
        let failed = |error| StreamError::Open(path.display().to_string(), error);
        let kind = FileType::from_raw_mode(stat(path).map_err(failed)?.st_mode);
        let file = if kind == FileType::Socket {
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
            let socket = socket.map_err(failed)?;
            let address = SocketAddrUnix::new(path).map_err(failed)?;
            connect(&socket, &address).map_err(failed)?;
            socket
        } else {
            open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?
        };
        Self::new(file).map_err(failed)
    }

    /// Takes over a descriptor left by the parent process.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    pub fn inherit(number: i32) -> Result<Self, StreamError> {
        let failed = |error| StreamError::Open(format!("(descriptor {number})"), error);
        inherited(number).and_then(Self::new).map_err(failed)
    }

    /// Uses an open descriptor.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(file: OwnedFd) -> Result<Self, Errno> {
        let is_socket = FileType::from_raw_mode(fstat(&file)?.st_mode) == FileType::Socket;
        fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::NONBLOCK)?;
        Ok(Self {
            file,
            is_socket,
            encoder: Encoder::new(MAX_WAITING),
            decoder: Decoder::new(),
            chunk: vec![0; CHUNK],
            received: VecDeque::new(),
        })
    }

    /// Says Hello and waits for the answer. On plain Linux the host has no memory in common with us yet:
    /// `memory`, if given and if the stream is a socket, goes along with the first byte.
    ///
    /// # Errors
    /// Any; the stream is of no use then.
    pub fn hello(&mut self, memory: Option<BorrowedFd<'_>>) -> Result<HelloAck, StreamError> {
        self.push(&ToHost::Hello { version: VERSION })?;
        if let Some(memory) = memory.filter(|_| self.is_socket) {
            self.send_with(memory)?;
        }
        loop {
            self.flush()?;
            let mut waiting = [PollFd::new(&self.file, self.interest())];
            match poll(&mut waiting, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.receive()?;
            match self.pop() {
                None => {}
                Some(ToInstance::HelloAck(answer)) if answer.version == VERSION => return Ok(answer),
                Some(ToInstance::HelloAck(answer)) => return Err(StreamError::Version(answer.version)),
                Some(_) => return Err(StreamError::NoHello),
            }
        }
    }

    /// Sends the first pending bytes with a descriptor attached.
    fn send_with(&mut self, memory: BorrowedFd<'_>) -> Result<(), StreamError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let rights = [memory];
        control.push(SendAncillaryMessage::ScmRights(&rights));
        let bytes = [IoSlice::new(self.encoder.pending())];
        let sent = sendmsg(&self.file, &bytes, &mut control, SendFlags::NOSIGNAL)?;
        self.encoder.sent(sent);
        Ok(())
    }

    /// Queues a message for the host.
    ///
    /// # Errors
    /// [`StreamError::Link`] where too much waits already. A message that cannot be encoded is dropped with a warning.
    pub fn push(&mut self, message: &ToHost) -> Result<(), StreamError> {
        match self.encoder.push(message) {
            Err(error @ LinkError::Unencodable { .. }) => {
                tracing::warn!(%error, "A message for the host was dropped");
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Writes as much as the host takes now.
    ///
    /// # Errors
    /// [`StreamError::Closed`] and other failures of the stream.
    pub fn flush(&mut self) -> Result<(), StreamError> {
        while self.encoder.waiting() > 0 {
            match write(&self.file, self.encoder.pending()) {
                Ok(count) => self.encoder.sent(count),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(StreamError::Closed),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there. Whole messages come out of [`pop`](Self::pop).
    ///
    /// # Errors
    /// [`StreamError::Closed`] at the end of the stream, and other failures.
    pub fn receive(&mut self) -> Result<(), StreamError> {
        loop {
            let count = match read(&self.file, &mut self.chunk[..]) {
                Ok(0) => return Err(StreamError::Closed),
                Ok(count) => count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(Errno::CONNRESET) => return Err(StreamError::Closed),
                Err(error) => return Err(error.into()),
            };
            self.decoder.push(&self.chunk[..count])?;
            while let Some(message) = self.decoder.pull()? {
                self.received.push_back(message);
            }
            if count < self.chunk.len() {
                return Ok(());
            }
        }
    }

    /// The next message of the host.
    pub fn pop(&mut self) -> Option<ToInstance> {
        self.received.pop_front()
    }

    /// What to wait for.
    pub fn interest(&self) -> PollFlags {
        if self.encoder.waiting() > 0 { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }
}

impl AsFd for HostStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
