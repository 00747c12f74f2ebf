//! The display service: a Wayland server that speaks RDP to the host
