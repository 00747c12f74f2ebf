//! The network: what the manifest grants is reached as Linux reaches it, and nothing else is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bailey_tests::network::{HOST_V4, Network, OTHER_V4, PEER_V4, PEER_V6};
use bailey_tests::outcome::{Outcome, run};
use bailey_tests::processes::{Running, descendants};
use bailey_tests::tree::root;
use bailey_tests::user::User;

const LIMIT: Duration = Duration::from_secs(240);
/// Ports of the peer's servers: nothing else is in its namespace.
const PORT: u16 = 9000;
const WEB: u16 = 8000;

fn program(name: &str) -> PathBuf {
    root().join("tests/network").join(name)
}

/// What a program in an instance with these grants does; files in its home lie in `guest`.
fn inside(network: &Network, user: &User, grants: &[&str], command: &[&str]) -> Outcome {
    let mut bailey = network.bailey(user);
    bailey.args(["run", "--no-display", "--name", "guest"]);
    for grant in grants {
        bailey.args(["--network", grant]);
    }
    run(bailey.arg("--").args(command), LIMIT)
}

fn on_host(network: &Network, user: &User, command: &[&str]) -> Outcome {
    run(network.on_host(user, command[0]).args(&command[1..]), LIMIT)
}

/// The same on Linux and inside.
fn agrees(network: &Network, user: &User, grants: &[&str], command: &[&str]) -> Outcome {
    let linux = on_host(network, user, command);
    let bailey = inside(network, user, grants, command);
    if let Some(difference) = bailey.difference(&linux, |_| false) {
        panic!("{command:?} with {grants:?}:\n{difference}\nin full:\n{}", bailey.describe());
    }
    bailey
}

/// Refused inside though Linux reaches it; the log names `entry` as what would grant it.
fn refused(network: &Network, user: &User, grants: &[&str], command: &[&str], entry: &str) {
    let linux = on_host(network, user, command);
    assert_eq!(linux.status, 0, "on Linux, {command:?} should succeed: {}", linux.describe());
    let bailey = inside(network, user, grants, command);
    assert_ne!(bailey.status, 0, "{command:?} with {grants:?}: {}", bailey.describe());
    assert_eq!(bailey.stdout, "", "{command:?} with {grants:?}");
    assert_eq!(bailey.stderr.matches(entry).count(), 1, "{entry} in {}", bailey.stderr);
}

/// A file server on the peer, with a file `hello` and whatever else lies in the folder.
fn web(network: &Network, user: &User) -> Running {
    let folder = user.folder().join("web");
    user.write(&folder.join("hello"), "hello from the peer\n");
    let folder = folder.to_str().expect("the tests' paths are text");
    let port = WEB.to_string();
    network
        .serve(&["python3", "-u", "-m", "http.server", "--bind", "::", "-d", folder, &port], Some("Serving"))
}

/// A server of names on the peer, which knows these addresses.
fn names(network: &Network, user: &User, known: &[(&str, &str)]) -> Running {
    let mut arguments = vec!["dnsmasq".to_owned()];
    for fixed in [
        "-k",
        "-C/dev/null",
        "-p53",
        "--no-resolv",
        "--no-hosts",
        "--local=/#/",
        "--user=root",
        "--pid-file=",
    ] {
        arguments.push(fixed.to_owned());
    }
    arguments.extend(known.iter().map(|(name, address)| format!("--host-record={name},{address}")));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = network.serve(&arguments, None);
    network.wait_for_port(53);
    network.set_resolver(user, PEER_V4);
    server
}

/// A program that fetches a URL.
fn fetch(url: &str) -> Vec<&str> {
    vec!["curl", "-sS", "--noproxy", "*", "--max-time", "60", url]
}

#[test]
fn sockets_behave_as_on_linux() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let peer = program("peer.py");
    let peer = peer.to_str().expect("the tests' paths are text");
    let _peer = network.serve(&["/usr/bin/python3", peer, &PORT.to_string()], Some("ready"));
    let text = fs::read_to_string(program("sockets.py")).expect("the program");
    user.write(&user.instance_home("guest").join("sockets.py"), &text);
    user.write(&user.folder().join("sockets.py"), &text);
    let grants = [
        format!("{PEER_V4}:*"),
        format!("udp://{PEER_V4}:*"),
        format!("[{PEER_V6}]:{PORT}"),
        format!("udp://[{PEER_V6}]:{PORT}"),
    ];
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let port = PORT.to_string();
    let done = agrees(&network, &user, &grants, &["/usr/bin/python3", "sockets.py", PEER_V4, PEER_V6, &port]);
    assert!(done.status == 0 && done.stdout.contains("b'own'"), "{}", done.describe());
}

#[test]
fn only_granted_destinations_are_reached() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let _web = web(&network, &user);
    let v4 = format!("http://{PEER_V4}:{WEB}/hello");
    let v6 = format!("http://[{PEER_V6}]:{WEB}/hello");
    for grant in [format!("{PEER_V4}:{WEB}"), "10.77.0.0/24:*".to_owned(), format!("*:{WEB}")] {
        let done = agrees(&network, &user, &[&grant], &fetch(&v4));
        assert_eq!(done.stdout, "hello from the peer\n", "{grant}");
    }
    agrees(&network, &user, &["[fd77::]/64:8000-8001"], &fetch(&v6));
    let entry = format!("add \"{PEER_V4}:{WEB}\" to `allow` of [network]");
    for grant in [format!("{PEER_V4}:8001"), format!("{OTHER_V4}:*"), format!("udp://{PEER_V4}:*")] {
        refused(&network, &user, &[&grant], &fetch(&v4), &entry);
    }
    refused(&network, &user, &["*.example.org:*"], &fetch(&v6), &format!("add \"[{PEER_V6}]:{WEB}\""));
    let none = inside(&network, &user, &[], &fetch(&v4));
    assert_eq!(none.status, 7, "{}", none.describe());
}

#[test]
fn a_manifest_grants_and_the_command_line_takes_away() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let _web = web(&network, &user);
    let manifest = user.folder().join("app.toml");
    let url = format!("http://{PEER_V4}:{WEB}/hello");
    let text = format!(
        "program = \"curl\"\narguments = [\"-sS\", \"{url}\"]\n[network]\nallow = [\"{PEER_V4}:{WEB}\"]\n"
    );
    user.write(&manifest, &text);
    let with = |extra: &[&str]| {
        let mut bailey = network.bailey(&user);
        run(bailey.args(["run", "--no-display", "--manifest"]).arg(&manifest).args(extra), LIMIT)
    };
    assert_eq!(with(&[]).stdout, "hello from the peer\n");
    assert_eq!(with(&["--network", "none"]).status, 7);
    let wrong = with(&["--network", "example.org"]);
    assert!(wrong.status == 125 && wrong.stderr.contains("names no port"), "{}", wrong.describe());
}

/// Asks the resolver as `musl` does, by itself: the code and the addresses of the answer.
const QUERY: &str = "
import socket, struct, sys
for name, kind in ((name, kind) for name in sys.argv[1:] for kind in (1, 28, 15)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    server = [line.split()[1] for line in open('/etc/resolv.conf') if line.startswith('nameserver')][0]
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    question = labels + b'\\0' + struct.pack('!HH', kind, 1)
    s.sendto(struct.pack('!6H', 77, 0x100, 1, 0, 0, 0) + question, (server, 53))
    answer, sender = s.recvfrom(512)
    number, flags, _, count, _, _ = struct.unpack('!6H', answer[:12])
    rest, found = answer[12 + len(question):], []
    for _ in range(count):
        length = struct.unpack('!H', rest[10:12])[0]
        found.append(rest[12:12 + length].hex())
        rest = rest[12 + length:]
    print(name, kind, number, flags & 15, sorted(found), sender == (server, 53))
";

#[test]
fn names_are_resolved_by_the_host_and_grant_what_they_lead_to() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let _web = web(&network, &user);
    let known = [
        ("peer.example.org", &*format!("{PEER_V4},{PEER_V6}")),
        ("other.example.net", OTHER_V4),
        ("trap.example.org", "127.0.0.1"),
    ];
    let _names = names(&network, &user, &known);
    let grant = format!("peer.example.org:{WEB}");
    let url = format!("http://peer.example.org:{WEB}/hello");
    for command in [&fetch(&url)[..], &["getent", "ahosts", "peer.example.org"]] {
        agrees(&network, &user, &[&grant], command);
        agrees(&network, &user, &["*.example.org:8000"], command);
    }
    agrees(&network, &user, &["*:8000"], &["getent", "ahosts", "missing.example.org"]);
    agrees(&network, &user, &["*:8000"], &["getent", "ahosts", "other.example.net"]);
    refused(&network, &user, &[&grant], &["getent", "ahosts", "other.example.net"], "other.example.net:443");
    let query = ["/usr/bin/python3", "-c", QUERY, "peer.example.org", "missing.example.org"];
    agrees(&network, &user, &["*.example.org:1"], &query);
    // A name grants what it leads to, on its own port; an address grants no name; no name leads to the host itself.
    let address = format!("http://{PEER_V4}:{WEB}/hello");
    refused(&network, &user, &[&grant], &fetch(&address), &format!("\"{PEER_V4}:{WEB}\""));
    refused(&network, &user, &["peer.example.org:1"], &fetch(&url), &format!("\"peer.example.org:{WEB}\""));
    refused(&network, &user, &[&format!("{PEER_V4}:*")], &fetch(&url), "peer.example.org:443");
    let trap = inside(&network, &user, &["trap.example.org:*"], &["getent", "ahostsv4", "trap.example.org"]);
    assert_eq!((trap.status, trap.stdout.as_str()), (2, ""), "{}", trap.describe());
}

#[test]
fn the_host_is_reached_by_its_own_name_only() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    user.write(&user.folder().join("own/hello"), "hello from the host\n");
    let folder = user.folder().join("own");
    let folder = folder.to_str().expect("the tests' paths are text");
    let serve = ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "-d", folder, "8000"];
    let _server = network.serve_on_host(&serve, Some("Serving"));
    let native = on_host(&network, &user, &fetch("http://127.0.0.1:8000/hello"));
    assert_eq!(native.stdout, "hello from the host\n");
    let wide = ["*:*", "0.0.0.0/0:*", "127.0.0.1:*"];
    for url in ["http://127.0.0.1:8000/hello", "http://0.0.0.0:8000/hello", "http://192.0.0.1:8000/hello"] {
        let done = inside(&network, &user, &wide, &fetch(url));
        assert_eq!((done.status, done.stdout.as_str()), (7, ""), "{url}: {}", done.describe());
    }
    let done = inside(&network, &user, &["host-loopback:8000"], &fetch("http://host-loopback:8000/hello"));
    assert_eq!(done.stdout, "hello from the host\n", "{}", done.describe());
    let other = inside(&network, &user, &["host-loopback:8001"], &fetch("http://host-loopback:8000/hello"));
    assert!(other.status == 7 && other.stderr.contains("\"host-loopback:8000\""), "{}", other.describe());
}

#[test]
fn servers_in_an_instance_are_its_own() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let script = "python3 -m http.server 8000 2>/dev/null & while ! curl -s http://127.0.0.1:8000/ >/dev/null; do \
                  sleep 0.1; done; curl -sS http://192.0.0.2:8000/ >/dev/null && touch up; wait";
    let mut bailey = network.bailey(&user);
    bailey.args(["run", "--no-display", "--name", "server", "--network", "*:*", "--", "bash", "-c", script]);
    let _server = Running(bailey.spawn().expect("bailey runs"));
    let up = user.instance_home("server").join("up");
    let since = std::time::Instant::now();
    while !up.exists() {
        assert!(since.elapsed() < LIMIT, "the server in the instance does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    for address in ["127.0.0.1", HOST_V4, "192.0.0.2"] {
        let url = format!("http://{address}:8000/");
        let mut command = fetch(&url);
        command.extend(["--connect-timeout", "2"]);
        assert_ne!(on_host(&network, &user, &command).status, 0, "{url} from the host");
        let grants = ["*:*", "host-loopback:*"];
        assert_ne!(inside(&network, &user, &grants, &command).status, 0, "{url} from another instance");
    }
}

#[test]
fn large_transfers_arrive_whole() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let _web = web(&network, &user);
    let data = user.folder().join("web/data");
    let made = Command::new("sh").args(["-c", "head -c 50000000 /dev/urandom > \"$0\""]).arg(&data).status();
    assert!(made.expect("sh runs").success());
    let received = user.folder().join("web/received");
    let listen = format!("TCP6-LISTEN:{PORT},ipv6only=0");
    let file = format!("CREATE:{}", received.display());
    let mut sink = network.serve(&["socat", "-u", &listen, &file], None);
    network.wait_for_port(PORT);
    let script = format!(
        "curl -sS -o data http://{PEER_V4}:{WEB}/data && sha256sum < data && nc -N {PEER_V4} {PORT} < data"
    );
    let done = inside(&network, &user, &[&format!("{PEER_V4}:*")], &["sh", "-c", &script]);
    assert_eq!(done.status, 0, "{}", done.describe());
    assert!(sink.0.wait().expect("socat ends").success());
    let sum = |file: &PathBuf| {
        let sum =
            Command::new("sh").args(["-c", "sha256sum < \"$0\""]).arg(file).output().expect("sha256sum runs");
        String::from_utf8_lossy(&sum.stdout).into_owned()
    };
    assert_eq!(sum(&data), done.stdout);
    assert_eq!(sum(&received), done.stdout);
}

#[test]
fn encrypted_connections_are_made() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let certificate = user.folder().join("certificate.pem");
    let path = certificate.to_str().expect("the tests' paths are text");
    let key = user.folder().join("key.pem");
    let key = key.to_str().expect("the tests' paths are text");
    let name = format!("subjectAltName=IP:{PEER_V4}");
    let mut make = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=peer"];
    make.extend(["-addext", &name, "-keyout", key, "-out", path]);
    assert!(Command::new("openssl").args(&make).output().expect("openssl runs").status.success());
    let port = PORT.to_string();
    let _server =
        network.serve(&["openssl", "s_server", "-www", "-accept", &port, "-cert", path, "-key", key], None);
    network.wait_for_port(PORT);
    let text = fs::read_to_string(&certificate).expect("the certificate");
    user.write(&user.instance_home("guest").join("ca.pem"), &text);
    let url = format!("https://{PEER_V4}:{PORT}/");
    let grant = format!("{PEER_V4}:{PORT}");
    let fetched = inside(&network, &user, &[&grant], &["curl", "-sS", "--cacert", "ca.pem", &url]);
    assert!(fetched.status == 0 && fetched.stdout.contains("s_server"), "{}", fetched.describe());
    let script = format!("echo | openssl s_client -CAfile ca.pem -connect {PEER_V4}:{PORT} 2>/dev/null");
    let client = inside(&network, &user, &[&grant], &["sh", "-c", &script]);
    assert!(client.stdout.contains("Verify return code: 0 (ok)"), "{}", client.describe());
}

#[test]
fn the_network_process_may_die_and_nothing_is_left() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let _web = web(&network, &user);
    let url = format!("http://{PEER_V4}:{WEB}/hello");
    let script = format!(
        "curl -sS {url} > first; while [ ! -e go ]; do sleep 0.1; done; curl -sS {url}; echo status $?"
    );
    let mut bailey = network.bailey(&user);
    bailey.args(["run", "--no-display", "--name", "guest", "--network", "*:*", "--", "bash", "-c", &script]);
    let bailey = bailey.stdout(std::process::Stdio::piped()).spawn().expect("bailey runs");
    let home = user.instance_home("guest");
    let since = std::time::Instant::now();
    while fs::read_to_string(home.join("first")).unwrap_or_default() != "hello from the peer\n" {
        assert!(since.elapsed() < LIMIT, "nothing is fetched");
        std::thread::sleep(Duration::from_millis(50));
    }
    let all = descendants(bailey.id());
    let is_network = |pid: &&u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "bailey-network")
    };
    let found = all.iter().find(is_network).expect("the network process").to_string();
    assert!(Command::new("kill").args(["-KILL", &found]).status().expect("kill runs").success());
    user.write(&home.join("go"), "");
    let output = bailey.wait_with_output().expect("its output");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "status 7\n");
    let since = std::time::Instant::now();
    while all.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()) {
        assert!(since.elapsed() < LIMIT, "something of {all:?} is left");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn interfaces_are_listed() {
    let Some(network) = Network::new() else { return };
    let user = User::ordinary();
    let with = |grants: &[&str]| {
        let done = inside(
            &network,
            &user,
            grants,
            &["sh", "-c", "ip -o addr; ip route; ip route get 10.77.0.2; cat /proc/net/route"],
        );
        done.stdout
    };
    let listed = with(&["*:443"]);
    for part in [
        "inet 127.0.0.1/8",
        "inet6 ::1/128",
        "inet 192.0.0.2/29",
        "default via 192.0.0.1 dev eth0",
        "10.77.0.2 via 192.0.0.1",
        "eth0\t00000000\t010000C0\t0003",
    ] {
        assert!(listed.contains(part), "{part} in {listed}");
    }
    assert!(!listed.contains("10.77.0.1"), "the host's address is told: {listed}");
    assert!(!with(&[]).contains("eth0"));
}
