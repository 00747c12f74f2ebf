//! `bailey-monitor`: runs one instance.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::process::ExitCode;

use bailey_monitor::manifest::Invocation;
use bailey_monitor::run::{Options, supervise};
use clap::Parser;

/// Runs a program in a library-OS instance of its own, with this terminal as its standard streams.
///
/// Exit status: the program's; 128 and the signal's number where a signal ended it; 127 where the
/// program is missing; 125 where the instance could not start or its kernel gave up.
#[derive(Debug, Parser)]
#[command(name = "bailey-monitor", version)]
struct Arguments {
    /// Name of the instance: of its home and its log lines
    #[arg(long)]
    name: Option<String>,
    /// TOML file that says what the program sees of the host
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Inherited descriptor of the display stream: the display service is started first
    #[arg(long, value_name = "FD")]
    display_fd: Option<RawFd>,
    /// Inherited descriptor of the daemon's control line
    #[arg(long, value_name = "FD")]
    control_fd: Option<RawFd>,
    /// Destination that the program may reach beside the manifest's, for example example.org:443; `none`
    /// alone takes the manifest's away
    #[arg(long, value_name = "HOST:PORT")]
    network: Vec<String>,
    /// Kernel image (default: BAILEY_KERNEL, else bailey-libos beside this program)
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Display service (default: bailey-display beside this program)
    #[arg(long, value_name = "FILE")]
    display_service: Option<PathBuf>,
    /// Trap every system call instead of patching the program's code
    #[arg(long)]
    no_patching: bool,
    /// Log unknown system calls and other oddities
    #[arg(long)]
    verbose: bool,
    /// Program and arguments (default: the manifest's)
    #[arg(last = true, value_name = "PROGRAM")]
    command: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        invocation: Invocation {
            name: arguments.name,
            manifest: arguments.manifest,
            command: arguments.command,
            network: arguments.network,
        },
        display_fd: arguments.display_fd,
        control_fd: arguments.control_fd,
        kernel: arguments.kernel,
        display_service: arguments.display_service,
        no_patching: arguments.no_patching,
        verbose: arguments.verbose,
    };
    match supervise(&options) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("bailey: {error}");
            ExitCode::from(error.status())
        }
    }
}
