//! The display stream: opening it, and moving its bytes.

mod listen;
mod stream;
#[expect(unsafe_code, reason = "an inherited descriptor, argued in the file")]
pub mod stream_unsafe;

pub use listen::Listener;
pub use stream::{HostStream, StreamError};
