//! Text of the host's own making: titles and labels, made harmless and drawn with an embedded font

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use crate::paint::{Colour, Painter};

/// Longest text kept of what an instance sends, in characters.
const MAX_CHARS: usize = 200;

/// Longest instance name shown.
const MAX_NAME_CHARS: usize = 32;

/// Drops what could make a text look like another one or spill out of its place: controls, line breaks, characters
/// that turn the direction of writing (Unicode TR 9) or join invisibly, stacked marks, private use; collapses blanks.
pub(crate) fn sanitise(text: &str) -> String {
    clean(text, MAX_CHARS)
}

/// The same for an instance's name, which is shorter and never empty.
pub(crate) fn sanitise_name(name: &str) -> String {
    let name = clean(name, MAX_NAME_CHARS);
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn clean(text: &str, max: usize) -> String {
    let mut out = String::new();
    // An instance may send a megabyte: look at no more of it than could ever be shown.
    for c in text.chars().take(max * 4) {
        let c = if c.is_whitespace() { ' ' } else { c };
        let blank_after_blank = c == ' ' && (out.is_empty() || out.ends_with(' '));
        if c.is_control() || is_deceptive(c) || blank_after_blank {
            continue;
        }
        out.push(c);
    }
    let kept: String = out.trim_end().chars().take(max).collect();
    kept
}

fn is_deceptive(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x34f // soft hyphen, grapheme joiner
            | 0x300..=0x36f | 0x483..=0x489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f // combining marks
            | 0x61c | 0x180b..=0x180f | 0x115f..=0x1160 | 0x3164 | 0xffa0 // invisible letters
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f // zero width, separators, bidi controls
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xfffb // variation selectors, byte order mark, specials
            | 0xe000..=0xf8ff | 0xe0000.. // private use, tags, planes 15 and 16
    )
}

/// Weight of the letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// How a text is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    /// Height of a line in pixels.
    pub(crate) height: f32,
    pub(crate) colour: Colour,
}

/// The embedded fonts: DejaVu Sans, which covers the Latin, Greek, Cyrillic, Arabic, Hebrew and many other scripts.
pub(crate) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Fonts {
    pub(crate) fn new() -> Self {
        Self {
            regular: FontRef::try_from_slice(dejavu::sans::regular())
                .expect("the embedded font is well formed"),
            bold: FontRef::try_from_slice(dejavu::sans::bold()).expect("the embedded font is well formed"),
        }
    }

    fn font(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Width of `text` in pixels, rounded up.
    pub(crate) fn width(&self, text: &str, weight: Weight, height: f32) -> u32 {
        let font = self.font(weight).as_scaled(PxScale::from(height));
        let mut width = 0.0;
        let mut last = None;
        for c in text.chars() {
            let glyph = font.glyph_id(c);
            width += last.map_or(0.0, |last| font.kern(last, glyph)) + font.h_advance(glyph);
            last = Some(glyph);
        }
        to_pixels(width.ceil())
    }

    /// `text`, or as much of it as fits into `width` pixels with an ellipsis after it.
    pub(crate) fn fit(&self, text: &str, weight: Weight, height: f32, width: u32) -> String {
        if self.width(text, weight, height) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let shorter: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if self.width(&shorter, weight, height) <= width {
                return shorter;
            }
        }
        String::new()
    }

    /// Draws `text` from `x` on, its line centred on row `middle`.
    pub(crate) fn draw(&self, painter: &mut Painter<'_>, text: &str, x: i32, middle: i32, style: Style) {
        let font = self.font(style.weight).as_scaled(PxScale::from(style.height));
        let baseline = middle as f32 + (font.ascent() + font.descent()) / 2.0;
        let mut caret = x as f32;
        let mut last = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            caret += last.map_or(0.0, |last| font.kern(last, id));
            let glyph = Glyph { id, scale: font.scale(), position: point(caret, baseline.round()) };
            if let Some(outline) = font.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
                outline.draw(|dx, dy, coverage| {
                    painter.blend(left + dx as i32, top + dy as i32, style.colour, coverage);
                });
            }
            caret += font.h_advance(id);
            last = Some(id);
        }
    }
}

fn to_pixels(length: f32) -> u32 {
    // A text has at most MAX_CHARS letters: far from what a u32 holds.
    length.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::{Fonts, Weight, sanitise, sanitise_name};

    #[test]
    fn drops_controls_and_direction_overrides() {
        assert_eq!(sanitise("a\u{202e}b\n\tc\u{0}\u{200f}d\u{7f}"), "ab cd");
        assert_eq!(sanitise("  \u{feff}x   y  "), "x y");
        assert_eq!(sanitise("z\u{351}\u{352}a"), "za");
        assert_eq!(sanitise("Größe — файл"), "Größe — файл");
    }

    #[test]
    fn bounds_what_is_kept() {
        assert_eq!(sanitise(&"x".repeat(1 << 20)).len(), 200);
        assert_eq!(sanitise_name("\u{202e}"), "unnamed");
        assert_eq!(sanitise_name(&"n".repeat(99)).len(), 32);
    }

    #[test]
    fn fits_with_an_ellipsis() {
        let fonts = Fonts::new();
        let whole = fonts.width("a long title", Weight::Regular, 15.0);
        assert_eq!(fonts.fit("a long title", Weight::Regular, 15.0, whole), "a long title");
        let cut = fonts.fit("a long title", Weight::Regular, 15.0, whole - 1);
        assert!(cut.ends_with('…') && fonts.width(&cut, Weight::Regular, 15.0) < whole);
        assert_eq!(fonts.fit("a long title", Weight::Regular, 15.0, 1), "");
    }
}
