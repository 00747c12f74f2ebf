//! The desktop: everything goes in and comes out here

use core::time::Duration;

use crate::action::{Action, PointerImage};
use crate::canvas::CanvasMut;
use crate::geometry::{Rect, Size};
use crate::input::Input;
use crate::layer::{Layer, LayerDamage};
use crate::limits::{Limits, Violation};
use crate::pixels::{PixelSource, PixelStore, StoreFull};
use crate::window::{InstanceId, TrustColour, WindowInfo, WindowKey, WindowRequest};

/// Whose windows a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
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
#[expect(missing_debug_implementations, reason = "draft")]
pub struct Desktop {
    _p: (),
}

#[expect(unused_variables, reason = "draft")]
impl Desktop {
    /// An empty desktop of `size` pixels.
    ///
    /// # Errors
    /// [`StoreFull`] if the store has no room for the background and the task strip.
    pub fn new(size: Size, store: Box<dyn PixelStore>) -> Result<Self, StoreFull> {
        todo!()
    }
    /// The same with other caps than the usual ones.
    pub fn with_limits(size: Size, store: Box<dyn PixelStore>, limits: Limits) -> Result<Self, StoreFull> {
        todo!()
    }
    /// Its size.
    pub fn size(&self) -> Size {
        todo!()
    }

    // instances

    /// Lets an instance put windows on the desktop. `name` is shown in its frames. Adding an id again renames it.
    pub fn add_instance(&mut self, id: InstanceId, name: &str, colour: TrustColour) {
        todo!()
    }
    /// Takes an instance and all its windows off the desktop.
    pub fn remove_instance(&mut self, id: InstanceId) {
        todo!()
    }
    /// A window exists. It is shown with its first [`Desktop::present`].
    pub fn window_created(&mut self, key: WindowKey, info: WindowInfo) -> Result<(), Violation> {
        todo!()
    }
    /// What the instance says about a window changed.
    pub fn window_updated(&mut self, key: WindowKey, info: WindowInfo) -> Result<(), Violation> {
        todo!()
    }
    /// A window is gone, and its popups with it.
    pub fn window_removed(&mut self, key: WindowKey) -> Result<(), Violation> {
        todo!()
    }
    /// Copies the damaged part of a window's new picture; everything if the size changed.
    /// `damage` is in content pixels, is clipped to `size`, and may be empty.
    pub fn present(
        &mut self,
        key: WindowKey,
        size: Size,
        source: &dyn PixelSource,
        damage: &[Rect],
        now: Duration,
    ) -> Result<(), Violation> {
        todo!()
    }
    /// The instance wants its window moved or resized by the pointer. Ignored unless a button is down in the window.
    pub fn window_request(&mut self, key: WindowKey, request: WindowRequest) -> Result<(), Violation> {
        todo!()
    }
    /// The pointer looks like this over the instance's windows.
    pub fn set_pointer(&mut self, id: InstanceId, pointer: InstancePointer) -> Result<(), Violation> {
        todo!()
    }

    // the seat

    /// The user did something.
    pub fn input(&mut self, input: Input, now: Duration) {
        todo!()
    }
    /// The desktop has another size from now on.
    pub fn resized(&mut self, size: Size) -> Result<(), StoreFull> {
        todo!()
    }
    /// What the driver has to do, in order. Call after every call above.
    pub fn drain_actions(&mut self) -> Vec<Action> {
        todo!()
    }

    // the picture

    /// What is to be shown, from bottom to top.
    pub fn layers(&self) -> Vec<Layer<'_>> {
        todo!()
    }
    /// What changed in layers' pixels since this was called last, for a viewer. A layer that is new to the viewer
    /// needs all its pixels anyway; layers that moved, came or went are not damage: compare [`Desktop::layers`].
    pub fn take_layer_damage(&mut self) -> Vec<LayerDamage> {
        todo!()
    }
    /// Disjoint rectangles of the desktop that look different since this was called last.
    pub fn take_damage(&mut self) -> Vec<Rect> {
        todo!()
    }
    /// Draws the parts of the picture within `clip` (desktop coordinates) on a canvas whose origin is the desktop's.
    pub fn render(&self, scope: Scope, canvas: &mut CanvasMut<'_>, clip: &[Rect]) {
        todo!()
    }
}
