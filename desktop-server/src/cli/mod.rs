//! The command line: a file for each verb.

mod abi;
mod args;
mod attach;
mod client;
mod counted;
mod instances;
mod logs;
mod run;
mod say;
mod serve;
mod syscalls;
mod user;
mod view;

pub use args::{Args, run};
