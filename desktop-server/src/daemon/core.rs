//! The desktop's task.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bailey_compositor::{Action, Desktop, InstanceId, Limits, PointerShape, Size};
use bailey_link::ToInstance;
use bailey_rdp::server::{Config, DesktopHandle, InputReceiver};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use super::attach::Attachment;
use super::convert;
use super::end::{Ending, Waiting};
use super::event::{Event, Id, StreamEvent};
use super::feed::{FeedBuffer, FeedLayer};
use super::frame::Picture;
use super::instance::{Instance, State};
use super::link;
use super::pace::{Acknowledgement, Pace};
use super::rdp::Sessions;
use super::serve::{DaemonError, Settings};
use super::viewer::{Viewer, Wish};
use crate::memory::SharedStore;

/// Least time from frame to frame.
const FRAME: Duration = Duration::from_micros(16_667);
/// Bytes of pixels of one instance's windows: seven in 4K. One present copies no more, so it cannot take long.
const MAX_WINDOW_BYTES: u64 = 256 << 20;
/// Events taken before the desktop is brought up to date.
const BATCH: usize = 64;

/// Everything there is. Times count from its start.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) address: SocketAddr,
    pub(super) rdp_config: Config,
    pub(super) events: mpsc::Sender<Event>,
    start: Instant,
    pub(super) desktop: Desktop,
    pub(super) pixels: std::os::fd::OwnedFd,
    pub(super) rdp: DesktopHandle,
    pub(super) picture: Picture,
    pub(super) sessions: Sessions,
    pub(super) instances: BTreeMap<Id, Instance>,
    pub(super) viewers: BTreeMap<Id, Viewer>,
    pub(super) attachments: BTreeMap<Id, Attachment>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) pointer: PointerShape,
    pace: Pace,
    /// The picture changed since the last frame.
    pub(super) dirty: bool,
    next_frame: Duration,
    next_id: Id,
    pub(super) ending: Option<Ending>,
}

impl Core {
    pub(super) fn new(
        settings: Settings,
        address: SocketAddr,
        rdp_config: Config,
        rdp: DesktopHandle,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, DaemonError> {
        let store = SharedStore::new()?;
        let pixels = store.descriptor()?;
        let size = Size::new(settings.size.0, settings.size.1);
        let limits = Limits { bytes: MAX_WINDOW_BYTES, ..Limits::default() };
        let desktop = Desktop::with_limits(size, Box::new(store), limits)?;
        Ok(Self {
            settings,
            address,
            rdp_config,
            events,
            start: Instant::now(),
            desktop,
            pixels,
            rdp,
            picture: Picture::default(),
            sessions: Sessions::default(),
            instances: BTreeMap::new(),
            viewers: BTreeMap::new(),
            attachments: BTreeMap::new(),
            waiting: Vec::new(),
            pointer: PointerShape::Default,
            pace: Pace::default(),
            dirty: true,
            next_frame: Duration::ZERO,
            next_id: 1,
            ending: None,
        })
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// A number that was never used.
    pub(super) fn fresh_id(&mut self) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Runs until a signal has come and all instances have ended.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut input: InputReceiver,
        terminate: &mut Signal,
        interrupt: &mut Signal,
    ) {
        loop {
            let wake = self.wake();
            let sleep = async {
                match wake {
                    Some(at) => tokio::time::sleep_until((self.start + at).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv() => if let Some(event) = event { self.handle(event).await },
                event = input.recv() => if let Some(event) = event { self.session(event) },
                _ = terminate.recv() => self.end("SIGTERM"),
                _ = interrupt.recv() => self.end("SIGINT"),
                () = sleep => {}
            }
            for _ in 0..BATCH {
                match events.try_recv() {
                    Ok(event) => self.handle(event).await,
                    Err(_) => break,
                }
            }
            for event in (0..BATCH).map_while(|_| input.try_recv()).collect::<Vec<_>>() {
                self.session(event);
            }
            self.settle();
            if self.has_ended() {
                return;
            }
        }
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Link(id, StreamEvent::Bytes(bytes, _permit)) => self.link_bytes(id, &bytes),
            Event::Link(id, StreamEvent::Ended) => self.link_ended(id),
            Event::Link(_, StreamEvent::Writable) | Event::Viewer(_, StreamEvent::Writable) => {}
            Event::Viewer(id, StreamEvent::Bytes(bytes, _permit)) => self.viewer_bytes(id, &bytes),
            Event::Viewer(id, StreamEvent::Ended) => self.drop_viewer(id, "it closed the connection"),
            Event::Monitor(id, message, fd, _permit) => self.monitor_said(id, message, fd),
            Event::MonitorEnded(id, status) => self.monitor_ended(id, status),
            Event::Request(request, client) => self.request(request, client).await,
            Event::Attached(id, input) => self.attached_input(id, &input),
            Event::AttachmentLeft(id) => self.detach(id, None),
        }
    }

    /// Brings everything up to date: actions, deadlines, a frame if one is due, writes.
    fn settle(&mut self) {
        let now = self.now();
        self.act(now);
        self.keep_deadlines(now);
        self.check_links(now);
        if self.frame_due().is_some_and(|due| now >= due) {
            self.next_frame = now + FRAME;
            self.frame(now);
        }
        self.act(now);
        self.flush(now);
    }

    /// When to make the next frame; `None` while nothing has changed and nothing waits.
    fn frame_due(&self) -> Option<Duration> {
        if self.dirty || self.viewers.values().any(Viewer::wants_frame) {
            return Some(self.next_frame);
        }
        self.pace.next().map(|at| at.max(self.next_frame))
    }

    /// When to wake although nothing happens.
    fn wake(&self) -> Option<Duration> {
        let frame = self.frame_due();
        let lives = self.instances.values().filter_map(|instance| instance.live.as_ref());
        let lives = lives.filter(|live| live.connection.is_some());
        let links = lives.filter_map(|live| live.link.deadline()).min();
        [frame, links, self.next_deadline()].into_iter().flatten().min()
    }

    fn link_bytes(&mut self, id: Id, bytes: &[u8]) {
        let now = self.now();
        let Some(live) = self.instances.get_mut(&id).and_then(|instance| instance.live.as_mut()) else {
            return;
        };
        let taken = live.link.receive(bytes).map_err(|violation| violation.to_string()).and_then(|()| {
            while let Some(event) = live.link.next_event(now).map_err(|violation| violation.to_string())? {
                link::apply(&mut self.desktop, id, live, event, &mut self.pace, now)?;
            }
            Ok(())
        });
        if let Err(reason) = taken {
            self.cut_off(id, &reason);
        }
    }

    fn link_ended(&mut self, id: Id) {
        let Some(live) = self.instances.get_mut(&id).and_then(|instance| instance.live.as_mut()) else {
            return;
        };
        live.connection = None;
        match live.link.receive_end() {
            Err(violation) => self.cut_off(id, &violation.to_string()),
            // The display service has ended; the monitor will say how. Its windows cannot stay.
            Ok(()) => self.take_off_desktop(id),
        }
    }

    fn take_off_desktop(&mut self, id: Id) {
        self.desktop.remove_instance(InstanceId(id));
        self.pace.forget(id);
    }

    /// Ends an instance that broke a rule.
    pub(super) fn cut_off(&mut self, id: Id, reason: &str) {
        let Some(instance) = self.instances.get_mut(&id) else {
            return;
        };
        if instance.state == State::Running {
            instance.state = State::CutOff(reason.to_owned());
            tracing::warn!("instance {} is cut off: {reason}", instance.name);
        }
        if let Some(live) = &mut instance.live {
            live.connection = None;
        }
        self.take_off_desktop(id);
        self.kill(id);
    }

    /// Hands out what the desktop has to say.
    fn act(&mut self, now: Duration) {
        loop {
            let actions = self.desktop.drain_actions();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::Redraw => self.dirty = true,
                    Action::PointerShape(shape) => self.set_pointer(shape),
                    Action::ToInstance { instance: InstanceId(id), message } => {
                        self.with_link(id, |live| link::tell(live, message, now));
                    }
                }
            }
        }
    }

    /// Does something with an instance's link; an instance that does not read is cut off.
    pub(super) fn with_link(
        &mut self,
        id: Id,
        work: impl FnOnce(&mut super::instance::Live) -> Result<(), bailey_rdp::link::LinkViolation>,
    ) {
        let Some(live) = self.instances.get_mut(&id).and_then(|instance| instance.live.as_mut()) else {
            return;
        };
        if let Err(violation) = work(live) {
            self.cut_off(id, &violation.to_string());
        }
    }

    fn set_pointer(&mut self, shape: PointerShape) {
        if let Err(error) = self.rdp.set_pointer(convert::rdp_pointer(&shape)) {
            tracing::warn!("a pointer is not shown over RDP: {error}");
        }
        let ids: Vec<Id> = self.viewers.keys().copied().collect();
        for id in ids {
            let told = self.viewers.get_mut(&id).map(|viewer| viewer.pointer(convert::link_pointer(&shape)));
            if let Some(Err(error)) = told {
                self.drop_viewer(id, &error.to_string());
            }
        }
        self.pointer = shape;
    }

    fn check_links(&mut self, now: Duration) {
        let lives = self.instances.iter().filter_map(|(id, instance)| Some((*id, instance.live.as_ref()?)));
        let lives = lives.filter(|(_, live)| live.connection.is_some());
        let stuck: Vec<_> = lives
            .filter_map(|(id, live)| live.link.check(now).err().map(|violation| (id, violation)))
            .collect();
        for (id, violation) in stuck {
            self.cut_off(id, &violation.to_string());
        }
    }

    fn frame(&mut self, now: Duration) {
        if std::mem::take(&mut self.dirty) {
            let layer_damage = self.desktop.take_layer_damage();
            self.viewers.values_mut().for_each(|viewer| viewer.changed(&layer_damage));
            let damage = self.desktop.take_damage();
            if self.sessions.is_empty() {
                self.picture.forget();
            } else if let Err(error) = self.picture.publish(&self.desktop, &damage, &self.rdp) {
                tracing::error!("the picture cannot be shown over RDP: {error}");
            }
            self.show_attached();
        }
        self.show_viewers();
        for (id, acknowledgement) in self.pace.take(now) {
            self.with_link(id, |live| match acknowledgement {
                Acknowledgement::Present { window, serial } => {
                    live.link.acknowledge_present(window, serial, now)
                }
                Acknowledgement::Frame(frame) => live.link.acknowledge_frame(frame, now),
            });
        }
    }

    fn show_viewers(&mut self) {
        if !self.viewers.values().any(Viewer::wants_frame) {
            return;
        }
        let layers = self.desktop.layers();
        let layers: Vec<FeedLayer> = layers
            .iter()
            .filter_map(|layer| {
                let (size, stride) = (layer.rect.size(), layer.stride());
                let buffer =
                    FeedBuffer { offset: layer.shared_offset()?, size, stride, opaque: layer.opaque };
                Some(FeedLayer { id: layer.id, rect: layer.rect, buffer })
            })
            .collect();
        let viewers = self.viewers.iter_mut().filter(|(_, viewer)| viewer.wants_frame());
        let failed: Vec<_> = viewers
            .filter_map(|(id, viewer)| viewer.frame(&layers).err().map(|error| (*id, error)))
            .collect();
        for (id, error) in failed {
            self.drop_viewer(id, &error.to_string());
        }
    }

    pub(super) fn viewer_bytes(&mut self, id: Id, bytes: &[u8]) {
        let Some(viewer) = self.viewers.get_mut(&id) else {
            return;
        };
        let wishes = match viewer.receive(bytes) {
            Ok(wishes) => wishes,
            Err(error) => return self.drop_viewer(id, &error.to_string()),
        };
        let now = self.now();
        for wish in wishes {
            match wish {
                Wish::Size(width, height) => self.resize(width, height),
                Wish::Input(events) => {
                    let mut inputs = Vec::new();
                    events.into_iter().for_each(|event| convert::viewer_input(event, &mut inputs));
                    inputs.into_iter().for_each(|input| self.desktop.input(input, now));
                }
            }
        }
    }

    fn drop_viewer(&mut self, id: Id, reason: &str) {
        if self.viewers.remove(&id).is_some() {
            tracing::info!("a viewer has left: {reason}");
            self.desktop.input(bailey_compositor::Input::FocusLost, self.now());
        }
    }

    /// The desktop gets a size that RDP can show too.
    pub(super) fn resize(&mut self, width: u32, height: u32) {
        use bailey_rdp::server::{MAX_DESKTOP_EDGE, MIN_DESKTOP_EDGE};
        let side = |side: u32| side.clamp(MIN_DESKTOP_EDGE, MAX_DESKTOP_EDGE);
        let size = Size::new(side(width), side(height));
        if size == self.desktop.size() {
            return;
        }
        if let Err(error) = self.desktop.resized(size) {
            tracing::error!("the desktop keeps its size: {error}");
            return;
        }
        self.dirty = true;
        tracing::info!("the desktop has {} x {} pixels", size.width, size.height);
        if let Err(error) = self.rdp.resize(size.width, size.height) {
            tracing::error!("RDP sessions keep their size: {error}");
        }
        self.picture.forget();
        let now = self.now();
        let message = ToInstance::DesktopSize { width: size.width, height: size.height };
        for id in self.instances.keys().copied().collect::<Vec<_>>() {
            self.with_link(id, |live| live.link.send(&message, now));
        }
    }

    fn flush(&mut self, now: Duration) {
        for instance in self.instances.values_mut() {
            let Some(live) = &mut instance.live else { continue };
            let Some(connection) = &live.connection else {
                continue;
            };
            if live.link.pending().is_empty() {
                continue;
            }
            // A stream that is gone says so to its reader.
            if let Ok(count) = connection.write(live.link.pending()) {
                live.link.sent(count, now);
            }
        }
        for viewer in self.viewers.values_mut() {
            if let Err(error) = viewer.flush() {
                tracing::debug!("a viewer is gone: {error}");
            }
        }
    }
}
