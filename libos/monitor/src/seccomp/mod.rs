//! seccomp filters, made from data: the instance's from [`bailey_abi::host::RULES`], the monitor's
//! own from [`own::CALLS`], its network process's from [`network::CALLS`].

mod bpf;
mod instance;
pub mod network;
pub mod own;

pub use instance::instance_filter;
pub use network::filter as network_filter;
