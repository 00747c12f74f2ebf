//! Windows: a plain description, and the window order and RAIL PDUs that carry it.

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_pdu::window::{
    IconInfo, IconSource, ShowState as WireShowState, WindowIcon as WireIcon, WindowOrder, WindowOrderBody,
    WindowPoint, WindowSize, WindowState, WindowStyle, WindowingOrder,
};
use ironrdp_rail::pdu::{GetApplicationIdResponsePdu, MinMaxInfoPdu, RailPdu};

use crate::error::Fault;
use crate::limits::{MAX_ICON_SIDE, MAX_SIDE, MAX_TITLE_UNITS};
use crate::text::wire_text;
use crate::{rail, wire};

/// How a window is shown, or asks to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ShowState {
    /// Not at all.
    Hidden,
    /// Only by name.
    Minimised,
    /// At its own size.
    #[default]
    Normal,
    /// As large as there is room.
    Maximised,
}

/// What an instance says about one of its windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowInfo {
    /// Number of the window, chosen by the instance; neither 0 nor `u32::MAX`.
    pub id: u32,
    /// The window it belongs to and stays above.
    pub owner: Option<u32>,
    /// A menu, tooltip or the like: placed by `offset`, without a frame, gone with its owner.
    pub popup: bool,
    /// Title; cut to what the wire can hold.
    pub title: String,
    /// `app_id` of xdg-shell; cut to what the wire can hold.
    pub app_id: String,
    /// For a popup: place relative to its owner's content (x, y). (0, 0) for top-levels.
    pub offset: (i32, i32),
    /// Size of its content (width, height). What counts is what is presented.
    pub size: (u32, u32),
    /// Smallest content size (width, height); 0 for no wish.
    pub min_size: (u32, u32),
    /// Largest content size (width, height); 0 for no wish.
    pub max_size: (u32, u32),
    /// How it is shown, or asks to be.
    pub show_state: ShowState,
    /// Whether the user may resize and maximise it.
    pub resizable: bool,
}

/// A window's icon.
#[derive(Clone, PartialEq, Eq)]
pub struct WindowIcon {
    /// The window.
    pub window: u32,
    /// Pixels across, 1 to [`MAX_ICON_SIDE`].
    pub width: u32,
    /// Pixels down, 1 to [`MAX_ICON_SIDE`].
    pub height: u32,
    /// BGRA8888 premultiplied, `width * height * 4` bytes.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for WindowIcon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { window, width, height, .. } = self;
        f.debug_struct("WindowIcon")
            .field("window", window)
            .field("size", &(width, height))
            .finish_non_exhaustive()
    }
}

/// `WS_*` and `WS_EX_*` values.
mod style {
    pub(super) const POPUP: u32 = 0x8000_0000;
    pub(super) const CAPTION: u32 = 0x00c0_0000;
    pub(super) const SYSMENU: u32 = 0x0008_0000;
    pub(super) const THICKFRAME: u32 = 0x0004_0000;
    pub(super) const MINIMIZEBOX: u32 = 0x0002_0000;
    pub(super) const MAXIMIZEBOX: u32 = 0x0001_0000;
    pub(super) const EX_TOOLWINDOW: u32 = 0x80;
    pub(super) const EX_NOACTIVATE: u32 = 0x0800_0000;
}

/// A window order, decoded.
#[derive(Debug)]
pub(crate) enum Order {
    Created(WindowInfo),
    Updated(WindowInfo),
    Icon(WindowIcon),
    Deleted(u32),
}

impl WindowInfo {
    fn style(&self) -> WindowStyle {
        let resize = if self.resizable { style::THICKFRAME | style::MAXIMIZEBOX } else { 0 };
        if self.popup {
            let extended_style = style::EX_TOOLWINDOW | style::EX_NOACTIVATE;
            WindowStyle { style: style::POPUP | resize, extended_style }
        } else {
            let frame = style::CAPTION | style::SYSMENU | style::MINIMIZEBOX;
            WindowStyle { style: frame | resize, extended_style: 0 }
        }
    }

    /// The order, then the RAIL PDUs that say what an order cannot.
    pub(crate) fn write(&self, is_new: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        check_id(self.id)?;
        let size = |(width, height)| WindowSize { width, height };
        let point = |(x, y)| WindowPoint { x, y };
        let state = WindowState {
            owner_window_id: Some(self.owner.unwrap_or(0)),
            style: Some(self.style()),
            show_state: Some(self.show_state.to_wire()),
            title: Some(wire_text(&self.title, MAX_TITLE_UNITS)),
            client_area_size: Some(size(self.size)),
            window_offset: Some(point(self.offset)),
            window_size: Some(size(self.size)),
            ..WindowState::default()
        };
        let body = WindowOrderBody::State(Box::new(state));
        wire::put_pdu(out, &WindowingOrder::Window(WindowOrder { window_id: self.id, is_new, body }))?;
        if (self.min_size, self.max_size) != ((0, 0), (0, 0)) {
            wire::put_pdu(out, &RailPdu::MinMaxInfo(self.min_max()))?;
        }
        let application_id = wire_text(&self.app_id, MAX_TITLE_UNITS);
        if !application_id.is_empty() {
            let pdu = GetApplicationIdResponsePdu { window_id: self.id, application_id };
            wire::put_pdu(out, &RailPdu::GetApplicationIdResponse(pdu))?;
        }
        Ok(())
    }

    fn min_max(&self) -> MinMaxInfoPdu {
        let side = |value: u32| i16::try_from(value).unwrap_or(i16::MAX);
        let (min, max) = (self.min_size, self.max_size);
        let values = [max.0, max.1, 0, 0, min.0, min.1, max.0, max.1].map(side);
        MinMaxInfoPdu { window_id: self.id, values }
    }

    fn read_state(id: u32, state: WindowState, src: &mut ReadCursor<'_>) -> Result<Self, Fault> {
        let style = state.style.map_or(0, |style| style.style);
        let size = state.window_size.map_or((0, 0), |size| (size.width, size.height));
        if size.0 > MAX_SIDE || size.1 > MAX_SIDE {
            return Err(Fault::new(format!(
                "window of {} x {} pixels, over {MAX_SIDE} a side",
                size.0, size.1
            )));
        }
        let mut info = Self {
            id,
            owner: state.owner_window_id.filter(|owner| *owner != 0),
            popup: style & style::POPUP != 0,
            title: state.title.unwrap_or_default(),
            app_id: String::new(),
            offset: state.window_offset.map_or((0, 0), |at| (at.x, at.y)),
            size,
            min_size: (0, 0),
            max_size: (0, 0),
            show_state: state.show_state.map_or(ShowState::Normal, ShowState::from_wire),
            resizable: style & style::THICKFRAME != 0,
        };
        while !src.is_empty() {
            info.read_more(rail::read(src)?)?;
        }
        Ok(info)
    }

    fn read_more(&mut self, pdu: RailPdu) -> Result<(), Fault> {
        let named = match &pdu {
            RailPdu::MinMaxInfo(pdu) => pdu.window_id,
            RailPdu::GetApplicationIdResponse(pdu) => pdu.window_id,
            other => {
                return Err(Fault::new(format!("a {:?} PDU does not describe a window", other.order_type())));
            }
        };
        if named != self.id {
            return Err(Fault::new(format!("window {named} described in the order of window {}", self.id)));
        }
        match pdu {
            RailPdu::MinMaxInfo(MinMaxInfoPdu { values, .. }) => {
                let side = |index: usize| u32::try_from(values[index]).unwrap_or(0);
                self.min_size = (side(4), side(5));
                self.max_size = (side(6), side(7));
            }
            RailPdu::GetApplicationIdResponse(pdu) => self.app_id = pdu.application_id,
            _ => {}
        }
        Ok(())
    }
}

impl ShowState {
    const fn to_wire(self) -> WireShowState {
        match self {
            Self::Hidden => WireShowState::Hide,
            Self::Minimised => WireShowState::Minimized,
            Self::Normal => WireShowState::Show,
            Self::Maximised => WireShowState::Maximized,
        }
    }

    const fn from_wire(state: WireShowState) -> Self {
        match state {
            WireShowState::Hide => Self::Hidden,
            WireShowState::Minimized => Self::Minimised,
            WireShowState::Show => Self::Normal,
            WireShowState::Maximized => Self::Maximised,
        }
    }
}

impl WindowIcon {
    fn is_consistent(&self) -> bool {
        let side = 1..=MAX_ICON_SIDE;
        side.contains(&self.width)
            && side.contains(&self.height)
            && self.pixels.len() == self.width as usize * self.height as usize * 4
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        check_id(self.window)?;
        let (Ok(width), Ok(height)) = (u16::try_from(self.width), u16::try_from(self.height)) else {
            return Err(Fault::new("an icon is too large"));
        };
        if !self.is_consistent() {
            return Err(Fault::new("an icon is empty, too large, or has the wrong number of bytes"));
        }
        let icon = IconInfo {
            cache_entry: IconInfo::NO_CACHE_ENTRY,
            cache_id: IconInfo::NO_CACHE_ID,
            bpp: 32,
            width,
            height,
            // All pixels are drawn by their alpha.
            bits_mask: vec![0; usize::from(width).div_ceil(16) * 2 * usize::from(height)],
            color_table: Vec::new(),
            bits_color: turned(&self.pixels, self.width),
        };
        let body =
            WindowOrderBody::Icon(WireIcon { big: true, overlay: false, icon: IconSource::Icon(icon) });
        wire::put_pdu(
            out,
            &WindowingOrder::Window(WindowOrder { window_id: self.window, is_new: false, body }),
        )
    }

    fn from_wire(window: u32, icon: WireIcon) -> Result<Self, Fault> {
        let IconSource::Icon(icon) = icon.icon else {
            return Err(Fault::new("icon caches are not used here"));
        };
        if icon.bpp != 32 {
            return Err(Fault::new(format!("an icon of {} bits a pixel", icon.bpp)));
        }
        let (width, height) = (u32::from(icon.width), u32::from(icon.height));
        let icon = Self { window, width, height, pixels: turned(&icon.bits_color, width) };
        if icon.is_consistent() { Ok(icon) } else { Err(Fault::new(format!("{icon:?} is inconsistent"))) }
    }
}

/// Rows in the opposite order: RDP's bitmaps begin at the bottom.
pub(crate) fn turned(pixels: &[u8], width: u32) -> Vec<u8> {
    let row = (width as usize * 4).max(1);
    pixels.chunks(row).rev().flatten().copied().collect()
}

fn check_id(id: u32) -> Result<(), Fault> {
    if id == 0 || id == u32::MAX { Err(Fault::new(format!("{id} cannot name a window"))) } else { Ok(()) }
}

impl Order {
    pub(crate) fn read(src: &mut ReadCursor<'_>) -> Result<Self, Fault> {
        let WindowingOrder::Window(order) = WindowingOrder::decode(src)? else {
            return Err(Fault::new("not a window information order"));
        };
        check_id(order.window_id)?;
        let read = match order.body {
            WindowOrderBody::State(state) => {
                let info = WindowInfo::read_state(order.window_id, *state, src)?;
                if order.is_new { Self::Created(info) } else { Self::Updated(info) }
            }
            WindowOrderBody::Icon(icon) => Self::Icon(WindowIcon::from_wire(order.window_id, icon)?),
            WindowOrderBody::Deleted => Self::Deleted(order.window_id),
        };
        wire::Fields::end(src)?;
        Ok(read)
    }

    /// Writes the order that deletes a window.
    pub(crate) fn write_deleted(window: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
        check_id(window)?;
        let order = WindowOrder { window_id: window, is_new: false, body: WindowOrderBody::Deleted };
        wire::put_pdu(out, &WindowingOrder::Window(order))
    }
}
