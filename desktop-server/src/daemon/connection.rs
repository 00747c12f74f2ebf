//! A byte stream with the tasks that watch it.

use std::io;
use std::sync::Arc;

use bailey_link::limits::MAX_CHUNK;
use tokio::net::UnixStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::event::{Event, StreamEvent};

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;
const _: () = assert!(CHUNK <= MAX_CHUNK, "a decoder takes a chunk");

/// A stream that is read by a task and written without waiting.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Arc<UnixStream>,
    full: Arc<Notify>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Connection {
    /// Starts to watch a stream; `wrap` makes events of what happens on it.
    pub(super) fn new(
        stream: UnixStream,
        events: &mpsc::Sender<Event>,
        wrap: impl Fn(StreamEvent) -> Event + Clone + Send + 'static,
    ) -> Self {
        let (stream, full) = (Arc::new(stream), Arc::new(Notify::new()));
        let reader = tokio::spawn(read(Arc::clone(&stream), events.clone(), wrap.clone()));
        let writer = tokio::spawn(watch(Arc::clone(&stream), Arc::clone(&full), events.clone(), wrap));
        Self { stream, full, tasks: [reader, writer] }
    }

    /// Writes as much as the stream takes now; asks to be told when it takes more.
    ///
    /// # Errors
    /// The stream is gone.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.stream.try_write(&bytes[done..]) {
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.full.notify_one();
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

async fn read(stream: Arc<UnixStream>, events: mpsc::Sender<Event>, wrap: impl Fn(StreamEvent) -> Event) {
    let one = Arc::new(Semaphore::new(1));
    let mut chunk = vec![0; CHUNK];
    loop {
        let Ok(permit) = Arc::clone(&one).acquire_owned().await else {
            return;
        };
        let count = loop {
            if stream.readable().await.is_err() {
                break 0;
            }
            match stream.try_read(&mut chunk) {
                Ok(count) => break count,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => break 0,
            }
        };
        let event = match count {
            0 => StreamEvent::Ended,
            count => StreamEvent::Bytes(chunk[..count].to_vec(), permit),
        };
        if events.send(wrap(event)).await.is_err() || count == 0 {
            return;
        }
    }
}

async fn watch(
    stream: Arc<UnixStream>,
    full: Arc<Notify>,
    events: mpsc::Sender<Event>,
    wrap: impl Fn(StreamEvent) -> Event,
) {
    loop {
        full.notified().await;
        if stream.writable().await.is_err() || events.send(wrap(StreamEvent::Writable)).await.is_err() {
            return;
        }
    }
}
