//! The desktop: everything goes in and comes out here

use core::fmt;
use core::time::Duration;

use crate::action::{Action, PointerImage, ToInstance};
use crate::canvas::CanvasMut;
use crate::damage::Shown;
use crate::furniture::Furniture;
use crate::geometry::{Rect, Size};
use crate::input::Input;
use crate::layer::{Layer, LayerDamage};
use crate::limits::{Limits, Violation};
use crate::pixels::{PixelSource, PixelStore, StoreFull};
use crate::scene::Scene;
use crate::seat::Seat;
use crate::surface::LayerIds;
use crate::text::Fonts;
use crate::window::{InstanceId, TrustColour, WindowInfo, WindowKey, WindowRequest, WindowSummary};

/// Smallest and largest side of a desktop (MS-RDPEDISP 2.2.2.2.1).
const SIDE: core::ops::RangeInclusive<u32> = 200..=8192;

/// Whose windows a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's, and the task strip.
    #[default]
    Desktop,
    /// One instance's, on the same background.
    Instance(InstanceId),
}

/// What an instance says its pointer looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InstancePointer {
    /// The platform's arrow.
    #[default]
    Default,
    /// Not at all.
    Hidden,
    /// This picture.
    Image(PointerImage),
}

/// One desktop of many instances' windows, with one seat. Times (`now`) are counted from any fixed moment.
pub struct Desktop {
    pub(crate) size: Size,
    pub(crate) limits: Limits,
    pub(crate) scene: Scene,
    pub(crate) seat: Seat,
    pub(crate) furniture: Furniture,
    pub(crate) store: Box<dyn PixelStore>,
    pub(crate) ids: LayerIds,
    pub(crate) fonts: Fonts,
    pub(crate) actions: Vec<Action>,
    /// What [`Desktop::take_damage`] was last told.
    pub(crate) shown: Shown,
}

impl fmt::Debug for Desktop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desktop")
            .field("size", &self.size)
            .field("order", &self.scene.draw_order())
            .finish_non_exhaustive()
    }
}

impl Desktop {
    /// An empty desktop of `size` pixels, brought into 200 to 8192 a side.
    ///
    /// # Errors
    /// [`StoreFull`] if the store has no room for the background and the task strip.
    pub fn new(size: Size, store: Box<dyn PixelStore>) -> Result<Self, StoreFull> {
        Self::with_limits(size, store, Limits::default())
    }

    /// The same with other caps than the usual ones.
    ///
    /// # Errors
    /// [`StoreFull`] if the store has no room for the background and the task strip.
    pub fn with_limits(
        size: Size,
        mut store: Box<dyn PixelStore>,
        limits: Limits,
    ) -> Result<Self, StoreFull> {
        let size = clamp(size);
        let mut ids = LayerIds::default();
        let fonts = Fonts::new();
        let furniture = Furniture::new(size, store.as_mut(), &mut ids, &fonts)?;
        let mut desktop = Self {
            size,
            limits,
            scene: Scene::default(),
            seat: Seat::new(size),
            furniture,
            store,
            ids,
            fonts,
            actions: Vec::new(),
            shown: Shown::default(),
        };
        desktop.settle();
        Ok(desktop)
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The window that has the keyboard, always a top-level.
    pub fn focused(&self) -> Option<WindowKey> {
        self.seat.focus
    }

    /// Lets an instance put windows on the desktop. `name` is shown in its frames. Adding an id again renames it.
    pub fn add_instance(&mut self, id: InstanceId, name: &str, colour: TrustColour) {
        self.insert_instance(id, name, colour);
        self.settle();
    }

    /// Takes an instance and all its windows off the desktop.
    pub fn remove_instance(&mut self, id: InstanceId) {
        self.forget_instance(id);
        self.settle();
    }

    /// A window exists. It is shown with its first [`Desktop::present`].
    ///
    /// # Errors
    /// [`Violation`] if the instance may not have it; nothing has changed then.
    pub fn window_created(&mut self, key: WindowKey, info: WindowInfo) -> Result<(), Violation> {
        self.create_window(key, info)
    }

    /// What the instance says about a window changed.
    ///
    /// # Errors
    /// [`Violation`] if that is not allowed; nothing has changed then.
    pub fn window_updated(&mut self, key: WindowKey, info: WindowInfo) -> Result<(), Violation> {
        self.update_window(key, info)?;
        self.settle();
        Ok(())
    }

    /// A window is gone, and its popups with it. Other windows that it owned stay, without it.
    ///
    /// # Errors
    /// [`Violation::UnknownWindow`], which is harmless for a popup whose owner was removed before.
    pub fn window_removed(&mut self, key: WindowKey) -> Result<(), Violation> {
        self.destroy_window(key)?;
        self.settle();
        Ok(())
    }

    /// Copies the damaged part of a window's new picture, or everything if its size changed, into the desktop's own
    /// memory: the source may change at once afterwards. `damage` is in content pixels and clipped to `size`.
    ///
    /// # Errors
    /// [`Violation`] if the picture is refused; the window then looks as before.
    pub fn present(
        &mut self,
        key: WindowKey,
        size: Size,
        source: &dyn PixelSource,
        damage: &[Rect],
        now: Duration,
    ) -> Result<(), Violation> {
        if self.present_window(key, size, source, damage, now)? {
            self.settle();
        } else {
            self.request_redraw();
        }
        Ok(())
    }

    /// The instance wants its window moved or resized by the pointer. Ignored unless the left button went down in the
    /// window and is still held.
    ///
    /// # Errors
    /// [`Violation::UnknownWindow`].
    pub fn window_request(&mut self, key: WindowKey, request: WindowRequest) -> Result<(), Violation> {
        self.start_requested_grab(key, request)?;
        self.settle();
        Ok(())
    }

    /// The pointer looks like this over the instance's windows.
    ///
    /// # Errors
    /// [`Violation::PointerImage`], [`Violation::UnknownInstance`].
    pub fn set_pointer(&mut self, id: InstanceId, pointer: InstancePointer) -> Result<(), Violation> {
        self.keep_pointer(id, pointer)?;
        self.update_pointer_shape();
        Ok(())
    }

    /// The user did something.
    pub fn input(&mut self, input: Input, now: Duration) {
        let changed = self.route(input, now);
        if changed {
            self.settle();
        }
    }

    /// The desktop has another size from now on, brought into 200 to 8192 a side. Instances are told of their
    /// maximised windows' new sizes, not of the desktop's.
    ///
    /// # Errors
    /// [`StoreFull`] if the store has no room for the background; the size is the old one then.
    pub fn resized(&mut self, size: Size) -> Result<(), StoreFull> {
        let size = clamp(size);
        if size == self.size {
            return Ok(());
        }
        self.furniture.resize(size, self.store.as_mut(), &mut self.ids, &self.fonts)?;
        self.size = size;
        self.fit_into_work_area();
        self.settle();
        Ok(())
    }

    /// What the driver has to do, in order. Call after every call that changes something.
    pub fn drain_actions(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.actions)
    }

    /// All windows, from bottom to top, shown or not.
    pub fn windows(&self) -> Vec<WindowSummary> {
        self.summarise()
    }

    /// What is to be shown, from bottom to top.
    pub fn layers(&self) -> Vec<Layer<'_>> {
        self.stacked_layers()
    }

    /// What changed in layers' pixels since this was called last, for a viewer. A layer that is new to the viewer
    /// needs all its pixels anyway; layers that moved, came or went are not damage: compare [`Desktop::layers`].
    pub fn take_layer_damage(&mut self) -> Vec<LayerDamage> {
        self.collect_layer_damage()
    }

    /// Disjoint rectangles of the desktop that look different since this was called last.
    pub fn take_damage(&mut self) -> Vec<Rect> {
        self.collect_damage()
    }

    /// Draws the parts of the picture within `clip` (desktop coordinates) on a canvas whose origin is the desktop's.
    /// The canvas becomes opaque there.
    pub fn render(&self, scope: Scope, canvas: &mut CanvasMut<'_>, clip: &[Rect]) {
        crate::render::render(&self.layers_in(scope), canvas, clip);
    }

    pub(crate) fn tell(&mut self, instance: InstanceId, message: ToInstance) {
        self.actions.push(Action::ToInstance { instance, message });
    }

    pub(crate) fn request_redraw(&mut self) {
        if self.actions.last() != Some(&Action::Redraw) {
            self.actions.push(Action::Redraw);
        }
    }
}

fn clamp(size: Size) -> Size {
    Size::new(size.width.clamp(*SIDE.start(), *SIDE.end()), size.height.clamp(*SIDE.start(), *SIDE.end()))
}
