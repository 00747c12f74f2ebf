//! `bailey view`

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::paths;

/// Becomes the viewer.
pub(super) fn view(screenshot: Option<PathBuf>, after_frames: Option<u32>) -> Result<ExitCode> {
    let viewer = paths::program("bailey-viewer")?;
    let mut run = Command::new(&viewer);
    run.arg("--socket").arg(paths::control_socket());
    if let Some(file) = screenshot {
        run.arg("--screenshot").arg(file);
    }
    if let Some(frames) = after_frames {
        run.arg("--after-frames").arg(frames.to_string());
    }
    let error = run.exec();
    Err(error).with_context(|| format!("{} cannot be run", viewer.display()))
}
