//! The `bailey-display` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bailey_display::cli::{self, UsageError};
use bailey_display::server;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Exit status of a wrong command line.
const USAGE_STATUS: u8 = 2;

/// Logs what `BAILEY_LOG` asks for: a level, or levels by module. The daemon's richer filter brings a megabyte of
/// regular expressions, which every instance would have in memory.
fn log() {
    let wanted = std::env::var("BAILEY_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let filter = wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_ansi(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

fn main() -> ExitCode {
    log();
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
