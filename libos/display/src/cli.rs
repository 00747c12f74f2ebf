//! The command line.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;

use bailey_link::PixelTransport;

/// How to call the program.
pub const USAGE: &str = "\
usage: bailey-display [--stream PATH | --stream-fd N] [--link shm|egfx] -- PROGRAM [ARGUMENT...]

Serves Wayland to PROGRAM and tells the host at the other end of the display
stream about its windows. Ends with PROGRAM, and with its exit status.

  --stream PATH   the display stream: a device, or a Unix socket to connect to
                  (default: /dev/bailey/display)
  --stream-fd N   the display stream is this open descriptor
  --link KIND     send pixels by shared memory (shm) or in the stream (egfx),
                  whatever the host asks for";

/// Where the display stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// A path to open.
    Path(PathBuf),
    /// A descriptor that is open already.
    Descriptor(RawFd),
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The display stream.
    pub stream: Stream,
    /// How pixels travel, instead of as the host says.
    pub link: Option<PixelTransport>,
    /// The program to run and its arguments.
    pub command: Vec<OsString>,
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// `--help`.
    #[error("{USAGE}")]
    Help,
    /// An option that there is not.
    #[error("unknown option {0:?}\n{USAGE}")]
    Unknown(OsString),
    /// An option without or with a bad value.
    #[error("{0} needs {1}")]
    Value(&'static str, &'static str),
    /// Nothing to run.
    #[error("no program to run: name it after --\n{USAGE}")]
    NoProgram,
}

/// Reads the arguments that follow the program's own name.
///
/// # Errors
/// [`UsageError`], whose text is meant for the user.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, UsageError> {
    let mut arguments = arguments.into_iter();
    let mut options =
        Options { stream: Stream::Path("/dev/bailey/display".into()), link: None, command: Vec::new() };
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => {
                options.command = arguments.collect();
                break;
            }
            Some("--help" | "-h") => return Err(UsageError::Help),
            Some("--stream") => {
                let path = arguments.next().ok_or(UsageError::Value("--stream", "a path"))?;
                options.stream = Stream::Path(path.into());
            }
            Some("--stream-fd") => {
                let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
                let number = number.filter(|number| *number >= 0);
                let missing = UsageError::Value("--stream-fd", "the number of an open descriptor");
                options.stream = Stream::Descriptor(number.ok_or(missing)?);
            }
            Some("--link") => {
                let kind = arguments.next();
                options.link = Some(match kind.as_deref().and_then(|kind| kind.to_str()) {
                    Some("shm") => PixelTransport::SharedMemory,
                    Some("egfx") => PixelTransport::Egfx,
                    _ => return Err(UsageError::Value("--link", "shm or egfx")),
                });
            }
            _ => return Err(UsageError::Unknown(argument)),
        }
    }
    if options.command.is_empty() { Err(UsageError::NoProgram) } else { Ok(options) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_all(words: &[&str]) -> Result<Options, UsageError> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn everything_after_the_dashes_is_the_command() {
        let options =
            parse_all(&["--link", "egfx", "--stream-fd", "3", "--", "foot", "--link", "x"]).unwrap();
        assert_eq!(options.stream, Stream::Descriptor(3));
        assert_eq!(options.link, Some(PixelTransport::Egfx));
        assert_eq!(options.command, ["foot", "--link", "x"]);
    }

    #[test]
    fn the_device_is_the_default_stream() {
        let options = parse_all(&["--", "foot"]).unwrap();
        assert_eq!(options.stream, Stream::Path("/dev/bailey/display".into()));
        assert_eq!(options.link, None);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse_all(&[]), Err(UsageError::NoProgram));
        assert_eq!(parse_all(&["--"]), Err(UsageError::NoProgram));
        assert!(matches!(parse_all(&["--link", "x", "--", "a"]), Err(UsageError::Value("--link", _))));
        assert!(matches!(parse_all(&["--stream-fd", "-1", "--", "a"]), Err(UsageError::Value(..))));
        assert_eq!(parse_all(&["foot"]), Err(UsageError::Unknown("foot".into())));
    }
}
