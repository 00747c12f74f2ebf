//! From the first connection of an X11 program to its window manager, and back.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use wayland_server::backend::ClientId;

use crate::guests::{Environment, Xwayland};
use crate::state::State;
use crate::wayland::selection::Which;
use crate::x11::{WindowManager, X11Request};

/// How far Xwayland is.
#[derive(Debug, Default)]
enum Stage {
    /// It does not run.
    #[default]
    Idle,
    /// It is not ready for its window manager yet.
    Starting { client: ClientId, manager: UnixStream, ready: UnixStream },
    /// It serves.
    Managed(Box<WindowManager>),
}

/// Xwayland and its window manager, as far as there are any.
#[derive(Debug, Default)]
pub struct X11Session {
    server: Option<Xwayland>,
    stage: Stage,
}

impl X11Session {
    /// Listens for X11 programs and says so in the environment. Where that cannot be, there are none.
    pub fn listen(environment: &mut Environment) -> Self {
        match Xwayland::listen() {
            Ok(server) => {
                environment.set("DISPLAY", server.display());
                Self { server: Some(server), stage: Stage::Idle }
            }
            Err(error) => {
                tracing::warn!(%error, "X11 programs cannot be served");
                Self::default()
            }
        }
    }

    /// What is to be polled, and what for.
    pub fn watched(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        match (&self.stage, &self.server) {
            (Stage::Idle, Some(server)) if server.is_idle() => {
                server.sockets().into_iter().map(|socket| (socket.as_fd(), PollFlags::IN)).collect()
            }
            (Stage::Idle, _) => Vec::new(),
            (Stage::Starting { ready, .. }, _) => vec![(ready.as_fd(), PollFlags::IN)],
            (Stage::Managed(manager), _) => manager.watched(),
        }
    }

    /// Goes on after a poll; `readable` where one of the watched was. `serve` makes a Wayland client.
    pub fn step(
        &mut self,
        readable: bool,
        state: &mut State,
        environment: &Environment,
        serve: impl FnOnce(UnixStream) -> Option<ClientId>,
    ) {
        match std::mem::take(&mut self.stage) {
            Stage::Idle => {
                if readable
                    && let Some(started) = self.server.as_mut().and_then(|server| server.wanted(environment))
                    && let Some(client) = serve(started.wayland)
                {
                    let (manager, ready) = (started.manager, started.ready);
                    self.stage = Stage::Starting { client, manager, ready };
                }
            }
            Stage::Starting { client, manager, mut ready } => {
                self.stage = match readable.then(|| ready.read(&mut [0; 16])) {
                    None => Stage::Starting { client, manager, ready },
                    Some(Ok(count)) if count > 0 => manage(manager, client, state),
                    Some(_) => Stage::Idle,
                };
            }
            Stage::Managed(mut manager) => match manager.dispatch(state) {
                Ok(()) => self.stage = Stage::Managed(manager),
                Err(error) => tracing::debug!(%error, "Xwayland has gone"),
            },
        }
        state.x11_requests.clear();
    }

    /// A child has ended. Returns whether it was Xwayland.
    pub fn ended(&mut self, child: u32, failed: bool) -> bool {
        let ours = self.server.as_mut().is_some_and(|server| server.ended(child, failed));
        if ours {
            self.stage = Stage::Idle;
        }
        ours
    }

    /// Xwayland's process, while it runs.
    pub fn server(&self) -> Option<u32> {
        self.server.as_ref()?.server()
    }
}

fn manage(stream: UnixStream, client: ClientId, state: &mut State) -> Stage {
    let both = [Which::Clipboard, Which::Primary];
    state.x11_requests.extend(both.map(X11Request::Selected));
    let managed =
        WindowManager::new(stream, client).and_then(|mut manager| manager.dispatch(state).map(|()| manager));
    match managed {
        Ok(manager) => Stage::Managed(Box::new(manager)),
        Err(error) => {
            tracing::warn!("{error}");
            Stage::Idle
        }
    }
}
