//! The D-Bus session bus: `dbus-daemon`, an ordinary guest, started by the first connection
//! (socket activation as of sd_listen_fds(3)). Until then it costs one socket.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::guests::Environment;

/// The socket's name in the runtime directory, as systemd has it.
const SOCKET: &str = "bus";

/// The shell gives the daemon its own process id and the socket as descriptor 3, which only a process itself
/// can do.
const ACTIVATION: &str = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 \
    exec dbus-daemon --session --nofork --nopidfile --nosyslog --address=systemd:";

/// The daemon is started no more after it has ended this often.
const MAX_STARTS: u32 = 5;

/// The bus's socket, and the daemon once there is one.
#[derive(Debug)]
pub struct SessionBus {
    socket: UnixListener,
    path: PathBuf,
    daemon: Option<u32>,
    starts: u32,
}

impl SessionBus {
    /// Listens in the runtime directory.
    ///
    /// # Errors
    /// The kernel's.
    pub fn listen(directory: &Path) -> io::Result<Self> {
        let path = directory.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixListener::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path, daemon: None, starts: 0 })
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.path.display())
    }

    /// Whether connections are ours to notice: the daemon takes them once it runs.
    pub const fn is_idle(&self) -> bool {
        self.daemon.is_none()
    }

    /// Somebody has connected: starts the daemon, or turns the connection away where that cannot be.
    pub fn wanted(&mut self, environment: &Environment) {
        if self.starts >= MAX_STARTS {
            self.refuse();
            return;
        }
        self.starts += 1;
        match self.start(environment) {
            Ok(daemon) => {
                tracing::info!(daemon, "The session bus has been started");
                self.daemon = Some(daemon);
            }
            Err(error) => {
                self.starts = MAX_STARTS;
                tracing::warn!(
                    "A program wants the session bus, and it cannot be started: {error}; \
                     install dbus-daemon (Debian: dbus-daemon)"
                );
                self.refuse();
            }
        }
    }

    fn start(&self, environment: &Environment) -> io::Result<u32> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join("dbus-daemon").is_file()) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no dbus-daemon in PATH"));
        }
        let socket = self.socket.try_clone()?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", ACTIVATION]).stdin(Stdio::from(OwnedFd::from(socket)));
        environment.apply(&mut command);
        Ok(command.spawn()?.id())
    }

    /// Hangs up on all that have connected: they get an error instead of waiting for ever.
    fn refuse(&self) {
        while self.socket.accept().is_ok() {}
    }

    /// A child has ended. Returns whether it was the daemon; the next connection starts another.
    pub fn ended(&mut self, child: u32) -> bool {
        if self.daemon != Some(child) {
            return false;
        }
        self.daemon = None;
        if self.starts >= MAX_STARTS {
            tracing::warn!("The session bus has ended {MAX_STARTS} times and is not started again");
        }
        true
    }

    /// The daemon, while it runs.
    pub const fn daemon(&self) -> Option<u32> {
        self.daemon
    }
}

impl AsFd for SessionBus {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "The bus's socket cannot be removed");
        }
    }
}
