//! The Wayland socket.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Names tried: wayland-0 and so on.
const MAX_DISPLAYS: u32 = 32;

/// A listening Wayland socket; its file goes when this does.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    name: String,
}

impl Listener {
    /// Listens in `directory`, which is made (mode 0700) where it does not exist.
    ///
    /// # Errors
    /// The kernel's; `AddrInUse` where all names are taken.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        if !directory.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        for number in 0..MAX_DISPLAYS {
            let name = format!("wayland-{number}");
            let path = directory.join(&name);
            match UnixListener::bind(&path) {
                Ok(socket) => return Self::ready(socket, path, name),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
                // Someone listens there.
                Err(_) if UnixStream::connect(&path).is_ok() => {}
                // Left over from one that is gone.
                Err(_) => {
                    fs::remove_file(&path)?;
                    return Self::ready(UnixListener::bind(&path)?, path, name);
                }
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn ready(socket: UnixListener, path: PathBuf, name: String) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path, name })
    }

    /// The value of `WAYLAND_DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next client that has connected, if there is one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn accept(&self) -> io::Result<Option<UnixStream>> {
        match self.socket.accept() {
            Ok((stream, _)) => Ok(Some(stream)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "The Wayland socket cannot be removed");
        }
    }
}
