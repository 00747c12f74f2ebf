//! Input events, as fast-path input events (MS-RDPBCGR 2.2.8.1.2.2).

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_pdu::input::fast_path::{FastPathInputEvent, KeyboardFlags, SynchronizeFlags};
use ironrdp_pdu::input::mouse::PointerFlags;
use ironrdp_pdu::input::mouse_x::PointerXFlags;
use ironrdp_pdu::input::{MousePdu, MouseXPdu};

use crate::error::Fault;
use crate::limits::MAX_INPUT_EVENTS;
use crate::wire;

/// A button of the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointerButton {
    /// PTRFLAGS_BUTTON1.
    Left,
    /// PTRFLAGS_BUTTON2.
    Right,
    /// PTRFLAGS_BUTTON3.
    Middle,
    /// PTRXFLAGS_BUTTON1.
    Back,
    /// PTRXFLAGS_BUTTON2.
    Forward,
}

/// Something the user did.
///
/// Keys are XT set-1 scancodes. Positions count from the top left of the current input target's content, and are
/// outside of it, negative even, while a button is held; the wire has 16 bits for them, taken as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputEvent {
    /// A key went down (again, where it repeats) or up.
    Key {
        /// The code, without its release bit.
        code: u8,
        /// E0 prefix.
        extended: bool,
        /// Up rather than down.
        released: bool,
    },
    /// A UTF-16 code unit, typed without a key.
    Unicode {
        /// The code unit.
        unit: u16,
        /// Up rather than down.
        released: bool,
    },
    /// The pointer is at this place.
    PointerMove {
        /// Column.
        x: i16,
        /// Row.
        y: i16,
    },
    /// A button changed at this place.
    PointerButton {
        /// Which.
        button: PointerButton,
        /// Up rather than down.
        released: bool,
        /// Column.
        x: i16,
        /// Row.
        y: i16,
    },
    /// The wheel turned, 120 a notch. Arrives as several events where one cannot hold it.
    Wheel {
        /// Positive away from the user (up).
        vertical: i16,
        /// Positive to the right.
        horizontal: i16,
    },
    /// The state of the lock keys; all other keys are up.
    Locks {
        /// Scroll lock is on.
        scroll: bool,
        /// Num lock is on.
        num: bool,
        /// Caps lock is on.
        caps: bool,
        /// Kana lock is on.
        kana: bool,
    },
}

/// Appends the events; their end is the end of the body.
pub(crate) fn write(events: &[InputEvent], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut wire = Vec::with_capacity(events.len());
    for event in events {
        event.to_wire(&mut wire);
    }
    if wire.len() > MAX_INPUT_EVENTS {
        return Err(Fault::new(format!("{} events, over {MAX_INPUT_EVENTS}", wire.len())));
    }
    wire.iter().try_for_each(|event| wire::put_pdu(out, event))
}

/// Reads events up to the end of the body.
pub(crate) fn read(src: &mut ReadCursor<'_>) -> Result<Vec<InputEvent>, Fault> {
    let mut events = Vec::new();
    while !src.is_empty() {
        if events.len() == MAX_INPUT_EVENTS {
            return Err(Fault::new(format!("more than {MAX_INPUT_EVENTS} events")));
        }
        events.push(InputEvent::from_wire(FastPathInputEvent::decode(src)?)?);
    }
    Ok(events)
}

impl InputEvent {
    fn to_wire(self, out: &mut Vec<FastPathInputEvent>) {
        let keyboard = |released, extended| {
            let mut flags = KeyboardFlags::empty();
            flags.set(KeyboardFlags::RELEASE, released);
            flags.set(KeyboardFlags::EXTENDED, extended);
            flags
        };
        match self {
            Self::Key { code, extended, released } => {
                out.push(FastPathInputEvent::KeyboardEvent(keyboard(released, extended), code));
            }
            Self::Unicode { unit, released } => {
                out.push(FastPathInputEvent::UnicodeKeyboardEvent(keyboard(released, false), unit));
            }
            Self::PointerMove { x, y } => out.push(mouse(PointerFlags::MOVE, 0, x, y)),
            Self::PointerButton { button, released, x, y } => out.push(button_event(button, released, x, y)),
            Self::Wheel { vertical, horizontal } => {
                wheel(PointerFlags::VERTICAL_WHEEL, vertical, out);
                wheel(PointerFlags::HORIZONTAL_WHEEL, horizontal, out);
            }
            Self::Locks { scroll, num, caps, kana } => {
                let mut flags = SynchronizeFlags::empty();
                flags.set(SynchronizeFlags::SCROLL_LOCK, scroll);
                flags.set(SynchronizeFlags::NUM_LOCK, num);
                flags.set(SynchronizeFlags::CAPS_LOCK, caps);
                flags.set(SynchronizeFlags::KANA_LOCK, kana);
                out.push(FastPathInputEvent::SyncEvent(flags));
            }
        }
    }

    fn from_wire(event: FastPathInputEvent) -> Result<Self, Fault> {
        match event {
            FastPathInputEvent::KeyboardEvent(flags, code) => Ok(Self::Key {
                code,
                extended: flags.contains(KeyboardFlags::EXTENDED),
                released: flags.contains(KeyboardFlags::RELEASE),
            }),
            FastPathInputEvent::UnicodeKeyboardEvent(flags, unit) => {
                Ok(Self::Unicode { unit, released: flags.contains(KeyboardFlags::RELEASE) })
            }
            FastPathInputEvent::MouseEvent(mouse) => Self::from_mouse(&mouse),
            FastPathInputEvent::MouseEventEx(mouse) => {
                let button = if mouse.flags.contains(PointerXFlags::BUTTON1) {
                    PointerButton::Back
                } else if mouse.flags.contains(PointerXFlags::BUTTON2) {
                    PointerButton::Forward
                } else {
                    return Err(Fault::new("an extended pointer event without a button"));
                };
                let released = !mouse.flags.contains(PointerXFlags::DOWN);
                let (x, y) = (signed(mouse.x_position), signed(mouse.y_position));
                Ok(Self::PointerButton { button, released, x, y })
            }
            FastPathInputEvent::SyncEvent(flags) => Ok(Self::Locks {
                scroll: flags.contains(SynchronizeFlags::SCROLL_LOCK),
                num: flags.contains(SynchronizeFlags::NUM_LOCK),
                caps: flags.contains(SynchronizeFlags::CAPS_LOCK),
                kana: flags.contains(SynchronizeFlags::KANA_LOCK),
            }),
            FastPathInputEvent::MouseEventRel(_) | FastPathInputEvent::QoeEvent(_) => {
                Err(Fault::new("relative pointer and QoE events are not used here"))
            }
        }
    }

    fn from_mouse(mouse: &MousePdu) -> Result<Self, Fault> {
        let (flags, units) = (mouse.flags, mouse.number_of_wheel_rotation_units);
        let (x, y) = (signed(mouse.x_position), signed(mouse.y_position));
        if flags.contains(PointerFlags::VERTICAL_WHEEL) {
            return Ok(Self::Wheel { vertical: units, horizontal: 0 });
        }
        if flags.contains(PointerFlags::HORIZONTAL_WHEEL) {
            return Ok(Self::Wheel { vertical: 0, horizontal: units });
        }
        let button = if flags.contains(PointerFlags::LEFT_BUTTON) {
            PointerButton::Left
        } else if flags.contains(PointerFlags::RIGHT_BUTTON) {
            PointerButton::Right
        } else if flags.contains(PointerFlags::MIDDLE_BUTTON_OR_WHEEL) {
            PointerButton::Middle
        } else if flags.contains(PointerFlags::MOVE) {
            return Ok(Self::PointerMove { x, y });
        } else {
            return Err(Fault::new("a pointer event without motion, button or wheel"));
        };
        Ok(Self::PointerButton { button, released: !flags.contains(PointerFlags::DOWN), x, y })
    }
}

const fn signed(position: u16) -> i16 {
    i16::from_le_bytes(position.to_le_bytes())
}

const fn unsigned(position: i16) -> u16 {
    u16::from_le_bytes(position.to_le_bytes())
}

fn mouse(flags: PointerFlags, number_of_wheel_rotation_units: i16, x: i16, y: i16) -> FastPathInputEvent {
    let (x_position, y_position) = (unsigned(x), unsigned(y));
    FastPathInputEvent::MouseEvent(MousePdu { flags, number_of_wheel_rotation_units, x_position, y_position })
}

fn button_event(button: PointerButton, released: bool, x: i16, y: i16) -> FastPathInputEvent {
    let ordinary = |flag: PointerFlags| {
        let down = if released { PointerFlags::empty() } else { PointerFlags::DOWN };
        mouse(flag | down, 0, x, y)
    };
    let extended = |flag: PointerXFlags| {
        let down = if released { PointerXFlags::empty() } else { PointerXFlags::DOWN };
        let (x_position, y_position) = (unsigned(x), unsigned(y));
        FastPathInputEvent::MouseEventEx(MouseXPdu { flags: flag | down, x_position, y_position })
    };
    match button {
        PointerButton::Left => ordinary(PointerFlags::LEFT_BUTTON),
        PointerButton::Right => ordinary(PointerFlags::RIGHT_BUTTON),
        PointerButton::Middle => ordinary(PointerFlags::MIDDLE_BUTTON_OR_WHEEL),
        PointerButton::Back => extended(PointerXFlags::BUTTON1),
        PointerButton::Forward => extended(PointerXFlags::BUTTON2),
    }
}

/// Splits a turn into what nine bits hold.
fn wheel(axis: PointerFlags, units: i16, out: &mut Vec<FastPathInputEvent>) {
    let range = MousePdu::WHEEL_ROTATION_RANGE;
    let mut left = units;
    while left != 0 {
        let step = left.clamp(*range.start(), *range.end());
        out.push(mouse(axis, step, 0, 0));
        left -= step;
    }
}
