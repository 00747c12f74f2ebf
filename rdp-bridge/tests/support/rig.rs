//! A server on loopback with its users, and clients for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use bailey_rdp::server::credentials::CredentialsFile;
use bailey_rdp::server::{
    Config, DesktopHandle, InputEvent, InputReceiver, Rect, Server, SessionInput, TlsIdentity, input_channel,
};
use tokio::sync::oneshot;

use super::screen::{Display, Frame, Process, wait_for};

/// Everything logged in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A running server with users alice (secret) and bob (hunter2).
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) desktop: DesktopHandle,
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    input: InputReceiver,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _state: tempfile::TempDir,
}

impl Rig {
    pub(crate) fn start(width: u32, height: u32, adjust: impl FnOnce(&mut Config)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (tls, _) = TlsIdentity::load_or_generate(state.path()).unwrap();
        let users = CredentialsFile::new(state.path().join("users"));
        users.add("alice", "secret").unwrap();
        users.add("bob", "hunter2").unwrap();
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), tls, Arc::new(users));
        adjust(&mut config);
        let desktop = DesktopHandle::new(width, height).unwrap();
        let (sender, input) = input_channel(4096);
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, address) = std::sync::mpsc::channel();
        let log = Log::default();
        let (shared, sink) = (desktop.clone(), log.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            // One thread, so that the subscriber of this thread sees every session.
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter("bailey_rdp=debug")
                .with_ansi(false)
                .with_writer(move || sink.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                runtime.block_on(async {
                    let server = Server::bind(config).await.unwrap();
                    told.send(server.local_addr()).unwrap();
                    let stopped = async {
                        let _ = stopped.await;
                    };
                    server.run(shared, sender, stopped).await;
                });
            });
        });
        let address = address.recv().unwrap();
        Self { desktop, address, log, input, stop: Some(stop), thread: Some(thread), _state: state }
    }

    /// A client on `display` with the usual flags and `more`.
    pub(crate) fn client(&self, display: &Display, user: &str, password: &str, more: &[&str]) -> Process {
        let child = display
            .command("xfreerdp")
            .args([&format!("/v:{}", self.address), &format!("/u:{user}"), &format!("/p:{password}")])
            .args(["/cert:ignore", "/sec:nla", "/log-level:ERROR"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }

    pub(crate) fn publish(&self, frame: &Frame) {
        self.desktop.publish(frame.view(), &[Rect::new(0, 0, frame.width, frame.height)]).unwrap();
    }

    /// The next event that `pick` likes; others before it are dropped.
    pub(crate) fn event<T>(&self, what: &str, mut pick: impl FnMut(&SessionInput) -> Option<T>) -> T {
        wait_for(what, || {
            while let Some(input) = self.input.try_recv() {
                if let Some(value) = pick(&input) {
                    return Some(value);
                }
            }
            None
        })
    }

    /// Waits for a user to be let in.
    pub(crate) fn connected(&self) -> (bailey_rdp::server::SessionId, String) {
        self.event("a session", |input| match &input.event {
            InputEvent::Connected { user, .. } => Some((input.session, user.clone())),
            _ => None,
        })
    }

    /// All events there are now.
    pub(crate) fn drain(&self) -> Vec<SessionInput> {
        std::iter::from_fn(|| self.input.try_recv()).collect()
    }

    /// Ends the server and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}
