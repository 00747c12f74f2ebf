//! The manifest as TOML has it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// Name of the application: of its home and its log lines.
    pub name: Option<Spanned<String>>,
    /// Absolute path in the instance, or a name looked up in its `PATH`.
    pub program: Option<Spanned<String>>,
    /// Arguments, the program's own name not included.
    pub arguments: Vec<String>,
    /// Variables beside the default ones, or in their place.
    pub environment: BTreeMap<String, Spanned<String>>,
    /// Initial working directory; the home by default.
    pub directory: Option<Spanned<String>>,
    /// Name of the user in the instance.
    pub user: Option<Spanned<String>>,
    /// Host directory that is the application's home; private to it by default.
    pub home: Option<Spanned<String>>,
    /// Whether the system's own files are seen read-only.
    pub system: Option<bool>,
    /// What of the network it reaches.
    pub network: Option<Spanned<Network>>,
    /// Further files and directories of the host.
    pub files: Vec<Files>,
    /// Bounds.
    pub limits: Limits,
}

/// The key `network`: a word, or a table.
#[derive(Clone, Debug)]
pub enum Network {
    /// `network = "none"`
    Word(String),
    /// `[network]`
    Table(NetworkTable),
}

/// What of the network the application reaches.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkTable {
    /// Destinations: `[tcp://|udp://]HOST:PORT`.
    pub allow: Vec<Spanned<String>>,
    /// Whether every name may be looked up, not only those in `allow`.
    pub dns: bool,
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworkVisitor)
    }
}

struct NetworkVisitor;

impl<'de> serde::de::Visitor<'de> for NetworkVisitor {
    type Value = Network;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"none\" or a table with `allow` and `dns`")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Network, E> {
        Ok(Network::Word(word.to_owned()))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Network, A::Error> {
        NetworkTable::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Network::Table)
    }
}

/// One host file or directory that the application sees.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Absolute path on the host; `~/` stands for the user's home.
    pub host: Spanned<String>,
    /// Absolute path in the instance; the host's by default.
    pub guest: Option<Spanned<String>>,
    /// Whether the application may change it.
    #[serde(default)]
    pub writable: bool,
    /// Whether it stays as it is while the application runs, and may be cached.
    #[serde(default)]
    pub immutable: bool,
}

/// Bounds on what the application uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Private memory of one process: bytes, or a number with K, M, G or T.
    pub memory: Option<Spanned<toml::Value>>,
    /// Shared and temporary bytes of the instance; window contents are among them.
    pub shared_memory: Option<Spanned<toml::Value>>,
    /// Processes and threads.
    pub processes: Option<Spanned<u32>>,
    /// Processors.
    pub cpus: Option<Spanned<u32>>,
}
