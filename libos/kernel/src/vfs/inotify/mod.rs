//! inotify (`inotify(7)`): changes that programs of the instance make. The host reports none: a watch
//! on a tree that nobody changes never fires, as is right.

mod events;
mod watch;

pub use events::{attributes, closed, created, cut, modified, opened, read, removed, renamed};
pub use watch::Inotify;
