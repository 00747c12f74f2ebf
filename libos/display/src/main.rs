//! The `bailey-display` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bailey_display::cli::{self, UsageError};
use bailey_display::server;
use tracing_subscriber::EnvFilter;

/// Exit status of a wrong command line.
const USAGE_STATUS: u8 = 2;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("BAILEY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    let options = match cli::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(UsageError::Help) => {
            println!("{}", cli::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bailey-display: {error}");
            return ExitCode::from(USAGE_STATUS);
        }
    };
    match server::run(&options) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("bailey-display: {error}");
            ExitCode::from(error.status())
        }
    }
}
