//! Copying an instance's picture into the desktop's own memory

use core::time::Duration;

use crate::desktop::Desktop;
use crate::frame::MATTE;
use crate::geometry::{Rect, Size};
use crate::limits::Violation;
use crate::paint::Colour;
use crate::pixels::{PixelFormat, PixelSource};
use crate::scene::Placement;
use crate::surface::Surface;
use crate::window::WindowKey;

/// Damage rectangles beyond which their bounds are copied instead.
const MANY_RECTS: usize = 128;

impl Desktop {
    /// Takes a new picture; true if more than pixels changed.
    pub(crate) fn present_window(
        &mut self,
        key: WindowKey,
        size: Size,
        source: &dyn PixelSource,
        damage: &[Rect],
        now: Duration,
    ) -> Result<bool, Violation> {
        let cost = self.check_size(key, size)?;
        let source_size = source.size();
        if source_size.width < size.width || source_size.height < size.height {
            return Err(Violation::SourceSize { size, source_size });
        }
        let node = self.scene.get(key).ok_or(Violation::UnknownWindow(key.window))?;
        let popup = node.is_popup();
        let old_size = node.content.as_ref().map(|content| content.size);
        if old_size != Some(size) {
            let id = node.content.as_ref().map(|content| content.id);
            let id = id.unwrap_or_else(|| self.ids.take());
            match Surface::new(id, size, self.store.as_mut()) {
                Ok(surface) => self.charge(key, surface, cost),
                Err(full) => {
                    if old_size.is_none() {
                        self.ids.give_back(id);
                    }
                    return Err(full.into());
                }
            }
        }
        if let Some(content) = self.scene.get_mut(key).and_then(|node| node.content.as_mut()) {
            let all = [Rect::at(Default::default(), size)];
            let damage = if old_size == Some(size) { damage } else { &all };
            copy(content, source, damage, popup);
        }
        match old_size {
            None => self.came_up(key, now),
            Some(old) if old != size => self.follow_anchor(key),
            Some(_) => return Ok(false),
        }
        Ok(true)
    }

    fn charge(&mut self, key: WindowKey, surface: Surface, cost: u64) {
        let Some(node) = self.scene.get_mut(key) else {
            return;
        };
        let before = core::mem::replace(&mut node.bytes, cost);
        node.content = Some(surface);
        if let Some(instance) = self.scene.instances.get_mut(&key.instance) {
            instance.bytes = instance.bytes - before + cost;
        }
    }

    /// A window has its first picture.
    fn came_up(&mut self, key: WindowKey, now: Duration) {
        self.place_first(key);
        self.welcome(key, now);
    }

    /// A window took a new size: the edges that the user does not drag stay where they were.
    fn follow_anchor(&mut self, key: WindowKey) {
        let Some(node) = self.scene.get(key) else { return };
        let (Some(anchor), Placement::Floating(mut at)) = (node.anchor, node.placement) else {
            return self.keep_reachable(key);
        };
        let outer = self.layout_of(node).outer;
        if anchor.edges.left {
            at.x = anchor.outer.right() - outer.width as i32;
        }
        if anchor.edges.top {
            at.y = anchor.outer.bottom() - outer.height as i32;
        }
        if let Some(node) = self.scene.get_mut(key) {
            node.placement = Placement::Floating(at);
        }
        self.keep_reachable(key);
    }
}

/// Copies `damage` row by row and checks each row in its new place, where the instance cannot change it any more.
fn copy(content: &mut Surface, source: &dyn PixelSource, damage: &[Rect], popup: bool) {
    let all = Rect::at(Default::default(), content.size);
    let bounds;
    let damage = if damage.len() > MANY_RECTS {
        bounds = [damage.iter().fold(Rect::default(), |sum, rect| sum.bounding(*rect))];
        &bounds[..]
    } else {
        damage
    };
    for rect in damage.iter().filter_map(|rect| rect.intersection(all)) {
        for y in rect.y..rect.bottom() {
            let row = content.row_mut(rect.x as u32, y as u32, rect.width);
            source.copy_row(rect.x as u32, y as u32, row);
            match (source.format(), popup) {
                (PixelFormat::Xrgb8888, _) => make_opaque(row),
                (PixelFormat::Argb8888, false) => lay_over(row, MATTE),
                (PixelFormat::Argb8888, true) => bound_by_alpha(row),
            }
        }
        content.touch(rect);
    }
}

fn make_opaque(row: &mut [u8]) {
    for pixel in row.chunks_exact_mut(4) {
        pixel[3] = 255;
    }
}

/// Lays premultiplied pixels over an opaque ground: a top-level never lets through what is below, which could be
/// another instance's window passed off as its own.
fn lay_over(row: &mut [u8], ground: Colour) {
    for pixel in row.chunks_exact_mut(4) {
        let rest = 255 - u16::from(pixel[3]);
        if rest != 0 {
            for (part, ground) in pixel.iter_mut().zip([ground.b, ground.g, ground.r]) {
                let sum = u16::from(*part) + (u16::from(ground) * rest + 127) / 255;
                *part = sum.min(255) as u8;
            }
            pixel[3] = 255;
        }
    }
}

/// Brings colours down to what premultiplied ones can be, so that no pixel brightens what is below.
fn bound_by_alpha(row: &mut [u8]) {
    for pixel in row.chunks_exact_mut(4) {
        let alpha = pixel[3];
        if alpha != 255 {
            for part in &mut pixel[..3] {
                *part = (*part).min(alpha);
            }
        }
    }
}
