//! What every program of the instance finds in its environment.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Defaults that a manifest may override.
const DEFAULTS: &[(&str, &str)] = &[
    // Some programs name an X display of their own accord, and some toolkits lack their Wayland part.
    ("GDK_BACKEND", "wayland,x11"),
    ("QT_QPA_PLATFORM", "wayland;xcb"),
    ("SDL_VIDEODRIVER", "wayland,x11"),
    ("MOZ_ENABLE_WAYLAND", "1"),
    // No GPU here: pixels go by shared memory.
    ("GSK_RENDERER", "cairo"),
    ("LIBGL_ALWAYS_SOFTWARE", "1"),
    // GVfs's daemons mount what an instance cannot reach; files are GIO's own without them.
    ("GIO_USE_VFS", "local"),
    // Assistive programs would have to be in the same instance: no need for a second bus.
    ("NO_AT_BRIDGE", "1"),
    ("GTK_A11Y", "none"),
];

/// Variables for the app and for the guests that serve it.
#[derive(Clone, Debug, Default)]
pub struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    /// The variables of a session whose runtime directory and Wayland socket these are.
    pub fn new(directory: &Path, display: &str) -> Self {
        let mut list = vec![
            ("XDG_RUNTIME_DIR", directory.into()),
            ("WAYLAND_DISPLAY", display.into()),
            ("XDG_SESSION_TYPE", "wayland".into()),
        ];
        let unset = |name: &&(&'static str, &str)| std::env::var_os(name.0).is_none();
        list.extend(DEFAULTS.iter().filter(unset).map(|(name, value)| (*name, value.into())));
        Self(list)
    }

    /// Adds a variable.
    pub fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.0.push((name, value.into()));
    }

    /// Gives the variables to a command; those of another session go.
    pub fn apply(&self, command: &mut Command) {
        command.env_remove("DISPLAY").env_remove("WAYLAND_SOCKET");
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}
