//! What a session makes of the client's PDUs. One odd PDU is logged and skipped; it never ends a session.

use std::time::Instant;

use ironrdp_core::decode;
use ironrdp_pdu::geometry::InclusiveRectangle;
use ironrdp_pdu::mcs::{McsMessage, SendDataRequest};
use ironrdp_pdu::rdp::headers::{ShareControlHeader, ShareControlPdu, ShareDataPdu};
use ironrdp_pdu::x224::X224;

use super::activation::Share;
use super::state::{DISPLAY_CHANNEL, EndReason, GRAPHICS_CHANNEL, Session};
use crate::server::channels::displaycontrol;
use crate::server::channels::drdynvc::DynamicEvent;
use crate::server::channels::gfx::{self, Acknowledgement, Graphics};
use crate::server::desktop::MIN_DESKTOP_EDGE;
use crate::server::geometry::Rect;
use crate::server::handshake::ClientProfile;
use crate::server::input::InputEvent;

/// What a PDU calls for outside the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tell the desktop.
    Input(InputEvent),
    /// Send this part of the picture again.
    Refresh(Rect),
    /// Send everything again.
    RefreshAll,
}

type Effects = Vec<Effect>;

impl Session {
    /// Takes one X.224 or fast-path PDU.
    pub(crate) fn receive(&mut self, pdu: &[u8], now: Instant) -> Effects {
        let mut effects = Vec::new();
        // TPKT begins with its version, 3; fast-path input with action bits 0 (MS-RDPBCGR 2.2.8.1.2).
        if pdu.first().is_some_and(|first| first & 0x03 == 0) {
            let events = self.input.fast_path(pdu);
            self.entered(events, now, &mut effects);
        } else if let Err(reason) = self.slow_path(pdu, now, &mut effects) {
            tracing::debug!(reason, length = pdu.len(), "skipping a PDU");
        }
        effects
    }

    fn entered(&mut self, events: Vec<InputEvent>, now: Instant, effects: &mut Effects) {
        if !events.is_empty() {
            self.last_input = now;
        }
        effects.extend(events.into_iter().map(Effect::Input));
    }

    fn slow_path(&mut self, pdu: &[u8], now: Instant, effects: &mut Effects) -> Result<(), String> {
        let X224(message) = decode::<X224<McsMessage<'_>>>(pdu).map_err(|error| error.to_string())?;
        match message {
            McsMessage::SendDataRequest(SendDataRequest { channel_id, user_data, .. }) => {
                if channel_id == self.addresses.io_channel {
                    self.share_control(&user_data, now, effects)
                } else if Some(channel_id) == self.addresses.drdynvc {
                    let event = self.channels.chunk(&user_data)?;
                    event.map_or(Ok(()), |event| self.dynamic(event, effects))
                } else {
                    Err(format!("data on channel {channel_id}, which nobody serves"))
                }
            }
            McsMessage::DisconnectProviderUltimatum(_) => {
                self.end(EndReason::Left);
                Ok(())
            }
            other => Err(format!("unexpected MCS message {other:?}")),
        }
    }

    fn share_control(&mut self, bytes: &[u8], now: Instant, effects: &mut Effects) -> Result<(), String> {
        let header: ShareControlHeader = decode(bytes).map_err(|error| error.to_string())?;
        match header.share_control_pdu {
            ShareControlPdu::ClientConfirmActive(confirm) if self.share == Share::AwaitConfirm => {
                self.profile = ClientProfile::new(&confirm.pdu.capability_sets);
                self.share = Share::AwaitFontList;
                Ok(())
            }
            ShareControlPdu::Data(data) => {
                self.share_data(data.share_data_pdu, now, effects);
                Ok(())
            }
            other => Err(format!("unexpected {}", other.as_short_name())),
        }
    }

    fn share_data(&mut self, pdu: ShareDataPdu, now: Instant, effects: &mut Effects) {
        match pdu {
            ShareDataPdu::Input(input) => {
                let events = self.input.slow_path(input);
                self.entered(events, now, effects);
            }
            ShareDataPdu::FrameAcknowledge(ack) => self.pacer.acknowledged(ack.frame_id),
            ShareDataPdu::SuppressOutput(suppress) => {
                let suppressed = suppress.desktop_rect.is_none();
                if self.suppressed && !suppressed {
                    effects.push(Effect::RefreshAll);
                }
                self.suppressed = suppressed;
            }
            ShareDataPdu::RefreshRectangle(refresh) => {
                effects.extend(refresh.areas_to_refresh.iter().map(|area| Effect::Refresh(exclusive(area))));
            }
            ShareDataPdu::FontList(_) if self.share == Share::AwaitFontList => {
                self.reactivated();
                effects.push(Effect::RefreshAll);
            }
            // The user is logged on, so the client is to ask whether it is meant (MS-RDPBCGR 1.3.1.4.1).
            ShareDataPdu::ShutdownRequest => {
                self.queue(self.addresses.share_data(ShareDataPdu::ShutdownDenied))
            }
            // Part of a reactivation, or of no consequence for us.
            other => tracing::trace!(pdu = other.as_short_name(), "nothing to do"),
        }
    }

    fn dynamic(&mut self, event: DynamicEvent, effects: &mut Effects) -> Result<(), String> {
        match event {
            DynamicEvent::Ready => {
                let mut requests = vec![self.channels.create(DISPLAY_CHANNEL, displaycontrol::NAME)];
                if self.graphics_announced {
                    requests.insert(0, self.channels.create(GRAPHICS_CHANNEL, gfx::NAME));
                }
                self.queue_dynamic(requests);
            }
            DynamicEvent::Opened(DISPLAY_CHANNEL) => {
                let (width, height) = self.max_desktop;
                self.queue_message(DISPLAY_CHANNEL, displaycontrol::capabilities(width, height)?);
            }
            DynamicEvent::Closed(GRAPHICS_CHANNEL) => {
                self.graphics_deadline = None;
                self.graphics = Graphics::default();
                self.restart_pacing();
                effects.push(Effect::RefreshAll);
            }
            DynamicEvent::Message(GRAPHICS_CHANNEL, message) => self.graphics_message(&message, effects)?,
            DynamicEvent::Message(DISPLAY_CHANNEL, message) => {
                if let Some(size) = displaycontrol::requested_size(&message)? {
                    effects.push(Effect::Input(self.requested_size(size)));
                }
            }
            // The client speaks first on the graphics channel.
            DynamicEvent::Opened(_) | DynamicEvent::Closed(_) | DynamicEvent::Message(..) => {}
        }
        Ok(())
    }

    fn graphics_message(&mut self, message: &[u8], effects: &mut Effects) -> Result<(), String> {
        let outcome = self.graphics.message(message)?;
        for acknowledgement in outcome.acknowledgements {
            match acknowledgement {
                Acknowledgement::Frame(id) => self.pacer.acknowledged(id),
                Acknowledgement::Suspended(_) => self.pacer.suspended(),
            }
        }
        if !outcome.replies.is_empty() {
            self.queue_graphics(&outcome.replies);
        }
        if outcome.restarted {
            self.graphics_deadline = None;
            self.restart_pacing();
            effects.push(Effect::RefreshAll);
        }
        Ok(())
    }

    /// The client's wish, within the limits.
    pub(crate) fn requested_size(&self, (width, height): (u32, u32)) -> InputEvent {
        let (max_width, max_height) = self.max_desktop;
        let within =
            |edge: u32, max: u16| edge.clamp(MIN_DESKTOP_EDGE, u32::from(max).max(MIN_DESKTOP_EDGE)) as u16;
        InputEvent::RequestedSize { width: within(width, max_width), height: within(height, max_height) }
    }
}

fn exclusive(area: &InclusiveRectangle) -> Rect {
    let edge = |from: u16, to: u16| u32::from(to).saturating_sub(u32::from(from)) + 1;
    Rect::new(area.left.into(), area.top.into(), edge(area.left, area.right), edge(area.top, area.bottom))
}
