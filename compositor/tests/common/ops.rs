//! Everything that can happen to a desktop, at random
#![allow(unreachable_pub, clippy::allow_attributes, reason = "a part of a test program")]

use bailey_compositor::{
    Button, Edges, Input, InstanceId, Locks, Point, Rect, Scancode, ShowState, Size, WindowInfo, WindowKey,
    WindowRequest,
};
use proptest::prelude::*;

/// One of them.
#[derive(Clone, Debug)]
pub enum Op {
    AddInstance(u32),
    RemoveInstance(u32),
    Create(WindowKey, WindowInfo),
    Update(WindowKey, WindowInfo),
    Remove(WindowKey),
    Present(WindowKey, Size, [u8; 4], Rect),
    Request(WindowKey, WindowRequest),
    Input(Input),
    /// A window with its first picture.
    Open(WindowKey, WindowInfo, Size),
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

fn key() -> impl Strategy<Value = WindowKey> {
    (instance(), window()).prop_map(|(instance, window)| WindowKey::new(InstanceId(instance), window))
}

fn info() -> impl Strategy<Value = WindowInfo> {
    (prop::option::of(window()), any::<bool>(), point(), state(), any::<bool>()).prop_map(
        |(owner, popup, offset, show_state, resizable)| WindowInfo {
            owner,
            popup,
            offset,
            show_state,
            resizable,
            ..WindowInfo::default()
        },
    )
}

/// What a well-behaved application says.
fn plain_info() -> impl Strategy<Value = WindowInfo> {
    info().prop_map(|info| WindowInfo {
        popup: info.popup && info.owner.is_some(),
        show_state: ShowState::Normal,
        ..info
    })
}

fn request() -> impl Strategy<Value = WindowRequest> {
    let edges = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(left, right, top, bottom)| Edges { left, right, top, bottom });
    prop::option::of(edges).prop_map(|edges| edges.map_or(WindowRequest::Move, WindowRequest::Resize))
}

fn rect() -> impl Strategy<Value = Rect> {
    (point(), 0..200u32, 0..200u32).prop_map(|(at, width, height)| Rect::new(at.x, at.y, width, height))
}

/// Any of them, the likelier ones more often.
pub fn op() -> impl Strategy<Value = Op> {
    let place = || (any::<u8>(), any::<u8>(), any::<u8>());
    prop_oneof![
        3 => instance().prop_map(Op::AddInstance),
        1 => instance().prop_map(Op::RemoveInstance),
        6 => (key(), info()).prop_map(|(key, info)| Op::Create(key, info)),
        3 => (key(), info()).prop_map(|(key, info)| Op::Update(key, info)),
        6 => key().prop_map(Op::Remove),
        10 => (key(), size(), any::<[u8; 4]>(), rect()).prop_map(|(key, size, fill, damage)| Op::Present(key, size, fill, damage)),
        1 => (key(), request()).prop_map(|(key, request)| Op::Request(key, request)),
        30 => (key(), plain_info(), size()).prop_map(|(key, info, size)| Op::Open(key, info, size)),
        10 => (place(), any::<bool>()).prop_map(|((layer, x, y), release)| Op::PressOn { layer, x, y, release }),
        6 => place().prop_map(|(layer, x, y)| Op::DragTo { layer, x, y }),
        16 => input().prop_map(Op::Input),
        2 => Just(Op::Obey),
        1 => (100..500u32, 100..400u32).prop_map(|(w, h)| Op::Resize(Size::new(w, h))),
        2 => (0..1500u16).prop_map(Op::Wait),
    ]
}
