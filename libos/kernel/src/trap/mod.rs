//! The way into the kernel and out of it.
//!
//! * `handlers`: host signals: trapped system calls, faults, interrupts (upcall `ExceptionDispatch`).
//! * `entry`: the stub by which patched sites call.
//! * `patch`: sites become jumps.
//! * `leave`: into the application with given registers.
//! * `copy`: bytes from and to application memory, surviving faults.

mod copy;
mod entry;
mod handlers;
mod leave;
mod patch;

pub use copy::copy_with_faults;
pub use handlers::{install, verbose};
pub use leave::{
    checked_base, fresh_context, fs_base, gs_base, leave_to, set_fs_base, set_gs_base, use_block,
};
pub use patch::{NEVER_PATCHED, enable as enable_patching};
