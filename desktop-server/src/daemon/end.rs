//! Ends: of instances, by themselves or by us, and of the daemon.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use bailey_compositor::InstanceId;
use bailey_monitor::control::{FromMonitor, ToMonitor};

use super::connection::Connection;
use super::control::Client;
use super::core::Core;
use super::event::{Event, Id};
use super::instance::{Live, State};
use crate::counters::Counters;
use crate::memory::InstanceMemory;

/// How long a client waits for an instance to end.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// After which a monitor that was told to kill its instance is killed itself.
const FORCE: Duration = Duration::from_secs(2);
/// How long instances may take to end by themselves when the daemon ends.
const GRACE: Duration = Duration::from_secs(2);

/// Somebody waits for an instance to end, or the instance has to be forced.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) instance: Id,
    /// Who waits; without one the monitor is killed at the deadline.
    pub(super) client: Option<Client>,
    deadline: Duration,
}

impl Waiting {
    pub(super) fn client(instance: Id, client: Client, now: Duration) -> Self {
        Self { instance, client: Some(client), deadline: now + CLIENT_PATIENCE }
    }
}

/// The daemon is ending.
#[derive(Debug)]
pub(super) struct Ending {
    /// When instances that still live are killed.
    kill: Option<Duration>,
    /// When nobody is waited for any longer.
    give_up: Duration,
}

impl Core {
    /// A monitor has something to say.
    pub(super) fn monitor_said(&mut self, id: Id, message: FromMonitor, fd: Option<OwnedFd>) {
        let Some(instance) = self.instances.get_mut(&id) else {
            return;
        };
        let name = instance.name.clone();
        match message {
            FromMonitor::Memory { size } => {
                let memory = fd.ok_or_else(|| "the monitor sent no descriptor of the memory".to_owned());
                let memory =
                    memory.and_then(|fd| InstanceMemory::map(&fd, size).map_err(|error| error.to_string()));
                let connected = memory.and_then(|memory| self.connect(id, memory));
                if let Err(reason) = connected {
                    self.fail(id, &reason);
                }
            }
            FromMonitor::Counts { offset } => {
                if let (Some(live), Some(fd)) = (instance.live.as_mut(), fd) {
                    live.counters = Some(Counters::new(fd, offset));
                }
            }
            FromMonitor::Started { .. } => tracing::debug!("instance {name} runs"),
            FromMonitor::ProcessDied { pid, signal, status } => match (signal, status) {
                (Some(signal), _) => {
                    tracing::info!("instance {name}: process {pid} was ended by signal {signal}")
                }
                (None, status) => {
                    tracing::info!(
                        "instance {name}: process {pid} ended with status {}",
                        status.unwrap_or(0)
                    );
                }
            },
            FromMonitor::Exited { status, signal, reason } => {
                if instance.state == State::Running {
                    instance.state = match (status, signal) {
                        (Some(status), _) => State::Exited(status, reason),
                        (None, Some(signal)) => State::Killed(signal, reason),
                        (None, None) => State::Failed(reason),
                    };
                }
                self.desktop.remove_instance(InstanceId(id));
            }
        }
    }

    /// The memory is there, so the display stream can be heard.
    fn connect(&mut self, id: Id, memory: InstanceMemory) -> Result<(), String> {
        let Some(live) = self.instances.get_mut(&id).and_then(|instance| instance.live.as_mut()) else {
            return Ok(());
        };
        let Some(display) = live.display.take() else {
            return Err("the monitor sent its memory twice".to_owned());
        };
        live.link.set_memory(memory.len());
        live.memory = Some(memory);
        let stream = tokio::net::UnixStream::from_std(display.into()).map_err(|error| error.to_string())?;
        live.connection = Some(Connection::new(stream, &self.events, move |event| Event::Link(id, event)));
        Ok(())
    }

    fn fail(&mut self, id: Id, reason: &str) {
        if let Some(instance) = self.instances.get_mut(&id) {
            tracing::error!("instance {} has failed: {reason}", instance.name);
            instance.state = State::Failed(reason.to_owned());
        }
        self.kill(id);
    }

    /// Ends an instance: by its monitor, and by force if that does not help.
    pub(super) fn kill(&mut self, id: Id) {
        let deadline = self.now() + FORCE;
        if let Some(live) = self.instances.get(&id).and_then(|instance| instance.live.as_ref()) {
            live.line.tell(&ToMonitor::Kill);
            self.waiting.push(Waiting { instance: id, client: None, deadline });
        }
    }

    /// The process of an instance's monitor has ended.
    pub(super) fn monitor_ended(&mut self, id: Id, status: std::io::Result<ExitStatus>) {
        let Some(instance) = self.instances.get_mut(&id) else {
            return;
        };
        instance.last_counts = instance.counts().unwrap_or_default();
        instance.live = None;
        if instance.state == State::Running {
            instance.state = ended_unannounced(status);
        }
        let what = instance.state.reason().unwrap_or_default();
        let name = instance.name.clone();
        tracing::info!("instance {name} has ended: {}: {what}", instance.state.word());
        self.desktop.remove_instance(InstanceId(id));
        let shown: Vec<Id> = self
            .attachments
            .iter()
            .filter(|(_, shown)| shown.instance == id)
            .map(|(shown, _)| *shown)
            .collect();
        for attachment in shown {
            self.detach(attachment, Some(format!("instance {name} has ended")));
        }
        self.answer_waiting(id);
    }

    /// When [`keep_deadlines`](Self::keep_deadlines) has something to do.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline).min();
        let ending = self.ending.as_ref().map(|ending| ending.kill.unwrap_or(ending.give_up));
        [waiting, ending].into_iter().flatten().min()
    }

    /// Does what has waited long enough.
    pub(super) fn keep_deadlines(&mut self, now: Duration) {
        for waiting in std::mem::take(&mut self.waiting) {
            let live = self.live(waiting.instance);
            match waiting.client {
                _ if now < waiting.deadline => self.waiting.push(waiting),
                Some(client) => {
                    let name =
                        self.instances.get(&waiting.instance).map_or("", |instance| instance.name.as_str());
                    let seconds = CLIENT_PATIENCE.as_secs();
                    client.refuse(format!(
                        "{name} has not ended within {seconds} s; `bailey kill {name}` does not ask"
                    ));
                }
                None => live.into_iter().for_each(Live::kill_process),
            }
        }
        if let Some(Ending { kill: Some(kill), .. }) = self.ending
            && now >= kill
        {
            self.kill_all();
        }
    }

    fn live(&self, id: Id) -> Option<&Live> {
        self.instances.get(&id)?.live.as_ref()
    }

    /// The daemon has to end: instances are asked to; at the second signal they are not asked.
    pub(super) fn end(&mut self, signal: &str) {
        let now = self.now();
        if self.ending.is_some() {
            tracing::info!("{signal} again: instances are killed");
            return self.kill_all();
        }
        let live = self.instances.values().filter(|instance| instance.live.is_some()).count();
        tracing::info!("{signal}: the desktop ends, with {live} instances");
        for live in self.instances.values().filter_map(|instance| instance.live.as_ref()) {
            live.line.tell(&ToMonitor::Terminate);
        }
        self.ending = Some(Ending { kill: Some(now + GRACE), give_up: now + GRACE + 2 * FORCE });
    }

    fn kill_all(&mut self) {
        let now = self.now();
        self.ending = Some(Ending { kill: None, give_up: now + 2 * FORCE });
        let ids: Vec<Id> = self.instances.keys().copied().collect();
        ids.into_iter().for_each(|id| self.kill(id));
    }

    /// Whether the daemon's task is done.
    pub(super) fn has_ended(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        let mut living = self.instances.values().filter(|instance| instance.live.is_some());
        match living.next() {
            None => true,
            Some(instance) if self.now() >= ending.give_up => {
                tracing::error!("instance {} does not end and is left behind", instance.name);
                true
            }
            Some(_) => false,
        }
    }
}

/// The monitor ended without a word about its instance.
fn ended_unannounced(status: std::io::Result<ExitStatus>) -> State {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(0), _) => State::Exited(0, String::new()),
            (Some(code), _) => {
                State::Failed(format!("its monitor ended with status {code}; `bailey logs` may say why"))
            }
            (None, Some(signal)) => State::Failed(format!("its monitor was killed by signal {signal}")),
            (None, None) => State::Failed(format!("its monitor ended: {status}")),
        },
        Err(error) => State::Failed(format!("its monitor cannot be waited for: {error}")),
    }
}
