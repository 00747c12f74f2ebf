//! `bailey logs`

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::client;
use crate::protocol::{LogPlace, Request};

/// How often a log is looked at while it is followed.
const LOOK: Duration = Duration::from_millis(250);

/// The file is read here and not sent by the daemon, which has better things to do.
pub(super) fn logs(name: String, follow: bool, json: bool) -> Result<ExitCode> {
    let ask = || client::ask::<LogPlace>(&Request::Logs { name: name.clone() }).map(|(place, _)| place);
    let place = ask()?;
    if json {
        client::print_json(&place)?;
        return Ok(ExitCode::SUCCESS);
    }
    let older = place.path.with_added_extension("1");
    copy(&older, &mut 0)?;
    let mut position = 0;
    loop {
        // Asked before reading, so that what came last is not missed.
        let running = follow && ask().is_ok_and(|place| place.running);
        copy(&place.path, &mut position)?;
        if !running {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK);
    }
}

/// Prints what the file has from `position` on; a shorter file has begun anew.
fn copy(path: &std::path::Path, position: &mut u64) -> Result<()> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if file.metadata()?.len() < *position {
        *position = 0;
    }
    file.seek(SeekFrom::Start(*position))?;
    let mut text = Vec::new();
    *position += file.read_to_end(&mut text)? as u64;
    let mut out = std::io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        // Who reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}
