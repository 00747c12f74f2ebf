//! `bailey attach`

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Result;

use super::client;
use super::say::say;
use crate::protocol::{Attached, Request};

/// Holds the connection: the server ends with it.
pub(super) fn attach(port: u16, name: String, json: bool) -> Result<ExitCode> {
    let (attached, mut connection) = client::ask::<Attached>(&Request::Attach { name: name.clone(), port })?;
    if json {
        client::print_json(&attached)?;
    } else {
        say!("{name} alone is served over RDP at {}; Ctrl-C ends that", attached.address);
    }
    let mut rest = Vec::new();
    let read = connection.read_to_end(&mut rest);
    let why = String::from_utf8_lossy(&rest);
    match read {
        Ok(_) if !why.trim().is_empty() => eprintln!("bailey: {}", why.trim()),
        _ => eprintln!("bailey: the daemon has ended it"),
    }
    Ok(ExitCode::FAILURE)
}
