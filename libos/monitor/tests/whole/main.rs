//! Whole instances, with a kernel image of the tests' own: what the kernel is given, what it can reach,
//! and how instances end.

mod control;
mod files;
mod instance;
mod limits;
mod support;
mod terminal;
