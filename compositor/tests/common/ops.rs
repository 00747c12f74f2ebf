//! Everything that can happen to a desktop, at random
#![allow(
    unreachable_pub,
    clippy::allow_attributes,
    reason = "a part of a test program"
)]

use bailey_compositor::{Button, Edges, Input, Locks, Point, Rect, Scancode, ShowState, Size};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub enum Op {
    AddInstance(u32),
    RemoveInstance(u32),
    Create {
        instance: u32,
        window: u32,
        owner: Option<u32>,
        popup: bool,
        offset: Point,
        state: ShowState,
    },
    Update {
        instance: u32,
        window: u32,
        owner: Option<u32>,
        popup: bool,
        state: ShowState,
        resizable: bool,
    },
    Remove {
        instance: u32,
        window: u32,
    },
    Present {
        instance: u32,
        window: u32,
        size: Size,
        fill: u8,
        alpha: u8,
        damage: Rect,
    },
    Request {
        instance: u32,
        window: u32,
        edges: Option<Edges>,
    },
    Input(Input),
    /// A window with its first picture.
    Open {
        instance: u32,
        window: u32,
        owner: Option<u32>,
        popup: bool,
        size: Size,
    },
    /// Presses and perhaps releases the left button on one of the layers, at a share of its size in 256ths.
    PressOn {
        layer: u8,
        x: u8,
        y: u8,
        release: bool,
    },
    /// Goes on with the button as it is, to a place on one of the layers.
    DragTo {
        layer: u8,
        x: u8,
        y: u8,
    },
    /// Does what instances do: takes the sizes it was asked for, in a later present.
    Obey,
    Resize(Size),
    Wait(u16),
}

fn instance() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(1), 2 => Just(2), 1 => Just(3)]
}

fn window() -> impl Strategy<Value = u32> {
    1..5u32
}

fn state() -> impl Strategy<Value = ShowState> {
    prop_oneof![
        4 => Just(ShowState::Normal),
        1 => Just(ShowState::Maximised),
        1 => Just(ShowState::Minimised),
        1 => Just(ShowState::Hidden),
    ]
}

fn point() -> impl Strategy<Value = Point> {
    prop_oneof![
        8 => (-40..360i32, -40..300i32).prop_map(|(x, y)| Point::new(x, y)),
        1 => (any::<i32>(), any::<i32>()).prop_map(|(x, y)| Point::new(x, y)),
    ]
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        8 => (1..260u32, 1..200u32).prop_map(|(w, h)| Size::new(w, h)),
        1 => (any::<u32>(), 0..500u32).prop_map(|(w, h)| Size::new(w, h)),
    ]
}

fn scancode() -> impl Strategy<Value = Scancode> {
    prop_oneof![
        Just(Scancode::ALT_LEFT),
        Just(Scancode::TAB),
        Just(Scancode::SHIFT_LEFT),
        Just(Scancode::CAPS_LOCK),
        Just(Scancode::plain(0x1e)),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => point().prop_map(|Point { x, y }| Input::Motion { x, y }),
        6 => any::<bool>().prop_map(|released| Input::Button { button: Button::Left, released }),
        1 => any::<bool>().prop_map(|released| Input::Button { button: Button::Right, released }),
        4 => (scancode(), any::<bool>()).prop_map(|(scancode, released)| Input::Key { scancode, released }),
        1 => Just(Input::Wheel { horizontal: 0, vertical: -120 }),
        1 => Just(Input::FocusLost),
        1 => Just(Input::Locks(Locks { caps: true, ..Locks::default() })),
        1 => Just(Input::Unicode { unit: 0x61, released: false }),
    ]
}

pub fn op() -> impl Strategy<Value = Op> {
    let rect = || (point(), 0..200u32, 0..200u32).prop_map(|(p, w, h)| Rect::new(p.x, p.y, w, h));
    let edges = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(left, right, top, bottom)| Edges {
            left,
            right,
            top,
            bottom,
        },
    );
    prop_oneof![
        3 => instance().prop_map(Op::AddInstance),
        1 => instance().prop_map(Op::RemoveInstance),
        6 => (instance(), window(), prop::option::of(window()), any::<bool>(), point(), state()).prop_map(
            |(instance, window, owner, popup, offset, state)| Op::Create { instance, window, owner, popup, offset, state }
        ),
        3 => (instance(), window(), prop::option::of(window()), any::<bool>(), state(), any::<bool>()).prop_map(
            |(instance, window, owner, popup, state, resizable)| Op::Update { instance, window, owner, popup, state, resizable }
        ),
        6 => (instance(), window()).prop_map(|(instance, window)| Op::Remove { instance, window }),
        10 => (instance(), window(), size(), any::<u8>(), any::<u8>(), rect()).prop_map(
            |(instance, window, size, fill, alpha, damage)| Op::Present { instance, window, size, fill, alpha, damage }
        ),
        1 => (instance(), window(), prop::option::of(edges)).prop_map(
            |(instance, window, edges)| Op::Request { instance, window, edges }
        ),
        30 => (instance(), window(), prop::option::of(window()), any::<bool>(), size()).prop_map(
            |(instance, window, owner, popup, size)| Op::Open { instance, window, owner, popup: popup && owner.is_some(), size }
        ),
        10 => (any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>()).prop_map(
            |(layer, x, y, release)| Op::PressOn { layer, x, y, release }
        ),
        6 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(layer, x, y)| Op::DragTo { layer, x, y }),
        16 => input().prop_map(Op::Input),
        2 => Just(Op::Obey),
        1 => (100..500u32, 100..400u32).prop_map(|(w, h)| Op::Resize(Size::new(w, h))),
        2 => (0..1500u16).prop_map(Op::Wait),
    ]
}
