//! The control socket: who may ask, and what they ask.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use super::event::Event;
use crate::protocol::{MAX_REQUEST, Refusal};

/// Clients that may be saying what they want at a time.
const CLIENTS: usize = 64;
/// How long a client may take to say it, or to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// A client that has asked.
#[derive(Debug)]
pub(super) struct Client {
    /// Its connection.
    pub(super) stream: UnixStream,
    /// What it sent after its request.
    pub(super) rest: Vec<u8>,
}

impl Client {
    /// Answers and lets the client go.
    pub(super) fn answer(mut self, answer: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(answer) else {
            return;
        };
        line.push(b'\n');
        tokio::spawn(async move {
            // A client that has gone misses its answer.
            let _ = tokio::time::timeout(PATIENCE, self.stream.write_all(&line)).await;
        });
    }

    /// Says why not.
    pub(super) fn refuse(self, error: impl Into<String>) {
        self.answer(&Refusal { error: error.into() });
    }
}

/// Accepts clients of this user until the task is ended.
pub(super) async fn listen(listener: Arc<UnixListener>, events: mpsc::Sender<Event>) {
    let own = rustix::process::getuid().as_raw();
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("a control client cannot be accepted: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == own || peer.uid() == 0 => {}
            Ok(peer) => {
                tracing::warn!("user {} was refused at the control socket", peer.uid());
                continue;
            }
            Err(error) => {
                tracing::warn!("a control client was refused: its user is unknown: {error}");
                continue;
            }
        }
        let events = events.clone();
        tokio::spawn(async move {
            let _place = place;
            hear(stream, &events).await;
        });
    }
}

async fn hear(mut stream: UnixStream, events: &mpsc::Sender<Event>) {
    let (line, rest) = match tokio::time::timeout(PATIENCE, read_line(&mut stream)).await {
        Ok(Ok(line)) => line,
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Client { stream, rest: Vec::new() }.refuse(error.to_string());
            return;
        }
        Ok(Err(_)) | Err(_) => return,
    };
    let client = Client { stream, rest };
    match serde_json::from_slice(&line) {
        Ok(request) => {
            // Without receiver the daemon is at its end.
            let _ = events.send(Event::Request(request, client)).await;
        }
        Err(error) => client.refuse(format!("the request is not understood: {error}")),
    }
}

/// The first line, and what came behind it.
async fn read_line(stream: &mut UnixStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let rest = bytes.split_off(end + 1);
            bytes.pop();
            return Ok((bytes, rest));
        }
        if bytes.len() > MAX_REQUEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request is too long"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Request;

    async fn answer_to(request: &[u8]) -> (String, Option<Request>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (sender, mut events) = mpsc::channel(1);
        let (said, ()) = tokio::join!(theirs.write_all(request), hear(ours, &sender));
        said.unwrap();
        let asked = match events.try_recv() {
            Ok(Event::Request(request, _)) => Some(request),
            _ => None,
        };
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.unwrap();
        (answer, asked)
    }

    #[tokio::test]
    async fn requests_are_lines_of_bounded_json() {
        assert_eq!(answer_to(b"{\"verb\":\"ps\"}\nmore").await.1, Some(Request::Ps));
        assert!(answer_to(b"{\"verb\":\"dance\"}\n").await.0.contains("not understood"));
        assert!(answer_to(&vec![b' '; MAX_REQUEST + 1]).await.0.contains("too long"));
    }
}
