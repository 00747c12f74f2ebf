//! How a frame looks

use super::metrics::{BORDER, BUTTON, FrameButton, Layout, TITLE};
use crate::geometry::Rect;
use crate::paint::{Colour, Painter};
use crate::surface::Surface;
use crate::text::{Fonts, Style, Weight};

const BAR_FOCUSED: Colour = Colour::rgb(0x2e_36_41);
const BAR_UNFOCUSED: Colour = Colour::rgb(0x21_26_2d);
const TITLE_FOCUSED: Colour = Colour::rgb(0xf3_f6_f9);
const TITLE_UNFOCUSED: Colour = Colour::rgb(0x93_9d_a8);
const CLOSE_HOVER: Colour = Colour::rgb(0xd6_45_45);
/// Shown behind content that is smaller than its frame, and through transparent pixels of a top-level.
pub(crate) const MATTE: Colour = Colour::rgb(0x1a_1e_24);

const TEXT_HEIGHT: f32 = 15.0;
const LABEL_HEIGHT: u32 = 20;

/// All that a frame's look depends on besides its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) title: String,
    pub(crate) instance: String,
    pub(crate) colour: Colour,
    pub(crate) focused: bool,
    pub(crate) maximised: bool,
    pub(crate) resizable: bool,
    /// The button under the pointer.
    pub(crate) hover: Option<FrameButton>,
    pub(crate) popup: bool,
}

impl Look {
    fn border(&self) -> Colour {
        if self.focused || self.popup { self.colour } else { self.colour.mix(BAR_UNFOCUSED, 150) }
    }
}

/// Paints one side of a frame: 0 top, 1 left, 2 right, 3 bottom.
pub(crate) fn paint(side: usize, surface: &mut Surface, layout: &Layout, look: &Look, fonts: &Fonts) {
    let place = layout.sides()[side];
    let size = surface.size;
    let mut painter = Painter::new(surface.storage.bytes_mut(), size);
    painter.fill_all(look.border());
    // What lies between the content and the border, where the content is smaller than its frame.
    let border = layout.insets.side as i32;
    let room = Rect::from_edges(
        layout.outer.x + border,
        layout.outer.y + layout.insets.top as i32,
        layout.outer.right() - border,
        layout.outer.bottom() - border,
    );
    if let Some(gap) = room.intersection(place) {
        painter.fill(gap.translated(-place.x, -place.y), MATTE);
    }
    if side == 0 && !look.popup {
        paint_bar(&mut painter, layout, look, fonts);
    }
}

fn paint_bar(painter: &mut Painter<'_>, layout: &Layout, look: &Look, fonts: &Fonts) {
    let bar = if look.focused { BAR_FOCUSED } else { BAR_UNFOCUSED };
    let width = painter.size().width;
    let inner = width.saturating_sub(2 * BORDER);
    painter.fill(Rect::new(BORDER as i32, BORDER as i32, inner, TITLE), bar);

    let middle = (BORDER + TITLE / 2) as i32;
    let after_label = paint_label(painter, layout, look, fonts, middle);
    let buttons = layout.button(FrameButton::Minimise, look.resizable).map_or(0, |place| place.x);
    let room = u32::try_from(buttons - after_label - 6).unwrap_or(0);
    let title = fonts.fit(&look.title, Weight::Regular, TEXT_HEIGHT, room);
    let colour = if look.focused { TITLE_FOCUSED } else { TITLE_UNFOCUSED };
    fonts.draw(
        painter,
        &title,
        after_label,
        middle,
        Style { weight: Weight::Regular, height: TEXT_HEIGHT, colour },
    );

    for button in FrameButton::ALL {
        if let Some(place) = layout.button(button, look.resizable) {
            paint_button(painter, place, button, look, bar);
        }
    }
}

/// Draws the instance's name on its colour; returns the column after it.
fn paint_label(painter: &mut Painter<'_>, layout: &Layout, look: &Look, fonts: &Fonts, middle: i32) -> i32 {
    let left = BORDER as i32 + 6;
    let buttons = layout.button(FrameButton::Minimise, look.resizable).map_or(0, |place| place.x);
    let room = u32::try_from(buttons - left - 24).unwrap_or(0);
    let name = fonts.fit(&look.instance, Weight::Bold, TEXT_HEIGHT - 1.0, room);
    let width = fonts.width(&name, Weight::Bold, TEXT_HEIGHT - 1.0) + 16;
    let ground = if look.focused { look.colour } else { look.colour.mix(BAR_UNFOCUSED, 190) };
    painter.fill_rounded(Rect::new(left, middle - LABEL_HEIGHT as i32 / 2, width, LABEL_HEIGHT), 5.0, ground);
    let style = Style { weight: Weight::Bold, height: TEXT_HEIGHT - 1.0, colour: ground.contrasting() };
    fonts.draw(painter, &name, left + 8, middle, style);
    left.saturating_add_unsigned(width) + 8
}

fn paint_button(painter: &mut Painter<'_>, rect: Rect, button: FrameButton, look: &Look, bar: Colour) {
    let mut ink = if look.focused { TITLE_FOCUSED } else { TITLE_UNFOCUSED };
    if look.hover == Some(button) {
        let ground = if button == FrameButton::Close { CLOSE_HOVER } else { TITLE_FOCUSED.mix(bar, 46) };
        painter.fill(rect, ground);
        ink = TITLE_FOCUSED;
    }
    let (x, y) = (rect.x as f32 + BUTTON as f32 / 2.0, rect.y as f32 + TITLE as f32 / 2.0);
    let mut stroke =
        |x0: f32, y0: f32, x1: f32, y1: f32| painter.line((x + x0, y + y0), (x + x1, y + y1), 1.3, ink);
    match button {
        FrameButton::Minimise => stroke(-5.0, 4.0, 5.0, 4.0),
        FrameButton::Close => {
            stroke(-4.5, -4.5, 4.5, 4.5);
            stroke(-4.5, 4.5, 4.5, -4.5);
        }
        FrameButton::Maximise => {
            let near = if look.maximised { 3.5 } else { 5.0 };
            for (x0, y0, x1, y1) in [
                (-near, -near, near, -near),
                (near, -near, near, near),
                (near, near, -near, near),
                (-near, near, -near, -near),
            ] {
                stroke(x0, y0, x1, y1);
            }
            if look.maximised {
                stroke(-1.0, -6.0, 6.0, -6.0);
                stroke(6.0, -6.0, 6.0, 1.0);
            }
        }
    }
}
