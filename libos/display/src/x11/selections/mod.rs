//! Both selections between X11 programs and Wayland clients (ICCCM 2): we own for X11 what a Wayland client has
//! selected, and offer to Wayland clients what an X11 program has.

mod incoming;
mod outgoing;
mod owner;
mod types;

pub use owner::Selections;
