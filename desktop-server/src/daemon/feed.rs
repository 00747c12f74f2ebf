//! What a viewer has to be told, so that it shows the desktop's layers: a window for each layer.

use std::collections::{HashMap, HashSet};

use bailey_compositor::{LayerDamage, LayerId, Point, Rect, Size};
use bailey_link::{PixelFormat, Rect as LinkRect, ToHost, WindowInfo};

/// A layer as a viewer has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FeedLayer {
    pub(super) id: LayerId,
    pub(super) rect: Rect,
    pub(super) buffer: FeedBuffer,
}

/// Where its pixels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FeedBuffer {
    pub(super) offset: u64,
    pub(super) size: Size,
    pub(super) stride: u32,
    pub(super) opaque: bool,
}

/// What one viewer was told, and what it has still to be told.
#[derive(Debug, Default)]
pub(super) struct Feed {
    told: HashMap<LayerId, (Point, FeedBuffer)>,
    order: Vec<u32>,
    damage: HashMap<LayerId, Vec<Rect>>,
    serial: u32,
}

impl Feed {
    /// These pixels have changed.
    pub(super) fn damage(&mut self, damage: &[LayerDamage]) {
        for LayerDamage { id, rects } in damage {
            let known = self.damage.entry(*id).or_default();
            known.extend_from_slice(rects);
            // As many rectangles as a present may have; beyond that their bounding box says enough.
            if known.len() > bailey_link::limits::MAX_DAMAGE_RECTS
                && let Some(all) = known.drain(..).reduce(Rect::bounding)
            {
                known.push(all);
            }
        }
    }

    /// The messages that bring the viewer from what it was told to `layers`, from bottom to top.
    pub(super) fn update(&mut self, layers: &[FeedLayer]) -> Vec<ToHost> {
        let mut messages = Vec::new();
        let present: HashSet<LayerId> = layers.iter().map(|layer| layer.id).collect();
        for layer in layers {
            self.tell(layer, &mut messages);
        }
        let gone: Vec<LayerId> = self.told.keys().filter(|id| !present.contains(id)).copied().collect();
        for LayerId(window) in &gone {
            messages.push(ToHost::WindowDeleted { window: *window });
            messages.push(ToHost::DestroyBuffer { buffer: *window });
        }
        self.told.retain(|id, _| present.contains(id));
        self.damage.clear();
        let order: Vec<u32> =
            layers.iter().rev().map(|layer| layer.id.0).take(bailey_link::limits::MAX_Z_ORDER).collect();
        if order != self.order {
            messages.push(ToHost::ZOrder { active: None, windows: order.clone() });
            self.order = order;
        }
        messages
    }

    fn tell(&mut self, layer: &FeedLayer, messages: &mut Vec<ToHost>) {
        let FeedLayer { id, rect, buffer } = *layer;
        let before = self.told.insert(id, (rect.origin(), buffer));
        let info = WindowInfo {
            id: id.0,
            offset: (rect.x, rect.y),
            size: (rect.width, rect.height),
            ..WindowInfo::default()
        };
        match before {
            None => messages.push(ToHost::WindowCreated(info)),
            Some((place, known)) if place != rect.origin() || known.size != buffer.size => {
                messages.push(ToHost::WindowUpdated(info));
            }
            Some(_) => {}
        }
        let known = before.map(|(_, buffer)| buffer);
        let damage = if known == Some(buffer) {
            let damage = self.damage.remove(&id).unwrap_or_default();
            damage.iter().filter_map(link_rect).collect()
        } else {
            if known.is_some() {
                messages.push(ToHost::DestroyBuffer { buffer: id.0 });
            }
            let FeedBuffer { offset, size: Size { width, height }, stride, opaque } = buffer;
            let format = if opaque { PixelFormat::Xrgb8888 } else { PixelFormat::Argb8888 };
            messages.push(ToHost::CreateBuffer { buffer: id.0, offset, width, height, stride, format });
            vec![LinkRect::new(0, 0, width, height)]
        };
        if !damage.is_empty() {
            self.serial = self.serial.wrapping_add(1);
            messages.push(ToHost::Present { window: id.0, buffer: id.0, serial: self.serial, damage });
        }
    }
}

fn link_rect(rect: &Rect) -> Option<LinkRect> {
    let (x, y) = (u32::try_from(rect.x).ok()?, u32::try_from(rect.y).ok()?);
    Some(LinkRect::new(x, y, rect.width, rect.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(id: u32, x: i32, side: u32) -> FeedLayer {
        let size = Size::new(side, side);
        let buffer = FeedBuffer { offset: u64::from(id) << 20, size, stride: side * 4, opaque: true };
        FeedLayer { id: LayerId(id), rect: Rect::at(Point::new(x, 0), size), buffer }
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut feed = Feed::default();
        let first = feed.update(&[layer(1, 0, 10), layer(2, 5, 10)]);
        assert_eq!(first.len(), 7, "{first:?}");
        assert!(matches!(&first[6], ToHost::ZOrder { windows, .. } if windows == &[2, 1]));
        assert_eq!(feed.update(&[layer(1, 0, 10), layer(2, 5, 10)]), []);

        feed.damage(&[LayerDamage { id: LayerId(1), rects: vec![Rect::new(1, 2, 3, 4)] }]);
        let damaged = feed.update(&[layer(1, 0, 10), layer(2, 6, 10)]);
        let [ToHost::Present { window: 1, damage, .. }, ToHost::WindowUpdated(info)] = &damaged[..] else {
            panic!("{damaged:?}")
        };
        assert_eq!((damage[0], info.offset), (LinkRect::new(1, 2, 3, 4), (6, 0)));

        let swapped = feed.update(&[layer(2, 6, 12)]);
        assert!(
            matches!(
                &swapped[..],
                [
                    ToHost::WindowUpdated(_),
                    ToHost::DestroyBuffer { buffer: 2 },
                    ToHost::CreateBuffer { buffer: 2, width: 12, .. },
                    ToHost::Present { window: 2, .. },
                    ToHost::WindowDeleted { window: 1 },
                    ToHost::DestroyBuffer { buffer: 1 },
                    ToHost::ZOrder { .. },
                ]
            ),
            "{swapped:?}"
        );
    }

    #[test]
    fn damage_waits_bounded() {
        let mut feed = Feed::default();
        feed.update(&[layer(1, 0, 100)]);
        for x in 0..10_000 {
            feed.damage(&[LayerDamage { id: LayerId(1), rects: vec![Rect::new(x % 50, 0, 1, 1)] }]);
        }
        let told = feed.update(&[layer(1, 0, 100)]);
        let [ToHost::Present { damage, .. }] = &told[..] else { panic!("{told:?}") };
        assert!(damage.len() <= bailey_link::limits::MAX_DAMAGE_RECTS);
        assert!(damage.iter().map(|rect| rect.right()).max() == Some(50));
    }
}
