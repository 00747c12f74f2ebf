//! Windows as the host sees them, and how they follow from surfaces.

pub mod positioner;
pub mod presenter;
pub mod tree;
pub mod windows;
