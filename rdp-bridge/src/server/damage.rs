//! What of the desktop a session has not been sent yet, in bounded memory.
//!
//! The desktop is cut into tiles of 64 x 64 pixels; each keeps the bounding box of its damage. However often the desktop
//! changes before a slow client takes a picture, the record stays four bytes a tile and always means "the newest".

use super::geometry::Rect;

/// Edge of a tile, in pixels. RemoteFX works on tiles of this size, so it suits every codec.
pub(crate) const TILE: u32 = 64;

/// Damage inside one tile: half-open box relative to the tile's corner. Empty when `right` is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct TileBox {
    left: u8,
    top: u8,
    right: u8,
    bottom: u8,
}

/// Accumulated damage of a desktop of known size.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    width: u32,
    height: u32,
    columns: u32,
    tiles: Vec<TileBox>,
    dirty: usize,
}

impl Damage {
    /// No damage on a desktop of `width` x `height` pixels.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let columns = width.div_ceil(TILE);
        let rows = height.div_ceil(TILE);
        Self { width, height, columns, tiles: vec![TileBox::default(); (columns * rows) as usize], dirty: 0 }
    }

    /// All of a desktop of `width` x `height` pixels.
    pub(crate) fn whole(width: u32, height: u32) -> Self {
        let mut damage = Self::new(width, height);
        damage.add(Rect::new(0, 0, width, height));
        damage
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dirty == 0
    }

    /// Adds `rect`; what lies outside the desktop is ignored.
    pub(crate) fn add(&mut self, rect: Rect) {
        let Some(rect) = rect.clipped(self.width, self.height) else {
            return;
        };
        for row in rect.y / TILE..=(rect.bottom() - 1) / TILE {
            for column in rect.x / TILE..=(rect.right() - 1) / TILE {
                let (x0, y0) = (column * TILE, row * TILE);
                let within = TileBox {
                    left: rect.x.saturating_sub(x0) as u8,
                    top: rect.y.saturating_sub(y0) as u8,
                    right: (rect.right() - x0).min(TILE) as u8,
                    bottom: (rect.bottom() - y0).min(TILE) as u8,
                };
                self.grow((row * self.columns + column) as usize, within);
            }
        }
    }

    fn grow(&mut self, index: usize, with: TileBox) {
        let tile = &mut self.tiles[index];
        if tile.right == 0 {
            *tile = with;
            self.dirty += 1;
        } else {
            tile.left = tile.left.min(with.left);
            tile.top = tile.top.min(with.top);
            tile.right = tile.right.max(with.right);
            tile.bottom = tile.bottom.max(with.bottom);
        }
    }

    /// Takes all damage: one rectangle a damaged tile, in rows from the top.
    pub(crate) fn take(&mut self) -> Vec<Rect> {
        let mut rects = Vec::with_capacity(self.dirty);
        for (index, tile) in self.tiles.iter_mut().enumerate() {
            if tile.right != 0 {
                let (row, column) = (index as u32 / self.columns, index as u32 % self.columns);
                rects.push(Rect::new(
                    column * TILE + u32::from(tile.left),
                    row * TILE + u32::from(tile.top),
                    u32::from(tile.right - tile.left),
                    u32::from(tile.bottom - tile.top),
                ));
                *tile = TileBox::default();
            }
        }
        self.dirty = 0;
        rects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_covers_every_pixel_once() {
        let rects = Damage::whole(130, 65).take();
        assert_eq!(rects.len(), 3 * 2);
        assert_eq!(rects.iter().map(|rect| rect.width * rect.height).sum::<u32>(), 130 * 65);
        assert_eq!(rects[5], Rect::new(128, 64, 2, 1));
    }

    #[test]
    fn damage_within_a_tile_is_its_bounding_box() {
        let mut damage = Damage::new(640, 480);
        damage.add(Rect::new(70, 70, 3, 3));
        damage.add(Rect::new(80, 64, 1, 1));
        assert_eq!(damage.take(), [Rect::new(70, 64, 11, 9)]);
        assert!(damage.is_empty());
        assert!(damage.take().is_empty());
    }

    #[test]
    fn damage_is_cut_at_tiles_and_at_the_desktop() {
        let mut damage = Damage::new(100, 100);
        damage.add(Rect::new(60, 0, 1000, 2));
        assert_eq!(damage.take(), [Rect::new(60, 0, 4, 2), Rect::new(64, 0, 36, 2)]);
        damage.add(Rect::new(100, 100, 5, 5));
        damage.add(Rect::new(0, 0, 0, 5));
        assert!(damage.is_empty());
    }

    #[test]
    fn record_is_bounded_however_much_is_added() {
        let mut damage = Damage::new(256, 256);
        for step in 0..10_000u32 {
            damage.add(Rect::new(step % 256, step * 7 % 256, 5, 5));
        }
        assert!(damage.take().len() <= 16);
    }
}
