//! X11 programs: their windows come as surfaces of Xwayland, and we are their window manager (ICCCM, EWMH).

pub mod atoms;
pub mod manager;
pub mod properties;
pub mod role;
pub mod selections;
pub mod session;

pub use manager::WindowManager;
pub use role::{X11Request, X11Role};
pub use session::X11Session;
