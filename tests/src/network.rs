//! Two machines and a cable: network namespaces of a test's own, in which nothing else is.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::processes::Running;
use crate::user::{User, is_root};

/// How long a namespace or server may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The addresses of the two machines.
pub const HOST_V4: &str = "10.77.0.1";
/// See [`HOST_V4`].
pub const PEER_V4: &str = "10.77.0.2";
/// See [`HOST_V4`].
pub const PEER_V6: &str = "fd77::2";
/// A further address of the peer.
pub const OTHER_V4: &str = "10.77.0.3";

/// A network and mount namespace, which lasts as long as the process that holds it.
#[derive(Debug)]
struct Namespace(Running);

impl Namespace {
    fn new() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "--mount", "--propagation", "private", "sleep", "1000"]).stdin(Stdio::null());
        let holder = Running(holder.spawn().expect("unshare runs"));
        let own = fs::read_link("/proc/self/ns/mnt").expect("a namespace");
        let entered = || {
            let its = fs::read_link(format!("/proc/{}/ns/mnt", holder.0.id()));
            let name = fs::read_to_string(format!("/proc/{}/comm", holder.0.id()));
            its.is_ok_and(|its| its != own) && name.is_ok_and(|name| name.trim() == "sleep")
        };
        wait_until("a namespace", entered);
        Self(holder)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.0.id().to_string(), "--net", "--mount", "--", program]);
        command
    }

    fn shell(&self, script: &str) {
        let done = self.command("sh").args(["-ec", script]).status().expect("nsenter runs");
        assert!(done.success(), "{script}");
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < PATIENCE, "{what} does not come up");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The machine on which Bailey runs, and another one; each knows the other alone.
#[derive(Debug)]
pub struct Network {
    host: Namespace,
    peer: Namespace,
}

impl Network {
    /// Two machines; `None` without root, which namespaces with a cable between them need.
    pub fn new() -> Option<Self> {
        if !is_root() {
            eprintln!("skipped: namespaces with a network between them need root");
            return None;
        }
        let network = Self { host: Namespace::new(), peer: Namespace::new() };
        let peer = network.peer.0.0.id();
        network.host.shell(&format!(
            "ip link add cable type veth peer name cable netns {peer}; ip link set lo up
             ip addr add {HOST_V4}/24 dev cable; ip addr add fd77::1/64 dev cable nodad; ip link set cable up"
        ));
        network.peer.shell(&format!(
            "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit # every refused datagram is told
             ip link set lo up; ip addr add {PEER_V4}/24 dev cable; ip addr add {OTHER_V4}/24 dev cable
             ip addr add {PEER_V6}/64 dev cable nodad; ip link set cable up"
        ));
        Some(network)
    }

    /// A command on the host, as the user.
    pub fn on_host(&self, user: &User, program: &str) -> Command {
        let inner = user.command(program);
        let mut command = self.host.command("setpriv");
        let uid = crate::user::TEST_UID.to_string();
        command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", "--"]);
        command.args(["env", "-C"]).arg(user.folder()).arg(program).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// The `bailey` command on the host, as the user.
    pub fn bailey(&self, user: &User) -> Command {
        self.on_host(user, user.program("bailey").to_str().expect("the tests' paths are text"))
    }

    /// Starts a server on the peer; with `ready` it is waited for until it prints a line that holds this.
    pub fn serve(&self, arguments: &[&str], ready: Option<&str>) -> Running {
        start(self.peer.command(arguments[0]).args(&arguments[1..]), ready)
    }

    /// As [`Self::serve`], on the host.
    pub fn serve_on_host(&self, arguments: &[&str], ready: Option<&str>) -> Running {
        start(self.host.command(arguments[0]).args(&arguments[1..]), ready)
    }

    /// Waits until something on the peer takes connections on this port.
    pub fn wait_for_port(&self, port: u16) {
        let listening = format!("ss -Hltun 'sport = :{port}' | grep -q .");
        wait_until("a server", || {
            self.peer.command("sh").args(["-c", &listening]).status().is_ok_and(|status| status.success())
        });
    }

    /// The host asks this server for names.
    pub fn set_resolver(&self, user: &User, server: &str) {
        let file = user.folder().join("resolv.conf");
        user.write(&file, &format!("nameserver {server}\n"));
        self.host.shell(&format!("mount --bind {} /etc/resolv.conf", file.display()));
    }
}

fn start(command: &mut Command, ready: Option<&str>) -> Running {
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(if ready.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut server = Running(command.spawn().expect("a server starts"));
    if let Some(word) = ready {
        let Child { stdout, .. } = &mut server.0;
        let said = BufReader::new(stdout.take().expect("its output")).lines();
        let found = said.map_while(Result::ok).any(|line| line.contains(word));
        assert!(found, "{command:?} does not start");
    }
    server
}
