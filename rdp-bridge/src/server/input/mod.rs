//! Keyboard and pointer: from the client's PDUs to the desktop's queue.

mod decode;
mod event;
mod queue;

pub(crate) use decode::InputDecoder;
pub use event::{InputEvent, MouseButton, SessionId, SessionInput};
pub use queue::{InputReceiver, InputSender, input_channel};
