//! The windows on the desktop: who they belong to and which is above which

mod instance;
mod node;
mod stack;

pub(crate) use instance::{CheckedPointer, Instance};
pub(crate) use node::{Anchor, Node, Placement};
pub(crate) use stack::Scene;
