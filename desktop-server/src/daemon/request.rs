//! What clients of the control socket ask.

use std::collections::HashMap;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_abi::counts::Counts;
use bailey_compositor::{InstanceId, TrustColour};
use bailey_link::PixelTransport;
use bailey_monitor::control::ToMonitor;
use bailey_rdp::link::{HostLink, LinkConfig};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, PidfdFlags};

use super::connection::Connection;
use super::control::Client;
use super::convert;
use super::core::Core;
use super::end::Waiting;
use super::event::{Event, Id};
use super::instance::{Instance, Live, State};
use super::launch::Launch;
use super::line::Line;
use super::output;
use super::pace::CopyAccount;
use super::viewer::Viewer;
use crate::paths;
use crate::protocol::{Ended, LogPlace, Pixels, Ran, Request, is_valid_name};

/// Instances that live at a time.
const MAX_INSTANCES: usize = 200;
/// Instances that have ended and are still listed.
const MAX_ENDED: usize = 50;
/// How long a monitor's last words are waited for after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Viewers at a time.
const MAX_VIEWERS: usize = 16;

impl Core {
    /// Does what a client asks.
    pub(super) async fn request(&mut self, request: Request, client: Client) {
        match request {
            Request::Run { name, manifest, network, pixels, command } => {
                match self.start(name, manifest.as_ref(), &network, pixels, command) {
                    Ok(ran) => client.answer(&ran),
                    Err(reason) => client.refuse(reason),
                }
            }
            Request::Ps => client.answer(&self.listing()),
            Request::Logs { name } => match self.find(&name).and_then(|id| self.instances.get(&id)) {
                Some(instance) => {
                    let (path, running) = (instance.log.clone(), instance.live.is_some());
                    client.answer(&LogPlace { path, running });
                }
                None => client.refuse(self.no_such(&name)),
            },
            Request::Counts { name } => match self.find(&name).and_then(|id| self.instances.get(&id)) {
                Some(instance) => match instance.counts() {
                    Ok(counts) => client.answer(&counts),
                    Err(error) => client.refuse(format!("the counters of {name} cannot be read: {error}")),
                },
                None => client.refuse(self.no_such(&name)),
            },
            Request::Stop { name } => self.stop(&name, false, client),
            Request::Kill { name } => self.stop(&name, true, client),
            Request::Attach { name, port } => self.attach(&name, port, client).await,
            Request::View => self.view(client),
        }
    }

    /// The latest instance of a name.
    fn find(&self, name: &str) -> Option<Id> {
        self.instances.iter().rev().find(|(_, instance)| instance.name == name).map(|(id, _)| *id)
    }

    /// The running instance of a name.
    pub(super) fn find_running(&self, name: &str) -> Option<Id> {
        self.find(name).filter(|id| self.instances[id].live.is_some())
    }

    /// Why there is none.
    pub(super) fn no_such(&self, name: &str) -> String {
        match self.find(name).and_then(|id| self.instance_info(id)) {
            Some(instance) => format!("instance {name} is not running: {}", instance.state),
            None => format!("there is no instance {name}; `bailey ps` lists them"),
        }
    }

    fn free_name(&self, command: &[String], manifest: Option<&PathBuf>) -> String {
        let program = command.first().map(Path::new).or_else(|| manifest.map(PathBuf::as_path));
        let stem = program.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
        let mut stem: String = stem
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .skip_while(|c| matches!(c, '.' | '-'))
            .take(50)
            .collect();
        if stem.is_empty() {
            stem = "app".to_owned();
        }
        let taken = |name: &String| self.find_running(name).is_some();
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        std::iter::once(stem.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(stem)
    }

    fn start(
        &mut self,
        name: Option<String>,
        manifest: Option<&PathBuf>,
        network: &[String],
        pixels: Pixels,
        command: Vec<String>,
    ) -> Result<Ran, String> {
        if self.ending.is_some() {
            return Err("the desktop is ending".to_owned());
        }
        let name = name.unwrap_or_else(|| self.free_name(&command, manifest));
        if !is_valid_name(&name) {
            return Err(format!("`{name}` cannot name an instance"));
        }
        if command.is_empty() && manifest.is_none() {
            return Err("neither a program nor a manifest is given".to_owned());
        }
        if self.find_running(&name).is_some() {
            return Err(format!(
                "an instance {name} is running already; choose another --name, or `bailey stop {name}`"
            ));
        }
        if self.instances.values().filter(|instance| instance.live.is_some()).count() >= MAX_INSTANCES {
            return Err(format!("{MAX_INSTANCES} instances are running, more are not allowed"));
        }
        let id = self.fresh_id();
        let instance = self.launch(id, name, (manifest, network), pixels, command)?;
        let ran = Ran { name: instance.name.clone(), pid: instance.pid };
        tracing::info!("instance {} is started: {}", ran.name, instance.command.join(" "));
        self.forget_ended(&ran.name);
        self.instances.insert(id, instance);
        // By the number of those that live, so that few instances never share a colour by chance.
        self.desktop.add_instance(InstanceId(id), &ran.name, TrustColour::nth(self.free_colour(id)));
        Ok(ran)
    }

    fn free_colour(&self, id: Id) -> usize {
        self.instances.keys().position(|known| *known == id).unwrap_or(0)
    }

    fn launch(
        &self,
        id: Id,
        name: String,
        (manifest, network): (Option<&PathBuf>, &[String]),
        pixels: Pixels,
        command: Vec<String>,
    ) -> Result<Instance, String> {
        let monitor = paths::program("bailey-monitor").map_err(|error| error.to_string())?;
        let failed = |error: std::io::Error| format!("instance {name} cannot be started: {error}");
        let launch = Launch { monitor: &monitor, name: &name, manifest, network, command: &command };
        let mut launched = launch.start().map_err(failed)?;
        let log = paths::logs(&self.settings.state_dir).join(format!("{name}.log"));
        output::keep(launched.output, &log).map_err(failed)?;
        let (line, said) = Line::new(launched.line, id, &self.events).map_err(failed)?;
        let pid = launched.child.id().unwrap_or(0);
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH);
        let process = process
            .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()))
            .map_err(|error| failed(error.into()))?;
        let events = self.events.clone();
        tokio::spawn(async move {
            let status = launched.child.wait().await;
            // What it said last comes before its end; its children may hold the line a little longer.
            let _ = tokio::time::timeout(LAST_WORDS, said).await;
            // Without receiver the daemon is at its end.
            let _ = events.send(Event::MonitorEnded(id, status)).await;
        });
        let size = self.desktop.size();
        let config = LinkConfig {
            pixels: match pixels {
                Pixels::SharedMemory => PixelTransport::SharedMemory,
                Pixels::Egfx => PixelTransport::Egfx,
            },
            desktop_width: size.width,
            desktop_height: size.height,
            keyboard_layout: self
                .sessions
                .keyboard_layout()
                .unwrap_or_else(|| LinkConfig::default().keyboard_layout),
            ..LinkConfig::default()
        };
        let live = Live {
            display: Some(launched.display),
            connection: None,
            link: HostLink::new(config),
            memory: None,
            counters: None,
            line,
            process,
            pointer: (0, 0),
            windows: HashMap::new(),
            sizes: HashMap::new(),
            copies: CopyAccount::default(),
            store_full_said: false,
        };
        let started = self.now();
        Ok(Instance {
            name,
            command,
            pid,
            started,
            log,
            state: State::Running,
            live: Some(live),
            last_counts: Counts::default(),
        })
    }

    /// Ended instances of this name, and the oldest of too many others, are no longer listed.
    fn forget_ended(&mut self, name: &str) {
        self.instances.retain(|_, instance| instance.live.is_some() || instance.name != name);
        let ended: Vec<Id> = self
            .instances
            .iter()
            .filter(|(_, instance)| instance.live.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ended.iter().take(ended.len().saturating_sub(MAX_ENDED)) {
            self.instances.remove(id);
        }
    }

    fn stop(&mut self, name: &str, kill: bool, client: Client) {
        let Some(id) = self.find_running(name) else {
            return client.refuse(self.no_such(name));
        };
        if kill {
            self.kill(id);
        } else if let Some(live) = self.instances.get(&id).and_then(|instance| instance.live.as_ref()) {
            live.line.tell(&ToMonitor::Terminate);
        }
        let now = self.now();
        self.waiting.push(Waiting::client(id, client, now));
    }

    /// Answers those who wait for an instance to end.
    pub(super) fn answer_waiting(&mut self, id: Id) {
        let Some(instance) = self.instance_info(id) else {
            return;
        };
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.instance != id {
                self.waiting.push(waiting);
            } else if let Some(client) = waiting.client {
                client.answer(&Ended { instance: instance.clone() });
            }
        }
    }

    fn view(&mut self, client: Client) {
        if self.viewers.len() >= MAX_VIEWERS {
            return client.refuse(format!("{MAX_VIEWERS} viewers are open, more are not allowed"));
        }
        // An empty socket buffer takes so little at once.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [self.pixels.as_fd()];
        let fits = ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        debug_assert!(fits, "the space is made for it");
        let sent =
            sendmsg(client.stream.as_fd(), &[IoSlice::new(b"{}\n")], &mut ancillary, SendFlags::NOSIGNAL);
        if let Err(error) = sent {
            tracing::warn!("a viewer cannot be answered: {error}");
            return;
        }
        let id = self.fresh_id();
        let Client { stream, rest } = client;
        let connection = Connection::new(stream, &self.events, move |event| Event::Viewer(id, event));
        match Viewer::new(connection, convert::link_pointer(&self.pointer)) {
            Ok(viewer) => {
                tracing::info!("a viewer shows the desktop");
                self.viewers.insert(id, viewer);
                self.viewer_bytes(id, &rest);
            }
            Err(error) => tracing::error!("a viewer cannot be greeted: {error}"),
        }
    }
}
