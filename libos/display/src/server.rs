//! The loop: one thread, one poll, asleep while nothing happens.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bailey_link::{HelloAck, PixelTransport, ToHost};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getuid, kill_process};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use wayland_server::Display;
use wayland_server::backend::{ClientData, ClientId, DisconnectReason, InitError};

use crate::cli::{Options, Stream};
use crate::guests::{Environment, SessionBus};
use crate::icon;
use crate::lifetime::{Lifetime, Shown};
use crate::link::{HostStream, Listener, StreamError};
use crate::pixels::extents_unsafe::extent_at;
use crate::pixels::pool::SharedPool;
use crate::pixels::{EgfxLink, PixelLink, SharedMemoryLink};
use crate::state::{Settings, State};
use crate::x11::X11Session;

/// Why the service ended before its program did.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The display stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Something of the kernel's.
    #[error("{0}: {1}")]
    System(&'static str, #[source] io::Error),
    /// The Wayland library.
    #[error("the Wayland display cannot be made: {0}")]
    Wayland(#[from] InitError),
    /// The program cannot be started. The number is a shell's exit status for that.
    #[error("{program} cannot be run: {error}")]
    Program {
        /// What was to be run.
        program: String,
        /// Why not.
        error: io::Error,
    },
}

impl ServerError {
    /// The exit status that says so: as a shell's where the program cannot be run, else 1.
    pub fn status(&self) -> u8 {
        match self {
            Self::Program { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Program { .. } => 126,
            _ => 1,
        }
    }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> ServerError {
    move |error| ServerError::System(what, error)
}

/// Exit status after a signal that asks us to end: 128 + SIGTERM, as a shell says it.
const STOPPED: u8 = 128 + 15;

/// Bytes of events that may wait for a client which does not read, beyond what its socket holds. A program
/// that is busy for a while must not be cut off for the pointer that moves over it meanwhile.
const CLIENT_QUEUE: usize = 1 << 20;

/// Notes when clients come and go, and how many there are.
struct ClientWatch(Arc<AtomicUsize>);

impl ClientData for ClientWatch {
    fn initialized(&self, client: ClientId) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(?client, "A client has connected");
    }

    fn disconnected(&self, client: ClientId, reason: DisconnectReason) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        match reason {
            DisconnectReason::ConnectionClosed => tracing::debug!(?client, "A client has gone"),
            DisconnectReason::ProtocolError(error) => {
                tracing::warn!(
                    interface = error.object_interface,
                    code = error.code,
                    message = error.message,
                    "A client broke the protocol and was cut off"
                );
            }
        }
    }
}

/// All that the loop works on.
struct Server {
    display: Display<State>,
    state: State,
    host: HostStream,
    listener: Listener,
    /// Gets a byte when a child has ended.
    children: UnixStream,
    /// Gets a byte when we are to end.
    stop: UnixStream,
    child: Child,
    child_ended: bool,
    lifetime: Lifetime,
    /// Clients that are connected.
    clients: Arc<AtomicUsize>,
    /// What guests find in their environment.
    environment: Environment,
    bus: SessionBus,
    x11: X11Session,
}

/// Serves one program. Returns the exit status to end with: the program's.
///
/// # Errors
/// [`ServerError`]; an end of the display stream is no error and yields 0.
pub fn run(options: &Options) -> Result<u8, ServerError> {
    let mut host = match &options.stream {
        Stream::Path(path) => HostStream::open(path)?,
        Stream::Descriptor(number) => HostStream::inherit(*number)?,
    };
    let pool = SharedPool::new().map_err(|error| system("no shared memory")(error.into()))?;
    // Inside an instance the host has all memory mapped; elsewhere it gets the pool.
    let plain = matches!(extent_at(pool.file(), 0), Ok(None));
    let answer = host.hello(plain.then(|| pool.file()))?;
    let transport = options.link.unwrap_or(answer.pixels);
    let pixels: Box<dyn PixelLink> = match transport {
        PixelTransport::SharedMemory => Box::new(SharedMemoryLink::new(pool)),
        PixelTransport::Egfx => Box::new(EgfxLink::new()),
    };
    let display = Display::new()?;
    display.handle().set_default_max_buffer_size(CLIENT_QUEUE);
    let state = State::new(display.handle(), &settings(&answer), pixels);
    let state = state.map_err(|error| system("no memory for the keymap")(error.into()))?;
    let directory = runtime_directory();
    let listener = Listener::bind(&directory).map_err(system("the Wayland socket cannot be made"))?;
    let children = signals(&[SIGCHLD]).map_err(system("signals cannot be caught"))?;
    let stop = signals(&[SIGTERM, SIGINT, SIGHUP]).map_err(system("signals cannot be caught"))?;
    let bus = SessionBus::listen(&directory).map_err(system("the session bus's socket cannot be made"))?;
    let mut environment = Environment::new(&directory, listener.name());
    environment.set("DBUS_SESSION_BUS_ADDRESS", bus.address());
    let x11 = X11Session::listen(&mut environment);
    let child = spawn(options, &environment)?;
    tracing::info!(display = listener.name(), ?transport, program = child.id(), "Serving");
    let mut server = Server {
        display,
        state,
        host,
        listener,
        children,
        stop,
        child,
        child_ended: false,
        lifetime: Lifetime::default(),
        clients: Arc::default(),
        environment,
        bus,
        x11,
    };
    let ended = server.serve();
    server.finish();
    match ended {
        Err(ServerError::Stream(StreamError::Closed)) => {
            tracing::info!("The host has closed the display stream");
            Ok(0)
        }
        other => other,
    }
}

fn settings(answer: &HelloAck) -> Settings {
    let signed = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    Settings {
        desktop_size: (signed(answer.desktop_width).max(1), signed(answer.desktop_height).max(1)),
        keyboard_layout: answer.keyboard_layout,
        repeat_delay: signed(answer.repeat_delay_ms),
        repeat_rate: signed(answer.repeat_rate),
    }
}

fn runtime_directory() -> PathBuf {
    let chosen = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    chosen.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", getuid().as_raw())))
}

/// A stream that gets a byte for each of these signals.
fn signals(numbers: &[i32]) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    for signal in numbers {
        signal_hook::low_level::pipe::register(*signal, writer.try_clone()?)?;
    }
    Ok(reader)
}

fn spawn(options: &Options, environment: &Environment) -> Result<Child, ServerError> {
    let (program, arguments) = options.command.split_first().ok_or_else(|| ServerError::Program {
        program: String::new(),
        error: io::ErrorKind::NotFound.into(),
    })?;
    let mut command = Command::new(program);
    command.args(arguments);
    environment.apply(&mut command);
    command.spawn().map_err(|error| ServerError::Program { program: program.display().to_string(), error })
}

/// The time of wp_presentation and of all events.
fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Server {
    fn serve(&mut self) -> Result<u8, ServerError> {
        loop {
            self.state.now = now();
            self.state.frame_tick();
            self.send()?;
            let ready = self.wait()?;
            self.state.now = now();
            if ready.stop {
                return Ok(STOPPED);
            }
            if ready.children
                && let Some(status) = self.reap()?
                && let Some(status) = self.lifetime.program_ended(status, self.state.now)
            {
                self.send()?;
                return Ok(status);
            }
            if ready.host {
                self.host.receive()?;
                while let Some(message) = self.host.pop() {
                    self.state.handle(message);
                }
            }
            if ready.listener {
                self.accept();
            }
            if ready.bus {
                self.bus.wanted(&self.environment);
            }
            if ready.clients {
                match self.display.dispatch_clients(&mut self.state) {
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                        return Err(ServerError::System("clients cannot be read", error));
                    }
                    _ => {}
                }
            }
            let (display, clients) = (&mut self.display, &self.clients);
            self.x11.step(ready.x11, &mut self.state, &self.environment, |stream| {
                insert(display, clients, stream)
            });
            let shown = self.shown();
            if let Some(status) = self.lifetime.over(shown, self.state.now) {
                self.send()?;
                return Ok(status);
            }
        }
    }

    /// What the program and those that it left behind show, or may come to show.
    fn shown(&self) -> Shown {
        let guests = usize::from(self.x11.server().is_some());
        let clients = self.clients.load(Ordering::Relaxed).saturating_sub(guests);
        Shown { windows: self.state.windows.len(), clients }
    }

    /// Hands out what has gathered: events to clients, messages to the host.
    fn send(&mut self) -> Result<(), ServerError> {
        self.display.flush_clients().map_err(system("clients cannot be written to"))?;
        for (window, app_id) in std::mem::take(&mut self.state.icons_wanted) {
            self.state.out.extend(icon::find(window, &app_id).map(ToHost::WindowIcon));
        }
        for message in std::mem::take(&mut self.state.out) {
            self.host.push(&message)?;
        }
        Ok(self.host.flush()?)
    }

    fn wait(&self) -> Result<Ready, ServerError> {
        let deadlines = [self.state.deadline(), self.lifetime.deadline(self.shown())];
        let timeout = deadlines.into_iter().flatten().min().map(|deadline| {
            let left = deadline.saturating_sub(now());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            }
        });
        let mut waiting = vec![
            PollFd::new(&self.host, self.host.interest()),
            PollFd::new(&self.listener, PollFlags::IN),
            PollFd::from_borrowed_fd(self.display.as_fd(), PollFlags::IN),
            PollFd::new(&self.children, PollFlags::IN),
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(&self.bus, if self.bus.is_idle() { PollFlags::IN } else { PollFlags::empty() }),
        ];
        let others = waiting.len();
        let x11 = self.x11.watched();
        waiting.extend(x11.iter().map(|(descriptor, events)| PollFd::from_borrowed_fd(*descriptor, *events)));
        match poll(&mut waiting, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(system("cannot wait")(error.into())),
        }
        let any = |index: usize| !waiting[index].revents().is_empty();
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ok(Ready {
            host: waiting[0].revents().intersects(readable),
            listener: any(1),
            clients: any(2),
            children: any(3),
            stop: any(4),
            bus: any(5),
            x11: (others..waiting.len()).any(any),
        })
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok(Some(stream)) => {
                    insert(&mut self.display, &self.clients, stream);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "A client cannot be accepted");
                    return;
                }
            }
        }
    }

    /// Some child has ended: the program's status, if it was that.
    fn reap(&mut self) -> Result<Option<u8>, ServerError> {
        let mut bytes = [0; 64];
        while matches!(self.children.read(&mut bytes), Ok(count) if count > 0) {}
        // In an instance we are the first process, so orphans are ours to wait for as well.
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid.as_raw_pid().cast_unsigned() == self.child.id() => {
                    let signal = || status.terminating_signal().map(|signal| 128 + signal);
                    let code = status.exit_status().or_else(signal);
                    self.child_ended = true;
                    return Ok(Some(u8::try_from(code.unwrap_or(1) & 0xff).unwrap_or(1)));
                }
                Ok(Some((pid, status))) => {
                    let child = pid.as_raw_pid().cast_unsigned();
                    let _ = self.bus.ended(child) || self.x11.ended(child, status.exit_status() != Some(0));
                }
                Err(Errno::INTR) => {}
                Ok(None) | Err(Errno::CHILD) => return Ok(None),
                Err(error) => return Err(system("the program cannot be waited for")(error.into())),
            }
        }
    }

    /// Ends the program where it still runs: without us it has no display. Its guests go with it.
    fn finish(&mut self) {
        let program = (!self.child_ended).then(|| (self.child.id(), Signal::HUP));
        let guests = [self.bus.daemon(), self.x11.server()];
        let guests = guests.into_iter().flatten().map(|guest| (guest, Signal::TERM));
        for (child, signal) in program.into_iter().chain(guests) {
            if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
                // It may have gone in this moment.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// Serves a client that has connected.
fn insert(display: &mut Display<State>, clients: &Arc<AtomicUsize>, stream: UnixStream) -> Option<ClientId> {
    match display.handle().insert_client(stream, Arc::new(ClientWatch(Arc::clone(clients)))) {
        Ok(client) => Some(client.id()),
        Err(error) => {
            tracing::warn!(%error, "A client cannot be served");
            None
        }
    }
}

/// What has something to read.
#[derive(Default)]
struct Ready {
    host: bool,
    listener: bool,
    clients: bool,
    children: bool,
    stop: bool,
    bus: bool,
    x11: bool,
}
