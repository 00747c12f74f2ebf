//! Landlock: which files this process and whatever it starts may touch, whatever else goes wrong.

use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};

use super::SandboxError;

/// The newest level of Landlock that is asked for; an older host gives what it has.
const LEVEL: ABI = ABI::V6;

/// Confines this process: each descriptor's tree may be read, and changed where it says so. No other
/// file may be opened, no TCP port used, no abstract socket or process outside reached.
///
/// # Errors
/// [`SandboxError`] where a rule cannot be made. A host without Landlock confines nothing and says
/// nothing: namespaces and mounts have the same grants.
pub fn restrict(grants: &[(BorrowedFd<'_>, bool)]) -> Result<(), SandboxError> {
    try_restrict(grants)
        .map_err(|error| SandboxError::plain("confine the monitor by Landlock", std::io::Error::other(error)))
}

fn try_restrict(grants: &[(BorrowedFd<'_>, bool)]) -> Result<(), landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let special: BitFlags<AccessFs> =
        AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeFifo | AccessFs::MakeSock;
    let write = AccessFs::from_all(LEVEL) & !special & !AccessFs::Execute & !AccessFs::IoctlDev;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LEVEL))?
        .handle_access(AccessNet::from_all(LEVEL))?
        .scope(Scope::from_all(LEVEL))?
        .create()?;
    for (tree, writable) in grants {
        let access = if *writable { write } else { read };
        ruleset = ruleset.add_rule(PathBeneath::new(tree, access))?;
    }
    ruleset.restrict_self().map(drop)
}
