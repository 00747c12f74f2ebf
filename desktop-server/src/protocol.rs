//! The control socket's language: one JSON object a line, a request and its answer.
//!
//! `view` and `attach` keep the connection: after the answer to `view` the link to the viewer follows on it, and
//! an attached RDP server ends with its connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest request, in bytes.
pub const MAX_REQUEST: usize = 256 << 10;
/// Longest answer that a client accepts, in bytes.
pub const MAX_ANSWER: usize = 4 << 20;

/// How an instance's pixels reach the daemon.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// In memory that both share.
    #[default]
    SharedMemory,
    /// In the stream, as graphics-pipeline PDUs of RDP.
    Egfx,
}

/// What a client asks.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Starts a program in an instance. Answer: [`Ran`].
    Run {
        /// Its name; `None` takes one after the program.
        #[serde(default)]
        name: Option<String>,
        /// Its manifest, an absolute path.
        #[serde(default)]
        manifest: Option<PathBuf>,
        /// Destinations that it may reach beside the manifest's.
        #[serde(default)]
        network: Vec<String>,
        /// How its pixels come.
        #[serde(default)]
        pixels: Pixels,
        /// Program and arguments; may be empty where the manifest names them.
        command: Vec<String>,
    },
    /// Lists instances. Answer: [`Listing`].
    Ps,
    /// Where an instance's output is kept. Answer: [`LogPlace`].
    Logs {
        /// The instance.
        name: String,
    },
    /// How often an instance has made each system call, and what it asked for in vain. Answer:
    /// [`bailey_abi::counts::Counts`].
    Counts {
        /// The instance.
        name: String,
    },
    /// Asks an instance to end, and waits a while for that. Answer: [`Ended`].
    Stop {
        /// The instance.
        name: String,
    },
    /// Ends an instance. Answer: [`Ended`].
    Kill {
        /// The instance.
        name: String,
    },
    /// Serves one instance alone over RDP on 127.0.0.1, as long as the connection stands. Answer: [`Attached`].
    Attach {
        /// The instance.
        name: String,
        /// TCP port; 0 takes a free one.
        port: u16,
    },
    /// The desktop for a local viewer. Answer: `{}` with the descriptor of the pixels; then the link follows.
    View,
}

/// An answer that is none: `{"error": …}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Why, in words.
    pub error: String,
}

/// Answer to [`Request::Run`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// The instance's name.
    pub name: String,
    /// Host process id of its monitor.
    pub pid: u32,
}

/// Answer to [`Request::Ps`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Desktop size in pixels: width, height.
    pub desktop: (u32, u32),
    /// Where RDP is served.
    pub listen: SocketAddr,
    /// RDP sessions now.
    pub sessions: usize,
    /// Local viewers now.
    pub viewers: usize,
    /// All instances, those that have ended last.
    pub instances: Vec<InstanceInfo>,
}

/// One instance.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct InstanceInfo {
    /// Its name.
    pub name: String,
    /// `running`, `exited`, `killed`, `cut off` or `failed`.
    pub state: String,
    /// More about a state that is not `running`, in words.
    pub reason: Option<String>,
    /// Exit status of its first process.
    pub status: Option<u8>,
    /// Signal that ended its first process.
    pub signal: Option<u8>,
    /// Host process id of its monitor.
    pub pid: u32,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Seconds since it was started.
    pub age: u64,
    /// Number of its windows that are shown.
    pub windows: usize,
    /// Those windows, the lowest first.
    pub window_list: Vec<WindowEntry>,
    /// Where what it prints is kept.
    pub log: PathBuf,
}

/// One shown top-level window.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WindowEntry {
    /// The instance's number for it.
    pub id: u32,
    /// Its title.
    pub title: String,
    /// Left edge of its content on the desktop.
    pub x: i32,
    /// Top edge of its content.
    pub y: i32,
    /// Pixels across its content.
    pub width: u32,
    /// Pixels down its content.
    pub height: u32,
    /// Whether it has the keyboard.
    pub focused: bool,
}

/// Answer to [`Request::Logs`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LogPlace {
    /// The file; an older part may be in the same name with `.1` added.
    pub path: PathBuf,
    /// Whether more may come.
    pub running: bool,
}

/// Answer to [`Request::Stop`] and [`Request::Kill`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// What became of the instance.
    pub instance: InstanceInfo,
}

/// Answer to [`Request::Attach`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// Where it is served.
    pub address: SocketAddr,
}

/// Any other answer: what it holds is not looked at.
pub type Anything = BTreeMap<String, serde_json::Value>;

/// Whether `name` can name an instance: it becomes part of file names and of window frames.
pub fn is_valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_in_paths() {
        for good in ["foot", "a", "notes-2", "org.example.App", "x_1"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", ".", "..", ".x", "-x", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_viewers_request_is_understood() {
        assert_eq!(serde_json::from_str::<Request>(r#"{"verb":"view"}"#).unwrap(), Request::View);
        assert!(serde_json::from_str::<Request>(r#"{"verb":"stop","name":"a","x":1}"#).is_err());
    }
}
