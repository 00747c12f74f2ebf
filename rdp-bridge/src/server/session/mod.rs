//! One remote viewer: a state machine without I/O, and the task that drives it.

mod activation;
mod driver;
mod pacing;
mod receive;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

pub(crate) use driver::{Seat, serve};
