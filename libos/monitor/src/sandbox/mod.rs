//! What confines the monitor and everything below it, with the means of an ordinary user: namespaces,
//! an empty root that holds only the grants, Landlock, limits, no privileges.

mod error;
mod landlock;
mod limits;
mod namespaces;
mod privileges;
mod root;

pub use error::SandboxError;
pub use landlock::restrict as restrict_files;
pub use limits::{Limits, raise_descriptor_limit};
pub use namespaces::{Forked, enter_user_namespace, fork, new_instance};
pub use privileges::{arm_filter, die_with_parent, drop_all as drop_privileges};
pub use root::{Trees, clone_trees, enter as enter_root};
