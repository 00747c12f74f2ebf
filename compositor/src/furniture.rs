//! What the host itself puts on the desktop: the background, and the task strip with an entry for every window

use crate::desktop::Desktop;
use crate::geometry::{Point, Rect, Size};
use crate::paint::{Colour, Painter};
use crate::pixels::{PixelStore, StoreFull};
use crate::scene::Node;
use crate::surface::{LayerIds, Surface};
use crate::text::{Fonts, Style, Weight};
use crate::window::{ShowState, WindowKey};

/// Pixels of the task strip, down.
pub(crate) const STRIP_HEIGHT: u32 = 36;

const BACKGROUND_TOP: Colour = Colour::rgb(0x3a_4a_5c);
const BACKGROUND_BOTTOM: Colour = Colour::rgb(0x1d_26_31);
const STRIP: Colour = Colour::rgb(0x14_18_1d);
const STRIP_EDGE: Colour = Colour::rgb(0x2c_33_3c);
const ENTRY: Colour = Colour::rgb(0x1f_25_2c);
const ENTRY_HOVER: Colour = Colour::rgb(0x2a_31_3a);
const ENTRY_FOCUSED: Colour = Colour::rgb(0x37_40_4c);
const INK: Colour = Colour::rgb(0xe8_ec_f0);
const INK_DIM: Colour = Colour::rgb(0x86_90_9b);
const ATTENTION: Colour = Colour::rgb(0xff_c8_4a);

const TEXT_HEIGHT: f32 = 14.0;
/// Room for the desktop's own name, at the left.
const NAME_WIDTH: u32 = 84;
const ENTRY_WIDTH: core::ops::RangeInclusive<u32> = 44..=230;
const ENTRY_GAP: u32 = 4;

/// Where the task strip is.
pub(crate) fn strip_rect(desktop: Size) -> Rect {
    let height = STRIP_HEIGHT.min(desktop.height);
    Rect::new(0, (desktop.height - height) as i32, desktop.width, height)
}

/// An entry of the task strip.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: WindowKey,
    colour: Colour,
    instance: String,
    title: String,
    minimised: bool,
    focused: bool,
    hover: bool,
    attention: bool,
    /// Chosen by Alt+Tab so far.
    chosen: bool,
}

/// The host's own layers.
pub(crate) struct Furniture {
    pub(crate) background: Surface,
    pub(crate) strip: Surface,
    /// What the strip shows now.
    entries: Vec<Entry>,
    cascade: i32,
}

impl Furniture {
    pub(crate) fn new(
        desktop: Size,
        store: &mut dyn PixelStore,
        ids: &mut LayerIds,
        fonts: &Fonts,
    ) -> Result<Self, StoreFull> {
        let (background, strip) = surfaces(desktop, store, ids)?;
        let mut furniture = Self { background, strip, entries: Vec::new(), cascade: 0 };
        furniture.paint(fonts);
        Ok(furniture)
    }

    pub(crate) fn resize(
        &mut self,
        desktop: Size,
        store: &mut dyn PixelStore,
        ids: &mut LayerIds,
        fonts: &Fonts,
    ) -> Result<(), StoreFull> {
        let (background, strip) = surfaces(desktop, store, ids)?;
        ids.give_back(core::mem::replace(&mut self.background, background).id);
        ids.give_back(core::mem::replace(&mut self.strip, strip).id);
        self.paint(fonts);
        Ok(())
    }

    /// Counts windows that were placed, from 0.
    pub(crate) fn next_cascade_step(&mut self) -> i32 {
        let step = self.cascade;
        self.cascade = (self.cascade + 1) % 1024;
        step
    }

    fn paint(&mut self, fonts: &Fonts) {
        paint_background(&mut self.background);
        self.paint_strip(fonts);
    }

    fn paint_strip(&mut self, fonts: &Fonts) {
        let size = self.strip.size;
        let mut painter = Painter::new(self.strip.storage.bytes_mut(), size);
        painter.fill_all(STRIP);
        painter.fill(Rect::new(0, 0, size.width, 1), STRIP_EDGE);
        let style = Style { weight: Weight::Bold, height: TEXT_HEIGHT + 1.0, colour: INK_DIM };
        let middle = size.height as i32 / 2;
        fonts.draw(&mut painter, "Bailey", 16, middle, style);
        for (at, entry) in self.entries.iter().enumerate() {
            if let Some(place) = entry_rect(size.width, self.entries.len(), at) {
                paint_entry(&mut painter, place, entry, fonts);
            }
        }
        self.strip.touch_all();
    }
}

fn surfaces(
    desktop: Size,
    store: &mut dyn PixelStore,
    ids: &mut LayerIds,
) -> Result<(Surface, Surface), StoreFull> {
    let (below, above) = (ids.take(), ids.take());
    let made = Surface::new(below, desktop, store)
        .and_then(|background| Ok((background, Surface::new(above, strip_rect(desktop).size(), store)?)));
    if made.is_err() {
        ids.give_back(above);
        ids.give_back(below);
    }
    made
}

/// Every row in one colour, so that the background costs remote viewers next to nothing.
fn paint_background(surface: &mut Surface) {
    let size = surface.size;
    let mut painter = Painter::new(surface.storage.bytes_mut(), size);
    for y in 0..size.height {
        let share = 256 - (u64::from(y) * 256 / u64::from(size.height)) as u16;
        painter.fill(Rect::new(0, y as i32, size.width, 1), BACKGROUND_TOP.mix(BACKGROUND_BOTTOM, share));
    }
    surface.touch_all();
}

/// Place of entry `at` of `count`, relative to the strip; `None` if there is no room for it.
fn entry_rect(strip_width: u32, count: usize, at: usize) -> Option<Rect> {
    let room = strip_width.saturating_sub(NAME_WIDTH + ENTRY_GAP);
    let count = u32::try_from(count).ok()?.max(1);
    let width = (room / count).saturating_sub(ENTRY_GAP).clamp(*ENTRY_WIDTH.start(), *ENTRY_WIDTH.end());
    let x = NAME_WIDTH + u32::try_from(at).ok()?.checked_mul(width + ENTRY_GAP)?;
    (x + width <= strip_width).then(|| Rect::new(x as i32, 5, width, STRIP_HEIGHT - 9))
}

fn paint_entry(painter: &mut Painter<'_>, place: Rect, entry: &Entry, fonts: &Fonts) {
    let ground = match entry {
        Entry { chosen: true, .. } => entry.colour.mix(ENTRY_FOCUSED, 120),
        Entry { focused: true, .. } => ENTRY_FOCUSED,
        Entry { hover: true, .. } => ENTRY_HOVER,
        _ => ENTRY,
    };
    painter.fill_rounded(place, 4.0, ground);
    let bar = Rect::new(place.x + 4, place.y + 5, 4, place.height - 10);
    painter.fill_rounded(
        bar,
        2.0,
        if entry.minimised { entry.colour.mix(ground, 130) } else { entry.colour },
    );
    if entry.focused {
        painter.fill(Rect::new(place.x + 4, place.bottom() - 2, place.width - 8, 2), entry.colour);
    }
    let ink = if entry.minimised { INK_DIM } else { INK };
    let middle = place.y + place.height as i32 / 2;
    let left = place.x + 14;
    let mut room = place.width.saturating_sub(14 + 8);
    if entry.attention {
        let dot = Rect::new(place.right() - 13, middle - 4, 8, 8);
        painter.fill_rounded(dot, 4.0, ATTENTION);
        room = room.saturating_sub(12);
    }
    let name = fonts.fit(&entry.instance, Weight::Bold, TEXT_HEIGHT, room);
    let name_width = fonts.width(&name, Weight::Bold, TEXT_HEIGHT) + 6;
    fonts.draw(
        painter,
        &name,
        left,
        middle,
        Style { weight: Weight::Bold, height: TEXT_HEIGHT, colour: ink },
    );
    let title = fonts.fit(&entry.title, Weight::Regular, TEXT_HEIGHT, room.saturating_sub(name_width));
    let style = Style { weight: Weight::Regular, height: TEXT_HEIGHT, colour: ink.mix(ground, 200) };
    fonts.draw(painter, &title, left.saturating_add_unsigned(name_width), middle, style);
}

impl Desktop {
    /// Windows with an entry in the task strip, in its order.
    pub(crate) fn listed_windows(&self) -> Vec<WindowKey> {
        let listed = |node: &Node| node.content.is_some() && node.info.show_state != ShowState::Hidden;
        let mut nodes: Vec<&Node> = self
            .scene
            .roots()
            .iter()
            .filter_map(|key| self.scene.get(*key))
            .filter(|node| listed(node))
            .collect();
        nodes.sort_by_key(|node| node.born);
        nodes.into_iter().map(|node| node.key).collect()
    }

    /// The window whose entry is at this place of the desktop.
    pub(crate) fn entry_at(&self, point: Point) -> Option<WindowKey> {
        let strip = strip_rect(self.size);
        let local = point.offset(-strip.x, -strip.y);
        let keys = self.listed_windows();
        let under =
            |at: &usize| entry_rect(strip.width, keys.len(), *at).is_some_and(|place| place.contains(local));
        (0..keys.len()).find(under).map(|at| keys[at])
    }

    /// Paints the task strip again if it should look different.
    pub(crate) fn update_strip(&mut self) {
        let focused_root = self.seat.focus.map(|focus| self.scene.root_of(focus));
        let chosen =
            self.seat.switcher.as_ref().and_then(|switcher| switcher.order.get(switcher.at).copied());
        let entry = |key: WindowKey| {
            let node = self.scene.get(key)?;
            let instance = self.scene.instances.get(&key.instance)?;
            Some(Entry {
                key,
                colour: instance.colour,
                instance: instance.name.clone(),
                title: node.info.title.clone(),
                minimised: node.minimised,
                focused: focused_root == Some(key),
                hover: self.seat.hover_entry == Some(key),
                attention: node.attention,
                chosen: chosen == Some(key),
            })
        };
        let entries: Vec<Entry> = self.listed_windows().into_iter().filter_map(entry).collect();
        if entries != self.furniture.entries {
            self.furniture.entries = entries;
            self.furniture.paint_strip(&self.fonts);
        }
    }
}
