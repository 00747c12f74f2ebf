//! Messages from an instance to the host (and from the daemon to the viewer).

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_pdu::window::{DesktopOrder, MonitoredDesktop, WindowingOrder};
use ironrdp_rail::pdu::{LocalMoveSizePdu, RailPdu};

use crate::codec::{Frame, Message, sealed};
use crate::error::{Fault, Party};
use crate::limits::{MAX_BODY, MAX_DAMAGE_RECTS, MAX_EGFX_BODY, MAX_Z_ORDER};
use crate::pointer::PointerShape;
use crate::rail::MoveSize;
use crate::rect::Rect;
use crate::window::{Order, WindowIcon, WindowInfo};
use crate::wire::{self, Fields as _};

/// What the fourth byte of a buffer's pixels means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Alpha; the colours are premultiplied by it (`wl_shm` ARGB8888).
    Argb8888,
    /// Nothing: every pixel is opaque (`wl_shm` XRGB8888).
    Xrgb8888,
}

/// A message from an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToHost {
    /// First message; the host answers with [`HelloAck`](crate::HelloAck).
    Hello {
        /// [`VERSION`](crate::limits::VERSION).
        version: u32,
    },
    /// A window exists from now on. It is shown with its first picture.
    WindowCreated(WindowInfo),
    /// What is said of a window has changed; everything is said anew.
    WindowUpdated(WindowInfo),
    /// A window has an icon.
    WindowIcon(WindowIcon),
    /// A window is gone, and its popups with it.
    WindowDeleted {
        /// The window.
        window: u32,
    },
    /// How windows are stacked. Only the daemon says this, to the viewer: among instances the host decides.
    ZOrder {
        /// The window that has the keyboard.
        active: Option<u32>,
        /// Windows, the topmost first.
        windows: Vec<u32>,
    },
    /// The pointer, whose button is down in this window, shall move or resize it.
    LocalMoveSize {
        /// The window.
        window: u32,
        /// What to do.
        operation: MoveSize,
    },
    /// How the pointer looks over the instance's windows.
    Pointer(PointerShape),
    /// A picture in shared memory has this number from now on.
    CreateBuffer {
        /// Its number, free so far.
        buffer: u32,
        /// Bytes from the start of the shared memory to its first pixel.
        offset: u64,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Bytes from one row to the next.
        stride: u32,
        /// Meaning of its fourth byte.
        format: PixelFormat,
    },
    /// The number is free again. Presents of it are done or void.
    DestroyBuffer {
        /// Its number.
        buffer: u32,
    },
    /// The window looks like the buffer from now on. The buffer stays as it is until the acknowledgement. At most
    /// [`MAX_UNACKED_PRESENTS`](crate::limits::MAX_UNACKED_PRESENTS) of a window wait for theirs.
    Present {
        /// The window.
        window: u32,
        /// The buffer.
        buffer: u32,
        /// Comes back in the acknowledgement.
        serial: u32,
        /// What differs from the window's last picture; a picture of another size differs all over.
        damage: Vec<Rect>,
    },
    /// Whole RDPGFX PDUs, one after another (see [`egfx`](crate::egfx)).
    Egfx(Vec<u8>),
}

/// Frame types of this direction.
mod kind {
    pub(super) const HELLO: u16 = 0x01;
    pub(super) const WINDOW_ORDER: u16 = 0x02;
    pub(super) const DESKTOP_ORDERS: u16 = 0x03;
    pub(super) const RAIL: u16 = 0x04;
    pub(super) const POINTER: u16 = 0x05;
    pub(super) const CREATE_BUFFER: u16 = 0x10;
    pub(super) const DESTROY_BUFFER: u16 = 0x11;
    pub(super) const PRESENT: u16 = 0x12;
    pub(super) const EGFX: u16 = 0x20;
}

impl sealed::Sealed for ToHost {
    const SENDER: Party = Party::Instance;

    fn limit(kind: u16) -> Option<(&'static str, usize)> {
        Some(match kind {
            kind::HELLO => ("Hello", 4),
            kind::WINDOW_ORDER => ("window order", MAX_BODY),
            kind::DESKTOP_ORDERS => ("desktop order", MAX_BODY),
            kind::RAIL => ("RAIL PDU", MAX_BODY),
            kind::POINTER => ("pointer update", MAX_BODY),
            kind::CREATE_BUFFER => ("CreateBuffer", 25),
            kind::DESTROY_BUFFER => ("DestroyBuffer", 4),
            kind::PRESENT => ("Present", 12 + MAX_DAMAGE_RECTS * Rect::WIRE_LEN),
            kind::EGFX => ("RDPGFX frame", MAX_EGFX_BODY),
            _ => return None,
        })
    }

    fn flags(_kind: u16) -> u16 {
        0
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "Hello",
            Self::WindowCreated(_) | Self::WindowUpdated(_) | Self::WindowDeleted { .. } => "window order",
            Self::WindowIcon(_) => "window icon",
            Self::ZOrder { .. } => "desktop order",
            Self::LocalMoveSize { .. } => "RAIL PDU",
            Self::Pointer(_) => "pointer update",
            Self::CreateBuffer { .. } => "CreateBuffer",
            Self::DestroyBuffer { .. } => "DestroyBuffer",
            Self::Present { .. } => "Present",
            Self::Egfx(_) => "RDPGFX frame",
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(u16, u16), Fault> {
        let kind = match self {
            Self::Hello { version } => {
                wire::put(out, &[*version]);
                kind::HELLO
            }
            Self::WindowCreated(info) => info.write(true, out).map(|()| kind::WINDOW_ORDER)?,
            Self::WindowUpdated(info) => info.write(false, out).map(|()| kind::WINDOW_ORDER)?,
            Self::WindowIcon(icon) => icon.write(out).map(|()| kind::WINDOW_ORDER)?,
            Self::WindowDeleted { window } => {
                Order::write_deleted(*window, out).map(|()| kind::WINDOW_ORDER)?
            }
            Self::ZOrder { active, windows } => write_z_order(*active, windows, out)?,
            Self::LocalMoveSize { window, operation } => {
                let move_size_type = operation.to_wire();
                let pdu = LocalMoveSizePdu { window_id: *window, is_start: true, move_size_type, x: 0, y: 0 };
                wire::put_pdu(out, &RailPdu::LocalMoveSize(pdu))?;
                kind::RAIL
            }
            Self::Pointer(shape) => shape.write(out).map(|()| kind::POINTER)?,
            Self::CreateBuffer { buffer, offset, width, height, stride, format } => {
                wire::put(out, &[*buffer]);
                out.extend_from_slice(&offset.to_le_bytes());
                wire::put(out, &[*width, *height, *stride]);
                out.push(u8::from(*format == PixelFormat::Xrgb8888));
                kind::CREATE_BUFFER
            }
            Self::DestroyBuffer { buffer } => {
                wire::put(out, &[*buffer]);
                kind::DESTROY_BUFFER
            }
            Self::Present { window, buffer, serial, damage } => {
                wire::put(out, &[*window, *buffer, *serial]);
                write_damage(damage, out)?;
                kind::PRESENT
            }
            Self::Egfx(pdus) => {
                out.extend_from_slice(pdus);
                kind::EGFX
            }
        };
        Ok((kind, 0))
    }

    fn read(frame: Frame<'_>) -> Result<Self, Fault> {
        if frame.kind == kind::EGFX {
            return Ok(Self::Egfx(frame.body.to_vec()));
        }
        let mut src = ReadCursor::new(frame.body);
        let message = match frame.kind {
            kind::HELLO => Self::Hello { version: src.u32()? },
            kind::WINDOW_ORDER => match Order::read(&mut src)? {
                Order::Created(info) => Self::WindowCreated(info),
                Order::Updated(info) => Self::WindowUpdated(info),
                Order::Icon(icon) => Self::WindowIcon(icon),
                Order::Deleted(window) => Self::WindowDeleted { window },
            },
            kind::DESKTOP_ORDERS => read_z_order(&mut src)?,
            kind::RAIL => match crate::rail::read(&mut src)? {
                RailPdu::LocalMoveSize(pdu) if pdu.is_start => Self::LocalMoveSize {
                    window: pdu.window_id,
                    operation: MoveSize::from_wire(pdu.move_size_type)?,
                },
                other => {
                    return Err(Fault::new(format!(
                        "{:?} is not used in this direction",
                        other.order_type()
                    )));
                }
            },
            kind::POINTER => Self::Pointer(PointerShape::read(&mut src)?),
            kind::CREATE_BUFFER => Self::CreateBuffer {
                buffer: src.u32()?,
                offset: src.u64()?,
                width: src.u32()?,
                height: src.u32()?,
                stride: src.u32()?,
                format: match src.u8()? {
                    0 => PixelFormat::Argb8888,
                    1 => PixelFormat::Xrgb8888,
                    other => return Err(Fault::new(format!("unknown pixel format {other}"))),
                },
            },
            kind::DESTROY_BUFFER => Self::DestroyBuffer { buffer: src.u32()? },
            kind::PRESENT => {
                let (window, buffer, serial) = (src.u32()?, src.u32()?, src.u32()?);
                let mut damage = Vec::with_capacity(src.len() / Rect::WIRE_LEN);
                while !src.is_empty() {
                    damage.push(Rect::read(&mut src)?);
                }
                Self::Present { window, buffer, serial, damage }
            }
            other => return Err(Fault::new(format!("unknown type {other:#06x}"))),
        };
        src.end()?;
        Ok(message)
    }
}

impl Message for ToHost {}

fn write_damage(damage: &[Rect], out: &mut Vec<u8>) -> Result<(), Fault> {
    if damage.len() <= MAX_DAMAGE_RECTS {
        return damage.iter().try_for_each(|rect| rect.write(out));
    }
    damage.iter().fold(Rect::default(), |all, rect| all.union(*rect)).write(out)
}

/// One order holds at most 255 windows, so a longer z-order goes on in the next.
fn write_z_order(active: Option<u32>, windows: &[u32], out: &mut Vec<u8>) -> Result<u16, Fault> {
    if windows.len() > MAX_Z_ORDER {
        return Err(Fault::new(format!("{} windows, over {MAX_Z_ORDER}", windows.len())));
    }
    let mut parts = windows.chunks(usize::from(u8::MAX));
    let mut active_window_id = Some(active.unwrap_or(MonitoredDesktop::NO_ACTIVE_WINDOW));
    loop {
        let part = parts.next();
        if part.is_none() && active_window_id.is_none() {
            return Ok(kind::DESKTOP_ORDERS);
        }
        let desktop = MonitoredDesktop {
            active_window_id: active_window_id.take(),
            z_order: Some(part.unwrap_or_default().to_vec()),
            ..MonitoredDesktop::default()
        };
        wire::put_pdu(out, &WindowingOrder::Desktop(DesktopOrder::ActivelyMonitored(desktop)))?;
    }
}

fn read_z_order(src: &mut ReadCursor<'_>) -> Result<ToHost, Fault> {
    let (mut active, mut windows) = (None, Vec::new());
    loop {
        let WindowingOrder::Desktop(DesktopOrder::ActivelyMonitored(desktop)) = WindowingOrder::decode(src)?
        else {
            return Err(Fault::new("not an order of an actively monitored desktop"));
        };
        active = active.or(desktop.active_window_id);
        windows.extend(desktop.z_order.unwrap_or_default());
        if windows.len() > MAX_Z_ORDER {
            return Err(Fault::new(format!("more than {MAX_Z_ORDER} windows")));
        }
        if src.is_empty() {
            let active = active.filter(|window| *window != MonitoredDesktop::NO_ACTIVE_WINDOW);
            return Ok(ToHost::ZOrder { active, windows });
        }
    }
}
