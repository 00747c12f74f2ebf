//! The local viewer: the desktop in a winit window, composed by wgpu
//!
//! The viewer connects to the daemon's control socket, sends the line `{"verb":"view"}` and gets a line of JSON back,
//! with the descriptor of the memory that holds the desktop's pixels (SCM_RIGHTS) in the same message. From the next
//! byte on, the socket carries the *link* (see `bailey-link`): the daemon speaks as an instance does, the viewer as
//! the host does. Each layer of the desktop is a window of the link, placed by its offset and stacked by the z-order;
//! pixels are named in the shared memory, copied to the GPU where they changed, and composed there. Input goes back in
//! desktop coordinates, without an input target. The size of the viewer's window is what it asks the desktop to have,
//! by `HelloAck` and `DesktopSize`; the desktop is shown pixel for pixel from the top left corner.
#![forbid(unsafe_code)]

mod app;
mod bare_x11;
mod cli;
mod connect;
mod error;
mod gpu;
mod keyboard;
mod link;
mod pixels;
mod pointer;
mod run;
mod scancode;
mod scene;
mod screenshot;
mod wheel;

pub use cli::Args;
pub use error::ViewerError;
pub use run::run;
