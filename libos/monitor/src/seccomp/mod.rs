//! seccomp filters, made from data: the instance's from [`bailey_abi::host::RULES`], the monitor's
//! own from [`own::CALLS`].

mod bpf;
mod instance;
pub mod own;

pub use instance::instance_filter;
