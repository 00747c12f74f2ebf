//! The local viewer: the desktop in a winit window, composed by wgpu
