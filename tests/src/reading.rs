//! Reading what stands on a picture, by Debian's `tesseract`: the last resort where an app leaves no other trace.

use std::process::{Command, Stdio};

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbaImage};

/// Shades below this are dark: letters are, frames are not.
const DARK: u8 = 115;

/// How a picture is put before the reader, which was trained on print.
#[derive(Clone, Copy, Debug)]
enum Pass {
    /// Twice as large: a screen's letters are small.
    Large,
    /// Twice as large and only what is dark: frames around fields and buttons make the reader take a line of text
    /// for a drawing.
    LargeDark,
    /// As it is, for headings.
    Plain,
}

impl Pass {
    const ALL: [Self; 3] = [Self::Large, Self::LargeDark, Self::Plain];

    fn scale(self) -> u32 {
        if matches!(self, Self::Plain) { 1 } else { 2 }
    }

    fn prepare(self, picture: &RgbaImage) -> GrayImage {
        let (width, height) = (picture.width() * self.scale(), picture.height() * self.scale());
        let large = imageops::resize(picture, width, height, FilterType::CatmullRom);
        let mut grey = DynamicImage::ImageRgba8(large).to_luma8();
        if matches!(self, Self::LargeDark) {
            grey.pixels_mut().for_each(|pixel| pixel.0[0] = if pixel.0[0] < DARK { 0 } else { 255 });
        }
        grey
    }
}

/// A word that was read.
#[derive(Clone, Debug)]
pub struct Word {
    /// Its letters.
    pub text: String,
    /// Its middle on the picture, in pixels.
    pub middle: (i64, i64),
}

/// A part of a picture: left, top, width, height, in pixels.
pub type Part = (i64, i64, i64, i64);

/// The words of a part of the picture, in the reader's order: one reading after the other, as they are asked for.
pub fn words(picture: &RgbaImage, part: Part) -> impl Iterator<Item = Vec<Word>> {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let (left, top) = (part.0.clamp(0, width), part.1.clamp(0, height));
    let (right, bottom) = ((part.0 + part.2).clamp(left, width), (part.1 + part.3).clamp(top, height));
    let side = |length: i64| u32::try_from(length).expect("clamped to the picture");
    let (wide, high) = (side(right - left), side(bottom - top));
    let crop = imageops::crop_imm(picture, side(left), side(top), wide, high).to_image();
    Pass::ALL.into_iter().filter(move |_| wide > 0 && high > 0).map(move |pass| {
        let table = read(&pass.prepare(&crop));
        table.lines().skip(1).filter_map(|row| word(row, (left, top), pass.scale())).collect()
    })
}

/// The texts of a part of the picture, read as [`words`] does, words set apart by single blanks.
pub fn texts(picture: &RgbaImage, part: Part) -> impl Iterator<Item = String> {
    words(picture, part).map(|words| {
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        words.join(" ")
    })
}

/// A row of tesseract's table: level, page, block, paragraph, line, word, left, top, width, height, confidence, text.
fn word(row: &str, origin: (i64, i64), scale: u32) -> Option<Word> {
    let fields: Vec<&str> = row.split('\t').collect();
    let text = fields.get(11)?.trim();
    let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
    let middle = |from: usize, length: usize| Some(number(from)? + number(length)? / 2);
    let scale = i64::from(scale);
    let place = (origin.0 + middle(6, 8)? / scale, origin.1 + middle(7, 9)? / scale);
    (!text.is_empty()).then(|| Word { text: text.to_owned(), middle: place })
}

fn read(picture: &GrayImage) -> String {
    let folder = tempfile::tempdir().expect("a folder for the reader");
    let path = folder.path().join("part.png");
    picture.save(&path).expect("the part as a file");
    // Sparse text: buttons and cells are no paragraphs.
    let output = Command::new("tesseract")
        .arg(&path)
        .args(["-", "--psm", "11", "tsv"])
        .env("OMP_THREAD_LIMIT", "1")
        .stderr(Stdio::null())
        .output()
        .expect("tesseract runs (Debian: tesseract-ocr)");
    assert!(output.status.success(), "tesseract: {}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
