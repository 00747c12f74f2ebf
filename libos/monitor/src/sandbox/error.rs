//! Why the sandbox could not be made, and which setting of the host decides it.

use std::fs;
use std::io;

/// A step of the sandbox that the host refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {source}{advice}")]
pub struct SandboxError {
    /// What was tried.
    pub step: String,
    /// The host's error.
    pub source: io::Error,
    /// What the host's administrator can do; empty where there is nothing to say.
    pub advice: String,
}

impl SandboxError {
    /// An error of a step that needs nothing special of the host.
    pub(crate) fn plain(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { step: step.into(), source: source.into(), advice: String::new() }
    }

    /// An error of a step that fails where user namespaces are restricted.
    pub(crate) fn namespaces(step: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        Self { step: step.into(), source: source.into(), advice: advice(read) }
    }
}

/// The settings by which distributions forbid user namespaces to ordinary users.
fn advice(read: impl Fn(&str) -> Option<String>) -> String {
    let is = |path: &str, value: &str| read(path).is_some_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "; this host forbids user namespaces: sysctl kernel.unprivileged_userns_clone=1 allows them"
            .into();
    }
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "; this host allows no user namespaces: raise sysctl user.max_user_namespaces".into();
    }
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "; AppArmor restricts user namespaces here: sysctl \
                kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bailey-monitor \
                with `userns,`, allows them"
            .into();
    }
    "; if this runs in a container, it must allow user namespaces and mounts in them".into()
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn the_setting_that_is_in_the_way_is_named() {
        for (path, value, word) in [
            ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", "unprivileged_userns_clone=1"),
            ("/proc/sys/user/max_user_namespaces", "0\n", "max_user_namespaces"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "AppArmor"),
        ] {
            let text = advice(|asked| (asked == path).then(|| value.to_owned()));
            assert!(text.contains(word), "{text}");
        }
        assert!(advice(|_| None).contains("container"));
    }
}
