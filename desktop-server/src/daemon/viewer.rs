//! A local viewer: gets the desktop's layers by name, sends what its user does.

use bailey_compositor::LayerDamage;
use bailey_link::limits::VERSION;
use bailey_link::{Decoder, Encoder, InputEvent, LinkError, PointerShape, ToHost, ToInstance};

use super::connection::Connection;
use super::feed::{Feed, FeedLayer};

/// Bytes that a viewer may leave unread, beyond what the socket holds.
const UNREAD: usize = 4 << 20;
/// Unread bytes from which on it gets no new frames: it will get the newest one when it has caught up.
const BEHIND: usize = 64 << 10;

/// What a viewer wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The desktop in this size.
    Size(u32, u32),
    /// Its user did this.
    Input(Vec<InputEvent>),
}

/// One viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    connection: Connection,
    decoder: Decoder<ToInstance>,
    out: Encoder<ToHost>,
    feed: Feed,
    greeted: bool,
    /// Presents that it has not acknowledged.
    presents: usize,
    /// Something has changed since the last frame that it got.
    due: bool,
}

impl Viewer {
    pub(super) fn new(connection: Connection, pointer: PointerShape) -> Result<Self, LinkError> {
        let mut out = Encoder::new(UNREAD);
        out.push(&ToHost::Hello { version: VERSION })?;
        out.push(&ToHost::Pointer(pointer))?;
        let (decoder, feed) = (Decoder::new(), Feed::default());
        Ok(Self { connection, decoder, out, feed, greeted: false, presents: 0, due: true })
    }

    /// Takes what it sent.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Wish>, LinkError> {
        self.decoder.push(bytes)?;
        let mut wishes = Vec::new();
        while let Some(message) = self.decoder.pull()? {
            match message {
                ToInstance::HelloAck(ack) => {
                    self.greeted = true;
                    wishes.push(Wish::Size(ack.desktop_width, ack.desktop_height));
                }
                ToInstance::DesktopSize { width, height } => wishes.push(Wish::Size(width, height)),
                ToInstance::Input(events) => wishes.push(Wish::Input(events)),
                ToInstance::PresentAck { .. } => self.presents = self.presents.saturating_sub(1),
                // What only an instance can do.
                ToInstance::InputTarget { .. }
                | ToInstance::Activate { .. }
                | ToInstance::SystemCommand { .. }
                | ToInstance::WindowMove { .. }
                | ToInstance::EgfxAck { .. } => {}
            }
        }
        Ok(wishes)
    }

    pub(super) fn pointer(&mut self, shape: PointerShape) -> Result<(), LinkError> {
        self.out.push(&ToHost::Pointer(shape))
    }

    /// The desktop has changed.
    pub(super) fn changed(&mut self, damage: &[LayerDamage]) {
        self.feed.damage(damage);
        self.due = true;
    }

    /// Whether a frame would be sent now.
    pub(super) fn wants_frame(&self) -> bool {
        self.due && self.greeted && self.presents == 0 && self.out.waiting() < BEHIND
    }

    /// Queues a frame.
    pub(super) fn frame(&mut self, layers: &[FeedLayer]) -> Result<(), LinkError> {
        self.due = false;
        for message in self.feed.update(layers) {
            self.presents += usize::from(matches!(message, ToHost::Present { .. }));
            self.out.push(&message)?;
        }
        Ok(())
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        let count = self.connection.write(self.out.pending())?;
        self.out.sent(count);
        Ok(())
    }
}
