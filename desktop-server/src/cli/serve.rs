//! `bailey serve`

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use crate::daemon::{self, Settings};

pub(super) fn serve(listen: SocketAddr, size: (u32, u32), state_dir: PathBuf) -> Result<ExitCode> {
    let filter = EnvFilter::try_from_env("BAILEY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    let done = runtime.block_on(daemon::serve(Settings { listen, size, state_dir }));
    // Anything still at work on a blocking thread only reads logs.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS).context("the desktop cannot be served")
}
