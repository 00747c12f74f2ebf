//! What of the desktop looks different: found by comparing the layers with those of the last time
//!
//! Nothing in the scene has to remember to report a move or a restack: whatever changed in the stack of layers is seen
//! here. Only changes of pixels within a layer are collected where they are made, in its `Surface`.

use std::collections::{BTreeMap, HashMap};

use crate::desktop::Desktop;
use crate::geometry::{Point, Rect};
use crate::layer::LayerId;
use crate::region::Region;

/// Rectangles beyond which what covers what is no longer worked out.
const MANY_COVERS: usize = 256;

/// The layers as they were when damage was last taken, from bottom to top.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    layers: Vec<(LayerId, Rect)>,
}

impl Desktop {
    pub(crate) fn collect_damage(&mut self) -> Vec<Rect> {
        let now: Vec<(LayerId, Rect, bool)> =
            self.stacked_layers().iter().map(|layer| (layer.id, layer.rect, layer.opaque)).collect();
        let mut changed: BTreeMap<LayerId, Region> = BTreeMap::new();
        self.each_surface(|surface| {
            changed.insert(surface.id, core::mem::take(&mut surface.changed));
        });

        let layers: Vec<(LayerId, Rect)> = now.iter().map(|(id, rect, _)| (*id, *rect)).collect();
        let mut damage = moved(&self.shown.layers, &layers);
        self.shown.layers = layers;

        // From top to bottom: what opaque layers above cover does not show.
        let mut above = Region::new();
        for (id, rect, opaque) in now.iter().rev() {
            if let Some(region) = changed.get(id) {
                let mut visible = Region::new();
                for part in region.rects() {
                    if let Some(part) = part.translated(rect.x, rect.y).intersection(*rect) {
                        visible.add(part);
                    }
                }
                above.rects().iter().for_each(|cover| visible.subtract(*cover));
                visible.rects().iter().for_each(|part| damage.add_damage(*part));
            }
            // Where windows are very many, hidden pixels count as damage too rather than cost much to find out.
            if *opaque && above.rects().len() < MANY_COVERS {
                above.add(*rect);
            }
        }
        let mut damage = damage.within(Rect::at(Point::default(), self.size));
        damage.simplify();
        damage.into_rects()
    }
}

/// What shows that layers came, went, moved or changed places in the stack.
fn moved(before: &[(LayerId, Rect)], after: &[(LayerId, Rect)]) -> Region {
    let mut damage = Region::new();
    let old: HashMap<LayerId, (usize, Rect)> =
        before.iter().enumerate().map(|(place, (id, rect))| (*id, (place, *rect))).collect();
    let new: HashMap<LayerId, Rect> = after.iter().copied().collect();
    for (id, rect) in before {
        if new.get(id) != Some(rect) {
            damage.add_damage(*rect);
        }
    }
    let mut kept = Vec::new();
    for (id, rect) in after {
        match old.get(id) {
            Some((place, was)) => {
                kept.push((*place, *rect));
                if was != rect {
                    damage.add_damage(*rect);
                }
            }
            None => damage.add_damage(*rect),
        }
    }
    // Two layers that changed places cannot both be on one ascending run: what is off the longest one covers it all.
    let places: Vec<usize> = kept.iter().map(|(place, _)| *place).collect();
    let mut in_order = longest_ascending(&places).into_iter().peekable();
    for (at, (_, rect)) in kept.iter().enumerate() {
        if in_order.next_if_eq(&at).is_none() {
            damage.add_damage(*rect);
        }
    }
    damage
}

/// Indices of a longest ascending subsequence of distinct numbers (patience sorting).
fn longest_ascending(numbers: &[usize]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let pile = tails.partition_point(|tail| numbers[*tail] < *number);
        before.push(pile.checked_sub(1).map(|pile| tails[pile]));
        if pile == tails.len() {
            tails.push(at);
        } else {
            tails[pile] = at;
        }
    }
    let mut run: Vec<usize> = core::iter::successors(tails.last().copied(), |at| before[*at]).collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::longest_ascending;

    #[test]
    fn finds_what_need_not_move() {
        assert_eq!(longest_ascending(&[]), [] as [usize; 0]);
        assert_eq!(longest_ascending(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(longest_ascending(&[0, 2, 3, 1]), [0, 1, 2]);
        assert_eq!(longest_ascending(&[3, 0, 1, 2]), [1, 2, 3]);
    }
}
