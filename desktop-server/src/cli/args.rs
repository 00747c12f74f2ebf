//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::paths;
use crate::protocol::{Pixels, Request};

/// One desktop out of many isolated applications.
///
/// `bailey serve` is the desktop; the other verbs talk to it by a socket that only you can open.
#[derive(Debug, Parser)]
#[command(
    name = "bailey",
    version,
    after_help = "Files: $XDG_RUNTIME_DIR/bailey/control (socket), \
$XDG_STATE_HOME/bailey (certificate, credentials, logs), $XDG_DATA_HOME/bailey/homes (instances' homes)."
)]
pub struct Args {
    /// Print JSON where something is printed.
    #[arg(long, global = true)]
    json: bool,

    /// Where certificate, credentials and logs are kept [default: $XDG_STATE_HOME/bailey or ~/.local/state/bailey].
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Be the desktop of this user, until SIGTERM or Ctrl-C.
    Serve {
        /// Where to serve RDP; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3389")]
        listen: SocketAddr,
        /// Size of the desktop until a viewer or client asks for another.
        #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = parse_size)]
        size: (u32, u32),
    },
    /// Run a program in an instance of its own.
    Run {
        /// Name of the instance [default: the program's name, and a number if that is taken].
        #[arg(long)]
        name: Option<String>,
        /// What the instance is and may see, as TOML (docs/manifest.md).
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Destination that it may reach beside the manifest's, for example example.org:443; `none` alone takes the
        /// manifest's away.
        #[arg(long, value_name = "HOST:PORT")]
        network: Vec<String>,
        /// Run without a desktop: this terminal is the program's, its exit status is ours. Needs no daemon.
        #[arg(long)]
        no_display: bool,
        /// At the end, print how often each system call was made, and what was asked for in vain.
        #[arg(long, requires = "no_display")]
        count_syscalls: bool,
        /// How pixels reach the desktop.
        #[arg(long, value_enum, default_value_t, conflicts_with = "no_display")]
        pixels: Pixels,
        /// Program and arguments; may be left out where the manifest names them.
        #[arg(last = true, value_name = "PROGRAM [ARGS]")]
        command: Vec<String>,
    },
    /// Show the desktop in a window.
    View {
        /// Write the picture to this file and exit.
        #[arg(long, value_name = "FILE.png")]
        screenshot: Option<PathBuf>,
        /// With --screenshot: wait for this many frames first.
        #[arg(long, value_name = "N", requires = "screenshot")]
        after_frames: Option<u32>,
    },
    /// Let an RDP client see one instance alone, until Ctrl-C (for debugging).
    Attach {
        /// Serve it on 127.0.0.1 at this port; 0 takes a free one.
        #[arg(long, value_name = "PORT")]
        rdp: u16,
        /// The instance.
        name: String,
    },
    /// List instances.
    Ps,
    /// Print what an instance has printed.
    Logs {
        /// Go on until the instance ends.
        #[arg(short, long)]
        follow: bool,
        /// The instance.
        name: String,
    },
    /// Ask an instance to end (SIGTERM).
    Stop {
        /// The instance.
        name: String,
    },
    /// End an instance without asking.
    Kill {
        /// The instance.
        name: String,
    },
    /// Say who may log in over RDP.
    #[command(subcommand)]
    User(UserVerb),
    /// Print the host ABI: all that an instance may ask of its host.
    Abi {
        /// Print the host system calls that stay reachable instead, each with its reason.
        #[arg(long)]
        host_syscalls: bool,
    },
    /// Print the table of Linux system calls, and how fully each is done; or what an instance calls.
    Syscalls {
        /// Print how often an instance has made each call instead, by patched sites and by traps.
        #[arg(long, value_name = "INSTANCE")]
        counts: Option<String>,
        /// Print what an instance has asked for in vain instead.
        #[arg(long, value_name = "INSTANCE", conflicts_with = "counts")]
        missed: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum UserVerb {
    /// Add a user, or change the secret; it is read from standard input, one line.
    Add {
        /// Account name.
        name: String,
    },
    /// Remove a user.
    Remove {
        /// Account name.
        name: String,
    },
    /// List users.
    List,
}

/// Does what the command line says.
///
/// # Errors
/// For people to read.
pub fn run(args: Args) -> Result<ExitCode> {
    let Args { json, state_dir, verb } = args;
    let state_dir = || match state_dir {
        Some(dir) => Ok(std::path::absolute(dir)?),
        None => anyhow::Ok(paths::default_state_dir()?),
    };
    match verb {
        Verb::Serve { listen, size } => super::serve::serve(listen, size, state_dir()?),
        Verb::Run { manifest, network, no_display: true, count_syscalls, name, command, .. } => {
            super::run::without_display(name, manifest, &network, command, count_syscalls, json)
        }
        Verb::Run { name, manifest, network, pixels, command, .. } => {
            super::run::run(Request::Run { name, manifest, network, pixels, command }, json)
        }
        Verb::View { screenshot, after_frames } => super::view::view(screenshot, after_frames),
        Verb::Attach { rdp, name } => super::attach::attach(rdp, name, json),
        Verb::Ps => super::instances::ps(json),
        Verb::Logs { follow, name } => super::logs::logs(name, follow, json),
        Verb::Stop { name } => super::instances::stop(name, json),
        Verb::Kill { name } => super::instances::kill(name, json),
        Verb::User(verb) => super::user::user(&verb, &state_dir()?, json),
        Verb::Abi { host_syscalls } => super::abi::abi(host_syscalls, json),
        Verb::Syscalls { counts: Some(name), .. } => super::syscalls::counts(name, json),
        Verb::Syscalls { missed: Some(name), .. } => super::syscalls::missed(name, json),
        Verb::Syscalls { .. } => super::syscalls::syscalls(json),
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let wanted = "two numbers from 200 to 4096, such as 1280x720";
    let (width, height) = text.split_once('x').ok_or(wanted)?;
    let side = |text: &str| text.parse().ok().filter(|side| (200..=4096).contains(side)).ok_or(wanted);
    Ok((side(width)?, side(height)?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        assert_eq!(parse_size("1280x800"), Ok((1280, 800)));
        for bad in ["", "1280", "x", "1280x", "100x100", "-1x300", "99999x300"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
