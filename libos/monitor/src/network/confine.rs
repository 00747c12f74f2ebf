//! What the network process itself may do: connect, and ask the resolver. It changes no file, starts no
//! program, listens nowhere.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::sandbox::{self, SandboxError};
use crate::seccomp::network_filter;

const LEVEL: ABI = ABI::V6;

/// Confines this process for good.
///
/// # Errors
/// [`SandboxError`] where the host refuses.
pub(super) fn confine() -> Result<(), SandboxError> {
    let fail = |errno: rustix::io::Errno| SandboxError::plain("give up privileges", errno);
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_no_new_privs(true).map_err(fail)?;
    rustix::thread::clear_ambient_capability_set().map_err(fail)?;
    rustix::thread::set_capabilities(None, none).map_err(fail)?;
    restrict().map_err(|error| {
        SandboxError::plain("confine the network process by Landlock", std::io::Error::other(error))
    })?;
    sandbox::arm_filter(&network_filter())
}

/// Reads the resolver's configuration and modules, writes nothing, binds no TCP port.
fn restrict() -> Result<(), landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
    let trees = ["/etc", "/usr", "/lib", "/lib64", "/run", "/var", "/dev/urandom", "/dev/null", "/proc/sys"];
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LEVEL))?
        .handle_access(AccessNet::BindTcp)?
        .create()?
        .add_rules(path_beneath_rules(trees, read))?
        .restrict_self()
        .map(drop)
}
