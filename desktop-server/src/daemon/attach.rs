//! One instance alone, for a stock RDP client.

use std::net::{Ipv4Addr, SocketAddr};

use bailey_compositor::{InstanceId, Scope};
use bailey_rdp::server::{DesktopHandle, Server, SessionInput, input_channel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::control::Client;
use super::core::Core;
use super::event::{Event, Id};
use super::frame::Picture;
use super::router::{Router, Target};
use super::{convert, link};
use crate::protocol::Attached;

/// RDP input events that wait.
const QUEUE: usize = 256;

/// An RDP server that shows one instance.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Which.
    pub(super) instance: Id,
    handle: DesktopHandle,
    picture: Picture,
    router: Router,
    /// Ends the server when dropped; a word in it goes to the client.
    end: Option<oneshot::Sender<String>>,
    input: JoinHandle<()>,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.input.abort();
    }
}

impl Core {
    /// Serves an instance alone as long as the client stays.
    pub(super) async fn attach(&mut self, name: &str, port: u16, client: Client) {
        let Some(instance) = self.find_running(name) else {
            return client.refuse(self.no_such(name));
        };
        let mut config = self.rdp_config.clone();
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let size = self.desktop.size();
        let handle = match DesktopHandle::new(size.width, size.height) {
            Ok(handle) => handle,
            Err(error) => return client.refuse(error.to_string()),
        };
        let server = match Server::bind(config).await {
            Ok(server) => server,
            Err(error) => return client.refuse(error.to_string()),
        };
        let (id, address) = (self.fresh_id(), server.local_addr());
        let (sender, mut receiver) = input_channel(QUEUE);
        let (end, ends) = oneshot::channel();
        let (events, shown) = (self.events.clone(), handle.clone());
        tokio::spawn(hold(
            client,
            address,
            ends,
            id,
            events.clone(),
            async move |stop: oneshot::Receiver<()>| {
                // An error is an end too.
                let stopped = async { drop(stop.await) };
                server.run(shown, sender, stopped).await;
            },
        ));
        let input = tokio::spawn(async move {
            while let Some(input) = receiver.recv().await {
                if events.send(Event::Attached(id, input)).await.is_err() {
                    return;
                }
            }
        });
        tracing::info!("instance {name} alone is served over RDP at {address}");
        let (picture, router) = (Picture::default(), Router::default());
        self.attachments.insert(id, Attachment { instance, handle, picture, router, end: Some(end), input });
        self.dirty = true;
    }

    /// Ends an attachment; the client is told why.
    pub(super) fn detach(&mut self, id: Id, why: Option<String>) {
        if let Some(mut attachment) = self.attachments.remove(&id)
            && let (Some(end), Some(why)) = (attachment.end.take(), why)
        {
            // A client that has gone does not hear it.
            let _ = end.send(why);
        }
    }

    /// Draws what attached clients see.
    pub(super) fn show_attached(&mut self) {
        for attachment in self.attachments.values_mut() {
            let scope = Scope::Instance(InstanceId(attachment.instance));
            if let Err(error) = attachment.picture.publish_scope(&self.desktop, scope, &attachment.handle) {
                tracing::warn!("an attached client is not shown a frame: {error}");
            }
        }
    }

    /// A user of an attached client did something.
    pub(super) fn attached_input(&mut self, id: Id, input: &SessionInput) {
        let now = self.now();
        let Some(attachment) = self.attachments.get_mut(&id) else {
            return;
        };
        let instance = attachment.instance;
        let layers = self.desktop.layers();
        let targets: Vec<Target> = layers.iter().filter_map(|layer| Target::of(layer, instance)).collect();
        let (mut inputs, mut messages) = (Vec::new(), Vec::new());
        convert::session_input(&input.event, &mut inputs);
        inputs.into_iter().for_each(|input| attachment.router.route(input, &targets, &mut messages));
        for message in messages {
            self.with_link(instance, |live| link::tell(live, message, now));
        }
    }
}

/// Answers the client, serves, and ends when the client leaves or `ends` says so.
async fn hold<S>(
    mut client: Client,
    address: SocketAddr,
    ends: oneshot::Receiver<String>,
    id: Id,
    events: tokio::sync::mpsc::Sender<Event>,
    serve: impl FnOnce(oneshot::Receiver<()>) -> S,
) where
    S: Future<Output = ()>,
{
    let (stop, stopped) = oneshot::channel();
    let talk = async {
        let mut line = serde_json::to_vec(&Attached { address }).unwrap_or_default();
        line.push(b'\n');
        if client.stream.write_all(&line).await.is_err() {
            return;
        }
        let (mut reader, mut writer) = client.stream.split();
        let mut ignored = [0; 256];
        let left = async { while matches!(reader.read(&mut ignored).await, Ok(1..)) {} };
        tokio::select! {
            () = left => {}
            why = ends => {
                let why = why.unwrap_or_else(|_| "the desktop has ended".to_owned());
                // A client that has gone does not hear it.
                let _ = writer.write_all(format!("{why}\n").as_bytes()).await;
            }
        }
    };
    let talk_then_stop = async {
        talk.await;
        // Without receiver the server has ended already.
        let _ = stop.send(());
    };
    tokio::join!(talk_then_stop, serve(stopped));
    // Without receiver the daemon is at its end.
    let _ = events.send(Event::AttachmentLeft(id)).await;
}
