//! One request in, one reply out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bailey_abi::stream::{AttributeChange, ExitStatus, OpenMode, Reply, Request};
use rustix::fs::SeekFrom;
use rustix::io::{Errno, Result};

use super::attributes::Owner;
use super::handles::{Handle, Handles};
use super::place::{Grants, Place, Root, file_path};
use super::{Log, Streams, ahead, files, sockets};
use crate::network::{self, Network, Opened};

/// Connections of an instance at a time.
const MOST_SOCKETS: usize = 8192;

/// What follows from a request.
#[derive(Debug)]
pub enum Answer {
    /// A reply, with the descriptor of an open handle where the request asked for one.
    Reply(Reply, Option<u64>),
    /// None is waited for.
    Nothing,
    /// A channel is to be made for a process, and its other end sent.
    NewChannel,
    /// The instance is at its end.
    End(ExitStatus),
}

/// The requests' side of the monitor: grants, streams and open handles.
#[derive(Debug)]
pub struct Broker {
    grants: Grants,
    streams: Streams,
    handles: Handles,
    owner: Owner,
    log: Log,
    network: Option<Network>,
}

impl Broker {
    /// A broker of these grants and streams. `guest` is the instance's user and group id, `most` the
    /// bound on streams open at a time.
    #[must_use]
    pub fn new(roots: Vec<Root>, streams: Streams, guest: (u32, u32), most: usize, log: Log) -> Self {
        let host = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (grants, handles) = (Grants::new(roots), Handles::new(most));
        Self { grants, streams, handles, owner: Owner { guest, host }, log, network: None }
    }

    /// The same with a network.
    #[must_use]
    pub fn with_network(self, network: Option<Network>) -> Self {
        Self { network, ..self }
    }

    /// Serves one request. What fails is a [`Reply::Error`].
    pub fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::ProcessChannel => Answer::NewChannel,
            Request::InstanceExit { status } => Answer::End(status),
            Request::HandleClose { handle } => {
                // Nobody waits to hear that it was not open.
                let _ = self.handles.remove(handle);
                Answer::Nothing
            }
            Request::HandlesClose { handles } => {
                for handle in handles {
                    let _ = self.handles.remove(handle);
                }
                Answer::Nothing
            }
            other => match self.try_answer(other) {
                Ok((reply, passed)) => Answer::Reply(reply, passed),
                Err(errno) => Answer::Reply(Reply::Error(errno.raw_os_error()), None),
            },
        }
    }

    /// The descriptor of an open handle, to be passed.
    #[must_use]
    pub fn descriptor(&self, handle: u64) -> Option<BorrowedFd<'_>> {
        self.handles.get(handle).ok().map(|handle| handle.fd.as_fd())
    }

    fn try_answer(&mut self, request: Request) -> Result<(Reply, Option<u64>)> {
        let reply = match request {
            Request::StreamOpen { uri, mode } => return self.open(&uri, mode),
            Request::HandleFetch { handle } => return self.fetch(handle),
            Request::StreamAttributesQuery { uri } => {
                let place = self.place(&uri)?;
                Reply::Attributes(self.owner.attributes(Some(place.root), &place.stat()?))
            }
            Request::StreamAttributesQueryByHandle { handle } => self.attributes_by_handle(handle)?,
            Request::StreamEnumerate { uri, cursor } => {
                let (entries, next) = files::enumerate(&self.place(&uri)?, self.owner, cursor)?;
                Reply::Entries { entries, next }
            }
            Request::StreamEnumerateAhead { directory, names } => {
                Reply::Ahead(ahead::gather(&self.grants, self.owner, &directory, &names)?)
            }
            Request::StreamReadLink { uri } => Reply::Target(files::read_link(&self.place(&uri)?)?),
            Request::StreamSetLength { handle, length } => {
                rustix::fs::ftruncate(&self.writable(handle)?.fd, length)?;
                Reply::Done
            }
            Request::StreamAllocate { handle, mode, offset, length } => {
                files::allocate(&self.writable(handle)?.fd, mode, offset, length)?;
                Reply::Done
            }
            Request::StreamSeek { handle, offset, hole } => {
                let from = if hole { SeekFrom::Hole(offset) } else { SeekFrom::Data(offset) };
                Reply::Offset(rustix::fs::seek(&self.handles.get(handle)?.fd, from)?)
            }
            Request::StreamSymlink { uri, target } => {
                let place = self.place(&uri)?;
                files::symlink(&place, &target)?;
                Reply::Attributes(self.owner.attributes(Some(place.root), &place.stat()?))
            }
            Request::StreamMakeDirectory { uri, mode } => {
                let place = self.place(&uri)?;
                files::make_directory(&place, mode)?;
                Reply::Attributes(self.owner.attributes(Some(place.root), &place.stat()?))
            }
            Request::StreamFlush { handle } => {
                rustix::fs::fsync(&self.handles.get(handle)?.fd)?;
                Reply::Done
            }
            Request::SocketShutdown { handle, read, write } => {
                sockets::shutdown(self.handles.get(handle)?, read, write)?;
                Reply::Done
            }
            Request::SocketSendEmpty { handle } => {
                sockets::send_empty(self.handles.get(handle)?)?;
                Reply::Done
            }
            Request::SocketSetOption { handle, option, value } => {
                sockets::set_option(self.handles.get(handle)?, option, value)?;
                Reply::Done
            }
            Request::StreamSpaceQuery { uri } => space(&self.place(&uri)?)?,
            Request::DebugOutput { text } => {
                self.log.guest(&text);
                Reply::Done
            }
            other => {
                self.change(other)?;
                Reply::Done
            }
        };
        Ok((reply, None))
    }

    /// The requests that change names and attributes.
    fn change(&self, request: Request) -> Result<()> {
        match request {
            Request::StreamAttributesSet { uri, change } => match handle_number(&uri) {
                Some(handle) => self.change_open(handle, &change),
                None => files::change(&self.place(&uri)?, &change),
            },
            Request::StreamDelete { uri, directory } => {
                files::delete(&self.place(&uri)?, directory)?;
                if directory {
                    self.grants.moved();
                }
                Ok(())
            }
            Request::StreamRename { from, to, flags } => {
                files::rename(&self.place(&from)?, &self.place(&to)?, flags)?;
                self.grants.moved();
                Ok(())
            }
            Request::StreamLink { from, to } => files::link(&self.place(&from)?, &self.place(&to)?),
            _ => Err(Errno::NOSYS),
        }
    }

    /// Changes attributes of an open file below a writable grant.
    fn change_open(&self, handle: u64, change: &AttributeChange) -> Result<()> {
        let handle = self.handles.get(handle)?;
        match handle.root.and_then(|index| self.grants.get(index)) {
            Some(root) if root.writable => files::change_open(&handle.fd, change),
            _ => Err(Errno::ROFS),
        }
    }

    fn place<'a>(&'a self, uri: &'a str) -> Result<Place<'a>> {
        self.grants.find(file_path(uri)?)
    }

    fn writable(&self, handle: u64) -> Result<&Handle> {
        let handle = self.handles.get(handle)?;
        if handle.writable { Ok(handle) } else { Err(Errno::INVAL) }
    }

    fn open(&mut self, uri: &str, mode: OpenMode) -> Result<(Reply, Option<u64>)> {
        self.handles.check_room()?;
        let (handle, attributes) = if let Some(stream) = self.streams.find(uri) {
            let stream = stream?;
            let attributes = self.owner.attributes(None, &rustix::fs::fstat(stream)?);
            let handle = Handle {
                fd: rustix::io::fcntl_dupfd_cloexec(stream, 3)?,
                root: None,
                writable: false,
                socket: false,
            };
            (handle, attributes)
        } else if network::is_network(uri) {
            let fd = self.open_network(uri)?;
            let attributes = self.owner.attributes(None, &rustix::fs::fstat(&fd)?);
            (Handle { fd, root: None, writable: false, socket: true }, attributes)
        } else {
            let place = self.place(uri)?;
            let (fd, stat) = files::open(&place, mode)?;
            let attributes = self.owner.attributes(Some(place.root), &stat);
            let handle =
                Handle { fd, root: self.grants.index_of(place.root), writable: mode.write, socket: false };
            (handle, attributes)
        };
        let handle = self.handles.insert(handle)?;
        Ok((Reply::Stream { handle, attributes }, Some(handle)))
    }

    /// A connected socket, or the stream of a name's addresses.
    fn open_network(&mut self, uri: &str) -> Result<OwnedFd> {
        if self.handles.sockets() >= MOST_SOCKETS {
            return Err(Errno::NOBUFS);
        }
        let Some(network) = &mut self.network else {
            return Err(Errno::NETUNREACH);
        };
        match network.open(uri).ok_or(Errno::INVAL)?? {
            Opened::Socket(fd) => Ok(fd),
            Opened::Refused(line) => {
                if let Some(line) = line {
                    self.log.line(&line);
                }
                Err(Errno::CONNREFUSED)
            }
        }
    }

    fn fetch(&self, number: u64) -> Result<(Reply, Option<u64>)> {
        let attributes = self.attributes(self.handles.get(number)?)?;
        Ok((Reply::Stream { handle: number, attributes }, Some(number)))
    }

    fn attributes(&self, handle: &Handle) -> Result<bailey_abi::stream::Attributes> {
        let root = handle.root.and_then(|index| self.grants.get(index));
        Ok(self.owner.attributes(root, &rustix::fs::fstat(&handle.fd)?))
    }

    fn attributes_by_handle(&self, number: u64) -> Result<Reply> {
        let handle = self.handles.get(number)?;
        Ok(Reply::Attributes(self.attributes(handle)?))
    }

    /// The log of the instance.
    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }
}

/// The handle that a URI names.
fn handle_number(uri: &str) -> Option<u64> {
    uri.strip_prefix("handle:")?.parse().ok()
}

fn space(place: &Place<'_>) -> Result<Reply> {
    let space = rustix::fs::fstatvfs(place.directory())?;
    Ok(Reply::Space {
        block_size: space.f_frsize,
        blocks: space.f_blocks,
        free: space.f_bavail,
        files: space.f_files,
        files_free: space.f_favail,
    })
}
