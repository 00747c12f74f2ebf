//! Composing the layers on the GPU

mod compose;
mod device;
mod layers;
mod readback;

pub(crate) use compose::Composer;
pub(crate) use device::Device;
