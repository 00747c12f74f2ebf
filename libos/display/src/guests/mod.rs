//! Programs that serve the others of an instance, started when the first of them asks.

pub mod bus;
pub mod environment;
pub mod xwayland;

pub use bus::SessionBus;
pub use environment::Environment;
pub use xwayland::Xwayland;
