//! Xwayland, the X server for X11 programs: a guest, started by the first connection to its sockets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};

use crate::guests::Environment;

/// Where X servers listen, by convention.
const FOLDER: &str = "/tmp/.X11-unix";
/// Display numbers tried.
const MAX_DISPLAYS: u32 = 64;
/// Xwayland is started no more after it has failed this often.
const MAX_FAILURES: u32 = 3;
/// Seconds without a client until Xwayland ends.
const LINGER: &str = "10";

/// The ends that we keep of a started Xwayland's sockets.
#[derive(Debug)]
pub struct Started {
    /// Xwayland is a Wayland client here.
    pub wayland: UnixStream,
    /// The window manager's connection, once `ready` has something to read.
    pub manager: UnixStream,
    /// Xwayland writes its display number here when it can serve; closed without that where it fails.
    pub ready: UnixStream,
}

/// The X sockets, and the server once there is one.
#[derive(Debug)]
pub struct Xwayland {
    abstract_socket: UnixListener,
    socket: UnixListener,
    path: PathBuf,
    number: u32,
    server: Option<u32>,
    failures: u32,
}

impl Xwayland {
    /// Listens on a free display number.
    ///
    /// # Errors
    /// The kernel's; `AddrInUse` where all numbers are taken.
    pub fn listen() -> io::Result<Self> {
        let folder = Path::new(FOLDER);
        if !folder.is_dir() {
            DirBuilder::new().mode(0o777).create(folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o1777))?;
        }
        for number in 0..MAX_DISPLAYS {
            let path = folder.join(format!("X{number}"));
            let name = path.as_os_str().as_encoded_bytes();
            if Path::new(&format!("/tmp/.X{number}-lock")).exists() || path.exists() {
                continue;
            }
            let abstract_socket = match UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                other => other?,
            };
            let socket = match UnixListener::bind(&path) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                other => other?,
            };
            abstract_socket.set_nonblocking(true)?;
            socket.set_nonblocking(true)?;
            return Ok(Self { abstract_socket, socket, path, number, server: None, failures: 0 });
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// The value of `DISPLAY`.
    pub fn display(&self) -> String {
        format!(":{}", self.number)
    }

    /// Whether connections are ours to notice: the server takes them once it runs.
    pub const fn is_idle(&self) -> bool {
        self.server.is_none()
    }

    /// The sockets, the abstract one first.
    pub const fn sockets(&self) -> [&UnixListener; 2] {
        [&self.abstract_socket, &self.socket]
    }

    /// Somebody has connected: starts the server, or turns the connection away where that cannot be.
    pub fn wanted(&mut self, environment: &Environment) -> Option<Started> {
        if self.failures < MAX_FAILURES {
            match self.start(environment) {
                Ok(started) => return Some(started),
                Err(error) => {
                    self.failures = MAX_FAILURES;
                    tracing::warn!(
                        "An X11 program wants a display, and Xwayland cannot be started: {error}; \
                         install it (Debian: xwayland)"
                    );
                }
            }
        }
        // They get an error instead of waiting for ever.
        for socket in self.sockets() {
            while socket.accept().is_ok() {}
        }
        None
    }

    fn start(&mut self, environment: &Environment) -> io::Result<Started> {
        let (wayland, its_wayland) = UnixStream::pair()?;
        let (manager, its_manager) = UnixStream::pair()?;
        let (ready, its_ready) = UnixStream::pair()?;
        let mut command = Command::new("Xwayland");
        environment.apply(&mut command);
        command.args([&self.display(), "-rootless", "-shm", "-terminate", LINGER]);
        command.args(["-listenfd", &self.abstract_socket.as_raw_fd().to_string()]);
        command.args(["-listenfd", &self.socket.as_raw_fd().to_string()]);
        command.args(["-wm", &its_manager.as_raw_fd().to_string()]);
        command.args(["-displayfd", &its_ready.as_raw_fd().to_string()]);
        command.env("WAYLAND_SOCKET", its_wayland.as_raw_fd().to_string()).stdin(Stdio::null());
        let inherited: [BorrowedFd<'_>; 5] = [
            self.abstract_socket.as_fd(),
            self.socket.as_fd(),
            its_wayland.as_fd(),
            its_manager.as_fd(),
            its_ready.as_fd(),
        ];
        for descriptor in inherited {
            fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        let child = command.spawn();
        for descriptor in inherited {
            fcntl_setfd(descriptor, FdFlags::CLOEXEC)?;
        }
        self.server = Some(child?.id());
        ready.set_nonblocking(true)?;
        tracing::info!(server = self.server, display = self.display(), "Xwayland has been started");
        Ok(Started { wayland, manager, ready })
    }

    /// A child has ended. Returns whether it was the server; the next connection starts another.
    pub fn ended(&mut self, child: u32, failed: bool) -> bool {
        if self.server != Some(child) {
            return false;
        }
        self.server = None;
        if failed {
            self.failures += 1;
            tracing::warn!("Xwayland has failed: X11 programs have lost their display");
        }
        true
    }

    /// The server, while it runs.
    pub const fn server(&self) -> Option<u32> {
        self.server
    }
}

impl Drop for Xwayland {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "The X socket cannot be removed");
        }
    }
}
