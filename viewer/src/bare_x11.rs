//! The keyboard on an X11 screen without a window manager
//!
//! There nobody gives a new window the keyboard, and winit ignores keys of a window that does not have it.

use winit::raw_window_handle::{HasWindowHandle, RawWindowHandle};
use winit::window::Window;
use x11rb::connection::Connection;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt, InputFocus};

/// Gives the window the keyboard if nobody else manages windows here. The window has to be on the screen.
pub(crate) fn take_keyboard(window: &Window) {
    if window.has_focus() {
        return;
    }
    let id = match window.window_handle().map(|handle| handle.as_raw()) {
        Ok(RawWindowHandle::Xlib(handle)) => u32::try_from(handle.window).ok(),
        Ok(RawWindowHandle::Xcb(handle)) => Some(handle.window.get()),
        _ => None,
    };
    if let Some(id) = id {
        // Without the keyboard the pointer still works: no reason to end.
        let _without_keyboard = set_input_focus(id);
    }
}

fn set_input_focus(window: u32) -> Result<(), ReplyOrIdError> {
    let Ok((connection, screen)) = x11rb::connect(None) else {
        return Ok(());
    };
    let root = connection.setup().roots[screen].root;
    // Extended Window Manager Hints: every window manager sets this property.
    let check = connection.intern_atom(false, b"_NET_SUPPORTING_WM_CHECK")?.reply()?.atom;
    let manager = connection.get_property(false, root, check, AtomEnum::WINDOW, 0, 1)?.reply()?;
    if manager.value_len == 0 {
        connection.set_input_focus(InputFocus::POINTER_ROOT, window, x11rb::CURRENT_TIME)?.check()?;
    }
    Ok(())
}
