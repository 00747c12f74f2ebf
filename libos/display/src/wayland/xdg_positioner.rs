//! `xdg_positioner` requests; the arithmetic is in `window::positioner`.

use std::sync::{Mutex, PoisonError};

use wayland_protocols::xdg::shell::server::xdg_positioner::{self, XdgPositioner};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum};

use crate::pixels::rect::{Rect, near};
use crate::state::State;
use crate::window::positioner::{Edges, Positioner};

/// Rules as set so far.
pub(super) type PositionerData = Mutex<Positioner>;

/// The number behind a protocol enumeration, known or not.
fn number<T: Into<u32>>(value: WEnum<T>) -> u32 {
    match value {
        WEnum::Value(known) => known.into(),
        WEnum::Unknown(raw) => raw,
    }
}

impl Dispatch<XdgPositioner, PositionerData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &XdgPositioner,
        request: xdg_positioner::Request,
        data: &PositionerData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let mut rules = data.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = |message: &str| resource.post_error(xdg_positioner::Error::InvalidInput, message);
        match request {
            xdg_positioner::Request::SetSize { width, height } => {
                if width <= 0 || height <= 0 {
                    bad("the size must be positive");
                }
                rules.size = (near(width), near(height));
            }
            xdg_positioner::Request::SetAnchorRect { x, y, width, height } => {
                if width < 0 || height < 0 {
                    bad("the anchor rectangle must not be negative");
                }
                rules.anchor_rect = Rect::new(near(x), near(y), near(width), near(height));
            }
            xdg_positioner::Request::SetAnchor { anchor } => match Edges::from_wire(number(anchor)) {
                Some(edges) => rules.anchor = edges,
                None => bad("unknown anchor"),
            },
            xdg_positioner::Request::SetGravity { gravity } => match Edges::from_wire(number(gravity)) {
                Some(edges) => rules.gravity = edges,
                None => bad("unknown gravity"),
            },
            xdg_positioner::Request::SetConstraintAdjustment { constraint_adjustment } => {
                rules.adjustment = number(constraint_adjustment);
            }
            xdg_positioner::Request::SetOffset { x, y } => rules.offset = (near(x), near(y)),
            xdg_positioner::Request::SetReactive => rules.reactive = true,
            _ => {}
        }
    }
}

impl State {
    /// The rules that a positioner holds now.
    pub fn positioner(resource: &XdgPositioner) -> Positioner {
        let data = resource.data::<PositionerData>();
        data.map(|data| *data.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }
}
