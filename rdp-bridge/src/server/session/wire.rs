//! Framing of what the server sends: share PDUs, fast-path updates, virtual channel data.

use std::borrow::Cow;

use ironrdp_core::{Encode, EncodeResult, WriteCursor, encode_vec};
use ironrdp_pdu::fast_path::{EncryptionFlags, FastPathHeader, FastPathUpdatePdu, Fragmentation, UpdateCode};
use ironrdp_pdu::mcs::{DisconnectProviderUltimatum, DisconnectReason, McsMessage, SendDataIndication};
use ironrdp_pdu::rdp::client_info::CompressionType;
use ironrdp_pdu::rdp::headers::{
    CompressionFlags, ShareControlHeader, ShareControlPdu, ShareDataHeader, ShareDataPdu, StreamPriority,
};
use ironrdp_pdu::x224::X224;
use ironrdp_svc::{ChannelFlags, SvcMessage, server_encode_svc_messages};

/// Payload of one fast-path fragment: FreeRDP takes PDUs of up to 16 KiB.
const FRAGMENT: usize = 16_000;

/// Addresses of a connection: its channel for the desktop, and its user channel (MS-RDPBCGR 3.2.5.3.7).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) io_channel: u16,
    pub(crate) user_channel: u16,
    /// Where dynamic virtual channels travel, if the client has them.
    pub(crate) drdynvc: Option<u16>,
}

impl Addresses {
    /// A share control PDU on the I/O channel.
    pub(crate) fn share_control(&self, pdu: ShareControlPdu) -> EncodeResult<Vec<u8>> {
        let header = ShareControlHeader {
            share_control_pdu: pdu,
            pdu_source: self.io_channel,
            share_id: 0,
        };
        let user_data = Cow::Owned(encode_vec(&header)?);
        encode_vec(&X224(SendDataIndication {
            initiator_id: self.user_channel,
            channel_id: self.io_channel,
            user_data,
        }))
    }

    /// A share data PDU on the I/O channel.
    pub(crate) fn share_data(&self, pdu: ShareDataPdu) -> EncodeResult<Vec<u8>> {
        self.share_control(ShareControlPdu::Data(ShareDataHeader {
            share_data_pdu: pdu,
            stream_priority: StreamPriority::Undefined,
            compression_flags: CompressionFlags::empty(),
            compression_type: CompressionType::K8,
        }))
    }

    /// Messages of the static channel that carries the dynamic ones.
    pub(crate) fn dynamic_channel(&self, messages: Vec<SvcMessage>) -> EncodeResult<Vec<u8>> {
        let Some(channel) = self.drdynvc else {
            return Ok(Vec::new());
        };
        let flagged = messages
            .into_iter()
            .map(|message| message.with_flags(ChannelFlags::SHOW_PROTOCOL))
            .collect();
        server_encode_svc_messages(flagged, channel, self.user_channel)
    }
}

/// The server's last words (MS-RDPBCGR 1.3.1.4.1).
pub(crate) fn goodbye() -> EncodeResult<Vec<u8>> {
    let ultimatum = DisconnectProviderUltimatum::from_reason(DisconnectReason::ProviderInitiated);
    encode_vec(&X224(McsMessage::DisconnectProviderUltimatum(ultimatum)))
}

/// Appends a fast-path update to `out`, in as many fragments as it takes (MS-RDPBCGR 2.2.9.1.2.1).
pub(crate) fn fast_path_update(code: UpdateCode, data: &[u8], out: &mut Vec<u8>) -> EncodeResult<()> {
    let last = data.len().div_ceil(FRAGMENT).max(1) - 1;
    for index in 0..=last {
        let part = &data[index * FRAGMENT..data.len().min((index + 1) * FRAGMENT)];
        let fragmentation = match (index == 0, index == last) {
            (true, true) => Fragmentation::Single,
            (true, false) => Fragmentation::First,
            (false, true) => Fragmentation::Last,
            (false, false) => Fragmentation::Next,
        };
        let update = FastPathUpdatePdu {
            fragmentation,
            update_code: code,
            compression_flags: None,
            compression_type: None,
            data: part,
        };
        let header = FastPathHeader::new(EncryptionFlags::empty(), update.size());
        append(&header, out)?;
        append(&update, out)?;
    }
    Ok(())
}

/// Appends the encoding of `pdu` to `out`.
pub(crate) fn append(pdu: &impl Encode, out: &mut Vec<u8>) -> EncodeResult<()> {
    let start = out.len();
    out.resize(start + pdu.size(), 0);
    pdu.encode(&mut WriteCursor::new(&mut out[start..]))
}

#[cfg(test)]
mod tests {
    use ironrdp_core::{Decode as _, ReadCursor};

    use super::*;

    #[test]
    fn long_updates_are_fragmented_and_whole() {
        for length in [0, 1, FRAGMENT, FRAGMENT + 1, 3 * FRAGMENT, 100_000] {
            let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut out = Vec::new();
            fast_path_update(UpdateCode::SurfaceCommands, &data, &mut out).unwrap();
            let (mut cursor, mut joined, mut kinds) = (ReadCursor::new(&out), Vec::new(), Vec::new());
            while !cursor.is_empty() {
                let header = FastPathHeader::decode(&mut cursor).unwrap();
                assert!(header.data_length <= 16_384);
                let update = FastPathUpdatePdu::decode(&mut cursor).unwrap();
                kinds.push(update.fragmentation);
                joined.extend_from_slice(update.data);
            }
            assert_eq!(joined, data);
            match kinds.as_slice() {
                [only] => assert_eq!(*only, Fragmentation::Single),
                [first, middle @ .., last] => {
                    assert_eq!((*first, *last), (Fragmentation::First, Fragmentation::Last));
                    assert!(middle.iter().all(|kind| *kind == Fragmentation::Next));
                }
                [] => panic!("nothing was sent"),
            }
        }
    }
}
