//! From options and settings to what the kernel is told.

use std::env;
use std::fs;
use std::os::fd::{IntoRawFd, RawFd};
use std::path::{Path, PathBuf};

use bailey_abi::boot::{BootConfig, Grant, SyntheticFile};
use bailey_abi::network::NetworkConfig;
use rustix::fs::{FlockOperation, Mode, OFlags};

use super::RunError;
use crate::manifest::{GrantSpec, Invocation, ManifestError, Settings, settings};
use crate::terminal::{Standard, size};

/// Where the display service is seen in an instance.
const DISPLAY_SERVICE: &str = "/usr/libexec/bailey/bailey-display";
const SYMLINK_TYPE: u32 = 0o120_000;
const TYPE_MASK: u32 = 0o170_000;
/// Symbolic links that are followed on the way to a program.
const MOST_LINKS: usize = 16;

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name, manifest, program.
    pub invocation: Invocation,
    /// Descriptor of the display stream, where the daemon has one for the instance.
    pub display_fd: Option<RawFd>,
    /// Descriptor of the daemon's line.
    pub control_fd: Option<RawFd>,
    /// Kernel image.
    pub kernel: Option<PathBuf>,
    /// Display service.
    pub display_service: Option<PathBuf>,
    /// Every system call is trapped.
    pub no_patching: bool,
    /// Unknown calls and other oddities are logged.
    pub verbose: bool,
}

/// Checked settings, and the program that is really started first.
///
/// # Errors
/// [`RunError::Manifest`], [`RunError::NoProgram`], and [`RunError::Invocation`] where the display
/// service is missing.
pub(super) fn configure(options: &Options) -> Result<Settings, RunError> {
    let mut settings = settings(&options.invocation)?;
    check_program(options, &settings)?;
    if options.display_fd.is_some() {
        start_display_service_first(options, &mut settings)?;
    }
    Ok(settings)
}

/// What the kernel is told.
pub(super) fn boot_config(
    options: &Options,
    settings: &Settings,
    standard: &Standard,
    cpus: u32,
) -> BootConfig {
    let grant = |spec: &GrantSpec| Grant {
        guest: spec.guest.clone(),
        writable: spec.writable,
        immutable: spec.immutable,
        private: spec.private && lock(&spec.host),
        file: spec.file,
    };
    let machine = rustix::system::sysinfo();
    let machine_bytes = (machine.totalram as u64).saturating_mul(u64::from(machine.mem_unit));
    let memory_total = match settings.memory {
        0 => machine_bytes,
        limit => machine_bytes.min(limit),
    };
    BootConfig {
        program: settings.program.clone(),
        arguments: settings.arguments.clone(),
        environment: settings.environment.clone(),
        directory: settings.directory.clone(),
        uid: settings.uid,
        gid: settings.uid,
        hostname: settings.name.clone(),
        grants: settings.grants.iter().map(grant).collect(),
        files: settings.files.clone(),
        stdio: standard.kinds,
        terminal: size().unwrap_or([24, 80]),
        display: options.display_fd.is_some(),
        network: settings.network.as_ref().map(|_| NetworkConfig { v6: has_ipv6() }),
        max_tasks: settings.processes,
        max_memory: settings.memory,
        cpus,
        memory_total,
        patching: !options.no_patching,
        verbose: options.verbose,
    }
}

/// Whether an interface of the host other than its loopback has an IPv6 address of more than its link.
fn has_ipv6() -> bool {
    let addresses = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    // Address, index, prefix length, scope (0: global), flags, name.
    addresses.lines().any(|line| line.split_whitespace().nth(3) == Some("00"))
}

/// Takes the lock of an instance's home, until this process ends; false where another instance has it.
fn lock(home: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = rustix::fs::open(home, flags, Mode::empty()) else {
        return false;
    };
    let locked = rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok();
    if locked {
        // Closing it would give the lock up.
        let _ = directory.into_raw_fd();
    }
    locked
}

/// The kernel image: as named, else beside this program.
pub(super) fn kernel_path(options: &Options) -> PathBuf {
    let named = options.kernel.clone().or_else(|| env::var_os("BAILEY_KERNEL").map(PathBuf::from));
    named.unwrap_or_else(|| beside("bailey-libos"))
}

fn beside(name: &str) -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.parent().unwrap_or_else(|| Path::new("")).join(name)
}

fn start_display_service_first(options: &Options, settings: &mut Settings) -> Result<(), RunError> {
    let path = options.display_service.clone().unwrap_or_else(|| beside("bailey-display"));
    let host = fs::canonicalize(&path).map_err(|error| {
        let path = path.display();
        RunError::Invocation(format!(
            "the display service {path} is missing: {error}; build it with ./build, or name it by --display-service"
        ))
    })?;
    settings.grants.push(GrantSpec {
        host,
        guest: DISPLAY_SERVICE.to_owned(),
        writable: false,
        immutable: true,
        private: false,
        file: true,
        public_only: false,
    });
    let mut arguments = vec!["bailey-display".to_owned(), "--".to_owned(), settings.program.clone()];
    arguments.extend(settings.arguments.drain(..).skip(1));
    settings.arguments = arguments;
    settings.program = DISPLAY_SERVICE.to_owned();
    Ok(())
}

/// Says early, and by name, that a program is missing. Only what certainly is missing is refused: the
/// instance itself may make programs later.
fn check_program(options: &Options, settings: &Settings) -> Result<(), RunError> {
    let program = settings.program.as_str();
    let found = if program.contains('/') {
        let path = Path::new(&settings.directory).join(program);
        path.to_str().is_none_or(|path| exists(settings, path))
    } else {
        let path = settings.environment.iter().find_map(|entry| entry.strip_prefix("PATH="));
        let mut folders = path.unwrap_or("").split(':').filter(|folder| folder.starts_with('/'));
        folders.any(|folder| exists(settings, &format!("{folder}/{program}")))
    };
    if found {
        return Ok(());
    }
    let place = match &options.invocation.manifest {
        Some(manifest) if options.invocation.command.is_empty() => manifest.display().to_string(),
        _ => "command line".to_owned(),
    };
    Err(RunError::NoProgram(
        ManifestError {
            place,
            problem: format!("program {program:?} is not among what the instance sees"),
            remedy: "install it, correct its path, or grant its directory by [[files]] in a manifest"
                .to_owned(),
        }
        .to_string(),
    ))
}

/// Whether a guest path leads to something, by the grants and links that the instance will have.
fn exists(settings: &Settings, path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let linked = settings.files.iter().find_map(|link| through(link, &path));
        if let Some(target) = linked {
            path = target;
            continue;
        }
        let below = |grant: &&GrantSpec| Path::new(&path).starts_with(&grant.guest);
        let Some(grant) = settings.grants.iter().filter(below).max_by_key(|grant| grant.guest.len()) else {
            return false;
        };
        let Ok(rest) = Path::new(&path).strip_prefix(&grant.guest) else {
            return false;
        };
        let host = if rest.as_os_str().is_empty() { grant.host.clone() } else { grant.host.join(rest) };
        match fs::symlink_metadata(&host) {
            Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
            Ok(metadata) if !metadata.is_symlink() => return true,
            Ok(_) => {}
        }
        let Ok(target) = fs::read_link(&host) else {
            return true;
        };
        let parent = Path::new(&path).parent().unwrap_or_else(|| Path::new("/"));
        let Some(next) = plain(&parent.join(target)) else {
            return true;
        };
        path = next;
    }
    true
}

/// The path with `..` taken literally, which is right for the links that programs are reached by.
fn plain(path: &Path) -> Option<String> {
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::Normal(name) => clean.push(name),
            _ => {}
        }
    }
    clean.into_os_string().into_string().ok()
}

/// Where a path leads that begins with a link made for the instance.
fn through(link: &SyntheticFile, path: &str) -> Option<String> {
    if link.mode & TYPE_MASK != SYMLINK_TYPE {
        return None;
    }
    let rest = Path::new(path).strip_prefix(&link.path).ok()?;
    let target = std::str::from_utf8(&link.contents).ok()?;
    let parent = Path::new(&link.path).parent()?;
    plain(&parent.join(target).join(rest))
}
