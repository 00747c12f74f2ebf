//! The accept loop: one task a connection, within limits.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::config::Config;
use super::desktop::DesktopHandle;
use super::handshake::{HandshakeError, NlaError, handshake};
use super::input::{InputSender, SessionId};
use super::session::{Seat, serve};
use super::throttle::{Refusal, Throttle};

/// How long to wait after an accept that failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A silent client is asked so often whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Bytes that may wait in the kernel unsent.
const UNSENT: u32 = 128 * 1024;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the host said.
        source: io::Error,
    },
}

/// A server that holds its port and is ready to run.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    config: Config,
    desktop: DesktopHandle,
    input: InputSender,
    throttle: Mutex<Throttle>,
    next_session: AtomicU64,
}

impl Shared {
    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted connection; counted off when dropped, even by a panic.
#[derive(Debug)]
struct Counted {
    shared: Arc<Shared>,
    peer: SocketAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.throttle().closed(self.peer.ip());
    }
}

impl Server {
    /// Takes the port.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub async fn bind(config: Config) -> Result<Self, ServerError> {
        let error = |source| ServerError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { config, listener, address })
    }

    /// The address listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `desktop` and sends what its users do to `input`, until `shutdown` completes; then ends all sessions.
    pub async fn run(self, desktop: DesktopHandle, input: InputSender, shutdown: impl Future<Output = ()>) {
        let Self { config, listener, .. } = self;
        let throttle = Throttle::new(
            config.max_sessions,
            config.max_sessions_per_peer,
            config.failed_logins,
            config.lockout,
        );
        let throttle = Mutex::new(throttle);
        let shared = Arc::new(Shared { config, desktop, input, throttle, next_session: AtomicU64::new(1) });
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Some(counted) = admit(&shared, peer) {
                            connections.spawn(connection(stream, counted, stopped.clone()));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => report(ended),
            }
        }
        drop(listener);
        // Nobody receives when there are no connections.
        let _ = stop.send(true);
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }
}

/// Binds and runs a server until `shutdown` completes.
///
/// # Errors
/// [`ServerError`].
pub async fn run(
    config: Config,
    desktop: DesktopHandle,
    input: InputSender,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    Server::bind(config).await?.run(desktop, input, shutdown).await;
    Ok(())
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a session broke off");
    }
}

/// Counts a connection, unless a limit forbids it.
fn admit(shared: &Arc<Shared>, peer: SocketAddr) -> Option<Counted> {
    match shared.throttle().open(peer.ip(), Instant::now()) {
        Ok(()) => Some(Counted { shared: Arc::clone(shared), peer }),
        Err(refusal) => {
            let reason = match refusal {
                Refusal::Full => "the server is full",
                Refusal::PeerFull => "this address has as many connections as it may",
                Refusal::LockedOut => "too many failed logins from this address",
            };
            tracing::info!(%peer, reason, "connection refused");
            None
        }
    }
}

/// Small messages go at once, a client that vanished is noticed, and little waits in the kernel, so that a slow client
/// is sent the newest picture and not a queue of old ones.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_notsent_lowat(UNSENT)
}

async fn connection(stream: TcpStream, counted: Counted, mut stopped: watch::Receiver<bool>) {
    let (shared, peer) = (&counted.shared, counted.peer);
    let config = &shared.config;
    if let Err(error) = tune(&stream) {
        tracing::debug!(%peer, %error, "socket options are not all set");
    }
    let (width, height) = shared.desktop.size();
    // The canvas is at most 4096 pixels a side.
    let size = (width as u16, height as u16);
    let accepted = tokio::select! {
        accepted = timeout(config.handshake_timeout, handshake(stream, config, size)) => accepted,
        _ = stopped.wait_for(|stop| *stop) => return,
    };
    let accepted = match accepted {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(error)) => return refused(shared, peer, &error),
        Err(_) => {
            tracing::info!(%peer, "handshake timed out");
            return;
        }
    };
    shared.throttle().succeeded(peer.ip());
    let id = SessionId(shared.next_session.fetch_add(1, Ordering::Relaxed));
    let user = accepted.user.clone();
    tracing::info!(%peer, ?user, session = id.0, "session started");
    let seat = Seat { id, peer, config, desktop: &shared.desktop, input: &shared.input };
    let reason = serve(accepted, seat, stopped).await;
    tracing::info!(%peer, ?user, session = id.0, ?reason, "session ended");
}

/// Logs why a connection came to nothing; failed logins in a form that fail2ban can read.
fn refused(shared: &Shared, peer: SocketAddr, error: &HandshakeError) {
    let HandshakeError::Nla(NlaError::Denied { user, reason }) = error else {
        tracing::info!(%peer, %error, "connection ended before login");
        return;
    };
    let failures = shared.throttle().failed(peer.ip(), Instant::now());
    // Debug formatting quotes what the client chose.
    let user = user.as_deref().unwrap_or_default();
    tracing::warn!(peer = %peer.ip(), ?user, failures, reason, "authentication failed");
}
