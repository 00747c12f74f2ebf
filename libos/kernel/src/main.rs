//! The freestanding kernel image.
