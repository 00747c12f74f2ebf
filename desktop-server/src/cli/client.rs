//! Asking the daemon.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::say::say;
use crate::paths;
use crate::protocol::{MAX_ANSWER, Refusal, Request};

/// Asks and returns the answer, and the connection for verbs that keep it.
pub(super) fn ask<T: DeserializeOwned>(request: &Request) -> Result<(T, BufReader<UnixStream>)> {
    let path = paths::control_socket();
    let stream = UnixStream::connect(&path).map_err(|error| {
        anyhow::anyhow!("no daemon at {} ({error}); start one with `bailey serve`", path.display())
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line).context("the daemon does not listen")?;
    let mut reader = BufReader::new(stream);
    let mut answer = Vec::new();
    reader
        .by_ref()
        .take(MAX_ANSWER as u64)
        .read_until(b'\n', &mut answer)
        .context("the daemon does not answer")?;
    if !answer.ends_with(b"\n") {
        bail!("the daemon ended before it answered; its log says why");
    }
    if let Ok(Refusal { error }) = serde_json::from_slice(&answer) {
        bail!("{error}");
    }
    let answer = serde_json::from_slice(&answer)
        .context("the daemon's answer is not understood; is it another version?")?;
    Ok((answer, reader))
}

/// Prints JSON, one document.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
