//! `bailey`: one desktop out of many isolated applications.

use std::process::ExitCode;

use bailey_desktop::cli::{Args, run};
use clap::Parser as _;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bailey: {error:#}");
            ExitCode::FAILURE
        }
    }
}
