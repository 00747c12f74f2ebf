//! The same things in the words of the link, the compositor and the RDP server.

use bailey_compositor as desktop;
use bailey_link as link;
use bailey_rdp::server as rdp;

pub(super) fn window_info(info: link::WindowInfo) -> desktop::WindowInfo {
    let size = |(width, height)| desktop::Size::new(width, height);
    desktop::WindowInfo {
        title: info.title,
        app_id: info.app_id,
        owner: info.owner,
        popup: info.popup,
        offset: desktop::Point::new(info.offset.0, info.offset.1),
        min_size: size(info.min_size),
        max_size: size(info.max_size),
        show_state: match info.show_state {
            link::ShowState::Hidden => desktop::ShowState::Hidden,
            link::ShowState::Minimised => desktop::ShowState::Minimised,
            link::ShowState::Normal => desktop::ShowState::Normal,
            link::ShowState::Maximised => desktop::ShowState::Maximised,
        },
        resizable: info.resizable,
    }
}

pub(super) fn window_request(operation: link::MoveSize) -> desktop::WindowRequest {
    use link::MoveSize as M;
    if operation == M::Move {
        return desktop::WindowRequest::Move;
    }
    desktop::WindowRequest::Resize(desktop::Edges {
        left: matches!(operation, M::Left | M::TopLeft | M::BottomLeft),
        right: matches!(operation, M::Right | M::TopRight | M::BottomRight),
        top: matches!(operation, M::Top | M::TopLeft | M::TopRight),
        bottom: matches!(operation, M::Bottom | M::BottomLeft | M::BottomRight),
    })
}

/// A rectangle of a picture; the link keeps to sides that fit.
pub(super) fn damage(rects: &[link::Rect]) -> Vec<desktop::Rect> {
    let edge = |edge: u32| i32::try_from(edge).unwrap_or(i32::MAX);
    rects.iter().map(|rect| desktop::Rect::new(edge(rect.x), edge(rect.y), rect.width, rect.height)).collect()
}

pub(super) fn instance_pointer(shape: link::PointerShape) -> desktop::InstancePointer {
    match shape {
        link::PointerShape::Default => desktop::InstancePointer::Default,
        link::PointerShape::Hidden => desktop::InstancePointer::Hidden,
        link::PointerShape::Image(image) => {
            let at = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
            desktop::InstancePointer::Image(desktop::PointerImage {
                size: desktop::Size::new(image.width, image.height),
                hot_spot: desktop::Point::new(at(image.hot_spot.0), at(image.hot_spot.1)),
                pixels: image.pixels,
            })
        }
    }
}

/// For a viewer.
pub(super) fn link_pointer(shape: &desktop::PointerShape) -> link::PointerShape {
    match shape.picture() {
        Some(image) => {
            let at = |value: i32| u32::try_from(value).unwrap_or(0);
            link::PointerShape::Image(link::PointerImage {
                width: image.size.width,
                height: image.size.height,
                hot_spot: (at(image.hot_spot.x), at(image.hot_spot.y)),
                pixels: image.pixels,
            })
        }
        None if *shape == desktop::PointerShape::Hidden => link::PointerShape::Hidden,
        None => link::PointerShape::Default,
    }
}

/// For RDP sessions.
pub(super) fn rdp_pointer(shape: &desktop::PointerShape) -> rdp::PointerShape {
    match shape.picture() {
        Some(image) => {
            let side = |value: u32| u16::try_from(value).unwrap_or(0);
            let at = |value: i32| u16::try_from(value).unwrap_or(0);
            rdp::PointerShape::Image(std::sync::Arc::new(rdp::PointerImage {
                width: side(image.size.width),
                height: side(image.size.height),
                hot_x: at(image.hot_spot.x),
                hot_y: at(image.hot_spot.y),
                bgra: image.pixels,
            }))
        }
        None if *shape == desktop::PointerShape::Hidden => rdp::PointerShape::Hidden,
        None => rdp::PointerShape::Default,
    }
}

pub(super) fn link_button(button: desktop::Button) -> link::PointerButton {
    match button {
        desktop::Button::Left => link::PointerButton::Left,
        desktop::Button::Right => link::PointerButton::Right,
        desktop::Button::Middle => link::PointerButton::Middle,
        desktop::Button::Back => link::PointerButton::Back,
        desktop::Button::Forward => link::PointerButton::Forward,
    }
}

/// What a viewer's user did; positions are the desktop's.
pub(super) fn viewer_input(event: link::InputEvent, out: &mut Vec<desktop::Input>) {
    let input = match event {
        link::InputEvent::Key { code, extended, released } => {
            desktop::Input::Key { scancode: desktop::Scancode { code, extended }, released }
        }
        link::InputEvent::Unicode { unit, released } => desktop::Input::Unicode { unit, released },
        link::InputEvent::PointerMove { x, y } => desktop::Input::Motion { x: x.into(), y: y.into() },
        link::InputEvent::PointerButton { button, released, x, y } => {
            out.push(desktop::Input::Motion { x: x.into(), y: y.into() });
            let button = match button {
                link::PointerButton::Left => desktop::Button::Left,
                link::PointerButton::Right => desktop::Button::Right,
                link::PointerButton::Middle => desktop::Button::Middle,
                link::PointerButton::Back => desktop::Button::Back,
                link::PointerButton::Forward => desktop::Button::Forward,
            };
            desktop::Input::Button { button, released }
        }
        link::InputEvent::Wheel { vertical, horizontal } => desktop::Input::Wheel { horizontal, vertical },
        link::InputEvent::Locks { scroll, num, caps, kana } => {
            desktop::Input::Locks(desktop::Locks { scroll, num, caps, kana })
        }
    };
    out.push(input);
}

/// What a user of an RDP session did; nothing for what concerns the session itself.
pub(super) fn session_input(event: &rdp::InputEvent, out: &mut Vec<desktop::Input>) {
    let input = match *event {
        rdp::InputEvent::Key { code, extended, released } => {
            desktop::Input::Key { scancode: desktop::Scancode { code, extended }, released }
        }
        rdp::InputEvent::Unicode { unit, released } => desktop::Input::Unicode { unit, released },
        rdp::InputEvent::PointerMove { x, y } => desktop::Input::Motion { x: x.into(), y: y.into() },
        rdp::InputEvent::Button { button, released, x, y } => {
            out.push(desktop::Input::Motion { x: x.into(), y: y.into() });
            let button = match button {
                rdp::MouseButton::Left => desktop::Button::Left,
                rdp::MouseButton::Right => desktop::Button::Right,
                rdp::MouseButton::Middle => desktop::Button::Middle,
                rdp::MouseButton::X1 => desktop::Button::Back,
                rdp::MouseButton::X2 => desktop::Button::Forward,
            };
            desktop::Input::Button { button, released }
        }
        rdp::InputEvent::Wheel { vertical, horizontal } => desktop::Input::Wheel { horizontal, vertical },
        rdp::InputEvent::SyncLocks { scroll, num, caps, kana } => {
            desktop::Input::Locks(desktop::Locks { scroll, num, caps, kana })
        }
        rdp::InputEvent::RequestedSize { .. }
        | rdp::InputEvent::Connected { .. }
        | rdp::InputEvent::Disconnected => return,
    };
    out.push(input);
}

/// Content coordinates on the wire: 16 bits, clamped.
pub(super) fn short(value: i32) -> i16 {
    // In range after the clamp.
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
