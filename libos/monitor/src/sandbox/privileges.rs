//! Privileges: given up for good.

use libc::sock_filter;
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::SandboxError;

/// Drops every capability from every set, for this process and whatever it starts, and sets
/// `no_new_privs`.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn drop_all() -> Result<(), SandboxError> {
    let fail = |error: rustix::io::Errno| SandboxError::plain("give up privileges", error);
    let locked = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED;
    rustix::thread::set_capabilities_secure_bits(locked).map_err(fail)?;
    for capability in CapabilitySet::all().iter() {
        // Capabilities that this host does not know are refused, and nothing is lost.
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::clear_ambient_capability_set().map_err(fail)?;
    rustix::thread::set_capabilities(None, none).map_err(fail)?;
    rustix::thread::set_no_new_privs(true).map_err(fail)
}

/// This process is killed when the process that made it ends.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn die_with_parent() -> Result<(), SandboxError> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| SandboxError::plain("tie the monitor to its parent", error))
}

/// Arms a seccomp filter for this process; `no_new_privs` must be set.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub fn arm_filter(filter: &[sock_filter]) -> Result<(), SandboxError> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program points to `filter`, which outlives the call; the kernel only reads it.
    let armed =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    match armed {
        0 => Ok(()),
        _ => Err(SandboxError::plain("arm the monitor's seccomp filter", std::io::Error::last_os_error())),
    }
}
