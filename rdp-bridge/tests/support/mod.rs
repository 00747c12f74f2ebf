//! A server on loopback, X displays and real clients, all gone when the test ends.

mod rig;
mod screen;

pub(crate) use rig::Rig;
pub(crate) use screen::{Display, Frame, PATIENCE, have, wait_for};
