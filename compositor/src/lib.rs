//! The desktop as a pure library: scene, focus, routing, damage, CPU frame
//!
//! No I/O, no clock, no threads: what instances and the user do goes into a [`Desktop`], what to tell them comes out
//! as [`Action`]s, and the picture is either a stack of [`Layer`]s for a GPU or rendered by the CPU. Everything that
//! comes from an instance is hostile until checked; a refused request is a [`Violation`] and changes nothing.
#![forbid(unsafe_code)]

mod action;
mod admit;
mod canvas;
mod damage;
mod desktop;
mod focus;
mod frame;
mod furniture;
mod geometry;
mod grab;
mod input;
mod keyboard;
mod layer;
mod limits;
mod paint;
mod pixels;
mod placement;
mod pointer;
mod pointer_art;
mod present;
mod region;
mod render;
mod scene;
mod seat;
mod settle;
mod stacking;
mod surface;
mod text;
mod window;

pub use action::{Action, PointerImage, PointerShape, ToInstance};
pub use canvas::CanvasMut;
pub use desktop::{Desktop, InstancePointer, Scope};
pub use geometry::{Point, Rect, Size};
pub use input::{Button, Input, Locks, Scancode};
pub use layer::{Layer, LayerDamage, LayerId, LayerKind};
pub use limits::{Limits, Violation};
pub use pixels::{
    BYTES_PER_PIXEL, HeapStore, PixelFormat, PixelSource, PixelStorage, PixelStore, PixelView, StoreFull,
};
pub use window::{
    Edges, InstanceId, ShowState, TrustColour, WindowInfo, WindowKey, WindowRequest, WindowSummary,
};
