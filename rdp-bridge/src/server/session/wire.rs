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
        let header = ShareControlHeader { share_control_pdu: pdu, pdu_source: self.io_channel, share_id: 0 };
        self.on_io_channel(encode_vec(&header)?)
    }

    fn on_io_channel(&self, data: Vec<u8>) -> EncodeResult<Vec<u8>> {
        encode_vec(&X224(SendDataIndication {
            initiator_id: self.user_channel,
            channel_id: self.io_channel,
            user_data: Cow::Owned(data),
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

    /// A slow-path update (MS-RDPBCGR 2.2.9.1.1): the PDU crate frames no output of this kind.
    pub(crate) fn slow_path(&self, kind: SlowPath, body: &[u8]) -> EncodeResult<Vec<u8>> {
        const CONTROL_HEADER: usize = 6;
        const DATA_HEADER: usize = 12;
        // PDUTYPE_DATAPDU, protocol version 1 (2.2.8.1.1.1.1).
        const DATA_PDU: u16 = 0x0017;
        const STREAM_LOW: u8 = 1;
        let total: u16 =
            ironrdp_core::cast_length!("slow path", "length", CONTROL_HEADER + DATA_HEADER + body.len())?;
        let mut data = Vec::with_capacity(usize::from(total));
        data.extend(total.to_le_bytes());
        data.extend(DATA_PDU.to_le_bytes());
        data.extend(self.io_channel.to_le_bytes());
        // Share id and padding.
        data.extend([0; 5]);
        data.push(STREAM_LOW);
        data.extend((body.len() as u16).to_le_bytes());
        data.push(kind as u8);
        // Not compressed.
        data.extend([0; 3]);
        data.extend_from_slice(body);
        self.on_io_channel(data)
    }

    /// Messages of the static channel that carries the dynamic ones.
    pub(crate) fn dynamic_channel(&self, messages: Vec<SvcMessage>) -> EncodeResult<Vec<u8>> {
        let Some(channel) = self.drdynvc else {
            return Ok(Vec::new());
        };
        let flagged =
            messages.into_iter().map(|message| message.with_flags(ChannelFlags::SHOW_PROTOCOL)).collect();
        server_encode_svc_messages(flagged, channel, self.user_channel)
    }
}

/// Kinds of slow-path output, with their pduType2 (MS-RDPBCGR 2.2.8.1.1.1.2).
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum SlowPath {
    /// PDUTYPE2_UPDATE.
    Update = 0x02,
    /// PDUTYPE2_POINTER.
    Pointer = 0x1b,
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
    fn slow_path_output_is_a_share_data_pdu() {
        let addresses = Addresses { io_channel: 1003, user_channel: 1002, drdynvc: None };
        let bytes = addresses.slow_path(SlowPath::Update, &[7; 40]).unwrap();
        let X224(indication) = ironrdp_core::decode::<X224<SendDataIndication<'_>>>(&bytes).unwrap();
        let header: ShareControlHeader = ironrdp_core::decode(&indication.user_data).unwrap();
        let ShareControlPdu::Data(data) = header.share_control_pdu else { panic!("not data") };
        assert_eq!(data.share_data_pdu, ShareDataPdu::Update(vec![7; 40]));
        assert!(addresses.slow_path(SlowPath::Pointer, &[0; 70_000]).is_err());
    }

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
