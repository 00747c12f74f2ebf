//! Dynamic virtual channels, server side (MS-RDPEDYC). No I/O: chunks of the static channel in, messages out.

use ironrdp_core::{Encode, EncodeResult, ReadCursor, WriteCursor, decode};
use ironrdp_dvc::pdu::{
    CapabilitiesRequestPdu, CapsVersion, CreateRequestPdu, CreationStatus, DrdynvcClientPdu, DrdynvcDataPdu,
    DrdynvcServerPdu,
};
use ironrdp_dvc::{DvcEncode, encode_dvc_messages};
use ironrdp_svc::{ChannelFlags, SvcMessage};

/// Longest message that a client may send on a channel: a full cache import offer has 64 KiB.
const MAX_MESSAGE: usize = 128 * 1024;

/// What came of the bytes received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DynamicEvent {
    /// The client is ready for channels.
    Ready,
    /// The client opened the channel.
    Opened(u32),
    /// The client has no such channel, or closed it.
    Closed(u32),
    /// A whole message of an open channel.
    Message(u32, Vec<u8>),
}

/// A message being put together.
#[derive(Debug, Default)]
struct Partial {
    expected: usize,
    data: Vec<u8>,
}

#[derive(Debug)]
struct Channel {
    id: u32,
    open: bool,
    partial: Partial,
}

/// The dynamic channels of one connection.
#[derive(Debug, Default)]
pub(crate) struct DynamicChannels {
    chunk: Partial,
    channels: Vec<Channel>,
}

/// An already encoded message.
struct Raw(Vec<u8>);

impl Encode for Raw {
    fn encode(&self, dst: &mut WriteCursor<'_>) -> EncodeResult<()> {
        ironrdp_core::ensure_size!(ctx: "Raw", in: dst, size: self.0.len());
        dst.write_slice(&self.0);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "Raw"
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}

impl DvcEncode for Raw {}

/// The server's first message: it knows version 2.
pub(crate) fn capabilities_request() -> SvcMessage {
    DrdynvcServerPdu::Capabilities(CapabilitiesRequestPdu::new(CapsVersion::V2, None)).into()
}

/// `data` as a message of channel `id`, cut to size.
pub(crate) fn message(id: u32, data: Vec<u8>) -> EncodeResult<Vec<SvcMessage>> {
    encode_dvc_messages(id, vec![Box::new(Raw(data))], ChannelFlags::SHOW_PROTOCOL)
}

impl DynamicChannels {
    /// Asks the client for a channel; `id` is ours to choose.
    pub(crate) fn create(&mut self, id: u32, name: &str) -> SvcMessage {
        self.channels.push(Channel { id, open: false, partial: Partial::default() });
        DrdynvcServerPdu::Create(CreateRequestPdu::new(id, name.to_owned())).into()
    }

    /// Takes one chunk of the static channel, header included (MS-RDPBCGR 2.2.6.1).
    ///
    /// # Errors
    /// A reason to log; the chunk is skipped.
    pub(crate) fn chunk(&mut self, bytes: &[u8]) -> Result<Option<DynamicEvent>, String> {
        let (header, data) = bytes.split_at_checked(8).ok_or("a channel chunk without a header")?;
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (length, flags) = (word(0) as usize, ChannelFlags::from_bits_retain(word(4)));
        if flags.contains(ChannelFlags::COMPRESSED) {
            return Err("compressed channel data was not negotiated".to_owned());
        }
        if flags.contains(ChannelFlags::FIRST) {
            self.chunk = Partial { expected: length, data: Vec::new() };
        }
        let complete = self.chunk.add(data)?;
        if !flags.contains(ChannelFlags::LAST) {
            return Ok(None);
        }
        let whole = complete.unwrap_or_else(|| std::mem::take(&mut self.chunk).data);
        self.message(&whole)
    }

    fn message(&mut self, bytes: &[u8]) -> Result<Option<DynamicEvent>, String> {
        let pdu: DrdynvcClientPdu = decode(bytes).map_err(|error| error.to_string())?;
        match pdu {
            DrdynvcClientPdu::Capabilities(_) => Ok(Some(DynamicEvent::Ready)),
            DrdynvcClientPdu::Create(response) => {
                let id = response.channel_id();
                if response.creation_status() != CreationStatus::OK {
                    return Ok(self.forget(id).then_some(DynamicEvent::Closed(id)));
                }
                let channel = self.channel(id)?;
                let opened = !std::mem::replace(&mut channel.open, true);
                Ok(opened.then_some(DynamicEvent::Opened(id)))
            }
            DrdynvcClientPdu::Close(close) => {
                let id = close.channel_id();
                Ok(self.forget(id).then_some(DynamicEvent::Closed(id)))
            }
            DrdynvcClientPdu::Data(data) => self.data(data),
            _ => Err("a dynamic channel PDU that was not asked for".to_owned()),
        }
    }

    fn data(&mut self, data: DrdynvcDataPdu) -> Result<Option<DynamicEvent>, String> {
        let id = data.channel_id();
        let channel = self.channel(id)?;
        if !channel.open {
            return Err(format!("data on channel {id}, which is not open"));
        }
        let complete = match data {
            DrdynvcDataPdu::DataFirst(first) => {
                channel.partial = Partial { expected: first.length() as usize, data: Vec::new() };
                channel.partial.add(first.data())?
            }
            DrdynvcDataPdu::Data(data) if channel.partial.expected == 0 => Some(data.into_data()),
            DrdynvcDataPdu::Data(data) => channel.partial.add(data.data())?,
            _ => return Err("compressed dynamic channel data was not negotiated".to_owned()),
        };
        Ok(complete.map(|message| DynamicEvent::Message(id, message)))
    }

    fn channel(&mut self, id: u32) -> Result<&mut Channel, String> {
        self.channels
            .iter_mut()
            .find(|channel| channel.id == id)
            .ok_or_else(|| format!("no dynamic channel {id}"))
    }

    fn forget(&mut self, id: u32) -> bool {
        let before = self.channels.len();
        self.channels.retain(|channel| channel.id != id);
        self.channels.len() != before
    }
}

impl Partial {
    /// Adds a part; gives the message once it is whole.
    fn add(&mut self, part: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if self.expected > MAX_MESSAGE || self.data.len() + part.len() > self.expected {
            let expected = self.expected;
            *self = Self::default();
            return Err(format!(
                "a channel message longer than the {expected} bytes announced or than allowed"
            ));
        }
        self.data.extend_from_slice(part);
        if self.data.len() < self.expected {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).data))
    }
}

/// Decodes a PDU from the front of `bytes` and moves on behind it.
pub(crate) fn decode_next<'a, T: ironrdp_core::Decode<'a>>(cursor: &mut ReadCursor<'a>) -> Result<T, String> {
    T::decode(cursor).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use ironrdp_core::encode_vec;
    use ironrdp_dvc::pdu::{CapabilitiesResponsePdu, CreateResponsePdu, DataFirstPdu, DataPdu};

    use super::*;

    fn chunks(pdu: &DrdynvcClientPdu, size: usize) -> Vec<Vec<u8>> {
        let bytes = encode_vec(pdu).unwrap();
        let parts: Vec<_> = bytes.chunks(size).collect();
        let wrap = |(index, part): (usize, &&[u8])| {
            let mut flags = 0x10u32;
            flags |= u32::from(index == 0) | (u32::from(index + 1 == parts.len()) << 1);
            [&(bytes.len() as u32).to_le_bytes()[..], &flags.to_le_bytes(), part].concat()
        };
        parts.iter().enumerate().map(wrap).collect()
    }

    fn feed(channels: &mut DynamicChannels, pdu: DrdynvcClientPdu) -> Result<Option<DynamicEvent>, String> {
        let mut last = Ok(None);
        for chunk in chunks(&pdu, 1600) {
            last = channels.chunk(&chunk);
        }
        last
    }

    fn open(channels: &mut DynamicChannels, id: u32) {
        let _ = channels.create(id, "test");
        let response = CreateResponsePdu::new(id, CreationStatus::OK);
        assert_eq!(feed(channels, DrdynvcClientPdu::Create(response)), Ok(Some(DynamicEvent::Opened(id))));
    }

    fn data(id: u32, bytes: &[u8]) -> DrdynvcClientPdu {
        DrdynvcClientPdu::Data(DrdynvcDataPdu::Data(DataPdu::new(id, bytes.to_vec())))
    }

    fn first(id: u32, length: u32, bytes: &[u8]) -> DrdynvcClientPdu {
        DrdynvcClientPdu::Data(DrdynvcDataPdu::DataFirst(DataFirstPdu::new(id, length, bytes.to_vec())))
    }

    #[test]
    fn channels_open_talk_and_close() {
        let mut channels = DynamicChannels::default();
        let caps = DrdynvcClientPdu::Capabilities(CapabilitiesResponsePdu::new(CapsVersion::V2));
        assert_eq!(feed(&mut channels, caps), Ok(Some(DynamicEvent::Ready)));
        assert!(feed(&mut channels, data(1, b"x")).is_err(), "not created");
        open(&mut channels, 1);
        assert_eq!(feed(&mut channels, data(1, b"abc")), Ok(Some(DynamicEvent::Message(1, b"abc".to_vec()))));
        assert_eq!(feed(&mut channels, first(1, 5, b"abc")), Ok(None));
        assert_eq!(
            feed(&mut channels, data(1, b"de")),
            Ok(Some(DynamicEvent::Message(1, b"abcde".to_vec())))
        );
        let declined = CreateResponsePdu::new(2, CreationStatus::NO_LISTENER);
        let _ = channels.create(2, "other");
        assert_eq!(
            feed(&mut channels, DrdynvcClientPdu::Create(declined)),
            Ok(Some(DynamicEvent::Closed(2)))
        );
    }

    #[test]
    fn chunks_of_the_static_channel_are_joined() {
        let mut channels = DynamicChannels::default();
        open(&mut channels, 1);
        let bytes = vec![7; 1000];
        let mut events = Vec::new();
        for chunk in chunks(&data(1, &bytes), 300) {
            events.extend(channels.chunk(&chunk).unwrap());
        }
        assert_eq!(events, [DynamicEvent::Message(1, bytes)]);
    }

    #[test]
    fn messages_are_bounded_and_garbage_is_refused() {
        let mut channels = DynamicChannels::default();
        open(&mut channels, 1);
        assert!(feed(&mut channels, first(1, u32::MAX, b"abc")).is_err());
        assert!(feed(&mut channels, first(1, 2, b"abc")).is_err());
        assert_eq!(feed(&mut channels, data(1, b"ok")), Ok(Some(DynamicEvent::Message(1, b"ok".to_vec()))));
        assert!(channels.chunk(&[1, 2, 3]).is_err());
        assert!(channels.chunk(&[0xff; 9]).is_err());
        for seed in 0..20_000u32 {
            let bytes: Vec<u8> =
                (0..seed % 50).map(|i| (seed.wrapping_mul(2_654_435_761) >> (i % 25)) as u8).collect();
            let _ = channels.chunk(&bytes);
        }
    }
}
