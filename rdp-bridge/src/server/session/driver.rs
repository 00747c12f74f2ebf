//! The task of one session: moves bytes between the client and the state machine.
//!
//! Reading and writing are separate futures over one state, locked for moments only: input is taken however slowly the
//! client reads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::receive::Effect;
use super::state::{EndReason, Opening, Session, Step};
use super::wire::{Addresses, goodbye};
use crate::server::config::Config;
use crate::server::desktop::{Capture, DesktopHandle, DesktopView};
use crate::server::encode::{Encoder, FrameError, FrameJob};
use crate::server::handshake::Accepted;
use crate::server::input::{InputEvent, InputSender, SessionId, SessionInput};
use crate::server::transport::{MAX_PDU, ReadError, UnitReader, pdu_size};

/// Bytes written at a time; the write time-out applies to each part.
const PART: usize = 64 * 1024;
/// Frames of up to so many pixels are encoded in the task itself.
const INLINE_PIXELS: usize = 64 * 64 * 8;
/// How long the server's goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// A session and what wakes its writer.
#[derive(Debug)]
struct Shared {
    session: Mutex<Session>,
    wake: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the desktop that the session is over, however it ends.
#[derive(Debug)]
struct Farewell {
    shared: Arc<Shared>,
    input: InputSender,
    id: SessionId,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let released = self.shared.lock().input_mut().release_all();
        for event in released.into_iter().chain([InputEvent::Disconnected]) {
            self.input.send(SessionInput { session: self.id, event });
        }
    }
}

/// Where a session belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat<'a> {
    pub(crate) id: SessionId,
    pub(crate) peer: SocketAddr,
    pub(crate) config: &'a Config,
    pub(crate) desktop: &'a DesktopHandle,
    pub(crate) input: &'a InputSender,
}

impl Seat<'_> {
    fn tell(&self, event: InputEvent) {
        self.input.send(SessionInput { session: self.id, event });
    }
}

/// Serves an accepted connection until its session ends.
pub(crate) async fn serve(
    accepted: Accepted,
    seat: Seat<'_>,
    mut shutdown: watch::Receiver<bool>,
) -> EndReason {
    let (width, height) = (accepted.width, accepted.height);
    let session = open(&accepted, seat.config);
    let wish = session.requested_size((width.into(), height.into()));
    let shared = Arc::new(Shared { session: Mutex::new(session), wake: Notify::new() });
    let view = seat.desktop.attach(seat.id);

    let Accepted { user, keyboard_layout, reader, .. } = accepted;
    seat.tell(InputEvent::Connected { user, peer: seat.peer, keyboard_layout });
    let _farewell = Farewell { shared: Arc::clone(&shared), input: seat.input.clone(), id: seat.id };
    if view.size() != (width.into(), height.into()) {
        seat.tell(wish);
    }

    let (stream, buffer) = reader.into_parts();
    let (read_half, write_half) = tokio::io::split(stream);
    let reader = UnitReader::with_buffer(read_half, buffer);
    let mut writing = std::pin::pin!(write_loop(write_half, &shared, &view, seat.config.write_timeout));
    let reason = tokio::select! {
        reason = read_loop(reader, &shared, &view, seat) => reason,
        reason = &mut writing => return reason,
        () = idle(&shared, seat.config.idle_timeout) => EndReason::Idle,
        _ = shutdown.wait_for(|stop| *stop) => EndReason::Shutdown,
    };
    if matches!(reason, EndReason::Idle | EndReason::Shutdown) {
        shared.lock().end(reason.clone());
        shared.wake.notify_one();
        // The client may not read; then it goes without a goodbye.
        let _ = timeout(GOODBYE, writing).await;
    }
    reason
}

/// The state of a session that begins now.
fn open(accepted: &Accepted, config: &Config) -> Session {
    let addresses = Addresses {
        io_channel: accepted.io_channel,
        user_channel: accepted.user_channel,
        drdynvc: accepted.drdynvc,
    };
    let opening = Opening {
        addresses,
        profile: accepted.profile.clone(),
        graphics: accepted.graphics,
        size: (accepted.width, accepted.height),
        max_desktop: config.max_desktop,
        frame_rate: config.frame_rate,
    };
    Session::new(opening, Instant::now())
}

async fn read_loop(
    mut reader: UnitReader<ReadHalf<TlsStream<TcpStream>>>,
    shared: &Shared,
    view: &DesktopView,
    seat: Seat<'_>,
) -> EndReason {
    loop {
        let pdu = match reader.read(MAX_PDU, pdu_size).await {
            Ok(pdu) => pdu,
            Err(ReadError::Closed) => return EndReason::Left,
            Err(error) => return EndReason::Failed(error.to_string()),
        };
        let effects = shared.lock().receive(pdu, Instant::now());
        for effect in effects {
            match effect {
                Effect::Input(event) => seat.tell(event),
                Effect::Refresh(rect) => view.invalidate(rect),
                Effect::RefreshAll => view.invalidate_all(),
            }
        }
        shared.wake.notify_one();
    }
}

async fn write_loop(
    mut stream: WriteHalf<TlsStream<TcpStream>>,
    shared: &Shared,
    view: &DesktopView,
    limit: Duration,
) -> EndReason {
    let mut encoder = Encoder::default();
    let mut capture = Capture::default();
    loop {
        let step = shared.lock().next_step(view, Instant::now(), &mut capture);
        let bytes = match step {
            Step::Send(bytes) => bytes,
            Step::Encode(job) => match encode(encoder, job).await {
                Ok((returned, job, Ok(bytes))) => {
                    encoder = returned;
                    capture = job.capture;
                    bytes
                }
                Ok((_, _, Err(error))) => return EndReason::Failed(error.to_string()),
                Err(error) => return EndReason::Failed(error.to_string()),
            },
            Step::Wait(deadline) => {
                wait(shared, view, deadline).await;
                continue;
            }
            Step::End(reason) => {
                if let Ok(bytes) = goodbye() {
                    let _ = timeout(GOODBYE, write(&mut stream, &bytes, limit)).await;
                    let _ = timeout(GOODBYE, stream.shutdown()).await;
                }
                return reason;
            }
        };
        if let Err(reason) = write(&mut stream, &bytes, limit).await {
            return reason;
        }
    }
}

type Encoded = (Encoder, Box<FrameJob>, Result<Vec<u8>, FrameError>);

/// Encodes a frame, on a thread of its own where that takes long.
async fn encode(mut encoder: Encoder, job: Box<FrameJob>) -> Result<Encoded, JoinError> {
    let pixels = job.capture.pixels.len() / 4;
    let work = move || {
        let result = encoder.encode(&job);
        (encoder, job, result)
    };
    if pixels <= INLINE_PIXELS { Ok(work()) } else { spawn_blocking(work).await }
}

/// Waits until there may be something to send.
async fn wait(shared: &Shared, view: &DesktopView, deadline: Option<Instant>) {
    let late = async {
        match deadline {
            Some(deadline) => sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = view.changed() => {}
        () = shared.wake.notified() => {}
        () = late => {}
    }
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    limit: Duration,
) -> Result<(), EndReason> {
    for part in bytes.chunks(PART) {
        match timeout(limit, stream.write_all(part)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(EndReason::Failed(format!("writing failed: {error}"))),
            Err(_) => return Err(EndReason::Failed("the client does not read".to_owned())),
        }
    }
    match timeout(limit, stream.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(EndReason::Failed(format!("writing failed: {error}"))),
        Err(_) => Err(EndReason::Failed("the client does not read".to_owned())),
    }
}

/// Completes once the user has done nothing for `limit`.
async fn idle(shared: &Shared, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    loop {
        let until = shared.lock().last_input() + limit;
        if Instant::now() >= until {
            return;
        }
        sleep_until(until.into()).await;
    }
}
