//! Start and end of the daemon.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bailey_compositor::StoreFull;
use bailey_rdp::server::credentials::CredentialsFile;
use bailey_rdp::server::{
    Config, DesktopError, DesktopHandle, Server, ServerError, TlsError, TlsIdentity, input_channel,
};
use rustix::fs::FlockOperation;
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::control;
use super::core::Core;
use crate::paths::{self, PathError};

/// Events that wait for the desktop's task, over all connections.
const QUEUE: usize = 256;
/// RDP input events that wait.
const RDP_QUEUE: usize = 1024;
/// How long RDP sessions have to end at the end.
const RDP_END: Duration = Duration::from_secs(3);

/// What the daemon is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where RDP is served.
    pub listen: SocketAddr,
    /// Size of the desktop at first, in pixels: width, height.
    pub size: (u32, u32),
    /// Certificate, credentials and logs.
    pub state_dir: PathBuf,
}

/// Why the desktop cannot be served.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// A place cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Another daemon serves this user.
    #[error("a daemon is running already: it holds {0}")]
    AlreadyRunning(PathBuf),
    /// The control socket cannot be made.
    #[error("the control socket {path} cannot be made: {source}")]
    Control {
        /// Its path.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
    /// No memory for pixels.
    #[error("memory for the desktop's pixels cannot be had: {0}")]
    Memory(#[from] rustix::io::Errno),
    /// No room for the desktop itself.
    #[error(transparent)]
    Store(#[from] StoreFull),
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// RDP cannot be served.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The desktop's size does not suit RDP.
    #[error(transparent)]
    Desktop(#[from] DesktopError),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
}

/// Serves the desktop until SIGTERM or SIGINT, then ends all instances.
///
/// # Errors
/// [`DaemonError`], all before anything is served.
pub async fn serve(settings: Settings) -> Result<(), DaemonError> {
    let runtime = paths::runtime_dir();
    paths::private_dir(&runtime)?;
    paths::make_state_dir(&settings.state_dir)?;
    paths::private_dir(&paths::logs(&settings.state_dir))?;
    paths::program("bailey-monitor")?;
    let _lock = Lock::take(&runtime)?;
    let socket = Socket::bind(paths::control_socket())?;
    let (identity, fingerprint) = TlsIdentity::load_or_generate(&settings.state_dir)?;
    let users = CredentialsFile::new(paths::credentials(&settings.state_dir));
    if users.users().is_ok_and(|users| users.is_empty()) {
        tracing::warn!("nobody may log in over RDP yet; `bailey user add NAME` adds somebody");
    }
    let config = Config::new(settings.listen, identity, Arc::new(users));
    let server = Server::bind(config.clone()).await?;
    let address = server.local_addr();
    let desktop = DesktopHandle::new(settings.size.0, settings.size.1)?;
    let (sender, input) = input_channel(RDP_QUEUE);
    let (events_in, events) = mpsc::channel(QUEUE);
    let core = Core::new(settings, address, config, desktop.clone(), events_in.clone())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    tracing::info!("RDP is served at {address}; the certificate's SHA-256 fingerprint is {fingerprint}");

    let (end_server, server_ends) = oneshot::channel::<()>();
    let rdp = tokio::spawn(server.run(desktop, sender, async {
        // An error is an end too.
        let _ = server_ends.await;
    }));
    let listener = tokio::spawn(control::listen(Arc::clone(&socket.listener), events_in));
    core.run(events, input, &mut terminate, &mut interrupt).await;
    listener.abort();
    let _ = end_server.send(());
    if tokio::time::timeout(RDP_END, rdp).await.is_err() {
        tracing::warn!("RDP sessions did not end in time");
    }
    tracing::info!("the desktop has ended");
    Ok(())
}

/// Held as long as the daemon lives; the host gives it back when the process ends, however it does.
struct Lock(#[expect(dead_code, reason = "held, not looked at")] File);

impl Lock {
    fn take(runtime: &Path) -> Result<Self, DaemonError> {
        let path = runtime.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| PathError::Io { path: path.clone(), source })?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(DaemonError::AlreadyRunning(path)),
            Err(error) => Err(PathError::Io { path, source: error.into() }.into()),
        }
    }
}

/// The control socket; its name goes with it.
struct Socket {
    listener: Arc<UnixListener>,
    path: PathBuf,
}

impl Socket {
    /// The lock is held, so a socket that is there belonged to a daemon that died.
    fn bind(path: PathBuf) -> Result<Self, DaemonError> {
        let _ = fs::remove_file(&path);
        let error = |source| DaemonError::Control { path: path.clone(), source };
        let listener = UnixListener::bind(&path).map_err(error)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(error)?;
        Ok(Self { listener: Arc::new(listener), path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }
}
