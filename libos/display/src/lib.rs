//! The display service: a Wayland server on one side, RDP's vocabulary on the other.
//!
//! It is an ordinary Linux program that runs beside an application, in the same library OS or on
//! plain Linux. Windows become MS-RDPERP window orders, input comes as MS-RDPBCGR fast-path events,
//! and pixels are named in shared memory or sent by MS-RDPEGFX.
//!
//! - [`wayland`]: the protocols, one file each, over the one [`state::State`];
//! - [`window`]: from surfaces to windows, placement of popups, pacing of frames;
//! - [`x11`]: X11 programs, by Xwayland;
//! - [`pixels`]: composing, and the two ways to the host;
//! - [`input`]: scan codes, keymaps, modifiers, pointer pictures;
//! - [`guests`]: what other programs of the instance need: the session bus, Xwayland;
//! - [`lifetime`]: when there is nothing left to serve;
//! - [`icon`]: windows' icons, found by application;
//! - [`link`]: the display stream and the Wayland socket;
//! - [`server`]: the loop that does the I/O.

#![deny(unsafe_code)]

pub mod cli;
pub mod guests;
pub mod icon;
pub mod input;
pub mod lifetime;
pub mod link;
pub mod pixels;
pub mod server;
pub mod state;
pub mod wayland;
pub mod window;
pub mod x11;
