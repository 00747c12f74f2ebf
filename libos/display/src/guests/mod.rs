//! Programs that serve the others of an instance, started when the first of them asks.

pub mod bus;
pub mod environment;

pub use bus::SessionBus;
pub use environment::Environment;
