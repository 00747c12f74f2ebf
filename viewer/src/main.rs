//! `bailey-viewer`: shows the desktop of a running daemon in a window

use std::process::ExitCode;

use bailey_viewer::{Args, run};
use clap::Parser as _;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bailey-viewer: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
