//! The users of RDP sessions.

use std::collections::BTreeSet;

use bailey_rdp::server::{InputEvent, SessionId, SessionInput};

use super::convert;
use super::core::Core;

/// Sessions that see the desktop.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ids: BTreeSet<SessionId>,
    /// Keyboard layout (KLID) of the one that came last and named one.
    layout: Option<u32>,
}

impl Sessions {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Windows keyboard layout identifier for new instances.
    pub(super) const fn keyboard_layout(&self) -> Option<u32> {
        self.layout
    }
}

impl Core {
    /// A session has something to say.
    pub(super) fn session(&mut self, SessionInput { session, event }: SessionInput) {
        match event {
            InputEvent::Connected { user, peer, keyboard_layout } => {
                tracing::info!("{user} sees the desktop from {peer}");
                self.sessions.ids.insert(session);
                if keyboard_layout != 0 {
                    self.sessions.layout = Some(keyboard_layout);
                }
                self.picture.forget();
                self.dirty = true;
            }
            InputEvent::Disconnected => {
                if self.sessions.ids.remove(&session) {
                    tracing::info!("an RDP session has ended");
                }
            }
            // The first session decides about the size; the others see what it sees.
            InputEvent::RequestedSize { width, height } => {
                if self.sessions.ids.first().is_none_or(|first| *first == session) {
                    self.resize(width.into(), height.into());
                }
            }
            event => {
                let mut inputs = Vec::new();
                convert::session_input(&event, &mut inputs);
                let now = self.now();
                inputs.into_iter().for_each(|input| self.desktop.input(input, now));
            }
        }
    }
}
