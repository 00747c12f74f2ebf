//! Host end of each instance's link: a state machine without I/O.
//!
//! What was read from the instance goes into a [`HostLink`], [`LinkEvent`]s come out, commands go in, bytes to write
//! come out. Everything that the instance says is checked here; whoever breaks a rule gets a [`LinkViolation`], which
//! ends the link and names the reason that is logged.

mod bucket;
mod buffer;
mod event;
mod host;
mod limits;
mod violation;
mod windows;

pub use event::{LinkEvent, SharedPicture};
pub use host::{HostLink, LinkConfig};
pub use limits::LinkLimits;
pub use violation::LinkViolation;
