//! The host's frame around every window: the one thing on the desktop that tells the truth about whose it is
//!
//! INVARIANT: a frame's four sides and the content are disjoint rectangles, and content is clipped to its own, so no
//! instance can draw where a frame is.

pub(crate) mod metrics;
mod paint;
mod sides;

pub(crate) use metrics::{FrameButton, FramePart, Insets, Layout};
pub(crate) use paint::{Look, MATTE};
pub(crate) use sides::Frame;
