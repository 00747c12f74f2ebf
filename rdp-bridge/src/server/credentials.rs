//! Who may log in, and the secrets NLA needs to check it.
//!
//! NTLM proves knowledge of the NT hash, so that is what is kept: it is as good as the password towards this server, hence
//! mode 600. The file has one user a line, `name:nthash` with the hash as 32 hexadecimal digits; empty lines and
//! lines that begin with `#` are ignored.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use md4::{Digest as _, Md4};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Longest account name, in UTF-16 code units (as Windows' UNLEN).
const MAX_NAME: usize = 256;
/// Largest credentials file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Why the credentials cannot be used or changed.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// Others than the owner have access to the file.
    #[error("{path}: mode {mode:03o} gives others access to the secrets; run chmod 600 on it")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is not `name:nthash`.
    #[error(
        "{path}:{line}: expected `name:` and 32 hexadecimal digits; add users with `bailey user add NAME`"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number from 1.
        line: usize,
    },
    /// The name cannot be an account name.
    #[error(
        "`{0}` cannot be a user name: it must have 1 to 256 characters, no colon, no `\\`, no `@`, no control \
             character, and must not begin with `#` or a space"
    )]
    Name(String),
    /// The secret is empty.
    #[error("the password is empty")]
    EmptySecret,
}

/// The NT hash of a password: MD4 of its UTF-16LE form (MS-NLMP 3.3.1, NTOWFv1).
#[derive(Clone, PartialEq, Eq)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// The hash of `password`.
    pub fn of(password: &str) -> Self {
        let utf16 = Zeroizing::new(password.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        Self(Md4::digest(&utf16).into())
    }

    /// Reads 32 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut hash = [0; 16];
        if hex.len() != 32 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, index) in hash.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&hex[index..index + 2], 16).ok()?;
        }
        Some(Self(hash))
    }

    /// As 32 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(32));
        for byte in self.0 {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

impl Drop for NtHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for NtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// Looks up who may log in. Called once per login attempt, from the session's task: it must be quick.
pub trait UserStore: Send + Sync + std::fmt::Debug {
    /// The NT hash of `name`; `None` for an unknown user, or when the store cannot be read (the store logs that).
    fn nt_hash(&self, name: &str) -> Option<NtHash>;
}

/// The credentials file, read anew for every look-up, so that a change counts at once.
#[derive(Debug, Clone)]
pub struct CredentialsFile {
    path: PathBuf,
}

type Entries = Vec<(String, NtHash)>;

impl CredentialsFile {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds `name` or changes its secret.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn add(&self, name: &str, secret: &str) -> Result<(), CredentialsError> {
        check_name(name)?;
        if secret.is_empty() {
            return Err(CredentialsError::EmptySecret);
        }
        let mut entries = self.read()?;
        entries.retain(|(known, _)| !same_name(known, name));
        entries.push((name.to_owned(), NtHash::of(secret)));
        self.write(&entries)
    }

    /// Removes `name`; false when it was not there.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn remove(&self, name: &str) -> Result<bool, CredentialsError> {
        let mut entries = self.read()?;
        let before = entries.len();
        entries.retain(|(known, _)| !same_name(known, name));
        if entries.len() == before {
            return Ok(false);
        }
        self.write(&entries)?;
        Ok(true)
    }

    /// The hash of `name`, as the file is now. Names are compared as NTLM does: without regard to case.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn lookup(&self, name: &str) -> Result<Option<NtHash>, CredentialsError> {
        Ok(self.read()?.into_iter().find(|(known, _)| same_name(known, name)).map(|(_, hash)| hash))
    }

    /// The names of all users, in the file's order.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn users(&self) -> Result<Vec<String>, CredentialsError> {
        Ok(self.read()?.into_iter().map(|(name, _)| name).collect())
    }

    fn error(&self, source: io::Error) -> CredentialsError {
        CredentialsError::File { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<Entries, CredentialsError> {
        let mut file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error(error)),
        };
        let metadata = file.metadata().map_err(|error| self.error(error))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(CredentialsError::Mode { path: self.path.clone(), mode: metadata.mode() & 0o777 });
        }
        if metadata.len() > MAX_FILE {
            return Err(self.error(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB")));
        }
        let mut text = Zeroizing::new(String::new());
        io::Read::read_to_string(&mut file, &mut text).map_err(|error| self.error(error))?;
        self.parse(&text)
    }

    fn parse(&self, text: &str) -> Result<Entries, CredentialsError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once(':').and_then(|(name, hash)| {
                check_name(name).ok()?;
                Some((name.to_owned(), NtHash::from_hex(hash.trim_end())?))
            });
            entries.push(
                entry.ok_or_else(|| CredentialsError::Line { path: self.path.clone(), line: index + 1 })?,
            );
        }
        Ok(entries)
    }

    fn write(&self, entries: &Entries) -> Result<(), CredentialsError> {
        let mut text = Zeroizing::new(String::from(
            "# user:NT hash of the password. Anyone who reads this can log in.\n",
        ));
        for (name, hash) in entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}:{}", *hash.to_hex());
        }
        let temporary = self.path.with_extension("new");
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        };
        write().map_err(|error| self.error(error))
    }
}

impl UserStore for CredentialsFile {
    fn nt_hash(&self, name: &str) -> Option<NtHash> {
        self.lookup(name).unwrap_or_else(|error| {
            tracing::error!(%error, "nobody can log in");
            None
        })
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn check_name(name: &str) -> Result<(), CredentialsError> {
    let length = name.encode_utf16().count();
    let bad = |c: char| c.is_control() || matches!(c, ':' | '\\' | '@');
    if length == 0 || length > MAX_NAME || name.contains(bad) || name.starts_with(['#', ' ']) {
        return Err(CredentialsError::Name(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, CredentialsFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialsFile::new(dir.path().join("users"));
        (dir, file)
    }

    #[test]
    fn the_hash_is_the_known_one() {
        // MS-NLMP 4.2.2.1.1: NTOWFv1("Password").
        assert_eq!(*NtHash::of("Password").to_hex(), "a4f49c406510bdcab6824ee7c30fd852");
        assert_eq!(NtHash::from_hex("A4F49C406510BDCAB6824EE7C30FD852"), Some(NtHash::of("Password")));
        assert_eq!(NtHash::from_hex("a4f49c406510bdcab6824ee7c30fd85"), None);
        assert_eq!(NtHash::from_hex("+4f49c406510bdcab6824ee7c30fd852"), None);
    }

    #[test]
    fn users_come_change_and_go() {
        let (_dir, file) = scratch();
        assert_eq!(file.lookup("alice").unwrap(), None);
        file.add("alice", "one").unwrap();
        file.add("bob", "two").unwrap();
        file.add("Alice", "three").unwrap();
        assert_eq!(file.users().unwrap(), ["bob", "Alice"]);
        assert_eq!(file.lookup("alice").unwrap(), Some(NtHash::of("three")));
        assert!(file.remove("ALICE").unwrap());
        assert!(!file.remove("alice").unwrap());
        assert_eq!(file.nt_hash("alice"), None);
        assert_eq!(file.nt_hash("bob"), Some(NtHash::of("two")));
        let mode = fs::metadata(file.path()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }

    #[test]
    fn a_file_that_others_can_read_lets_nobody_in() {
        let (_dir, file) = scratch();
        file.add("alice", "one").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o604)).unwrap();
        assert!(matches!(file.lookup("alice"), Err(CredentialsError::Mode { mode: 0o604, .. })));
        assert_eq!(file.nt_hash("alice"), None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let (_dir, file) = scratch();
        file.add("alice", "one").unwrap();
        let mut text = fs::read_to_string(file.path()).unwrap();
        text.push_str("\n# remark\nbob:xyz\n");
        fs::write(file.path(), text).unwrap();
        let error = file.lookup("alice").unwrap_err();
        assert!(matches!(error, CredentialsError::Line { line: 5, .. }), "{error}");
    }

    #[test]
    fn names_that_would_break_the_file_are_refused() {
        let (_dir, file) = scratch();
        for name in ["", "a:b", "a\nb", "#a", "DOMAIN\\a", "a@b"] {
            assert!(matches!(file.add(name, "x"), Err(CredentialsError::Name(_))), "{name:?}");
        }
        assert!(matches!(file.add("a", ""), Err(CredentialsError::EmptySecret)));
    }
}
