//! Pictures to bytes: which codec a client gets, and the encoders, a file each. No I/O.

mod bitmap;
mod frame;
mod graphics;
mod remotefx;
mod surface;

pub(crate) use frame::{Codec, Encoder, FrameError, FrameJob};
