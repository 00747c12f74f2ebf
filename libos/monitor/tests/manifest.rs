//! Manifests: what they settle, and what their errors say.

use std::fs;
use std::path::PathBuf;

use bailey_monitor::manifest::{Invocation, ManifestError, Settings, settings};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settles a manifest; `HOME_DIR` in it stands for a folder of the test's own.
    fn settle(&self, text: &str) -> Result<Settings, ManifestError> {
        let text = text.replace("HOME_DIR", self.path("").to_str().expect("text").trim_end_matches('/'));
        let file = self.path("app.toml");
        fs::write(&file, text).expect("written");
        settings(&Invocation { manifest: Some(file), ..Invocation::default() })
    }

    /// The error of a manifest: line, and the rest.
    fn error(&self, text: &str) -> (usize, String) {
        let error = self.settle(text).expect_err(text);
        let line = error.place.strip_prefix(self.path("app.toml").to_str().expect("text"));
        let line = line.expect("the file is named").trim_start_matches(':');
        let line = line.split(':').next().and_then(|line| line.parse().ok());
        assert!(!error.remedy.is_empty(), "{error}");
        (line.unwrap_or(0), error.to_string())
    }
}

const HEAD: &str = "program = \"/usr/bin/env\"\nhome = \"HOME_DIR/home\"\n";

#[test]
fn a_whole_manifest_is_settled() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("data")).expect("a folder");
    let text = r#"
name = "editor"
program = "/usr/bin/env"
arguments = ["a", "b"]
user = "ann"
home = "HOME_DIR/home"
network = "none"
[environment]
LANG = "de_DE.UTF-8"
[[files]]
host = "HOME_DIR/data"
guest = "/data"
writable = true
[limits]
memory = "1G"
processes = 10
shared_memory = 4096
"#;
    let settings = fixture.settle(text).expect("settled");
    assert_eq!(settings.name, "editor");
    assert_eq!(settings.arguments, ["/usr/bin/env", "a", "b"]);
    assert_eq!((settings.memory, settings.processes, settings.shared_memory), (1 << 30, 10, 4096));
    assert_eq!(settings.directory, "/home/ann");
    let languages: Vec<_> = settings.environment.iter().filter(|entry| entry.starts_with("LANG=")).collect();
    assert_eq!(languages, ["LANG=de_DE.UTF-8"]);
    let data = settings.grants.iter().find(|grant| grant.guest == "/data").expect("granted");
    assert!(data.writable && !data.public_only && !data.file);
    let system = settings.grants.iter().find(|grant| grant.guest == "/usr").expect("granted");
    assert!(!system.writable && system.public_only && system.immutable);
    let home = settings.grants.iter().find(|grant| grant.guest == "/home/ann").expect("granted");
    assert!(home.writable && home.host.is_dir());
    let passwd = settings.files.iter().find(|file| file.path == "/etc/passwd").expect("made");
    assert!(String::from_utf8_lossy(&passwd.contents).contains("ann:x:1000:1000:"));
}

#[test]
fn errors_name_file_line_and_remedy() {
    let fixture = Fixture::new();
    for (rest, line, word) in [
        ("programm = \"x\"\n", 3, "unknown field"),
        ("[limits]\nmemry = 1\n", 4, "unknown field"),
        ("name = 3\n", 3, "invalid type"),
        ("name = \"a/b\"\n", 3, "cannot name an instance"),
        ("network = \"host\"\n", 3, "not supported"),
        ("network = 3\n", 3, "expected \"none\" or a table"),
        ("[network]\nallow = [\"example.org\"]\n", 4, "names no port"),
        ("[network]\nallow = [\n\"a.org:1\",\n\"ftp://a.org:21\",\n]\n", 6, "grants \"ftp\""),
        ("[network]\nalow = []\n", 4, "unknown field"),
        ("[network]\nallow = [\"10.0.0.0/99:1\"]\n", 4, "is no host"),
        ("user = \"a:b\"\n", 3, "no user name"),
        ("directory = \"x\"\n", 3, "not absolute"),
        ("[[files]]\nhost = \"relative\"\n", 4, "not absolute"),
        ("[[files]]\nhost = \"/does/not/exist\"\n", 4, "No such file"),
        ("[[files]]\nhost = \"/\"\n", 4, "cannot be granted"),
        ("[[files]]\nhost = \"/proc\"\n", 4, "cannot be granted"),
        ("[[files]]\nhost = \"/dev/null\"\n", 4, "cannot be granted"),
        ("[[files]]\nhost = \"/tmp\"\nguest = \"/a/../b\"\n", 5, "not absolute and plain"),
        ("[[files]]\nhost = \"/tmp\"\nguest = \"/proc/x\"\n", 5, "instance's own"),
        ("[[files]]\nhost = \"/tmp\"\nwritable = true\nimmutable = true\n", 4, "both"),
        ("[[files]]\nguest = \"/x\"\n", 3, "missing field"),
        ("[limits]\nmemory = \"lots\"\n", 4, "no amount of memory"),
        ("[limits]\nprocesses = 0\n", 4, "outside"),
        ("[environment]\nA = \"a\\u0000b\"\n", 4, "environment variable"),
        ("= 3\n", 3, ""),
    ] {
        let (found, text) = fixture.error(&format!("{HEAD}{rest}"));
        assert_eq!(found, line, "{text}");
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn the_network_is_what_manifest_and_command_line_say() {
    let fixture = Fixture::new();
    let access = |text: &str| fixture.settle(&format!("{HEAD}{text}")).expect("settles").network;
    for nothing in ["", "network = \"none\"\n", "[network]\nallow = []\n"] {
        assert_eq!(access(nothing), None, "{nothing}");
    }
    let granted = access("[network]\nallow = [\"example.org:443\", \"udp://*:53\"]\n").expect("granted");
    assert_eq!((granted.rules.len(), granted.every_name), (2, false));
    assert!(access("[network]\ndns = true\n").is_some_and(|access| access.every_name));
    let file = fixture.path("app.toml");
    let with = |network: &[&str]| {
        let network = network.iter().map(|entry| (*entry).to_owned()).collect();
        settings(&Invocation { manifest: Some(file.clone()), network, ..Invocation::default() })
    };
    let text = format!("{HEAD}[network]\nallow = [\"example.org:443\"]\n");
    fixture.settle(&text).expect("settles");
    let rules =
        |network: &[&str]| with(network).expect("settles").network.map_or(0, |access| access.rules.len());
    assert_eq!((rules(&[]), rules(&["none"]), rules(&["10.0.0.1:1", "10.0.0.2:2"])), (1, 0, 3));
    let error = with(&["none", "10.0.0.1:1"]).expect_err("no host and port").to_string();
    assert!(error.starts_with("command line: --network"), "{error}");
}

#[test]
fn the_instance_is_told_of_its_resolver_and_of_the_host_where_granted() {
    let fixture = Fixture::new();
    let file = |text: &str, path: &str| {
        let settings = fixture.settle(&format!("{HEAD}{text}")).expect("settles");
        let file = settings.files.into_iter().find(|file| file.path == path).expect("made");
        String::from_utf8(file.contents).expect("text")
    };
    let granted = "[network]\nallow = [\"example.org:443\"]\n";
    assert!(file(granted, "/etc/resolv.conf").contains("nameserver 127.0.0.53"));
    assert!(!file("", "/etc/resolv.conf").contains("nameserver"));
    assert!(!file(granted, "/etc/hosts").contains("host-loopback"));
    let own = "[network]\nallow = [\"host-loopback:1\"]\n";
    assert!(file(own, "/etc/hosts").contains("192.0.0.1\thost-loopback"));
}

#[test]
fn a_manifest_without_program_or_with_two_grants_at_one_place_is_refused() {
    let fixture = Fixture::new();
    assert!(fixture.error("home = \"HOME_DIR/home\"\n").1.contains("no program"));
    let twice = format!("{HEAD}[[files]]\nhost = \"/tmp\"\nguest = \"/usr\"\n");
    assert!(fixture.error(&twice).1.contains("two grants"));
}

#[test]
fn a_missing_manifest_is_named() {
    let fixture = Fixture::new();
    let error = settings(&Invocation { manifest: Some(fixture.path("none.toml")), ..Invocation::default() });
    let text = error.expect_err("missing").to_string();
    assert!(text.contains("none.toml") && text.contains("--manifest"), "{text}");
}
