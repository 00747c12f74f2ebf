//! What travels beside the picture: virtual channels and the pointer, a file each.

pub(crate) mod displaycontrol;
pub(crate) mod drdynvc;
pub(crate) mod gfx;
pub(crate) mod pointer;
