//! The command line

use std::path::PathBuf;

use clap::Parser;

/// Shows the desktop of a running Bailey daemon in a window.
///
/// Exit status: 0 when the window is closed or the picture is written; 1 for an error; 2 for a wrong command line;
/// 3 when the daemon ends.
#[derive(Clone, Debug, Parser)]
#[command(name = "bailey-viewer", version)]
pub struct Args {
    /// The daemon's control socket.
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,

    /// Write what the GPU composed to this PNG file once the picture has been still for a moment, and exit.
    #[arg(long, value_name = "FILE.png")]
    pub screenshot: Option<PathBuf>,

    /// With --screenshot: do not take the picture before this many frames were shown.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "screenshot")]
    pub after_frames: u32,
}
