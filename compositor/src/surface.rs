//! A layer's own pixels and what changed in them

use crate::geometry::{Rect, Size};
use crate::layer::LayerId;
use crate::pixels::{BYTES_PER_PIXEL, PixelStorage, PixelStore, StoreFull};
use crate::region::Region;

/// Pixels of one layer, tightly packed.
pub(crate) struct Surface {
    pub(crate) id: LayerId,
    pub(crate) size: Size,
    pub(crate) storage: Box<dyn PixelStorage>,
    /// Changed since the desktop's damage was taken.
    pub(crate) changed: Region,
    /// Changed since the layers' damage was taken.
    pub(crate) unsent: Region,
}

impl Surface {
    pub(crate) fn new(id: LayerId, size: Size, store: &mut dyn PixelStore) -> Result<Self, StoreFull> {
        let storage = store.allocate(size)?;
        if (storage.bytes().len() as u64) < size.byte_len() {
            return Err(StoreFull(size));
        }
        let all = Region::of(Rect::at(Default::default(), size));
        Ok(Self { id, size, storage, changed: all.clone(), unsent: all })
    }

    /// Notes that the pixels of `rect` changed.
    pub(crate) fn touch(&mut self, rect: Rect) {
        if let Some(rect) = rect.intersection(Rect::at(Default::default(), self.size)) {
            for region in [&mut self.changed, &mut self.unsent] {
                region.add_damage(rect);
            }
        }
    }

    pub(crate) fn touch_all(&mut self) {
        self.touch(Rect::at(Default::default(), self.size));
    }

    /// The bytes of `width` pixels from column `x` of row `y` on.
    pub(crate) fn row_mut(&mut self, x: u32, y: u32, width: u32) -> &mut [u8] {
        let start = (y as usize * self.size.width as usize + x as usize) * BYTES_PER_PIXEL as usize;
        let len = width as usize * BYTES_PER_PIXEL as usize;
        &mut self.storage.bytes_mut()[start..start + len]
    }
}

/// Hands out layer numbers; one is used again only after it was given back.
#[derive(Debug, Default)]
pub(crate) struct LayerIds {
    last: u32,
    free: Vec<LayerId>,
}

impl LayerIds {
    pub(crate) fn take(&mut self) -> LayerId {
        self.free.pop().unwrap_or_else(|| {
            self.last += 1;
            LayerId(self.last)
        })
    }

    pub(crate) fn give_back(&mut self, id: LayerId) {
        self.free.push(id);
    }
}
