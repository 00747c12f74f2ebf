//! The window: events in, frames and input out

use std::sync::Arc;
use std::time::Instant;

use bailey_link::{InputEvent, PointerShape, ToHost, ToInstance};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, OwnedDisplayHandle};
use winit::keyboard::PhysicalKey;
use winit::window::{Cursor, CursorIcon, CustomCursor, Window, WindowId};

use crate::bare_x11::take_keyboard;
use crate::cli::Args;
use crate::error::ViewerError;
use crate::gpu::{Composer, Device};
use crate::keyboard::Keyboard;
use crate::link::{Incoming, Link};
use crate::pixels::SharedPixels;
use crate::pointer::{Pointer, straight_rgba};
use crate::scene::{Effect, Scene};
use crate::screenshot::{self, Screenshot};
use crate::wheel::Wheel;

/// Size of the window at first, where the screen has room for it.
const FIRST_SIZE: PhysicalSize<u32> = PhysicalSize::new(1280, 800);

/// What exists once there is a window.
struct Shown {
    window: Arc<Window>,
    gpu: Device,
    composer: Composer,
    scene: Scene,
}

/// The viewer.
pub(crate) struct App {
    link: Link,
    pixels: SharedPixels,
    display: OwnedDisplayHandle,
    shown: Option<Shown>,
    /// What came before there was a window.
    early: Vec<ToHost>,
    keyboard: Keyboard,
    pointer: Pointer,
    wheel: Wheel,
    screenshot: Option<Screenshot>,
    /// True once a frame was drawn: the window is on the screen then.
    was_drawn: bool,
    outcome: Result<(), ViewerError>,
}

impl App {
    pub(crate) fn new(link: Link, pixels: SharedPixels, display: OwnedDisplayHandle, args: &Args) -> Self {
        let screenshot = args
            .screenshot
            .clone()
            .map(|path| Screenshot::new(path, args.after_frames.max(1), Instant::now()));
        Self {
            link,
            pixels,
            display,
            shown: None,
            early: Vec::new(),
            keyboard: Keyboard::default(),
            pointer: Pointer::default(),
            wheel: Wheel::default(),
            screenshot,
            was_drawn: false,
            outcome: Ok(()),
        }
    }

    /// How it ended.
    pub(crate) fn outcome(self) -> Result<(), ViewerError> {
        self.outcome
    }

    fn open(&mut self, event_loop: &ActiveEventLoop) -> Result<(), ViewerError> {
        let screen = event_loop.primary_monitor().or_else(|| event_loop.available_monitors().next());
        let room = screen.map(|screen| screen.size()).filter(|size| size.width > 0 && size.height > 0);
        let size = room.map_or(FIRST_SIZE, |room| {
            PhysicalSize::new(FIRST_SIZE.width.min(room.width), FIRST_SIZE.height.min(room.height))
        });
        let attributes = Window::default_attributes().with_title("Bailey").with_inner_size(size);
        let window = event_loop
            .create_window(attributes)
            .map_err(|error| ViewerError::NoDisplay(error.to_string()))?;
        let window = Arc::new(window);
        let gpu = Device::open(&window, &self.display)?;
        let composer = Composer::new(&gpu);
        let scene = Scene::new(gpu.size());
        self.shown = Some(Shown { window, gpu, composer, scene });
        let early = std::mem::take(&mut self.early);
        self.take(early, event_loop)
    }

    fn take(&mut self, messages: Vec<ToHost>, event_loop: &ActiveEventLoop) -> Result<(), ViewerError> {
        let Some(shown) = &mut self.shown else {
            self.early.extend(messages);
            return Ok(());
        };
        let mut redraw = false;
        for message in messages {
            for effect in shown.scene.apply(message)? {
                match effect {
                    Effect::Send(message) => self.link.send(message)?,
                    Effect::Upload { layer, buffer, damage } => {
                        shown.composer.upload(&shown.gpu, layer, &buffer, &damage, &mut self.pixels)?;
                    }
                    Effect::Forget(layer) => shown.composer.forget(layer),
                    Effect::Pointer(shape) => set_pointer(&shown.window, &shape, event_loop),
                    Effect::Redraw => redraw = true,
                }
            }
        }
        if redraw {
            shown.window.request_redraw();
            if let Some(screenshot) = &mut self.screenshot {
                screenshot.changed(Instant::now());
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), ViewerError> {
        let Some(Shown { window, gpu, composer, scene }) = &mut self.shown else {
            return Ok(());
        };
        let Some(picture) = gpu.next_picture()? else {
            return Ok(());
        };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let view = picture.texture.create_view(&Default::default());
        composer.draw(gpu, &mut encoder, &view, gpu.size(), scene);
        gpu.queue.submit([encoder.finish()]);
        window.pre_present_notify();
        gpu.queue.present(picture);
        // A frame counts for a screenshot once there is something on it.
        if scene.layers().next().is_some()
            && let Some(screenshot) = &mut self.screenshot
        {
            screenshot.shown();
        }
        if !std::mem::replace(&mut self.was_drawn, true) {
            take_keyboard(window);
        }
        Ok(())
    }

    fn resize(&mut self, size: PhysicalSize<u32>) -> Result<(), ViewerError> {
        let Some(shown) = &mut self.shown else {
            return Ok(());
        };
        if size.width == 0 || size.height == 0 {
            return Ok(());
        }
        shown.gpu.resize(size.width, size.height);
        let (width, height) = shown.gpu.size();
        if shown.scene.resize((width, height)) {
            self.link.send(ToInstance::DesktopSize { width, height })?;
        }
        shown.window.request_redraw();
        Ok(())
    }

    fn send(&self, events: impl IntoIterator<Item = InputEvent>) -> Result<(), ViewerError> {
        let events: Vec<InputEvent> = events.into_iter().collect();
        if events.is_empty() { Ok(()) } else { self.link.send(ToInstance::Input(events)) }
    }

    fn key(&mut self, event: &KeyEvent, is_synthetic: bool) -> Result<(), ViewerError> {
        let PhysicalKey::Code(code) = event.physical_key else {
            return Ok(());
        };
        let released = event.state == ElementState::Released;
        // Keys that were down before the window had the keyboard are not meant for the desktop.
        if is_synthetic && !released {
            return Ok(());
        }
        let event = self.keyboard.key(code, released);
        self.send(event)
    }

    fn handle(&mut self, event: WindowEvent, event_loop: &ActiveEventLoop) -> Result<(), ViewerError> {
        match event {
            WindowEvent::CloseRequested => event_loop.exit(),
            WindowEvent::RedrawRequested => self.draw()?,
            WindowEvent::Resized(size) => self.resize(size)?,
            WindowEvent::KeyboardInput { event, is_synthetic, .. } => self.key(&event, is_synthetic)?,
            WindowEvent::Focused(false) => {
                let events = self.keyboard.release_all().into_iter().chain(self.pointer.release_all());
                let events: Vec<InputEvent> = events.collect();
                self.send(events)?;
            }
            WindowEvent::CursorMoved { position, .. } => {
                let event = self.pointer.moved(position.x, position.y);
                self.send(event)?;
            }
            WindowEvent::MouseInput { state, button, .. } => {
                if let Some(shown) = &self.shown {
                    take_keyboard(&shown.window);
                }
                let event = self.pointer.button(button, state == ElementState::Released);
                self.send(event)?;
            }
            WindowEvent::MouseWheel { delta, .. } => {
                let event = self.wheel.turn(delta);
                self.send(event)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_screenshot(&mut self) -> Result<bool, ViewerError> {
        let Some(due) = self.screenshot.as_ref().and_then(Screenshot::due) else {
            return Ok(false);
        };
        if due > Instant::now() {
            return Ok(false);
        }
        let (Some(shown), Some(screenshot)) = (&mut self.shown, self.screenshot.take()) else {
            return Ok(false);
        };
        let (width, height) = shown.gpu.size();
        let pixels = shown.composer.read_back(&shown.gpu, (width, height), &shown.scene)?;
        screenshot::write(&screenshot.path, width, height, pixels)?;
        Ok(true)
    }

    /// Ends the viewer if something went wrong.
    fn check(&mut self, result: Result<(), ViewerError>, event_loop: &ActiveEventLoop) {
        if let Err(error) = result
            && self.outcome.is_ok()
        {
            self.outcome = Err(error);
            event_loop.exit();
        }
    }
}

impl ApplicationHandler<Incoming> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.shown.is_none() {
            let opened = self.open(event_loop);
            self.check(opened, event_loop);
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, incoming: Incoming) {
        let result = match incoming {
            Incoming::Messages(messages) => self.take(messages, event_loop),
            Incoming::Ended(error) => Err(error),
        };
        self.check(result, event_loop);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _window: WindowId, event: WindowEvent) {
        let result = self.handle(event, event_loop);
        self.check(result, event_loop);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        if self.screenshot.is_none() {
            return;
        }
        match self.take_screenshot() {
            Ok(true) => event_loop.exit(),
            Ok(false) => {
                let due = self.screenshot.as_ref().and_then(Screenshot::due);
                event_loop.set_control_flow(due.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
            }
            Err(error) => self.check(Err(error), event_loop),
        }
    }
}

fn set_pointer(window: &Window, shape: &PointerShape, event_loop: &ActiveEventLoop) {
    window.set_cursor_visible(*shape != PointerShape::Hidden);
    let cursor = match shape {
        PointerShape::Default | PointerShape::Hidden => Cursor::Icon(CursorIcon::Default),
        PointerShape::Image(image) => {
            let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
            let (hot_x, hot_y) = image.hot_spot;
            let source = CustomCursor::from_rgba(
                straight_rgba(image),
                side(image.width),
                side(image.height),
                side(hot_x),
                side(hot_y),
            );
            match source {
                Ok(source) => Cursor::Custom(event_loop.create_custom_cursor(source)),
                // The platform cannot show this picture: an arrow is better than none.
                Err(_unsuitable) => Cursor::Icon(CursorIcon::Default),
            }
        }
    };
    window.set_cursor(cursor);
}
