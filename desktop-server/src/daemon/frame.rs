//! The desktop's picture for RDP sessions, drawn by the CPU.

use bailey_compositor::{CanvasMut, Desktop, Rect, Scope, Size};
use bailey_rdp::server::{DesktopError, DesktopHandle, FrameView, Rect as RdpRect};

/// Side of the squares that are compared to find what changed.
const TILE: u32 = 64;

/// A picture that is kept from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Picture {
    size: Size,
    pixels: Vec<u8>,
    /// It is not what was last published plus the damage since.
    stale: bool,
}

impl Picture {
    /// Nobody has looked for a while, or somebody new looks: the next frame is drawn whole.
    pub(super) fn forget(&mut self) {
        self.stale = true;
    }

    fn fit(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.pixels = vec![0; usize::try_from(size.byte_len()).unwrap_or(0)];
            self.stale = true;
        }
    }

    /// Draws what is damaged and publishes it.
    pub(super) fn publish(
        &mut self,
        desktop: &Desktop,
        damage: &[Rect],
        handle: &DesktopHandle,
    ) -> Result<(), DesktopError> {
        self.fit(desktop.size());
        let whole = [Rect::at(Default::default(), self.size)];
        let damage = if std::mem::take(&mut self.stale) { &whole[..] } else { damage };
        self.draw(desktop, Scope::Desktop, damage);
        let damage: Vec<RdpRect> = damage.iter().filter_map(rdp_rect).collect();
        handle.publish(self.view(), &damage)
    }

    /// Draws one instance's windows alone and publishes what differs from the last such picture: the desktop's damage
    /// leaves out what other windows cover.
    pub(super) fn publish_scope(
        &mut self,
        desktop: &Desktop,
        scope: Scope,
        handle: &DesktopHandle,
    ) -> Result<(), DesktopError> {
        let before = self.pixels.clone();
        self.fit(desktop.size());
        let whole = [Rect::at(Default::default(), self.size)];
        self.draw(desktop, scope, &whole);
        let all = std::mem::take(&mut self.stale) || before.len() != self.pixels.len();
        let damage =
            if all { whole.iter().filter_map(rdp_rect).collect() } else { self.changed_tiles(&before) };
        if damage.is_empty() { Ok(()) } else { handle.publish(self.view(), &damage) }
    }

    fn draw(&mut self, desktop: &Desktop, scope: Scope, damage: &[Rect]) {
        if let Some(mut canvas) = CanvasMut::new(&mut self.pixels, self.size.width * 4, self.size) {
            desktop.render(scope, &mut canvas, damage);
        }
    }

    fn view(&self) -> FrameView<'_> {
        let Size { width, height } = self.size;
        FrameView { width, height, stride: width as usize * 4, bgra: &self.pixels }
    }

    fn changed_tiles(&self, before: &[u8]) -> Vec<RdpRect> {
        let Size { width, height } = self.size;
        let stride = width as usize * 4;
        let mut changed = Vec::new();
        for y in (0..height).step_by(TILE as usize) {
            for x in (0..width).step_by(TILE as usize) {
                let tile = RdpRect::new(x, y, TILE.min(width - x), TILE.min(height - y));
                let differs = (tile.y..tile.bottom()).any(|row| {
                    let start = row as usize * stride + x as usize * 4;
                    let row = start..start + tile.width as usize * 4;
                    before[row.clone()] != self.pixels[row]
                });
                if differs {
                    changed.push(tile);
                }
            }
        }
        changed
    }
}

fn rdp_rect(rect: &Rect) -> Option<RdpRect> {
    Some(RdpRect::new(u32::try_from(rect.x).ok()?, u32::try_from(rect.y).ok()?, rect.width, rect.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_tiles_are_found() {
        let size = Size::new(130, 70);
        let mut picture = Picture { size, pixels: vec![0; 130 * 70 * 4], stale: false };
        let before = picture.pixels.clone();
        assert_eq!(picture.changed_tiles(&before), []);
        picture.pixels[(69 * 130 + 129) * 4] = 1;
        picture.pixels[0] = 1;
        assert_eq!(picture.changed_tiles(&before), [RdpRect::new(0, 0, 64, 64), RdpRect::new(128, 64, 2, 6)]);
    }
}
