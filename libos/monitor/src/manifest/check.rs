//! From a manifest and a command line to settings that have been checked against this host.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bailey_abi::boot::SyntheticFile;
use bailey_abi::layout::MEMFD_MAX;
use toml::Spanned;

use super::error::Text;
use super::schema::Files;
use super::system::{self, Identity};
use super::{Manifest, ManifestError, network, size};
use crate::network::Access;

const UID: u32 = 1000;
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
const DEFAULT_SHARED_MEMORY: u64 = 2 << 30;
const DEFAULT_PROCESSES: u32 = 2048;
const MOST_PROCESSES: u32 = 16384;
/// Host trees that hold other programs' sockets, devices or secrets, never files of an application.
const REFUSED_TREES: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/var/run"];
/// Guest trees that the kernel makes itself.
const KERNEL_TREES: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A host path that the instance sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSpec {
    /// Absolute path on the host, links resolved.
    pub host: PathBuf,
    /// Absolute path in the instance.
    pub guest: String,
    /// Whether the instance may change it.
    pub writable: bool,
    /// Whether it may be cached for ever.
    pub immutable: bool,
    /// Whether it is the instance's own.
    pub private: bool,
    /// Whether it is one regular file.
    pub file: bool,
    /// Whether only what everybody may read is served.
    pub public_only: bool,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Name of the instance.
    pub name: Option<String>,
    /// Manifest file.
    pub manifest: Option<PathBuf>,
    /// Program and arguments, in place of the manifest's.
    pub command: Vec<String>,
    /// Destinations beside the manifest's; `none` alone takes the manifest's away.
    pub network: Vec<String>,
}

/// Everything that an instance is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the instance.
    pub name: String,
    /// Program: absolute path or name.
    pub program: String,
    /// `argv`.
    pub arguments: Vec<String>,
    /// `envp`.
    pub environment: Vec<String>,
    /// Initial working directory.
    pub directory: String,
    /// User and group id.
    pub uid: u32,
    /// What it sees of the host.
    pub grants: Vec<GrantSpec>,
    /// Files and links made for it.
    pub files: Vec<SyntheticFile>,
    /// What it reaches of the network, beside its own loopback.
    pub network: Option<Access>,
    /// Private bytes of one process, 0 for no bound.
    pub memory: u64,
    /// Bytes of the instance memfd.
    pub shared_memory: u64,
    /// Processes and threads.
    pub processes: u32,
    /// Processors, 0 for all.
    pub cpus: u32,
}

/// Reads the manifest, if one is named, and settles everything.
///
/// # Errors
/// [`ManifestError`] for whatever cannot be read, is unknown, or does not fit this host.
pub fn settings(invocation: &Invocation) -> Result<Settings, ManifestError> {
    let Some(path) = &invocation.manifest else {
        let text = Text { path: None, text: "" };
        return settle(text, &Manifest::default(), invocation);
    };
    let contents = fs::read_to_string(path).map_err(|error| ManifestError {
        place: path.display().to_string(),
        problem: format!("cannot be read: {error}"),
        remedy: "name a readable TOML file by --manifest".to_owned(),
    })?;
    let text = Text { path: Some(path), text: &contents };
    let manifest: Manifest = toml::from_str(&contents)
        .map_err(|error| text.error(error.span(), error.message().replace('\n', " "), "correct this line"))?;
    settle(text, &manifest, invocation)
}

fn settle(text: Text<'_>, manifest: &Manifest, invocation: &Invocation) -> Result<Settings, ManifestError> {
    let (program, arguments) = command(text, manifest, invocation)?;
    let name = name(text, manifest, invocation, &program)?;
    let user = match &manifest.user {
        Some(user) if !is_plain_name(user.get_ref()) => {
            return Err(text.error(
                Some(user.span()),
                format!("user {:?} is no user name", user.get_ref()),
                "use letters, digits, - and _",
            ));
        }
        Some(user) => user.get_ref().clone(),
        None => "user".to_owned(),
    };
    let network = network::access(text, manifest, invocation)?;
    let home = format!("/home/{user}");
    let (mut grants, mut files) = (Vec::new(), Vec::new());
    if manifest.system.unwrap_or(true) {
        (grants, files) = system::view();
    }
    files.extend(system::files(
        Identity { user: &user, uid: UID, home: &home, hostname: &name },
        network.as_ref(),
    ));
    grants.push(home_grant(text, manifest, &name, &home)?);
    for entry in &manifest.files {
        grants.push(file_grant(text, entry)?);
    }
    check_overlap(text, &grants)?;
    let limits = &manifest.limits;
    let directory = directory(text, manifest, &home)?;
    Ok(Settings {
        environment: environment(text, manifest, &user, &home)?,
        arguments,
        directory,
        uid: UID,
        memory: memory(text, limits.memory.as_ref(), 0)?,
        shared_memory: memory(text, limits.shared_memory.as_ref(), DEFAULT_SHARED_MEMORY)?.min(MEMFD_MAX),
        processes: bounded(text, limits.processes.as_ref(), DEFAULT_PROCESSES, MOST_PROCESSES)?,
        cpus: bounded(text, limits.cpus.as_ref(), 0, 4096)?,
        program,
        name,
        grants,
        files,
        network,
    })
}

fn command(
    text: Text<'_>,
    manifest: &Manifest,
    invocation: &Invocation,
) -> Result<(String, Vec<String>), ManifestError> {
    if let Some(program) = invocation.command.first() {
        return Ok((program.clone(), invocation.command.clone()));
    }
    let Some(program) = &manifest.program else {
        let remedy =
            "add `program = \"/usr/bin/...\"` to the manifest, or `-- PROGRAM ARGUMENTS` to the command line";
        return Err(text.error(None, "no program is named", remedy));
    };
    let program = program.get_ref().clone();
    let mut arguments = vec![program.clone()];
    arguments.extend(manifest.arguments.iter().cloned());
    Ok((program, arguments))
}

fn name(
    text: Text<'_>,
    manifest: &Manifest,
    invocation: &Invocation,
    program: &str,
) -> Result<String, ManifestError> {
    let (span, name) = match (&invocation.name, &manifest.name) {
        (Some(name), _) => (None, name.clone()),
        (None, Some(name)) => (Some(name.span()), name.get_ref().clone()),
        (None, None) => {
            let base = program.rsplit('/').next().unwrap_or(program);
            let plain = base.chars().filter(|letter| is_plain_letter(*letter));
            let base: String = plain.take(48).collect();
            (None, base.trim_start_matches('.').to_owned())
        }
    };
    if !is_plain_name(&name) {
        return Err(text.error(
            span,
            format!("{name:?} cannot name an instance"),
            "use at most 64 letters, digits, `-`, `_` and `.` (--name, or `name` in the manifest)",
        ));
    }
    Ok(name)
}

fn is_plain_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

fn is_plain_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && !name.starts_with(['.', '-']) && name.chars().all(is_plain_letter)
}

fn home_grant(
    text: Text<'_>,
    manifest: &Manifest,
    name: &str,
    guest: &str,
) -> Result<GrantSpec, ManifestError> {
    let (span, host) = match &manifest.home {
        Some(home) => (Some(home.span()), host_path(text, home)?),
        None => (None, default_home(text, name)?),
    };
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&host);
    let host = made.and_then(|()| fs::canonicalize(&host)).map_err(|error| {
        let remedy = "make its parent directory writable, or name another by `home` in the manifest";
        text.error(span.clone(), format!("the home {} cannot be made: {error}", host.display()), remedy)
    })?;
    refuse_trees(text, span, &host)?;
    Ok(GrantSpec {
        host,
        guest: guest.to_owned(),
        writable: true,
        immutable: false,
        private: true,
        file: false,
        public_only: false,
    })
}

fn default_home(text: Text<'_>, name: &str) -> Result<PathBuf, ManifestError> {
    let absolute = |variable: &str| {
        let path = PathBuf::from(env::var_os(variable)?);
        path.is_absolute().then_some(path)
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let data = data.ok_or_else(|| {
        let remedy = "set HOME or XDG_DATA_HOME, or `home` in the manifest";
        text.error(None, "there is no place for the application's home", remedy)
    })?;
    Ok(data.join("bailey/homes").join(name))
}

/// An absolute host path, `~/` replaced.
fn host_path(text: Text<'_>, path: &Spanned<String>) -> Result<PathBuf, ManifestError> {
    let given = path.get_ref();
    let resolved = match given.strip_prefix("~/") {
        Some(rest) => env::var_os("HOME").map(|home| Path::new(&home).join(rest)),
        None => Some(PathBuf::from(given)),
    };
    match resolved {
        Some(path) if path.is_absolute() => Ok(path),
        _ => Err(text.error(
            Some(path.span()),
            format!("host path {given:?} is not absolute"),
            "write it from / or from ~/",
        )),
    }
}

fn refuse_trees(
    text: Text<'_>,
    span: Option<std::ops::Range<usize>>,
    host: &Path,
) -> Result<(), ManifestError> {
    let refused = REFUSED_TREES.iter().any(|tree| host.starts_with(tree));
    if !refused && host != Path::new("/") {
        return Ok(());
    }
    let problem = format!("{} cannot be granted to an application", host.display());
    let remedy = "grant the directory that holds the application's own files: / and the host's /proc, /sys, /dev and /run stay outside";
    Err(text.error(span, problem, remedy))
}

fn file_grant(text: Text<'_>, entry: &Files) -> Result<GrantSpec, ManifestError> {
    let span = Some(entry.host.span());
    let given = host_path(text, &entry.host)?;
    let host = fs::canonicalize(&given).map_err(|error| {
        let problem = format!("{} cannot be granted: {error}", given.display());
        text.error(span.clone(), problem, "make it, or correct the path")
    })?;
    refuse_trees(text, span.clone(), &host)?;
    let metadata = fs::metadata(&host).map_err(|error| {
        let problem = format!("{} cannot be granted: {error}", host.display());
        text.error(span.clone(), problem, "make it readable")
    })?;
    if !metadata.is_dir() && !metadata.is_file() {
        let problem = format!("{} is no regular file and no directory", host.display());
        return Err(text.error(span, problem, "devices, sockets and pipes of the host cannot be granted"));
    }
    if entry.writable && entry.immutable {
        let problem = "a grant cannot be both writable and immutable";
        return Err(text.error(span, problem, "leave one of the two out"));
    }
    let guest = match &entry.guest {
        Some(guest) => guest_path(text, guest)?,
        None => guest_path(text, &Spanned::new(entry.host.span(), given.display().to_string()))?,
    };
    Ok(GrantSpec {
        host,
        guest,
        writable: entry.writable,
        immutable: entry.immutable,
        private: false,
        file: metadata.is_file(),
        public_only: false,
    })
}

fn guest_path(text: Text<'_>, path: &Spanned<String>) -> Result<String, ManifestError> {
    let given = path.get_ref();
    let error = |problem: String, remedy: &str| Err(text.error(Some(path.span()), problem, remedy));
    let mut components = given.strip_prefix('/').unwrap_or("").split('/');
    if components.any(|name| matches!(name, "" | "." | "..") || name.contains('\0')) {
        let problem = format!("guest path {given:?} is not absolute and plain");
        return error(problem, "write it from /, without `.`, `..` and a slash at its end");
    }
    if KERNEL_TREES.iter().any(|tree| Path::new(given).starts_with(tree)) {
        let problem = format!("guest path {given:?} is the instance's own");
        return error(problem, "choose a path outside /proc, /sys and /dev");
    }
    Ok(given.clone())
}

fn check_overlap(text: Text<'_>, grants: &[GrantSpec]) -> Result<(), ManifestError> {
    for (index, grant) in grants.iter().enumerate() {
        if grants[..index].iter().any(|other| other.guest == grant.guest) {
            let problem = format!("two grants are seen at {}", grant.guest);
            return Err(text.error(None, problem, "give one of them another `guest` path"));
        }
    }
    Ok(())
}

fn directory(text: Text<'_>, manifest: &Manifest, home: &str) -> Result<String, ManifestError> {
    match &manifest.directory {
        Some(directory) if directory.get_ref() == "/" => Ok("/".to_owned()),
        Some(directory) => {
            let given = directory.get_ref();
            if !given.starts_with('/') || given.contains('\0') {
                let problem = format!("directory {given:?} is not absolute");
                return Err(text.error(Some(directory.span()), problem, "write it from /"));
            }
            Ok(given.clone())
        }
        None => Ok(home.to_owned()),
    }
}

fn environment(
    text: Text<'_>,
    manifest: &Manifest,
    user: &str,
    home: &str,
) -> Result<Vec<String>, ManifestError> {
    let inherited = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut variables = vec![
        ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
        ("HOME".to_owned(), home.to_owned()),
        ("USER".to_owned(), user.to_owned()),
        ("LOGNAME".to_owned(), user.to_owned()),
        ("SHELL".to_owned(), "/bin/bash".to_owned()),
        ("LANG".to_owned(), inherited("LANG", "C.UTF-8")),
        ("TERM".to_owned(), inherited("TERM", "dumb")),
        ("XDG_RUNTIME_DIR".to_owned(), format!("/run/user/{UID}")),
    ];
    for (name, value) in &manifest.environment {
        if name.is_empty() || name.contains(['=', '\0']) || value.get_ref().contains('\0') {
            let problem = format!("{name:?} cannot be an environment variable");
            return Err(text.error(Some(value.span()), problem, "names have no `=`, and nothing has NUL"));
        }
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.get_ref().clone()));
    }
    Ok(variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

fn memory(text: Text<'_>, value: Option<&Spanned<toml::Value>>, default: u64) -> Result<u64, ManifestError> {
    let Some(value) = value else {
        return Ok(default);
    };
    size::bytes(value.get_ref()).ok_or_else(|| {
        let problem = format!("{} is no amount of memory", value.get_ref());
        text.error(Some(value.span()), problem, "write bytes, or \"512M\", \"2G\"")
    })
}

fn bounded(
    text: Text<'_>,
    value: Option<&Spanned<u32>>,
    default: u32,
    most: u32,
) -> Result<u32, ManifestError> {
    match value {
        None => Ok(default),
        Some(value) if (1..=most).contains(value.get_ref()) => Ok(*value.get_ref()),
        Some(value) => Err(text.error(
            Some(value.span()),
            format!("{} is outside 1 to {most}", value.get_ref()),
            "choose a number in between",
        )),
    }
}
