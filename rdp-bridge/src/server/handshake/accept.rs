//! The connection sequence (MS-RDPBCGR 1.3.1.1), TLS and NLA included.

use std::io;
use std::sync::Arc;

use ironrdp_acceptor::{Acceptor, AcceptorResult, AcceptorState, DesktopSize};
use ironrdp_connector::{ConnectorError, Sequence as _};
use ironrdp_core::{WriteBuf, impl_as_any};
use ironrdp_pdu::PduResult;
use ironrdp_pdu::gcc::{ChannelName, ClientEarlyCapabilityFlags};
use ironrdp_pdu::nego::SecurityProtocol;
use ironrdp_svc::{CompressionCondition, SvcMessage, SvcProcessor, SvcServerProcessor};
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::capabilities::{ClientProfile, server_capabilities};
use super::nla::{NlaError, authenticate};
use crate::server::config::Config;
use crate::server::transport::{MAX_PDU, ReadError, UnitReader};

/// Steps that a connection sequence may take: the longest joins 31 channels one by one.
const MAX_STEPS: usize = 256;

const DRDYNVC: ChannelName = ChannelName::from_static(b"drdynvc\0");

/// Why there is no session.
#[derive(Debug, Error)]
pub(crate) enum HandshakeError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error(transparent)]
    Nla(#[from] NlaError),
    #[error("connection sequence: {0}")]
    Sequence(String),
}

impl From<ConnectorError> for HandshakeError {
    fn from(error: ConnectorError) -> Self {
        Self::Sequence(error.report().to_string())
    }
}

/// An active connection.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) reader: UnitReader<TlsStream<TcpStream>>,
    pub(crate) user: String,
    pub(crate) profile: ClientProfile,
    /// MCS channel of the dynamic virtual channels, where the client has them.
    pub(crate) drdynvc: Option<u16>,
    /// The client says that it knows the graphics pipeline.
    pub(crate) graphics: bool,
    pub(crate) io_channel: u16,
    pub(crate) user_channel: u16,
    pub(crate) keyboard_layout: u32,
    /// Desktop size that the client was told.
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Holds the place of the dynamic channels in the negotiation; their traffic is handled by the session itself.
#[derive(Debug)]
struct DynamicChannels;

impl_as_any!(DynamicChannels);

impl SvcProcessor for DynamicChannels {
    fn channel_name(&self) -> ChannelName {
        DRDYNVC
    }

    fn process(&mut self, _payload: &[u8]) -> PduResult<Vec<SvcMessage>> {
        Ok(Vec::new())
    }

    fn compression_condition(&self) -> CompressionCondition {
        CompressionCondition::Never
    }
}

impl SvcServerProcessor for DynamicChannels {}

/// Runs the whole sequence for a client that is offered a desktop of `size`, or the size it asks for.
pub(crate) async fn handshake(
    stream: TcpStream,
    config: &Config,
    (width, height): (u16, u16),
) -> Result<Accepted, HandshakeError> {
    let security = SecurityProtocol::HYBRID | SecurityProtocol::HYBRID_EX;
    let mut acceptor =
        Acceptor::new(security, DesktopSize { width, height }, server_capabilities(width, height), None);
    let (max_width, max_height) = config.max_desktop;
    acceptor.set_honor_client_desktop_size(Some(DesktopSize { width: max_width, height: max_height }));
    acceptor.attach_static_channel(DynamicChannels);

    let mut plain = UnitReader::new(stream);
    let mut steps = 0;
    while acceptor.reached_security_upgrade().is_none() {
        step(&mut plain, &mut acceptor, &mut steps).await?;
    }
    let tls = TlsAcceptor::from(config.tls.config());
    let stream = tls.accept(plain.into_stream()?).await.map_err(HandshakeError::Tls)?;
    acceptor.mark_security_upgrade_as_done();
    let mut reader = UnitReader::new(stream);

    let Some(AcceptorState::Credssp { protocol, .. }) =
        acceptor.state().as_any().downcast_ref::<AcceptorState>()
    else {
        return Err(HandshakeError::Sequence("NLA was not negotiated".to_owned()));
    };
    let extended = protocol.contains(SecurityProtocol::HYBRID_EX);
    let user =
        authenticate(&mut reader, Arc::clone(&config.users), config.tls.public_key(), extended).await?;
    acceptor.mark_credssp_as_done();

    loop {
        if let Some(result) = acceptor.get_result() {
            return Ok(accepted(reader, user, result));
        }
        step(&mut reader, &mut acceptor, &mut steps).await?;
    }
}

/// One step of the sequence: reads what it waits for, if anything, and writes what it answers.
async fn step<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    reader: &mut UnitReader<S>,
    acceptor: &mut Acceptor,
    steps: &mut usize,
) -> Result<(), HandshakeError> {
    *steps += 1;
    if *steps > MAX_STEPS {
        return Err(HandshakeError::Sequence("it does not come to an end".to_owned()));
    }
    let mut output = WriteBuf::new();
    let result = match acceptor.next_pdu_hint() {
        Some(hint) => {
            let size = |bytes: &[u8]| {
                let found = hint.find_size(bytes).map_err(|error| error.to_string())?;
                Ok(found.map(|(_, length)| length))
            };
            // The hint borrows the acceptor, so the unit is copied out; the sequence is short.
            let unit = reader.read(MAX_PDU, size).await?.to_vec();
            acceptor.step(&unit, None, &mut output)
        }
        None => acceptor.step(&[], None, &mut output),
    };
    // A refusal (security negotiation failure) is written as well before it ends the connection.
    if !output.filled().is_empty() {
        reader.stream_mut().write_all(output.filled()).await?;
        reader.stream_mut().flush().await?;
    }
    result?;
    Ok(())
}

fn accepted(reader: UnitReader<TlsStream<TcpStream>>, user: String, result: AcceptorResult) -> Accepted {
    let size = result.capabilities.iter().find_map(|capability| match capability {
        ironrdp_pdu::rdp::capability_sets::CapabilitySet::Bitmap(bitmap) => {
            Some((bitmap.desktop_width, bitmap.desktop_height))
        }
        _ => None,
    });
    let (width, height) = size.unwrap_or_default();
    Accepted {
        reader,
        user,
        profile: ClientProfile::new(&result.capabilities),
        drdynvc: result.static_channels.get_channel_id_by_channel_name(&DRDYNVC),
        graphics: result
            .client_early_capability_flags
            .contains(ClientEarlyCapabilityFlags::SUPPORT_DYN_VC_GFX_PROTOCOL),
        io_channel: result.io_channel_id,
        user_channel: result.user_channel_id,
        keyboard_layout: result.keyboard_layout,
        width,
        height,
    }
}
