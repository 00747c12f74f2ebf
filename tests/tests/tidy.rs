//! The tidy check: the house rules that a machine can hold us to.

use std::fs;

use bailey_tests::tree::{Source, functions, root, sources};

const MAX_FILE: usize = 600;
const MAX_FUNCTION: usize = 70;
const MAX_MAIN: usize = 100;
const MAX_MONITOR: usize = 8_000;

/// Files or functions that may be longer, each with its reason. Keep it short.
const LONGER: &[(&str, &str)] = &[];

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{} problem(s):\n{}", problems.len(), problems.join("\n"));
}

fn is_test(source: &Source) -> bool {
    source.path.starts_with("tests/")
        || source.path.contains("/tests/")
        || source.path.contains("/examples/")
        || source.path.contains("/benches/")
        || source.name() == "tests.rs"
}

#[test]
fn files_and_functions_are_short() {
    let mut problems = Vec::new();
    for source in sources("rs") {
        if LONGER.iter().any(|(path, _)| *path == source.path) {
            continue;
        }
        let lines = source.body().count();
        let bound = if source.name() == "main.rs" { MAX_MAIN } else { MAX_FILE };
        if lines > bound {
            problems.push(format!("{}: {lines} lines, {bound} at most: split it by concern", source.path));
        }
        if is_test(&source) {
            continue;
        }
        for function in functions(&source.text).iter().filter(|function| function.length > MAX_FUNCTION) {
            problems.push(format!(
                "{}:{}: a function of {} lines, {MAX_FUNCTION} at most",
                source.path, function.line, function.length
            ));
        }
    }
    report(&problems);
}

#[test]
fn lib_and_mod_files_only_declare() {
    let mut problems = Vec::new();
    for source in sources("rs") {
        if !is_test(&source)
            && matches!(source.name(), "lib.rs" | "mod.rs")
            && !functions(&source.body().collect::<Vec<_>>().join("\n")).is_empty()
        {
            problems.push(format!("{}: has a function: move it to a file of its own", source.path));
        }
    }
    report(&problems);
}

/// Crates of ours that a crate may name in its `[dependencies]`.
const EDGES: &[(&str, &[&str])] = &[
    ("compositor", &[]),
    (
        "desktop-server",
        &[
            "bailey-abi",
            "bailey-compositor",
            "bailey-kernel",
            "bailey-link",
            "bailey-monitor",
            "bailey-rdp",
            "bailey-viewer",
        ],
    ),
    ("libos/abi", &[]),
    ("libos/display", &["bailey-link"]),
    ("libos/kernel", &["bailey-abi"]),
    ("libos/link", &[]),
    ("libos/monitor", &["bailey-abi"]),
    ("rdp-bridge", &["bailey-link"]),
    ("viewer", &["bailey-link"]),
];

/// Crates of others that a crate may not name: (folder, beginning of the name).
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("compositor", &["tokio", "rustix", "libc", "nix", "ironrdp", "wgpu", "winit"]),
    ("desktop-server", &["ironrdp", "wgpu", "winit"]),
    ("libos/abi", &["std", "tokio", "rustix", "libc", "nix", "ironrdp"]),
    ("libos/display", &["ironrdp", "tokio"]),
    ("libos/kernel", &["rustix", "libc", "nix", "tokio", "ironrdp"]),
    ("libos/link", &["tokio", "rustix", "libc", "nix"]),
    ("libos/monitor", &["tokio", "ironrdp"]),
    ("viewer", &["ironrdp"]),
];

#[test]
fn crates_depend_only_downwards() {
    let mut problems = Vec::new();
    for (folder, allowed) in EDGES {
        let text =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("every crate has a Cargo.toml");
        let manifest: toml::Table = text.parse().expect("a Cargo.toml is TOML");
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        let forbidden =
            FORBIDDEN.iter().find(|(name, _)| name == folder).map_or(&[][..], |(_, names)| *names);
        for name in dependencies.keys() {
            if name.starts_with("bailey") && !allowed.contains(&name.as_str()) {
                problems.push(format!("{folder} depends on {name}"));
            }
            if forbidden.iter().any(|start| name == start || name.starts_with(&format!("{start}-"))) {
                problems
                    .push(format!("{folder} depends on {name}, which its place in the architecture forbids"));
            }
        }
    }
    report(&problems);
}

#[test]
fn only_the_link_and_the_bridge_name_ironrdp() {
    let mut problems = Vec::new();
    for source in sources("rs") {
        let allowed = ["libos/link/", "rdp-bridge/", "tests/tests/tidy.rs"]
            .iter()
            .any(|place| source.path.starts_with(place));
        if !allowed && source.text.contains("ironrdp_") {
            problems.push(format!("{}: names a type of IronRDP", source.path));
        }
    }
    report(&problems);
}

fn unsafe_allowed(source: &Source) -> bool {
    source.path.starts_with("libos/kernel/")
        || source.path.starts_with("libos/monitor/")
        || source.name().ends_with("_unsafe.rs")
        || source.path.starts_with("tests/")
}

fn uses_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    ["unsafe {", "unsafe impl", "unsafe fn", "unsafe extern", "#[unsafe("]
        .iter()
        .any(|form| code.contains(form))
}

#[test]
fn unsafe_stays_in_its_places_and_argues() {
    let mut problems = Vec::new();
    for source in sources("rs").iter().filter(|source| source.path != "tests/tests/tidy.rs") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| uses_unsafe(line)) {
            if !unsafe_allowed(source) {
                problems.push(format!("{}:{}: unsafe outside its places", source.path, index + 1));
            }
            let argued = lines[index.saturating_sub(8)..=index]
                .iter()
                .any(|line| line.contains("SAFETY:") || line.contains("# Safety"));
            let needs = line.contains("unsafe {") || line.contains("unsafe impl");
            if needs && !argued && !is_test(source) {
                problems.push(format!("{}:{}: unsafe without a SAFETY comment", source.path, index + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn system_calls_are_made_in_one_place() {
    let mut problems = Vec::new();
    for source in sources("rs").iter().filter(|source| source.path != "tests/tests/tidy.rs") {
        let allowed = [
            "libos/kernel/src/host/",
            "libos/kernel/src/trap/",
            // Calls of the application, which are trapped.
            "libos/kernel/src/mm/vdso/",
            "libos/kernel/build",
            "libos/monitor/",
            "tests/",
        ];
        if allowed.iter().any(|place| source.path.starts_with(place)) || source.path.contains("/tests/") {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            if code.contains("\"syscall\"")
                || code.contains("libc::syscall(")
                || code.contains("asm!(\"syscall")
            {
                problems.push(format!(
                    "{}:{}: a system-call instruction outside libos",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    report(&problems);
}

#[test]
fn the_trusted_monitor_stays_small() {
    let lines: usize = sources("rs")
        .iter()
        .filter(|source| source.path.starts_with("libos/monitor/src/") && !is_test(source))
        .map(|source| source.body().count())
        .sum();
    assert!(lines <= MAX_MONITOR, "the monitor has {lines} lines, {MAX_MONITOR} at most");
}

#[test]
fn crates_without_need_forbid_unsafe_code() {
    let mut problems = Vec::new();
    for folder in ["compositor", "libos/abi", "libos/link", "rdp-bridge"] {
        let text =
            fs::read_to_string(root().join(folder).join("src/lib.rs")).expect("every crate has a lib.rs");
        if !text.contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{folder}/src/lib.rs: lacks #![forbid(unsafe_code)]"));
        }
    }
    report(&problems);
}

#[test]
fn no_unfinished_code_is_left() {
    let mut problems = Vec::new();
    for source in sources("rs").iter().filter(|source| source.path != "tests/tests/tidy.rs") {
        for (index, line) in source.text.lines().enumerate() {
            if ["todo!(", "unimplemented!(", "FIXME", "XXX"].iter().any(|mark| line.contains(mark)) {
                problems.push(format!("{}:{}: unfinished: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    report(&problems);
}
