//! Messages from the host to an instance (and from the viewer to the daemon).

use ironrdp_core::ReadCursor;
use ironrdp_rail::pdu::{ActivatePdu, RailPdu, Rectangle, SystemCommandPdu, WindowMovePdu};

use crate::codec::{Frame, Message, sealed};
use crate::error::{Fault, Party};
use crate::input::{self, InputEvent};
use crate::limits::MAX_BODY;
use crate::rail::{self, SystemCommand};
use crate::wire::{self, Fields as _};

/// How pixels reach the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PixelTransport {
    /// By name, in memory that both ends map: `CreateBuffer` and `Present`.
    #[default]
    SharedMemory,
    /// In the stream, as RDPGFX PDUs.
    Egfx,
}

/// The host's answer to `Hello`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HelloAck {
    /// [`VERSION`](crate::limits::VERSION).
    pub version: u32,
    /// How the instance has to send pixels.
    pub pixels: PixelTransport,
    /// Pixels across the desktop.
    pub desktop_width: u32,
    /// Pixels down the desktop.
    pub desktop_height: u32,
    /// Windows keyboard layout identifier (KLID), such as 0x0409 for US English.
    pub keyboard_layout: u32,
    /// Milliseconds before a held key repeats.
    pub repeat_delay_ms: u32,
    /// Repeats a second; 0 for none.
    pub repeat_rate: u32,
}

/// A message to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToInstance {
    /// Answer to `Hello`.
    HelloAck(HelloAck),
    /// Pointer events that follow are in this window's content coordinates; with `None` the pointer has left.
    InputTarget {
        /// The window.
        window: Option<u32>,
    },
    /// Input: keys for the activated window, pointer events for the input target.
    Input(Vec<InputEvent>),
    /// The window has the keyboard from now on, or no longer.
    Activate {
        /// A top-level window.
        window: u32,
        /// Whether it has.
        active: bool,
    },
    /// What the user wants of a window.
    SystemCommand {
        /// A top-level window.
        window: u32,
        /// What.
        command: SystemCommand,
    },
    /// The window shall have content of this size.
    WindowMove {
        /// A top-level window.
        window: u32,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The user is at it: more sizes follow.
        resizing: bool,
    },
    /// The host has copied what was presented: the buffer may change.
    PresentAck {
        /// The window.
        window: u32,
        /// Serial of the present; earlier ones of the window are done too.
        serial: u32,
    },
    /// The host has decoded a frame (RDPGFX_FRAME_ACKNOWLEDGE_PDU).
    EgfxAck {
        /// Number of the frame.
        frame: u32,
    },
    /// The desktop has this size.
    DesktopSize {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// Frame types of this direction.
mod kind {
    pub(super) const HELLO_ACK: u16 = 0x81;
    pub(super) const INPUT_TARGET: u16 = 0x82;
    pub(super) const INPUT: u16 = 0x83;
    pub(super) const RAIL: u16 = 0x84;
    pub(super) const DESKTOP_SIZE: u16 = 0x85;
    pub(super) const PRESENT_ACK: u16 = 0x92;
    pub(super) const EGFX_ACK: u16 = 0xa0;
}

/// Flag of a RAIL frame that holds a Window Move PDU: the user is still at it.
const FLAG_RESIZING: u16 = 1;
/// Window number that stands for none.
const NO_WINDOW: u32 = u32::MAX;

impl sealed::Sealed for ToInstance {
    const SENDER: Party = Party::Host;

    fn limit(kind: u16) -> Option<(&'static str, usize)> {
        Some(match kind {
            kind::HELLO_ACK => ("HelloAck", 28),
            kind::INPUT_TARGET => ("InputTarget", 4),
            kind::INPUT => ("input", 255 * 7),
            kind::RAIL => ("RAIL PDU", MAX_BODY),
            kind::DESKTOP_SIZE => ("DesktopSize", 8),
            kind::PRESENT_ACK => ("PresentAck", 8),
            kind::EGFX_ACK => ("RDPGFX acknowledgement", 64),
            _ => return None,
        })
    }

    fn flags(kind: u16) -> u16 {
        if kind == kind::RAIL { FLAG_RESIZING } else { 0 }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::HelloAck(_) => "HelloAck",
            Self::InputTarget { .. } => "InputTarget",
            Self::Input(_) => "input",
            Self::Activate { .. } | Self::SystemCommand { .. } | Self::WindowMove { .. } => "RAIL PDU",
            Self::PresentAck { .. } => "PresentAck",
            Self::EgfxAck { .. } => "RDPGFX acknowledgement",
            Self::DesktopSize { .. } => "DesktopSize",
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(u16, u16), Fault> {
        let mut flags = 0;
        let kind = match self {
            Self::HelloAck(ack) => {
                let pixels = u32::from(ack.pixels == PixelTransport::Egfx);
                wire::put(out, &[ack.version, pixels, ack.desktop_width, ack.desktop_height]);
                wire::put(out, &[ack.keyboard_layout, ack.repeat_delay_ms, ack.repeat_rate]);
                kind::HELLO_ACK
            }
            Self::InputTarget { window } => {
                wire::put(out, &[window.unwrap_or(NO_WINDOW)]);
                kind::INPUT_TARGET
            }
            Self::Input(events) => input::write(events, out).map(|()| kind::INPUT)?,
            Self::Activate { window, active } => {
                let pdu = ActivatePdu { window_id: *window, enabled: *active };
                wire::put_pdu(out, &RailPdu::Activate(pdu)).map(|()| kind::RAIL)?
            }
            Self::SystemCommand { window, command } => {
                let pdu = SystemCommandPdu { window_id: *window, command: command.to_wire() };
                wire::put_pdu(out, &RailPdu::SystemCommand(pdu)).map(|()| kind::RAIL)?
            }
            Self::WindowMove { window, width, height, resizing } => {
                let side =
                    |value: u32| i16::try_from(value).map_err(|_| Fault::new(format!("a side of {value}")));
                let rectangle = Rectangle { left: 0, top: 0, right: side(*width)?, bottom: side(*height)? };
                flags = if *resizing { FLAG_RESIZING } else { 0 };
                let pdu = WindowMovePdu { window_id: *window, rectangle };
                wire::put_pdu(out, &RailPdu::WindowMove(pdu)).map(|()| kind::RAIL)?
            }
            Self::PresentAck { window, serial } => {
                wire::put(out, &[*window, *serial]);
                kind::PRESENT_ACK
            }
            Self::EgfxAck { frame } => {
                crate::egfx::write_acknowledgement(*frame, out).map(|()| kind::EGFX_ACK)?
            }
            Self::DesktopSize { width, height } => {
                wire::put(out, &[*width, *height]);
                kind::DESKTOP_SIZE
            }
        };
        Ok((kind, flags))
    }

    fn read(frame: Frame<'_>) -> Result<Self, Fault> {
        let mut src = ReadCursor::new(frame.body);
        let message = match frame.kind {
            kind::HELLO_ACK => Self::HelloAck(HelloAck {
                version: src.u32()?,
                pixels: match src.u32()? {
                    0 => PixelTransport::SharedMemory,
                    1 => PixelTransport::Egfx,
                    other => return Err(Fault::new(format!("unknown pixel transport {other}"))),
                },
                desktop_width: src.u32()?,
                desktop_height: src.u32()?,
                keyboard_layout: src.u32()?,
                repeat_delay_ms: src.u32()?,
                repeat_rate: src.u32()?,
            }),
            kind::INPUT_TARGET => {
                Self::InputTarget { window: Some(src.u32()?).filter(|id| *id != NO_WINDOW) }
            }
            kind::INPUT => Self::Input(input::read(&mut src)?),
            kind::RAIL => from_rail(rail::read(&mut src)?, frame.flags & FLAG_RESIZING != 0)?,
            kind::DESKTOP_SIZE => Self::DesktopSize { width: src.u32()?, height: src.u32()? },
            kind::PRESENT_ACK => Self::PresentAck { window: src.u32()?, serial: src.u32()? },
            kind::EGFX_ACK => Self::EgfxAck { frame: crate::egfx::read_acknowledgement(&mut src)? },
            other => return Err(Fault::new(format!("unknown type {other:#06x}"))),
        };
        src.end()?;
        Ok(message)
    }
}

impl Message for ToInstance {}

fn from_rail(pdu: RailPdu, resizing: bool) -> Result<ToInstance, Fault> {
    match pdu {
        RailPdu::Activate(pdu) => Ok(ToInstance::Activate { window: pdu.window_id, active: pdu.enabled }),
        RailPdu::SystemCommand(pdu) => {
            let command = SystemCommand::from_wire(pdu.command)?;
            Ok(ToInstance::SystemCommand { window: pdu.window_id, command })
        }
        RailPdu::WindowMove(WindowMovePdu { window_id, rectangle }) => {
            let side = |from: i16, to: i16| {
                let length = i32::from(to) - i32::from(from);
                u32::try_from(length).map_err(|_| Fault::new("a rectangle ends before it begins"))
            };
            let width = side(rectangle.left, rectangle.right)?;
            let height = side(rectangle.top, rectangle.bottom)?;
            Ok(ToInstance::WindowMove { window: window_id, width, height, resizing })
        }
        other => Err(Fault::new(format!("{:?} is not used in this direction", other.order_type()))),
    }
}
