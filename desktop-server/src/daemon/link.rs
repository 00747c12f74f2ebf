//! Between an instance's link and the desktop.

use std::time::Duration;

use bailey_compositor::{
    Desktop, InstanceId, InstancePointer, PixelFormat, PixelView, Size, ToInstance as Told, Violation,
    WindowKey,
};
use bailey_link::{InputEvent, Rect, SystemCommand, ToInstance};
use bailey_rdp::link::{LinkEvent, LinkViolation};

use super::convert;
use super::event::Id;
use super::instance::Live;
use super::pace::{Acknowledgement, Pace};

/// Does on the desktop what an instance said.
///
/// # Errors
/// Why the instance has to be cut off.
pub(super) fn apply(
    desktop: &mut Desktop,
    id: Id,
    live: &mut Live,
    event: LinkEvent,
    pace: &mut Pace,
    now: Duration,
) -> Result<(), String> {
    let key = |window| WindowKey::new(InstanceId(id), window);
    let done = match event {
        LinkEvent::Ready | LinkEvent::WindowIcon(_) => Ok(()),
        LinkEvent::WindowCreated(info) => {
            let (window, info) = (info.id, convert::window_info(info));
            live.windows.insert(window, info.clone());
            desktop.window_created(key(window), info)
        }
        LinkEvent::WindowUpdated(info) => {
            let (window, info) = (info.id, convert::window_info(info));
            live.windows.insert(window, info.clone());
            desktop.window_updated(key(window), info)
        }
        LinkEvent::WindowDeleted { window } => {
            live.windows.remove(&window);
            live.sizes.remove(&window);
            desktop.window_removed(key(window))
        }
        LinkEvent::Presented { window, serial, picture, damage } => {
            let bytes = live.copied(window, (picture.width, picture.height), &damage);
            let paid = live.copies.charge(bytes, now);
            pace.push(paid, id, Acknowledgement::Present { window, serial });
            let memory = live.memory.as_ref().ok_or("it presents before its memory is known")?;
            let size = Size::new(picture.width, picture.height);
            desktop.present(key(window), size, &memory.picture(picture), &convert::damage(&damage), now)
        }
        LinkEvent::Frame { frame, damage } => {
            let copied = |(window, damage): &(u32, Vec<Rect>)| {
                let size = live.link.surface(*window).map_or((0, 0), |view| (view.width, view.height));
                live.copied(*window, size, damage)
            };
            let bytes = damage.iter().map(copied).sum();
            let paid = live.copies.charge(bytes, now);
            pace.push(paid, id, Acknowledgement::Frame(frame));
            damage.iter().try_for_each(|(window, damage)| {
                let Some(view) = live.link.surface(*window) else {
                    return Ok(());
                };
                let format = match view.format {
                    bailey_link::PixelFormat::Argb8888 => PixelFormat::Argb8888,
                    bailey_link::PixelFormat::Xrgb8888 => PixelFormat::Xrgb8888,
                };
                let size = Size::new(view.width, view.height);
                let Some(source) = PixelView::new(view.pixels, view.width * 4, size, format) else {
                    return Ok(());
                };
                desktop.present(key(*window), size, &source, &convert::damage(damage), now)
            })
        }
        LinkEvent::Pointer(shape) => desktop.set_pointer(InstanceId(id), convert::instance_pointer(shape)),
        LinkEvent::MoveSize { window, operation } => {
            desktop.window_request(key(window), convert::window_request(operation))
        }
    };
    settle(desktop, id, live, done)
}

/// Which refusals of the desktop an instance is not cut off for.
fn settle(desktop: &mut Desktop, id: Id, live: &mut Live, done: Result<(), Violation>) -> Result<(), String> {
    match done {
        Ok(()) => Ok(()),
        // The desktop forgets popups with their owners; the instance may not have noticed.
        Err(Violation::UnknownWindow(_) | Violation::UnknownInstance) => Ok(()),
        // Larger pointers than ours are common; the arrow does.
        Err(Violation::PointerImage(_)) => desktop
            .set_pointer(InstanceId(id), InstancePointer::Default)
            .map_err(|violation| violation.to_string()),
        Err(Violation::StoreFull(full)) => {
            if !std::mem::replace(&mut live.store_full_said, true) {
                tracing::error!("a window is not shown: {full}");
            }
            Ok(())
        }
        Err(violation) => Err(violation.to_string()),
    }
}

/// Tells an instance what the desktop has for it.
///
/// # Errors
/// It does not read.
pub(super) fn tell(live: &mut Live, message: Told, now: Duration) -> Result<(), LinkViolation> {
    let (x, y) = live.pointer;
    let link = &mut live.link;
    match message {
        Told::InputTarget { window } => link.send(&ToInstance::InputTarget { window }, now),
        Told::Pointer { x, y } => {
            live.pointer = (convert::short(x), convert::short(y));
            let (x, y) = live.pointer;
            link.input(InputEvent::PointerMove { x, y }, now)
        }
        Told::Button { button, released } => {
            let button = convert::link_button(button);
            link.input(InputEvent::PointerButton { button, released, x, y }, now)
        }
        Told::Wheel { horizontal, vertical } => link.input(InputEvent::Wheel { vertical, horizontal }, now),
        Told::Key { scancode, released } => {
            let (code, extended) = (scancode.code, scancode.extended);
            link.input(InputEvent::Key { code, extended, released }, now)
        }
        Told::Unicode { unit, released } => link.input(InputEvent::Unicode { unit, released }, now),
        Told::Locks(locks) => {
            let bailey_compositor::Locks { scroll, num, caps, kana } = locks;
            link.input(InputEvent::Locks { scroll, num, caps, kana }, now)
        }
        Told::Activate { window, active } => link.send(&ToInstance::Activate { window, active }, now),
        Told::Configure { window, size, maximised, resizing } => {
            link.configure(window, size.map(|size| (size.width, size.height)), maximised, resizing, now)
        }
        Told::Minimise { window, minimised } => {
            let command = if minimised { SystemCommand::Minimise } else { SystemCommand::Restore };
            link.send(&ToInstance::SystemCommand { window, command }, now)
        }
        Told::Close { window } => {
            link.send(&ToInstance::SystemCommand { window, command: SystemCommand::Close }, now)
        }
    }
}
