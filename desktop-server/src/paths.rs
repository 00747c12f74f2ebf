//! Where things lie: the control socket, the state, our own programs.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a place cannot be used.
#[derive(Debug, Error)]
pub enum PathError {
    /// It cannot be made or looked at.
    #[error("{path}: {source}")]
    Io {
        /// The place.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// It is open to others.
    #[error(
        "{path} belongs to user {owner} with mode {mode:03o}; it must be yours alone (chmod 700, or remove it)"
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Neither the variable nor a home is set.
    #[error("neither {0} nor HOME is set, so there is no place for files")]
    NoHome(&'static str),
    /// A program of ours is not beside this one.
    #[error("{0} is missing: it has to lie beside the bailey program (./build makes both)")]
    NoProgram(PathBuf),
}

/// The folder of the control socket, for this user alone: `$XDG_RUNTIME_DIR/bailey`, or `/tmp/bailey-UID`.
pub fn runtime_dir() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir).join("bailey"),
        None => PathBuf::from(format!("/tmp/bailey-{}", rustix::process::getuid().as_raw())),
    }
}

/// The daemon's control socket.
pub fn control_socket() -> PathBuf {
    runtime_dir().join("control")
}

/// Makes a folder for this user alone, or checks that it is one.
///
/// # Errors
/// [`PathError::Io`], [`PathError::NotOurs`].
pub fn private_dir(path: &Path) -> Result<(), PathError> {
    let io = |source| PathError::Io { path: path.to_owned(), source };
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    // Not following a link: in /tmp somebody else may have made one.
    let found = fs::symlink_metadata(path).map_err(io)?;
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    if found.is_dir() && owner == rustix::process::getuid().as_raw() && mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(PathError::NotOurs { path: path.to_owned(), owner, mode })
    }
}

/// Certificate, credentials and logs: `$XDG_STATE_HOME/bailey`, or `~/.local/state/bailey`.
///
/// # Errors
/// [`PathError::NoHome`].
pub fn default_state_dir() -> Result<PathBuf, PathError> {
    if let Some(dir) = std::env::var_os("XDG_STATE_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir).join("bailey"));
    }
    let home =
        std::env::var_os("HOME").filter(|dir| !dir.is_empty()).ok_or(PathError::NoHome("XDG_STATE_HOME"))?;
    Ok(PathBuf::from(home).join(".local/state/bailey"))
}

/// Makes the state folder, its parents with the usual mode and itself for this user alone.
///
/// # Errors
/// [`PathError`].
pub fn make_state_dir(path: &Path) -> Result<(), PathError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| PathError::Io { path: parent.to_owned(), source })?;
    }
    private_dir(path)
}

/// Who may log in over RDP.
pub fn credentials(state_dir: &Path) -> PathBuf {
    state_dir.join("credentials")
}

/// Where instances' output is kept.
pub fn logs(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// A program of ours, which lies beside the running one.
///
/// # Errors
/// [`PathError::NoProgram`], [`PathError::Io`].
pub fn program(name: &str) -> Result<PathBuf, PathError> {
    let own = std::env::current_exe()
        .map_err(|source| PathError::Io { path: PathBuf::from("/proc/self/exe"), source })?;
    let path = own.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(PathError::NoProgram(path)) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_private_folder_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        private_dir(&path).unwrap();
        private_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(private_dir(&path), Err(PathError::NotOurs { mode: 0o755, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(private_dir(&link), Err(PathError::NotOurs { .. })));
    }
}
