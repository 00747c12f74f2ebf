//! An instance from its command line to its exit status.

mod configure;
mod error;
mod monitor;
mod supervise;

pub use configure::Options;
pub use error::RunError;
pub use supervise::supervise;
