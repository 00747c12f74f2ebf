//! What the server is told at start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::credentials::UserStore;
use super::tls::TlsIdentity;

/// Settings of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one, told by [`Server::local_addr`](super::Server::local_addr).
    pub listen: SocketAddr,
    /// Certificate and key.
    pub tls: TlsIdentity,
    /// Who may log in.
    pub users: Arc<dyn UserStore>,
    /// Connections in all, those still in their handshake included.
    pub max_sessions: usize,
    /// Connections from one address.
    pub max_sessions_per_peer: usize,
    /// From accept to a logged-in session.
    pub handshake_timeout: Duration,
    /// How long one write to a client may block before the client counts as gone.
    pub write_timeout: Duration,
    /// End a session without any input for this long; `None` never does.
    pub idle_timeout: Option<Duration>,
    /// Failed logins from one address before it has to wait.
    pub failed_logins: u32,
    /// How long it has to wait then, and for how long a failure is remembered.
    pub lockout: Duration,
    /// Largest desktop that a client may ask for, width and height in pixels.
    pub max_desktop: (u16, u16),
    /// Most frames a second that a session is sent.
    pub frame_rate: u32,
}

impl Config {
    /// Usual settings for a server at `listen`.
    pub fn new(listen: SocketAddr, tls: TlsIdentity, users: Arc<dyn UserStore>) -> Self {
        Self {
            listen,
            tls,
            users,
            max_sessions: 32,
            max_sessions_per_peer: 16,
            handshake_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            idle_timeout: None,
            failed_logins: 10,
            lockout: Duration::from_secs(60),
            max_desktop: (3840, 2160),
            frame_rate: 60,
        }
    }
}
