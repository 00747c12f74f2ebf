//! The state machine.

use std::collections::HashMap;
use std::time::Duration;

use bailey_link::egfx::{EgfxDecoder, EgfxEvent, SurfaceView};
use bailey_link::limits::VERSION;
use bailey_link::{
    Decoder, Encoder, HelloAck, InputEvent, LinkError, PixelTransport, Rect, SystemCommand, ToHost,
    ToInstance,
};

use super::bucket::TokenBucket;
use super::buffer;
use super::event::{LinkEvent, SharedPicture};
use super::limits::LinkLimits;
use super::violation::LinkViolation;
use super::windows::{Standing, Windows};

/// Unread bytes from which on pointer motion is no longer queued: the next motion says all that this one does.
const MOTION_BACKLOG: usize = 16 << 10;

/// What a new instance is told, and what its memory is.
#[derive(Clone, Copy, Debug)]
pub struct LinkConfig {
    /// How it has to send pixels.
    pub pixels: PixelTransport,
    /// Pixels across the desktop.
    pub desktop_width: u32,
    /// Pixels down the desktop.
    pub desktop_height: u32,
    /// Windows keyboard layout identifier (KLID).
    pub keyboard_layout: u32,
    /// Milliseconds before a held key repeats.
    pub repeat_delay_ms: u32,
    /// Repeats a second.
    pub repeat_rate: u32,
    /// Bytes of the memory that it shares; 0 until it is known.
    pub memory: u64,
    /// Its caps.
    pub limits: LinkLimits,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            pixels: PixelTransport::SharedMemory,
            desktop_width: 1280,
            desktop_height: 720,
            keyboard_layout: 0x0409,
            repeat_delay_ms: 660,
            repeat_rate: 25,
            memory: 0,
            limits: LinkLimits::default(),
        }
    }
}

/// Host end of one instance's link. Times (`now`) count from any fixed moment.
#[derive(Debug)]
pub struct HostLink {
    config: LinkConfig,
    decoder: Decoder<ToHost>,
    out: Encoder<ToInstance>,
    messages: TokenBucket,
    greeted: bool,
    windows: Windows,
    buffers: HashMap<u32, SharedPicture>,
    egfx: EgfxDecoder,
    frames: usize,
    /// Since when output waits of which the instance has read nothing.
    waiting_since: Option<Duration>,
}

impl HostLink {
    /// The link of a new instance.
    pub fn new(config: LinkConfig) -> Self {
        let limits = config.limits;
        Self {
            config,
            decoder: Decoder::new(),
            out: Encoder::new(limits.unread_bytes),
            messages: TokenBucket::new(limits.message_rate, limits.message_burst),
            greeted: false,
            windows: Windows::default(),
            buffers: HashMap::new(),
            egfx: EgfxDecoder::new(),
            frames: 0,
            waiting_since: None,
        }
    }

    /// The instance's memory has this many bytes.
    pub const fn set_memory(&mut self, bytes: u64) {
        self.config.memory = bytes;
    }

    /// Number of windows and popups.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Takes bytes that were read from the instance, at most [`MAX_CHUNK`](bailey_link::limits::MAX_CHUNK). Take all
    /// events before the next bytes.
    ///
    /// # Errors
    /// [`LinkViolation::Stream`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), LinkViolation> {
        Ok(self.decoder.push(bytes)?)
    }

    /// The instance has closed its end.
    ///
    /// # Errors
    /// [`LinkViolation::Truncated`] if it did so within a message.
    pub fn receive_end(&self) -> Result<(), LinkViolation> {
        if self.decoder.is_at_boundary() { Ok(()) } else { Err(LinkViolation::Truncated) }
    }

    /// What the instance did next; `None` if more bytes are needed.
    ///
    /// # Errors
    /// Any [`LinkViolation`]; the link is at its end then.
    pub fn next_event(&mut self, now: Duration) -> Result<Option<LinkEvent>, LinkViolation> {
        while let Some(message) = self.decoder.pull()? {
            if !self.messages.take(now) {
                return Err(LinkViolation::Flood(self.config.limits.message_rate));
            }
            if !self.greeted && !matches!(message, ToHost::Hello { .. }) {
                return Err(LinkViolation::NoHello);
            }
            if let Some(event) = self.take(message, now)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn take(&mut self, message: ToHost, now: Duration) -> Result<Option<LinkEvent>, LinkViolation> {
        Ok(Some(match message {
            ToHost::Hello { version } => {
                self.greet(version, now)?;
                LinkEvent::Ready
            }
            ToHost::WindowCreated(info) => {
                LinkEvent::WindowCreated(self.windows.create(info, self.config.limits.windows)?)
            }
            ToHost::WindowUpdated(info) => {
                return Ok(self.windows.update(info)?.map(LinkEvent::WindowUpdated));
            }
            ToHost::WindowIcon(icon) => match self.windows.standing(icon.window)? {
                Standing::Exists => LinkEvent::WindowIcon(icon),
                Standing::Gone => return Ok(None),
            },
            ToHost::WindowDeleted { window } => {
                return Ok(self.windows.delete(window)?.then_some(LinkEvent::WindowDeleted { window }));
            }
            // Among instances the host decides how windows are stacked.
            ToHost::ZOrder { .. } => return Ok(None),
            ToHost::LocalMoveSize { window, operation } => match self.windows.standing(window)? {
                Standing::Exists => LinkEvent::MoveSize { window, operation },
                Standing::Gone => return Ok(None),
            },
            ToHost::Pointer(shape) => LinkEvent::Pointer(shape),
            ToHost::CreateBuffer { buffer, offset, width, height, stride, format } => {
                self.create_buffer(buffer, buffer::picture(offset, width, height, stride, format))?;
                return Ok(None);
            }
            ToHost::DestroyBuffer { buffer } => {
                self.expect(PixelTransport::SharedMemory)?;
                self.buffers.remove(&buffer).ok_or(LinkViolation::UnknownBuffer(buffer))?;
                return Ok(None);
            }
            ToHost::Present { window, buffer, serial, damage } => {
                return self.present(window, buffer, serial, damage, now);
            }
            ToHost::Egfx(pdus) => return self.frame(&pdus),
        }))
    }

    fn greet(&mut self, version: u32, now: Duration) -> Result<(), LinkViolation> {
        if std::mem::replace(&mut self.greeted, true) {
            return Err(LinkViolation::SecondHello);
        }
        if version != VERSION {
            return Err(LinkViolation::Version { theirs: version, ours: VERSION });
        }
        let config = self.config;
        let ack = HelloAck {
            version: VERSION,
            pixels: config.pixels,
            desktop_width: config.desktop_width,
            desktop_height: config.desktop_height,
            keyboard_layout: config.keyboard_layout,
            repeat_delay_ms: config.repeat_delay_ms,
            repeat_rate: config.repeat_rate,
        };
        self.send(&ToInstance::HelloAck(ack), now)
    }

    fn expect(&self, transport: PixelTransport) -> Result<(), LinkViolation> {
        if self.config.pixels == transport { Ok(()) } else { Err(LinkViolation::Transport) }
    }

    fn create_buffer(&mut self, buffer: u32, picture: SharedPicture) -> Result<(), LinkViolation> {
        self.expect(PixelTransport::SharedMemory)?;
        let limits = self.config.limits;
        let picture = buffer::check(buffer, picture, self.config.memory, limits.side)?;
        if self.buffers.contains_key(&buffer) {
            return Err(LinkViolation::DuplicateBuffer(buffer));
        }
        if self.buffers.len() >= limits.buffers {
            return Err(LinkViolation::TooManyBuffers(limits.buffers));
        }
        self.buffers.insert(buffer, picture);
        Ok(())
    }

    fn present(
        &mut self,
        window: u32,
        buffer: u32,
        serial: u32,
        damage: Vec<Rect>,
        now: Duration,
    ) -> Result<Option<LinkEvent>, LinkViolation> {
        self.expect(PixelTransport::SharedMemory)?;
        let picture = *self.buffers.get(&buffer).ok_or(LinkViolation::UnknownBuffer(buffer))?;
        if self.windows.standing(window)? == Standing::Gone {
            self.send(&ToInstance::PresentAck { window, serial }, now)?;
            return Ok(None);
        }
        let limit = self.config.limits.unacknowledged;
        if let Some(known) = self.windows.get_mut(window) {
            if known.unacknowledged.len() >= limit {
                return Err(LinkViolation::TooManyPresents { window, limit });
            }
            known.unacknowledged.push_back(serial);
        }
        let damage =
            damage.into_iter().filter_map(|rect| rect.clipped(picture.width, picture.height)).collect();
        Ok(Some(LinkEvent::Presented { window, serial, picture, damage }))
    }

    fn frame(&mut self, pdus: &[u8]) -> Result<Option<LinkEvent>, LinkViolation> {
        self.expect(PixelTransport::Egfx)?;
        let mut events = self.egfx.push(pdus)?.into_iter();
        let Some(EgfxEvent::Frame { frame, mut damage }) = events.next() else {
            return Ok(None);
        };
        // Surfaces are shown between events, so a message may end one frame only.
        self.frames += 1;
        let allowed = self.config.limits.unacknowledged * self.windows.len().max(1);
        if events.next().is_some() || self.frames > allowed {
            return Err(LinkViolation::TooManyFrames(self.frames));
        }
        damage.retain(|(window, _)| self.windows.standing(*window) == Ok(Standing::Exists));
        Ok(Some(LinkEvent::Frame { frame, damage }))
    }

    /// The picture that a window has by RDPGFX.
    pub fn surface(&self, window: u32) -> Option<SurfaceView<'_>> {
        self.egfx.surface(window)
    }

    /// A present was copied: the instance may use its buffer again.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`].
    pub fn acknowledge_present(
        &mut self,
        window: u32,
        serial: u32,
        now: Duration,
    ) -> Result<(), LinkViolation> {
        if let Some(known) = self.windows.get_mut(window)
            && let Some(index) = known.unacknowledged.iter().position(|waiting| *waiting == serial)
        {
            known.unacknowledged.drain(..=index);
        }
        self.send(&ToInstance::PresentAck { window, serial }, now)
    }

    /// A frame was copied.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`].
    pub fn acknowledge_frame(&mut self, frame: u32, now: Duration) -> Result<(), LinkViolation> {
        self.frames = self.frames.saturating_sub(1);
        self.send(&ToInstance::EgfxAck { frame }, now)
    }

    /// Tells a window its content size and whether it is maximised; no size lets it choose.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`].
    pub fn configure(
        &mut self,
        window: u32,
        size: Option<(u32, u32)>,
        maximised: bool,
        resizing: bool,
        now: Duration,
    ) -> Result<(), LinkViolation> {
        let Some(known) = self.windows.get_mut(window) else {
            return Ok(());
        };
        if std::mem::replace(&mut known.maximised, maximised) != maximised {
            let command = if maximised { SystemCommand::Maximise } else { SystemCommand::Restore };
            self.send(&ToInstance::SystemCommand { window, command }, now)?;
        }
        let Some((width, height)) = size else {
            return Ok(());
        };
        self.send(&ToInstance::WindowMove { window, width, height, resizing }, now)
    }

    /// Hands input to the instance. Motion is left out while it lags far behind in reading.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`].
    pub fn input(&mut self, event: InputEvent, now: Duration) -> Result<(), LinkViolation> {
        if self.out.waiting() > MOTION_BACKLOG && matches!(event, InputEvent::PointerMove { .. }) {
            return self.check(now);
        }
        self.send(&ToInstance::Input(vec![event]), now)
    }

    /// Sends any message. Nothing is sent before the instance has said Hello.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`] if too much waits already.
    pub fn send(&mut self, message: &ToInstance, now: Duration) -> Result<(), LinkViolation> {
        if !self.greeted {
            return Ok(());
        }
        match self.out.push(message) {
            Ok(()) => {
                self.waiting_since.get_or_insert(now);
                self.check(now)
            }
            Err(LinkError::Backlog { waiting, .. }) => {
                let since = now.saturating_sub(self.waiting_since.unwrap_or(now));
                Err(LinkViolation::NotReading { bytes: waiting, since })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes to write to the instance next.
    pub fn pending(&self) -> &[u8] {
        self.out.pending()
    }

    /// The first `count` pending bytes were written.
    pub fn sent(&mut self, count: usize, now: Duration) {
        self.out.sent(count);
        if self.out.waiting() == 0 {
            self.waiting_since = None;
        } else if count > 0 {
            self.waiting_since = Some(now);
        }
    }

    /// When to call [`check`](Self::check), if nothing happens before.
    pub fn deadline(&self) -> Option<Duration> {
        self.waiting_since.map(|since| since.saturating_add(self.config.limits.unread_time))
    }

    /// Checks that the instance still reads.
    ///
    /// # Errors
    /// [`LinkViolation::NotReading`].
    pub fn check(&self, now: Duration) -> Result<(), LinkViolation> {
        match self.waiting_since {
            Some(since) if now.saturating_sub(since) >= self.config.limits.unread_time => {
                Err(LinkViolation::NotReading { bytes: self.out.waiting(), since: now.saturating_sub(since) })
            }
            _ => Ok(()),
        }
    }
}
