//! A session's state and what it sends next. No I/O: PDUs, pictures and time in, bytes and frames out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ironrdp_core::EncodeResult;
use ironrdp_egfx::pdu::GfxPdu;
use ironrdp_svc::SvcMessage;

use super::activation::{self, Share};
use super::pacing::Pacer;
use super::wire::Addresses;
use crate::server::channels::drdynvc::{self, DynamicChannels};
use crate::server::channels::gfx::{self, Graphics};
use crate::server::channels::pointer;
use crate::server::desktop::{Capture, DesktopView};
use crate::server::encode::{Codec, FrameJob};
use crate::server::handshake::ClientProfile;
use crate::server::input::InputDecoder;

/// Channel numbers of our choice.
pub(super) const GRAPHICS_CHANNEL: u32 = 1;
pub(super) const DISPLAY_CHANNEL: u32 = 2;

/// Replies that a client may leave unread, in bytes.
const MAX_OUTBOX: usize = 512 * 1024;
/// Frames that may be unacknowledged on the graphics pipeline.
const GRAPHICS_WINDOW: usize = 3;
/// How long a client that announced the graphics pipeline may take to open it.
const GRAPHICS_PATIENCE: Duration = Duration::from_secs(2);
/// A new desktop size must last so long before the client follows: window drags make many.
const SETTLE: Duration = Duration::from_millis(100);
/// At the start, the desktop may first follow the client.
const FIRST_SETTLE: Duration = Duration::from_millis(1500);
/// How long a reactivation may take.
const REACTIVATION: Duration = Duration::from_secs(15);

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The client said goodbye or closed the connection.
    Left,
    /// The server shuts down.
    Shutdown,
    /// No input for as long as is allowed.
    Idle,
    /// The connection failed, or the client broke its rules in a way that cannot be skipped.
    Failed(String),
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Encode and write this frame.
    Encode(Box<FrameJob>),
    /// Nothing to send before something happens, or before the time given.
    Wait(Option<Instant>),
    /// Say goodbye and stop.
    End(EndReason),
}

/// What is known of a connection when its session begins.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) addresses: Addresses,
    pub(crate) profile: ClientProfile,
    /// The client announced the graphics pipeline.
    pub(crate) graphics: bool,
    /// Desktop size that the client was told.
    pub(crate) size: (u16, u16),
    pub(crate) max_desktop: (u16, u16),
    pub(crate) frame_rate: u32,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) addresses: Addresses,
    pub(super) profile: ClientProfile,
    pub(super) size: (u16, u16),
    pub(super) max_desktop: (u16, u16),
    pub(super) share: Share,
    pub(super) input: InputDecoder,
    pub(super) channels: DynamicChannels,
    pub(super) graphics: Graphics,
    pub(super) graphics_announced: bool,
    pub(super) pacer: Pacer,
    pub(super) suppressed: bool,
    /// The client knows nothing of earlier frames.
    pub(super) fresh: bool,
    pub(super) last_input: Instant,
    started: Instant,
    /// Until when to wait for the graphics pipeline before a lesser codec is used.
    pub(super) graphics_deadline: Option<Instant>,
    reactivation_deadline: Option<Instant>,
    /// When the desktop's size was first seen to differ from the client's, and for how long to bear it.
    mismatch: Option<Instant>,
    settle: Duration,
    outbox: VecDeque<Vec<u8>>,
    ending: Option<EndReason>,
    next_frame: u32,
}

impl Session {
    pub(crate) fn new(opening: Opening, now: Instant) -> Self {
        let Opening { addresses, profile, graphics, size, max_desktop, frame_rate } = opening;
        let graphics_announced = graphics && addresses.drdynvc.is_some();
        let mut session = Self {
            addresses,
            profile,
            size,
            max_desktop,
            share: Share::Active,
            input: InputDecoder::new(size.0, size.1),
            channels: DynamicChannels::default(),
            graphics: Graphics::default(),
            graphics_announced,
            pacer: Pacer::new(frame_rate),
            suppressed: false,
            fresh: true,
            last_input: now,
            started: now,
            graphics_deadline: graphics_announced.then(|| now + GRAPHICS_PATIENCE),
            reactivation_deadline: None,
            mismatch: None,
            settle: FIRST_SETTLE,
            outbox: VecDeque::new(),
            ending: None,
            next_frame: 1,
        };
        session.restart_pacing();
        if addresses.drdynvc.is_some() {
            session.queue_dynamic(vec![drdynvc::capabilities_request()]);
        }
        session
    }

    /// When the user last did something.
    pub(crate) fn last_input(&self) -> Instant {
        self.last_input
    }

    /// The input state, to release what is held when the session ends.
    pub(crate) fn input_mut(&mut self) -> &mut InputDecoder {
        &mut self.input
    }

    /// Ends the session once what is queued has been sent.
    pub(crate) fn end(&mut self, reason: EndReason) {
        self.ending.get_or_insert(reason);
    }

    /// What to send next. `capture` is a buffer for the picture.
    pub(crate) fn next_step(&mut self, view: &DesktopView, now: Instant, capture: &mut Capture) -> Step {
        if let Some(bytes) = self.outbox.pop_front() {
            return Step::Send(bytes);
        }
        if let Some(reason) = &self.ending {
            return Step::End(reason.clone());
        }
        if self.share != Share::Active {
            return match self.reactivation_deadline {
                Some(deadline) if now >= deadline => {
                    Step::End(EndReason::Failed("the client does not reactivate".to_owned()))
                }
                deadline => Step::Wait(deadline),
            };
        }
        if let Some(step) = self.follow_desktop_size(view, now) {
            return step;
        }
        if let Some(shape) = view.take_pointer() {
            match pointer::update(&shape, &self.profile, &self.addresses) {
                Ok(bytes) => return Step::Send(bytes),
                Err(error) => tracing::warn!(%error, "the pointer is not shown"),
            }
        }
        if self.suppressed {
            return Step::Wait(None);
        }
        if let Some(deadline) = self.graphics_deadline.filter(|deadline| now < *deadline) {
            return Step::Wait(Some(deadline));
        }
        match self.pacer.ready(now) {
            Ok(()) => self.next_frame(view, now, capture),
            Err(later) => Step::Wait(Some(later)),
        }
    }

    fn next_frame(&mut self, view: &DesktopView, now: Instant, capture: &mut Capture) -> Step {
        let codec = self.codec();
        if self.fresh {
            tracing::debug!(?codec, size = ?self.size, "picture starts over");
        }
        let (width, height) = self.size;
        let size = (u32::from(width), u32::from(height));
        if !view.capture(size, codec.needs_whole_tiles(), capture) {
            return Step::Wait(None);
        }
        let prelude = match codec {
            Codec::Graphics { .. } => self.graphics.prepare(width, height),
            _ => Vec::new(),
        };
        let frame_id = self.next_frame;
        self.next_frame = self.next_frame.wrapping_add(1);
        self.pacer.sent(frame_id, now);
        Step::Encode(Box::new(FrameJob {
            codec,
            profile: self.profile.clone(),
            addresses: self.addresses,
            frame_id,
            capture: std::mem::take(capture),
            fresh: std::mem::take(&mut self.fresh),
            prelude,
            surface: self.graphics.surface().unwrap_or_default(),
            timestamp: now.saturating_duration_since(self.started).as_millis() as u32,
        }))
    }

    /// How pictures go to the client now.
    pub(super) fn codec(&self) -> Codec {
        Codec::choose(&self.profile, self.graphics.is_ready().then_some(GRAPHICS_CHANNEL))
    }

    /// When the desktop has another size than the client thinks: lets it settle, then tells the client.
    fn follow_desktop_size(&mut self, view: &DesktopView, now: Instant) -> Option<Step> {
        let desktop = view.size();
        // The canvas is at most 4096 pixels a side.
        let desktop = (desktop.0 as u16, desktop.1 as u16);
        if desktop == self.size {
            self.mismatch = None;
            return None;
        }
        let since = *self.mismatch.get_or_insert(now);
        if now < since + self.settle {
            return Some(Step::Wait(Some(since + self.settle)));
        }
        self.settle = SETTLE;
        self.mismatch = None;
        self.size = desktop;
        self.input.resize(desktop.0, desktop.1);
        view.invalidate_all();
        if let Codec::Graphics { .. } = self.codec() {
            // The next frame begins with a reset to the new size.
            self.fresh = true;
            return None;
        }
        self.share = Share::AwaitConfirm;
        self.reactivation_deadline = Some(now + REACTIVATION);
        match activation::deactivate(&self.addresses, desktop.0, desktop.1) {
            Ok(bytes) => Some(Step::Send(bytes)),
            Err(error) => Some(Step::End(EndReason::Failed(error.to_string()))),
        }
    }

    /// The client has confirmed a reactivation: finishes it.
    pub(super) fn reactivated(&mut self) {
        self.share = Share::Active;
        self.reactivation_deadline = None;
        self.suppressed = false;
        self.restart_pacing();
        self.queue(activation::finalize(&self.addresses));
    }

    /// Forgets what the client was sent: the codec contexts and the frames on their way.
    pub(super) fn restart_pacing(&mut self) {
        self.fresh = true;
        let window = match self.codec() {
            Codec::Graphics { .. } => Some(GRAPHICS_WINDOW),
            _ => (self.profile.frame_acks > 0).then_some(self.profile.frame_acks as usize),
        };
        self.pacer.restart(window);
    }

    /// Queues a reply; a client that asks and asks but does not read is cut off.
    pub(super) fn queue(&mut self, bytes: EncodeResult<Vec<u8>>) {
        if self.ending.is_some() {
            return;
        }
        match bytes {
            Ok(bytes) => {
                let queued: usize = self.outbox.iter().map(Vec::len).sum();
                if queued + bytes.len() > MAX_OUTBOX {
                    self.outbox.clear();
                    self.end(EndReason::Failed("the client does not read its replies".to_owned()));
                } else if !bytes.is_empty() {
                    self.outbox.push_back(bytes);
                }
            }
            Err(error) => tracing::warn!(%error, "a reply is not sent"),
        }
    }

    pub(super) fn queue_dynamic(&mut self, messages: Vec<SvcMessage>) {
        self.queue(self.addresses.dynamic_channel(messages));
    }

    /// Queues `data` as a message of dynamic channel `channel`.
    pub(super) fn queue_message(&mut self, channel: u32, data: Vec<u8>) {
        let bytes =
            drdynvc::message(channel, data).and_then(|messages| self.addresses.dynamic_channel(messages));
        self.queue(bytes);
    }

    pub(super) fn queue_graphics(&mut self, pdus: &[GfxPdu]) {
        match gfx::channel_message(pdus) {
            Ok(message) => self.queue_message(GRAPHICS_CHANNEL, message),
            Err(error) => tracing::warn!(%error, "a graphics reply is not sent"),
        }
    }
}
