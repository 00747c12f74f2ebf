//! The Wayland protocols, one file each.

pub mod buffer;
pub mod commit;
mod compositor;
mod cursor_shape;
pub mod data_device;
mod data_offer;
mod decoration;
mod kde_decoration;
pub mod keyboard;
pub mod output;
pub mod pointer;
mod presentation;
pub mod primary_selection;
pub mod seat;
pub mod selection;
mod shm;
mod subcompositor;
pub mod surface;
pub mod unread;
mod viewporter;
mod xdg_output;
pub mod xdg_popup;
mod xdg_positioner;
pub mod xdg_surface;
pub mod xdg_toplevel;
mod xdg_wm_base;
