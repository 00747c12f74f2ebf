//! An application's manifest: a TOML file that says what the application is and may see.
//!
//! ```toml
//! name = "editor"
//! program = "/usr/bin/mousepad"
//! arguments = ["notes.txt"]
//! directory = "/home/user"
//! network = "none"
//!
//! [environment]
//! LANG = "C.UTF-8"
//!
//! [[files]]
//! host = "~/Documents"
//! guest = "/home/user/Documents"
//! writable = true
//!
//! [limits]
//! memory = "2G"
//! processes = 512
//! ```
//!
//! Every key may be left out but `program`, which may come from the command line.

mod check;
mod error;
mod network;
mod schema;
mod size;
mod system;

pub use check::{GrantSpec, Invocation, Settings, settings};
pub use error::ManifestError;
pub use schema::Manifest;
