//! Keys as RDP sends them and keys as Wayland wants them: scancodes, keymaps, modifiers; pointer pictures.

pub mod keymap;
pub mod modifiers;
pub mod scancode;
pub mod shapes;
