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
