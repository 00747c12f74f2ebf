//! A frame's pixels: four layers around the content

use super::metrics::Layout;
use super::paint::{Look, paint};
use crate::geometry::{Rect, Size};
use crate::pixels::{PixelStore, StoreFull};
use crate::surface::{LayerIds, Surface};
use crate::text::Fonts;

/// The sides of one window's frame: top, left, right, bottom; a side without pixels is `None`.
pub(crate) struct Frame {
    sides: [Option<Surface>; 4],
    look: Look,
}

impl Frame {
    /// Makes and paints a frame.
    pub(crate) fn new(
        layout: &Layout,
        look: Look,
        store: &mut dyn PixelStore,
        ids: &mut LayerIds,
        fonts: &Fonts,
    ) -> Result<Self, StoreFull> {
        let mut frame = Self { sides: [const { None }; 4], look };
        for (slot, size) in frame.sides.iter_mut().zip(sizes(layout)) {
            if size.is_empty() {
                continue;
            }
            let id = ids.take();
            match Surface::new(id, size, store) {
                Ok(side) => *slot = Some(side),
                Err(full) => {
                    ids.give_back(id);
                    frame.dispose(ids);
                    return Err(full);
                }
            }
        }
        frame.repaint(layout, fonts);
        Ok(frame)
    }

    /// Gives its layer numbers back.
    pub(crate) fn dispose(self, ids: &mut LayerIds) {
        for side in self.sides.into_iter().flatten() {
            ids.give_back(side.id);
        }
    }

    /// True if its sides have the sizes that `layout` asks for.
    pub(crate) fn fits(&self, layout: &Layout) -> bool {
        self.sides
            .iter()
            .zip(sizes(layout))
            .all(|(side, size)| side.as_ref().map_or(size.is_empty(), |side| side.size == size))
    }

    /// Paints again if it would look different. True if it did.
    pub(crate) fn update(&mut self, layout: &Layout, look: Look, fonts: &Fonts) -> bool {
        let changed = self.look != look;
        if changed {
            self.look = look;
            self.repaint(layout, fonts);
        }
        changed
    }

    fn repaint(&mut self, layout: &Layout, fonts: &Fonts) {
        for (at, side) in self.sides.iter_mut().enumerate() {
            if let Some(side) = side {
                paint(at, side, layout, &self.look, fonts);
                side.touch_all();
            }
        }
    }

    /// Its sides with their places on the desktop.
    pub(crate) fn placed(&self, layout: &Layout) -> impl Iterator<Item = (&Surface, Rect)> {
        self.sides.iter().zip(layout.sides()).filter_map(|(side, rect)| Some((side.as_ref()?, rect)))
    }

    pub(crate) fn surfaces_mut(&mut self) -> impl Iterator<Item = &mut Surface> {
        self.sides.iter_mut().flatten()
    }
}

fn sizes(layout: &Layout) -> [Size; 4] {
    layout.sides().map(|side| if side.is_empty() { Size::default() } else { side.size() })
}
