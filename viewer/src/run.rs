//! The viewer's life, from the command line to its end

use std::panic;

use winit::event_loop::{ControlFlow, EventLoop};

use crate::app::App;
use crate::cli::Args;
use crate::connect::connect;
use crate::error::ViewerError;
use crate::link::{Incoming, Link};
use crate::pixels::SharedPixels;

/// Shows the desktop until the window is closed, the screenshot is taken, or the daemon ends.
///
/// # Errors
/// [`ViewerError`], in words for the user.
pub fn run(args: &Args) -> Result<(), ViewerError> {
    let connection = connect(&args.socket)?;
    let event_loop = open_window_system()?;
    // Nothing happens but by an event: an idle desktop costs nothing.
    event_loop.set_control_flow(ControlFlow::Wait);
    let link = Link::start(connection.stream, connection.first_bytes, event_loop.create_proxy())?;
    let mut app =
        App::new(link, SharedPixels::new(connection.pixels), event_loop.owned_display_handle(), args);
    event_loop.run_app(&mut app).map_err(|error| ViewerError::NoDisplay(error.to_string()))?;
    app.outcome()
}

/// winit panics where a library of the window system is missing; that is worth an explanation, not a backtrace.
fn open_window_system() -> Result<EventLoop<Incoming>, ViewerError> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_info| {}));
    let opened = panic::catch_unwind(|| EventLoop::<Incoming>::with_user_event().build());
    panic::set_hook(hook);
    match opened {
        Ok(Ok(event_loop)) => Ok(event_loop),
        Ok(Err(error)) => Err(ViewerError::NoDisplay(error.to_string())),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(ViewerError::NoDisplay(text.unwrap_or_else(|| "a library is missing".to_owned())))
        }
    }
}
