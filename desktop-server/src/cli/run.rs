//! `bailey run`

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use super::client;
use super::say::say;
use crate::paths;
use crate::protocol::{Ran, Request, is_valid_name};

/// With a desktop: by the daemon, which is asked for this [`Request::Run`].
pub(super) fn run(mut request: Request, json: bool) -> Result<ExitCode> {
    if let Request::Run { name, manifest, command, .. } = &mut request {
        check(name, manifest, command)?;
        if let Some(path) = manifest {
            *path = path.canonicalize().with_context(|| path.display().to_string())?;
        }
    }
    let (ran, _) = client::ask::<Ran>(&request)?;
    if json {
        client::print_json(&ran)?;
    } else {
        say!("{}", ran.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// Without: this process becomes the monitor, or waits for it to print what was counted.
pub(super) fn without_display(
    name: Option<String>,
    manifest: Option<PathBuf>,
    network: &[String],
    command: Vec<String>,
    count: bool,
    json: bool,
) -> Result<ExitCode> {
    check(&name, &manifest, &command)?;
    let monitor = paths::program("bailey-monitor")?;
    let mut run = Command::new(&monitor);
    if let Some(name) = name {
        run.arg("--name").arg(name);
    }
    if let Some(manifest) = manifest {
        run.arg("--manifest").arg(manifest);
    }
    run.args(network.iter().map(|entry| format!("--network={entry}")));
    if count {
        return super::counted::run(run, &command, json);
    }
    let error = run.arg("--").args(command).exec();
    Err(error).with_context(|| format!("{} cannot be run", monitor.display()))
}

fn check(name: &Option<String>, manifest: &Option<PathBuf>, command: &[String]) -> Result<()> {
    if let Some(name) = name.as_deref().filter(|name| !is_valid_name(name)) {
        bail!(
            "`{name}` cannot name an instance: 1 to 64 of a-z, A-Z, 0-9, - _ and ., not beginning with . or -"
        );
    }
    if command.is_empty() && manifest.is_none() {
        bail!("nothing to run: give a program after --, or a manifest that names one");
    }
    Ok(())
}
