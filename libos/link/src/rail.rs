//! What of RAIL (MS-RDPERP 2.2.2) the stream carries, in plain types.

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_rail::pdu::{self as wire, RailPdu};

use crate::error::Fault;

/// What the user asks a window to do (MS-RDPERP 2.2.2.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemCommand {
    /// SC_MINIMIZE.
    Minimise,
    /// SC_MAXIMIZE.
    Maximise,
    /// SC_RESTORE: a minimised window returns to what it was, a maximised one to its own size.
    Restore,
    /// SC_CLOSE.
    Close,
}

impl SystemCommand {
    pub(crate) const fn to_wire(self) -> wire::SystemCommand {
        match self {
            Self::Minimise => wire::SystemCommand::Minimize,
            Self::Maximise => wire::SystemCommand::Maximize,
            Self::Restore => wire::SystemCommand::Restore,
            Self::Close => wire::SystemCommand::Close,
        }
    }

    pub(crate) fn from_wire(command: wire::SystemCommand) -> Result<Self, Fault> {
        match command {
            wire::SystemCommand::Minimize => Ok(Self::Minimise),
            wire::SystemCommand::Maximize => Ok(Self::Maximise),
            wire::SystemCommand::Restore => Ok(Self::Restore),
            wire::SystemCommand::Close => Ok(Self::Close),
            other => Err(Fault::new(format!("system command {other:?} is not used here"))),
        }
    }
}

/// What the pointer, whose button is held, shall do with a window (MS-RDPERP 2.2.2.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MoveSize {
    /// Move it.
    Move,
    /// Resize it by its left edge.
    Left,
    /// Resize it by its right edge.
    Right,
    /// Resize it by its top edge.
    Top,
    /// Resize it by its top left corner.
    TopLeft,
    /// Resize it by its top right corner.
    TopRight,
    /// Resize it by its bottom edge.
    Bottom,
    /// Resize it by its bottom left corner.
    BottomLeft,
    /// Resize it by its bottom right corner.
    BottomRight,
}

const MOVE_SIZE: [(MoveSize, wire::MoveSizeType); 9] = [
    (MoveSize::Move, wire::MoveSizeType::Move),
    (MoveSize::Left, wire::MoveSizeType::Left),
    (MoveSize::Right, wire::MoveSizeType::Right),
    (MoveSize::Top, wire::MoveSizeType::Top),
    (MoveSize::TopLeft, wire::MoveSizeType::TopLeft),
    (MoveSize::TopRight, wire::MoveSizeType::TopRight),
    (MoveSize::Bottom, wire::MoveSizeType::Bottom),
    (MoveSize::BottomLeft, wire::MoveSizeType::BottomLeft),
    (MoveSize::BottomRight, wire::MoveSizeType::BottomRight),
];

impl MoveSize {
    pub(crate) fn to_wire(self) -> wire::MoveSizeType {
        MOVE_SIZE
            .iter()
            .find(|(ours, _)| *ours == self)
            .map_or(wire::MoveSizeType::Move, |(_, theirs)| *theirs)
    }

    pub(crate) fn from_wire(kind: wire::MoveSizeType) -> Result<Self, Fault> {
        MOVE_SIZE
            .iter()
            .find(|(_, theirs)| *theirs == kind)
            .map(|(ours, _)| *ours)
            .ok_or_else(|| Fault::new(format!("move or size by keyboard ({kind:?}) is not used here")))
    }
}

/// Reads one RAIL PDU from the front of `src` by the length in its header (MS-RDPERP 2.2.2.1).
pub(crate) fn read(src: &mut ReadCursor<'_>) -> Result<RailPdu, Fault> {
    let rest = src.remaining();
    let length = match rest {
        [_, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
        _ => return Err(Fault::new("a RAIL PDU header is cut off")),
    };
    let Some(bytes) = rest.get(..length) else {
        return Err(Fault::new(format!("a RAIL PDU of {length} bytes is cut off at {}", rest.len())));
    };
    let pdu = RailPdu::decode(&mut ReadCursor::new(bytes))?;
    src.advance(length);
    Ok(pdu)
}
