//! Sets of pixels as lists of disjoint rectangles

use crate::geometry::Rect;

/// Rectangles beyond which a region is widened to its bounds when it may be.
const MANY_RECTS: usize = 64;

/// A set of pixels; its rectangles never overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Region {
    rects: Vec<Rect>,
}

impl Region {
    pub(crate) const fn new() -> Self {
        Self { rects: Vec::new() }
    }

    pub(crate) fn of(rect: Rect) -> Self {
        Self { rects: if rect.is_empty() { Vec::new() } else { vec![rect] } }
    }

    pub(crate) fn rects(&self) -> &[Rect] {
        &self.rects
    }

    pub(crate) fn into_rects(self) -> Vec<Rect> {
        self.rects
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Adds the pixels of `rect`.
    pub(crate) fn add(&mut self, rect: Rect) {
        if rect.is_empty() || self.rects.iter().any(|own| own.contains_rect(rect)) {
            return;
        }
        self.rects.retain(|own| !rect.contains_rect(*own));
        let mut fresh = Self::of(rect);
        for own in &self.rects {
            fresh.subtract(*own);
            if fresh.is_empty() {
                return;
            }
        }
        self.rects.append(&mut fresh.rects);
    }

    /// Takes the pixels of `rect` out.
    pub(crate) fn subtract(&mut self, rect: Rect) {
        if !self.rects.iter().any(|own| own.intersection(rect).is_some()) {
            return;
        }
        let old = core::mem::take(&mut self.rects);
        for own in old {
            match own.intersection(rect) {
                None => self.rects.push(own),
                Some(hole) => self.rects.extend(around(own, hole)),
            }
        }
    }

    /// The pixels within `rect`.
    pub(crate) fn within(&self, rect: Rect) -> Self {
        Self { rects: self.rects.iter().filter_map(|own| own.intersection(rect)).collect() }
    }

    /// Adds the pixels of `rect` to a region of damage, and perhaps more: what many rectangles cost stays bounded.
    pub(crate) fn add_damage(&mut self, rect: Rect) {
        self.add(rect);
        self.simplify();
    }

    /// Widens a region of very many rectangles to its bounds: for damage, where more is never wrong.
    pub(crate) fn simplify(&mut self) {
        if self.rects.len() > MANY_RECTS {
            let bounds = self.rects.iter().fold(Rect::default(), |all, rect| all.bounding(*rect));
            self.rects = vec![bounds];
        }
    }
}

/// The up to four parts of `outer` around `hole`, which lies within it.
fn around(outer: Rect, hole: Rect) -> impl Iterator<Item = Rect> {
    [
        Rect::from_edges(outer.x, outer.y, outer.right(), hole.y),
        Rect::from_edges(outer.x, hole.y, hole.x, hole.bottom()),
        Rect::from_edges(hole.right(), hole.y, outer.right(), hole.bottom()),
        Rect::from_edges(outer.x, hole.bottom(), outer.right(), outer.bottom()),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::Region;
    use crate::geometry::Rect;

    fn pixels(rects: &[Rect]) -> Vec<(i32, i32)> {
        rects
            .iter()
            .flat_map(|r| (r.x..r.right()).flat_map(move |x| (r.y..r.bottom()).map(move |y| (x, y))))
            .collect()
    }

    fn rect() -> impl Strategy<Value = Rect> {
        (-4..20i32, -4..20i32, 0..9u32, 0..9u32).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
    }

    proptest! {
        #[test]
        fn behaves_as_a_set_of_pixels(steps in prop::collection::vec((any::<bool>(), rect()), 0..12), clip in rect()) {
            let mut region = Region::new();
            let mut model = HashSet::new();
            for (add, rect) in steps {
                if add {
                    region.add(rect);
                    model.extend(pixels(&[rect]));
                } else {
                    region.subtract(rect);
                    for pixel in pixels(&[rect]) { model.remove(&pixel); }
                }
                let listed = pixels(region.rects());
                prop_assert_eq!(listed.len(), model.len(), "overlap in {:?}", region);
                prop_assert_eq!(&listed.into_iter().collect::<HashSet<_>>(), &model);
            }
            let clipped: HashSet<_> = pixels(region.within(clip).rects()).into_iter().collect();
            let wanted: HashSet<_> = pixels(&[clip]).into_iter().filter(|p| model.contains(p)).collect();
            prop_assert_eq!(clipped, wanted);
        }
    }
}
