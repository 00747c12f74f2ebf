//! Pictures of the pointer for clients that ask by name: 17 x 17, black with a white edge.

use bailey_link::{PointerImage, PointerShape};

/// The pictures that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// The host's own arrow.
    Arrow,
    /// An I-beam.
    Text,
    /// A cross.
    Cross,
    /// Left and right.
    Horizontal,
    /// Up and down.
    Vertical,
    /// All four directions.
    Move,
    /// Top left to bottom right.
    Falling,
    /// Bottom left to top right.
    Rising,
    /// Not here.
    Forbidden,
    /// Busy.
    Wait,
    /// A hand that points.
    Hand,
}

/// Pixels per row, and rows.
const SIDE: usize = 17;

/// `#` black, `o` white, else transparent; with the pixel that points.
struct Drawing {
    hot_spot: (u32, u32),
    rows: [&'static str; SIDE],
}

/// The pointer shape of a picture.
pub fn shape(picture: Picture) -> PointerShape {
    let drawing = match picture {
        Picture::Arrow => return PointerShape::Default,
        Picture::Text => &TEXT,
        Picture::Cross => &CROSS,
        Picture::Horizontal => &HORIZONTAL,
        Picture::Vertical => &VERTICAL,
        Picture::Move => &MOVE,
        Picture::Falling => &FALLING,
        Picture::Rising => &RISING,
        Picture::Forbidden => &FORBIDDEN,
        Picture::Wait => &WAIT,
        Picture::Hand => &HAND,
    };
    let pixel = |mark: u8| match mark {
        b'#' => [0, 0, 0, 0xff],
        b'o' => [0xff; 4],
        _ => [0; 4],
    };
    let pixels = drawing.rows.iter().flat_map(|row| row.bytes()).flat_map(pixel).collect();
    let side = SIDE as u32;
    PointerShape::Image(PointerImage { width: side, height: side, hot_spot: drawing.hot_spot, pixels })
}

/// An I-beam.
#[rustfmt::skip]
static TEXT: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "     ooooooo     ",
        "     o##o##o     ",
        "     ooo#ooo     ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "     ooo#ooo     ",
        "     o##o##o     ",
        "     ooooooo     ",
    ],
};

/// A cross.
#[rustfmt::skip]
static CROSS: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "       ooo       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "oooooooo#oooooooo",
        "o###############o",
        "oooooooo#oooooooo",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       ooo       ",
    ],
};

/// An arrow to the left and right.
#[rustfmt::skip]
static HORIZONTAL: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "                 ",
        "                 ",
        "                 ",
        "                 ",
        "   ooo     ooo   ",
        "  oo#o     o#oo  ",
        " oo#oo     oo#oo ",
        "oo#ooooooooooo#oo",
        "o###############o",
        "oo#ooooooooooo#oo",
        " oo#oo     oo#oo ",
        "  oo#o     o#oo  ",
        "   ooo     ooo   ",
        "                 ",
        "                 ",
        "                 ",
        "                 ",
    ],
};

/// An arrow up and down.
#[rustfmt::skip]
static VERTICAL: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "       ooo       ",
        "      oo#oo      ",
        "     oo###oo     ",
        "    oo#o#o#oo    ",
        "    o#oo#oo#o    ",
        "    oooo#oooo    ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "       o#o       ",
        "    oooo#oooo    ",
        "    o#oo#oo#o    ",
        "    oo#o#o#oo    ",
        "     oo###oo     ",
        "      oo#oo      ",
        "       ooo       ",
    ],
};

/// Arrows in all four directions.
#[rustfmt::skip]
static MOVE: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "       ooo       ",
        "      oo#oo      ",
        "     oo###oo     ",
        "    oo#o#o#oo    ",
        "   oo#oo#oo#oo   ",
        "  oo#ooo#ooo#oo  ",
        " oo#oo o#o oo#oo ",
        "oo#ooooo#ooooo#oo",
        "o###############o",
        "oo#ooooo#ooooo#oo",
        " oo#oo o#o oo#oo ",
        "  oo#ooo#ooo#oo  ",
        "   oo#oo#oo#oo   ",
        "    oo#o#o#oo    ",
        "     oo###oo     ",
        "      oo#oo      ",
        "       ooo       ",
    ],
};

/// An arrow from the top left to the bottom right.
#[rustfmt::skip]
static FALLING: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "                 ",
        " ooooooo         ",
        " o#####o         ",
        " o##oooo         ",
        " o#o#oo          ",
        " o#oo#oo         ",
        " o#ooo#oo        ",
        " ooo oo#oo       ",
        "      oo#oo      ",
        "       oo#oo ooo ",
        "        oo#ooo#o ",
        "         oo#oo#o ",
        "          oo#o#o ",
        "         oooo##o ",
        "         o#####o ",
        "         ooooooo ",
        "                 ",
    ],
};

/// An arrow from the bottom left to the top right.
#[rustfmt::skip]
static RISING: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "                 ",
        "         ooooooo ",
        "         o#####o ",
        "         oooo##o ",
        "          oo#o#o ",
        "         oo#oo#o ",
        "        oo#ooo#o ",
        "       oo#oo ooo ",
        "      oo#oo      ",
        " ooo oo#oo       ",
        " o#ooo#oo        ",
        " o#oo#oo         ",
        " o#o#oo          ",
        " o##oooo         ",
        " o#####o         ",
        " ooooooo         ",
        "                 ",
    ],
};

/// A circle with a bar.
#[rustfmt::skip]
static FORBIDDEN: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "      ooooo      ",
        "    ooo###ooo    ",
        "  ooo#######ooo  ",
        "  o###ooooo###o  ",
        " oo##oo   oo##oo ",
        " o##o#oo   oo##o ",
        "oo#ooo#oo   oo#oo",
        "o##o oo#oo   o##o",
        "o##o  oo#oo  o##o",
        "o##o   oo#oo o##o",
        "oo#oo   oo#ooo#oo",
        " o##oo   oo#o##o ",
        " oo##oo   oo##oo ",
        "  o###ooooo###o  ",
        "  ooo#######ooo  ",
        "    ooo###ooo    ",
        "      ooooo      ",
    ],
};

/// An hourglass.
#[rustfmt::skip]
static WAIT: Drawing = Drawing {
    hot_spot: (8, 8),
    rows: [
        "  ooooooooooooo  ",
        "  o###########o  ",
        "  oo#ooooooo#oo  ",
        "   oo#oo oo#oo   ",
        "    oo#ooo#oo    ",
        "     oo#o#oo     ",
        "      oo#oo      ",
        "       o#o       ",
        "       ooo       ",
        "       o#o       ",
        "      oo#oo      ",
        "     oo#o#oo     ",
        "    oo#####oo    ",
        "   oo#######oo   ",
        "  oo#########oo  ",
        "  o###########o  ",
        "  ooooooooooooo  ",
    ],
};

/// A hand that points.
#[rustfmt::skip]
static HAND: Drawing = Drawing {
    hot_spot: (5, 0),
    rows: [
        "     ##          ",
        "    #oo#         ",
        "    #oo#         ",
        "    #oo#         ",
        "    #oo####      ",
        "    #oo#oo###    ",
        "    #oo#oo#oo##  ",
        "  ###oo#oo#oo#o# ",
        " #oo#oo#oo#oo#oo#",
        " #ooo#oooooooooo#",
        "  #ooooooooooooo#",
        "   #oooooooooooo#",
        "   #ooooooooooo# ",
        "    #oooooooooo# ",
        "     #oooooooo#  ",
        "     #oooooooo#  ",
        "     ##########  ",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_whole_and_points_inside() {
        use Picture::{Cross, Falling, Forbidden, Hand, Horizontal, Move, Rising, Text, Vertical, Wait};
        for picture in [Text, Cross, Horizontal, Vertical, Move, Falling, Rising, Forbidden, Wait, Hand] {
            let PointerShape::Image(image) = shape(picture) else { panic!("{picture:?} has no image") };
            assert!(image.is_consistent(), "{picture:?}");
            assert!(
                image.pixels.chunks(4).any(|pixel| pixel == [0, 0, 0, 255]),
                "{picture:?} shows something"
            );
        }
        assert_eq!(shape(Picture::Arrow), PointerShape::Default);
    }
}
