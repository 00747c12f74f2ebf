//! Rectangles and the small sets of them that damage is kept in.

/// A rectangle in pixels or surface units; `width` and `height` of 0 or less mean empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Extent to the right.
    pub width: i32,
    /// Extent downwards.
    pub height: i32,
}

impl Rect {
    /// A rectangle from its left, top, width and height.
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width, height }
    }

    /// Whether it holds no pixel.
    pub const fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    /// One past the last column, without overflow.
    pub const fn right(self) -> i32 {
        self.x.saturating_add(self.width)
    }

    /// One past the last row, without overflow.
    pub const fn bottom(self) -> i32 {
        self.y.saturating_add(self.height)
    }

    /// What both hold; empty where they do not meet.
    pub fn intersect(self, other: Self) -> Self {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let width = self.right().min(other.right()).saturating_sub(x);
        let height = self.bottom().min(other.bottom()).saturating_sub(y);
        if width <= 0 || height <= 0 { Self::default() } else { Self { x, y, width, height } }
    }

    /// The smallest rectangle that holds both; an empty one counts as nothing.
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let x = self.x.min(other.x);
        let y = self.y.min(other.y);
        Self {
            x,
            y,
            width: self.right().max(other.right()).saturating_sub(x),
            height: self.bottom().max(other.bottom()).saturating_sub(y),
        }
    }

    /// The same rectangle, moved.
    pub const fn translate(self, dx: i32, dy: i32) -> Self {
        Self { x: self.x.saturating_add(dx), y: self.y.saturating_add(dy), ..self }
    }

    /// Whether the point lies inside.
    pub fn contains(self, x: f64, y: f64) -> bool {
        x >= f64::from(self.x)
            && y >= f64::from(self.y)
            && x < f64::from(self.right())
            && y < f64::from(self.bottom())
    }

    /// Whether every pixel of `other` lies inside.
    pub fn covers(self, other: Self) -> bool {
        self.intersect(other) == other
    }

    /// The same in the link's type; what lies left of or above the origin is cut off.
    pub fn to_link(self) -> bailey_link::Rect {
        let unsigned = |value: i32| u32::try_from(value).unwrap_or(0);
        let (x, y) = (self.x.max(0), self.y.max(0));
        let (width, height) = (self.right().saturating_sub(x), self.bottom().saturating_sub(y));
        bailey_link::Rect::new(unsigned(x), unsigned(y), unsigned(width), unsigned(height))
    }

    /// Pixels inside.
    pub fn area(self) -> i64 {
        if self.is_empty() { 0 } else { i64::from(self.width) * i64::from(self.height) }
    }
}

/// No coordinate that a client chooses is taken to be farther out, so that sums and differences of some
/// dozens of them cannot overflow.
const FARTHEST: i32 = 1 << 20;

/// A client's coordinate, kept to a million.
pub fn near(value: i32) -> i32 {
    value.clamp(-FARTHEST, FARTHEST)
}

/// Cuts a rectangle of pixels into strips of about `bytes` bytes, to bound the memory they are drawn in.
pub fn strips(rect: Rect, bytes: i64) -> impl Iterator<Item = Rect> {
    let row_bytes = i64::from(rect.width.max(1)) * 4;
    let rows = i32::try_from((bytes / row_bytes).max(1)).unwrap_or(1);
    let tops = (rect.y..rect.bottom()).step_by(usize::try_from(rows).unwrap_or(1));
    tops.map(move |top| Rect::new(rect.x, top, rect.width, rows.min(rect.bottom() - top)))
}

/// Rectangles kept apart before they are merged into their bounding box.
const MAX_RECTS: usize = 16;

/// A set of damaged rectangles that may overlap, bounded in length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    /// Adds a rectangle. Those it covers are dropped; past the bound all become one.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() || self.rects.iter().any(|known| known.covers(rect)) {
            return;
        }
        self.rects.retain(|known| !rect.covers(*known));
        self.rects.push(rect);
        if self.rects.len() > MAX_RECTS {
            let all = self.rects.iter().fold(Rect::default(), |all, rect| all.union(*rect));
            self.rects = vec![all];
        }
    }

    /// Takes the rectangles out, cut to `bounds`, and leaves the set empty.
    pub fn take_within(&mut self, bounds: Rect) -> Vec<Rect> {
        let cut = self.rects.drain(..).map(|rect| rect.intersect(bounds));
        cut.filter(|rect| !rect.is_empty()).collect()
    }

    /// Whether nothing is damaged.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.rects.clear();
    }
}

/// A `wl_region`: rectangles added and taken away, in the order in which that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Region {
    steps: Vec<(bool, Rect)>,
}

/// Steps of one region that are kept; a client that asks for more gets the bounding box of its additions.
const MAX_STEPS: usize = 1024;

impl Region {
    /// Adds a rectangle.
    pub fn add(&mut self, rect: Rect) {
        self.step(true, rect);
    }

    /// Takes a rectangle away.
    pub fn subtract(&mut self, rect: Rect) {
        self.step(false, rect);
    }

    fn step(&mut self, add: bool, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        if self.steps.len() >= MAX_STEPS {
            let added = self.steps.iter().filter(|(add, _)| *add);
            let all = added.fold(Rect::default(), |all, (_, rect)| all.union(*rect));
            self.steps = vec![(true, all)];
        }
        self.steps.push((add, rect));
    }

    /// Whether the point lies inside: the last step that names it decides.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.steps.iter().rev().find(|(_, rect)| rect.contains(x, y)).is_some_and(|(add, _)| *add)
    }

    /// Whether some single added rectangle, not cut by a later step, covers all of `rect`.
    /// May say no of a region that covers it in parts.
    pub fn surely_covers(&self, rect: Rect) -> bool {
        for (add, step) in self.steps.iter().rev() {
            if *add && step.covers(rect) {
                return true;
            }
            if !*add && !step.intersect(rect).is_empty() {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_rectangles_do_not_overflow() {
        let all = Rect::new(i32::MIN / 2, i32::MIN / 2, i32::MAX, i32::MAX);
        let odd = Rect::new(i32::MAX - 1, i32::MAX - 1, i32::MAX, i32::MAX);
        assert!(all.intersect(odd).is_empty());
        assert_eq!(all.intersect(Rect::new(0, 0, 5, 5)), Rect::new(0, 0, 5, 5));
        assert_eq!(odd.union(Rect::default()), odd);
        assert_eq!(odd.translate(i32::MAX, 0).x, i32::MAX);
    }

    #[test]
    fn damage_is_bounded_and_swallows_what_it_covers() {
        let mut damage = Damage::default();
        damage.add(Rect::new(2, 2, 2, 2));
        damage.add(Rect::new(0, 0, 10, 10));
        damage.add(Rect::new(1, 1, 1, 1));
        assert_eq!(damage.take_within(Rect::new(0, 0, 5, 5)), [Rect::new(0, 0, 5, 5)]);
        for index in 0..1000 {
            damage.add(Rect::new(index * 2, 0, 1, 1));
        }
        let rects = damage.take_within(Rect::new(0, 0, i32::MAX, i32::MAX));
        assert!(rects.len() <= MAX_RECTS);
        assert_eq!(rects.iter().fold(Rect::default(), |all, r| all.union(*r)), Rect::new(0, 0, 1999, 1));
    }

    #[test]
    fn later_region_steps_win() {
        let mut region = Region::default();
        region.add(Rect::new(0, 0, 10, 10));
        region.subtract(Rect::new(2, 2, 4, 4));
        region.add(Rect::new(3, 3, 1, 1));
        assert!(region.contains(1.0, 1.0));
        assert!(!region.contains(2.5, 2.5));
        assert!(region.contains(3.5, 3.5));
        assert!(!region.contains(10.0, 5.0));
        assert!(!region.surely_covers(Rect::new(0, 0, 10, 10)));
        assert!(region.surely_covers(Rect::new(3, 3, 1, 1)));
    }
}
