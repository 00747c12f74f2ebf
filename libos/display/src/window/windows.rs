//! From surfaces to windows: mapping, describing, presenting, closing.

use std::sync::Arc;

use bailey_link::{SystemCommand, ToHost, ToInstance, WindowInfo};

use crate::pixels::picture::Picture;
use crate::pixels::rect::Rect;
use crate::state::State;
use crate::wayland::buffer::BufferUse;
use crate::wayland::commit::Changed;
use crate::wayland::surface::SurfaceId;
use crate::wayland::xdg_surface::{Kind, XdgRole};
use crate::wayland::xdg_toplevel::Show;
use crate::window::presenter::Presenter;
use crate::window::tree;
use crate::x11::X11Request;

/// No side of a window is shown beyond this many pixels.
const MAX_SIDE: i32 = 16_384;

/// A mapped window or popup.
#[derive(Debug)]
pub struct Window {
    /// Its root surface.
    pub surface: SurfaceId,
    /// Its frames.
    pub presenter: Presenter,
    /// What the host was told last.
    pub announced: WindowInfo,
    /// The application whose icon was asked for.
    icon_of: String,
    /// The window geometry that was shown last.
    geometry: Rect,
}

impl State {
    fn xdg(&self, id: SurfaceId) -> Option<&XdgRole> {
        self.surfaces.get(&id)?.xdg()
    }

    /// The host's number of a surface's window, while it is mapped.
    pub fn window_of(&self, id: SurfaceId) -> Option<u32> {
        self.surfaces.get(&id)?.window()
    }

    /// The visible part of a window, relative to its root surface.
    pub fn geometry(&self, id: SurfaceId) -> Rect {
        let extents = tree::extents(&self.surfaces, id);
        let chosen = self.xdg(id).and_then(|xdg| xdg.geometry).map(|geometry| geometry.intersect(extents));
        let mut geometry = chosen.filter(|rect| !rect.is_empty()).unwrap_or(extents);
        geometry.width = geometry.width.min(MAX_SIDE);
        geometry.height = geometry.height.min(MAX_SIDE);
        geometry
    }

    /// Width and height of a window's content.
    pub fn content_size(&self, id: SurfaceId) -> (i32, i32) {
        let geometry = self.geometry(id);
        (geometry.width, geometry.height)
    }

    /// The root surface of a window or popup, or a surface below it, was committed.
    pub fn window_committed(&mut self, root: SurfaceId, changed: &Changed) {
        let Some(surface) = self.surfaces.get_mut(&root) else { return };
        let has_buffer = surface.content.buffer.is_some();
        let Some(window) = surface.window_mut() else { return };
        match (has_buffer, *window) {
            (false, Some(_)) => {
                self.unmap(root);
                return;
            }
            (false, None) => {
                if self.xdg(root).is_some_and(|xdg| !xdg.configured) {
                    self.first_configure(root);
                }
                return;
            }
            (true, None) => self.map(root),
            (true, Some(_)) => {}
        }
        self.refresh_window(root);
        self.damage_window(root, changed);
        self.present(root);
    }

    fn first_configure(&mut self, id: SurfaceId) {
        match self.xdg(id).map(|xdg| &xdg.kind) {
            Some(Kind::Toplevel(_)) => self.configure_toplevel(id),
            Some(Kind::Popup(_)) => self.configure_popup(id, None),
            _ => {}
        }
    }

    fn map(&mut self, id: SurfaceId) {
        let window = self.next_window();
        if let Some(number) = self.surfaces.get_mut(&id).and_then(|surface| surface.window_mut()) {
            *number = Some(window);
        }
        let announced = self.describe(id, window);
        self.out.push(ToHost::WindowCreated(announced.clone()));
        let geometry = Rect::default();
        self.windows.insert(
            window,
            Window {
                surface: id,
                presenter: Presenter::default(),
                announced,
                icon_of: String::new(),
                geometry,
            },
        );
        if let Some(surface) = self.surfaces.get(&id) {
            self.outputs.enter(&surface.resource);
        }
        self.update_keyboard_focus();
    }

    /// What the host is to know of a window.
    fn describe(&self, id: SurfaceId, window: u32) -> WindowInfo {
        let size = unsigned(self.content_size(id));
        if let Some(x11) = self.x11(id) {
            let owner = x11.owner.and_then(|owner| Some((self.window_of(owner)?, self.x11(owner)?.position)));
            return x11.describe(window, size, owner);
        }
        let mut info = WindowInfo { id: window, size, ..WindowInfo::default() };
        match self.xdg(id).map(|xdg| &xdg.kind) {
            Some(Kind::Toplevel(toplevel)) => {
                info.owner = toplevel.parent.and_then(|parent| self.window_of(parent));
                info.title.clone_from(&toplevel.title);
                info.app_id.clone_from(&toplevel.app_id);
                info.min_size = unsigned(toplevel.min_size);
                info.max_size = unsigned(toplevel.max_size);
                info.show_state = toplevel.show.to_link();
                info.resizable = info.min_size == (0, 0) || info.min_size != info.max_size;
            }
            Some(Kind::Popup(popup)) => {
                info.popup = true;
                info.owner = popup.parent.and_then(|parent| self.window_of(parent));
                info.offset = (popup.rect.x, popup.rect.y);
            }
            _ => {}
        }
        info
    }

    /// Tells the host what has changed about a window, if anything has.
    pub fn refresh_window(&mut self, id: SurfaceId) {
        let Some(number) = self.window_of(id) else { return };
        let info = self.describe(id, number);
        let geometry = self.geometry(id);
        let Some(window) = self.windows.get_mut(&number) else {
            return;
        };
        if window.geometry != geometry {
            window.geometry = geometry;
            window.presenter.damage(Rect::new(0, 0, geometry.width, geometry.height));
        }
        if window.announced != info {
            window.announced = info.clone();
            self.out.push(ToHost::WindowUpdated(info));
        }
    }

    fn damage_window(&mut self, root: SurfaceId, changed: &Changed) {
        let geometry = self.geometry(root);
        let whole = Rect::new(0, 0, geometry.width, geometry.height);
        let mut rects = Vec::new();
        for (surface, rect) in &changed.damage {
            let at = tree::root_of(&self.surfaces, *surface);
            rects.push(rect.translate(at.x - geometry.x, at.y - geometry.y).intersect(whole));
        }
        if changed.restructured {
            rects = vec![whole];
        }
        let window = self.window_of(root).and_then(|number| self.windows.get_mut(&number));
        if let Some(window) = window {
            rects.into_iter().for_each(|rect| window.presenter.damage(rect));
        }
    }

    /// Sends a window's picture, if something changed and the host has kept up.
    fn present(&mut self, id: SurfaceId) {
        let Some(number) = self.window_of(id) else { return };
        let geometry = self.geometry(id);
        let Some(window) = self.windows.get_mut(&number) else {
            return;
        };
        if !window.presenter.is_due() {
            return;
        }
        let picture = tree::picture(&self.surfaces, id, geometry);
        let damage = window.presenter.take_damage(picture.bounds());
        if damage.is_empty() {
            return;
        }
        let serial = window.presenter.next_serial();
        let mut messages = Vec::new();
        let sent = self.pixels.present(number, serial, &picture, &damage, &mut messages);
        self.out.append(&mut messages);
        match sent {
            Ok(host_reads_client) => {
                let held = self.let_go(&picture, id, host_reads_client);
                if let Some(window) = self.windows.get_mut(&number) {
                    window.presenter.sent(serial, held);
                }
            }
            Err(error) => tracing::warn!(window = number, %error, "A frame was not sent"),
        }
    }

    /// After a present, gives a client back its buffer as early as can be: at once where the pixels
    /// were copied, with the acknowledgement where the host reads them. A picture made of
    /// several buffers may have to be made again, so those stay until they are replaced.
    fn let_go(&mut self, picture: &Picture, root: SurfaceId, host_reads_client: bool) -> Option<BufferUse> {
        if picture.layers.len() == 1 {
            let shown = tree::flatten(&self.surfaces, root);
            let [only] = shown.as_slice() else {
                return self.holder(picture, root);
            };
            let held = self.surfaces.get_mut(&only.surface).and_then(|surface| surface.content.held.take());
            return held.filter(|_| host_reads_client);
        }
        if host_reads_client { self.holder(picture, root) } else { None }
    }

    /// The use of the buffer that the topmost layer shows.
    fn holder(&self, picture: &Picture, root: SurfaceId) -> Option<BufferUse> {
        let top = picture.layers.last()?;
        let shown = tree::flatten(&self.surfaces, root);
        shown.iter().rev().find_map(|at| {
            let content = &self.surfaces.get(&at.surface)?.content;
            let same =
                content.buffer.as_ref().is_some_and(|buffer| Arc::ptr_eq(&buffer.busy, &top.buffer.busy));
            if same { content.held.clone() } else { None }
        })
    }

    /// Whether a surface's client may be asked for its next frame.
    pub fn wants_frame(&self, id: SurfaceId) -> bool {
        let root = tree::root_of(&self.surfaces, id).surface;
        let show = self.toplevel(root).map(|toplevel| toplevel.show);
        if show.or_else(|| self.x11(root).map(|role| role.show)) == Some(Show::Minimised) {
            return false;
        }
        let window = self.window_of(root).and_then(|number| self.windows.get(&number));
        window.is_none_or(|window| window.presenter.wants_frame())
    }

    fn unmap(&mut self, id: SurfaceId) {
        self.close_window_of(id);
        if let Some(xdg) = self.surfaces.get_mut(&id).and_then(|surface| surface.xdg_mut()) {
            xdg.unmapped();
        }
    }

    /// A surface's window, if it has one, is no longer there.
    pub fn close_window_of(&mut self, id: SurfaceId) {
        self.seat.popup_grabs.retain(|other| *other != id);
        let number = self.surfaces.get_mut(&id).and_then(|surface| surface.window_mut());
        let Some(number) = number.and_then(Option::take) else { return };
        let mut messages = Vec::new();
        self.pixels.close(number, &mut messages);
        self.windows.remove(&number);
        self.out.append(&mut messages);
        self.out.push(ToHost::WindowDeleted { window: number });
        let had_keyboard = self.seat.keyboard_focus == Some(id);
        self.forget_focus(id);
        self.update_keyboard_focus();
        if had_keyboard {
            self.send_unread_keys();
        }
    }

    fn surface_of(&self, window: u32) -> Option<SurfaceId> {
        self.windows.get(&window).map(|window| window.surface)
    }

    /// Handles one message of the host.
    pub fn handle(&mut self, message: ToInstance) {
        match message {
            // Only the first message of a stream may be one; it has been dealt with.
            ToInstance::HelloAck(_) => {}
            ToInstance::InputTarget { window } => self.pointer_target(window),
            ToInstance::Input(events) => events.into_iter().for_each(|event| self.input(event)),
            ToInstance::Activate { window, active } => self.activate(window, active),
            ToInstance::SystemCommand { window, command } => self.system_command(window, command),
            ToInstance::WindowMove { window, width, height, resizing } => {
                self.resize(window, (width, height), resizing);
            }
            ToInstance::PresentAck { window, serial } => self.acknowledged(window, serial),
            ToInstance::EgfxAck { frame } => {
                if let Some((window, serial)) = self.pixels.frame_acknowledged(frame) {
                    self.acknowledged(window, serial);
                }
            }
            ToInstance::DesktopSize { width, height } => {
                self.desktop_size = signed((width, height));
                self.outputs.resized(self.desktop_size.0, self.desktop_size.1);
            }
        }
    }

    fn system_command(&mut self, window: u32, command: SystemCommand) {
        match command {
            SystemCommand::Close => self.ask_to_close(window),
            SystemCommand::Minimise => self.show(window, Show::Minimised),
            SystemCommand::Maximise => self.show(window, Show::Maximised),
            SystemCommand::Restore => {
                let id = self.surface_of(window);
                let toplevel = id.and_then(|id| self.toplevel(id));
                let before = toplevel.map(|toplevel| (toplevel.show, toplevel.shown_before));
                let show = if let Some((Show::Minimised, earlier)) = before { earlier } else { Show::Normal };
                self.show(window, show);
            }
        }
    }

    fn acknowledged(&mut self, number: u32, serial: u32) {
        self.pixels.acknowledged(number, serial);
        let Some(window) = self.windows.get_mut(&number) else {
            return;
        };
        if !window.presenter.acknowledged(serial) {
            tracing::debug!(window = number, serial, "An acknowledgement of no frame");
            return;
        }
        let surface = window.surface;
        // Now that it is seen there is time for the icon.
        if !window.announced.popup && window.icon_of != window.announced.app_id {
            window.icon_of.clone_from(&window.announced.app_id);
            self.icons_wanted.push((number, window.icon_of.clone()));
        }
        self.presented(surface);
        self.present(surface);
        self.ask_for_frame();
    }

    fn ask_to_close(&mut self, window: u32) {
        let Some(id) = self.surface_of(window) else { return };
        if let Some(xid) = self.x11(id).map(|role| role.xid) {
            self.x11_requests.push(X11Request::Close(xid));
            return;
        }
        match self.xdg(id).map(|xdg| &xdg.kind) {
            Some(Kind::Toplevel(toplevel)) => toplevel.resource.close(),
            Some(Kind::Popup(popup)) => popup.resource.popup_done(),
            _ => {}
        }
    }

    fn show(&mut self, window: u32, show: Show) {
        let Some(id) = self.surface_of(window) else { return };
        self.show_x11(id, show);
        let Some(before) = self.toplevel(id).map(|toplevel| toplevel.show) else {
            return;
        };
        if before == show {
            return;
        }
        if show == Show::Normal
            && matches!(before, Show::Maximised | Show::FullScreen)
            && let Some(toplevel) = self.toplevel_mut(id)
        {
            toplevel.size = toplevel.normal_size;
        }
        self.set_show(id, show);
        self.refresh_window(id);
        if show != Show::Minimised {
            self.configure_toplevel(id);
        }
    }

    fn resize(&mut self, window: u32, size: (u32, u32), resizing: bool) {
        let Some(id) = self.surface_of(window) else { return };
        let current = self.content_size(id);
        let size = signed(size);
        let size = (size.0.clamp(1, MAX_SIDE), size.1.clamp(1, MAX_SIDE));
        self.resize_x11(id, size);
        let Some(toplevel) = self.toplevel_mut(id) else {
            return;
        };
        let known = if toplevel.size == (0, 0) { current } else { toplevel.size };
        if known != size || toplevel.resizing != resizing {
            toplevel.size = size;
            toplevel.resizing = resizing;
            self.configure_toplevel(id);
        }
        self.follow_parent(id);
    }

    /// Places popups anew that asked for that when their parent changes.
    fn follow_parent(&mut self, parent: SurfaceId) {
        let follows = |id: &SurfaceId| {
            self.popup(*id).is_some_and(|popup| popup.parent == Some(parent) && popup.rules.reactive)
        };
        let reactive: Vec<SurfaceId> =
            self.windows.values().map(|window| window.surface).filter(follows).collect();
        for popup in reactive {
            self.configure_popup(popup, None);
            self.refresh_window(popup);
        }
    }
}

fn unsigned((width, height): (i32, i32)) -> (u32, u32) {
    (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
}

fn signed((width, height): (u32, u32)) -> (i32, i32) {
    (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX))
}
