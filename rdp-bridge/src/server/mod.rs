//! RDP server: the desktop for remote viewers, one session each, over TLS with NLA.
//!
//! The desktop publishes pictures through a [`DesktopHandle`] and reads what its users do from an [`InputReceiver`]; no
//! type of an RDP crate shows at this edge.

mod channels;
mod config;
pub mod credentials;
mod damage;
mod desktop;
mod encode;
mod geometry;
mod handshake;
mod input;
mod listener;
mod pointer;
mod session;
mod throttle;
mod tls;
mod transport;

pub use config::Config;
pub use desktop::{DesktopError, DesktopHandle, MAX_DESKTOP_EDGE, MIN_DESKTOP_EDGE};
pub use geometry::{FrameView, Rect};
pub use input::{
    InputEvent, InputReceiver, InputSender, MouseButton, SessionId, SessionInput, input_channel,
};
pub use listener::{Server, ServerError, run};
pub use pointer::{MAX_POINTER_EDGE, PointerImage, PointerShape};
pub use tls::{TlsError, TlsIdentity};
