//! What can go wrong, in words for the person at the screen

use std::io;
use std::path::PathBuf;

use bailey_link::LinkError;

/// Why the viewer ends, if not because it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewerError {
    /// Nobody listens at the socket.
    #[error("no desktop is running at {}: {source}; start one with `bailey serve`", .path.display())]
    NoDaemon {
        /// The control socket.
        path: PathBuf,
        /// What connecting said.
        source: io::Error,
    },
    /// The daemon does not let a viewer in.
    #[error("the desktop refuses a viewer: {0}")]
    Refused(String),
    /// The answer to `view` makes no sense.
    #[error("the desktop's answer to the viewer is wrong: {0}")]
    BadAnswer(String),
    /// The daemon ended, or closed the connection.
    #[error("the desktop has ended")]
    DaemonGone,
    /// The daemon takes no more input.
    #[error("the desktop no longer answers")]
    DaemonStuck,
    /// The connection broke.
    #[error("the connection to the desktop failed: {0}")]
    Connection(#[source] io::Error),
    /// The daemon broke the protocol.
    #[error("the desktop sends what the viewer does not understand: {0}")]
    Link(#[from] LinkError),
    /// The daemon named something that does not exist.
    #[error("the desktop contradicts itself: {0}")]
    Scene(String),
    /// There is no window system to show a window on.
    #[error(
        "cannot open a window: {0}. The viewer needs a display (DISPLAY or WAYLAND_DISPLAY) and, for X11, the Debian packages libx11-xcb1, libxcursor1, libxi6, libxkbcommon-x11-0"
    )]
    NoDisplay(String),
    /// There is no graphics driver to compose with.
    #[error(
        "cannot find a Vulkan or OpenGL driver that can draw in this window ({0}). On Debian, install mesa-vulkan-drivers (Vulkan, also in software) or libgl1-mesa-dri and libegl1 (OpenGL)"
    )]
    NoAdapter(String),
    /// The graphics driver failed.
    #[error("the graphics driver failed: {0}")]
    Gpu(String),
    /// The picture could not be written.
    #[error("cannot write {}: {reason}", .path.display())]
    Screenshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl ViewerError {
    /// The exit status that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DaemonGone => 3,
            _ => 1,
        }
    }
}
