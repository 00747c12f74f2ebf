//! An instance as the desktop knows it

use std::sync::Arc;

use crate::action::PointerImage;
use crate::paint::Colour;

/// What an instance's pointer looks like, once checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum CheckedPointer {
    #[default]
    Default,
    Hidden,
    Image(Arc<PointerImage>),
}

/// An instance.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Its name, made harmless.
    pub(crate) name: String,
    pub(crate) colour: Colour,
    pub(crate) windows: usize,
    /// Bytes of pixels over its windows and their frames.
    pub(crate) bytes: u64,
    pub(crate) pointer: CheckedPointer,
    /// False until its first window came up: that one may take the focus.
    pub(crate) had_window: bool,
}

impl Instance {
    pub(crate) fn new(name: String, colour: Colour) -> Self {
        Self { name, colour, windows: 0, bytes: 0, pointer: CheckedPointer::Default, had_window: false }
    }
}
