//! What the server says it can do (MS-RDPBCGR 2.2.7), and what of it a client can use.

use ironrdp_pdu::codecs::rfx::EntropyAlgorithm;
use ironrdp_pdu::rdp::capability_sets::{
    Bitmap, BitmapCodecs, BitmapDrawingFlags, CapabilitySet, CmdFlags, Codec, CodecProperty, EntropyBits,
    FrameAcknowledge, General, GeneralExtraFlags, Input, InputFlags, LargePointer, LargePointerSupportFlags,
    MultifragmentUpdate, Order, OrderFlags, OrderSupportExFlags, Pointer, RemoteFxContainer, SurfaceCommands,
    VirtualChannel, VirtualChannelFlags,
};

/// Largest fast-path update that we are ready to reassemble; clients take it as the size for their own buffer.
const MAX_REQUEST_SIZE: u32 = 8 * 1024 * 1024;
/// What a client takes that says nothing about fragments: one fast-path PDU.
const SINGLE_FRAGMENT: usize = 16 * 1024;
/// Frames that a client may leave unacknowledged, as we ask for it (MS-RDPRFX 2.2.1.3).
const UNACKNOWLEDGED_FRAMES: u32 = 2;

/// The server's capability sets for a desktop of `width` x `height` pixels.
pub(crate) fn server_capabilities(width: u16, height: u16) -> Vec<CapabilitySet> {
    vec![
        CapabilitySet::General(General {
            extra_flags: GeneralExtraFlags::FASTPATH_OUTPUT_SUPPORTED,
            refresh_rect_support: true,
            suppress_output_support: true,
            ..General::default()
        }),
        CapabilitySet::Bitmap(Bitmap {
            pref_bits_per_pix: 32,
            desktop_width: width,
            desktop_height: height,
            // Without it FreeRDP does not follow a deactivation-reactivation to another size.
            desktop_resize_flag: true,
            drawing_flags: BitmapDrawingFlags::empty(),
        }),
        CapabilitySet::Order(Order::new(OrderFlags::empty(), OrderSupportExFlags::empty(), 2048, 224)),
        CapabilitySet::SurfaceCommands(SurfaceCommands { flags: CmdFlags::all() }),
        CapabilitySet::Pointer(Pointer { color_pointer_cache_size: 32, pointer_cache_size: 32 }),
        CapabilitySet::LargePointer(LargePointer { flags: LargePointerSupportFlags::UP_TO_96X96_PIXELS }),
        CapabilitySet::Input(Input {
            input_flags: InputFlags::SCANCODES
                | InputFlags::MOUSEX
                | InputFlags::FASTPATH_INPUT
                | InputFlags::UNICODE
                | InputFlags::FASTPATH_INPUT_2
                | InputFlags::TS_MOUSE_HWHEEL,
            keyboard_layout: 0,
            keyboard_type: None,
            keyboard_subtype: 0,
            keyboard_function_key: 128,
            keyboard_ime_filename: String::new(),
        }),
        CapabilitySet::VirtualChannel(VirtualChannel {
            flags: VirtualChannelFlags::NO_COMPRESSION,
            chunk_size: None,
        }),
        CapabilitySet::MultiFragmentUpdate(MultifragmentUpdate { max_request_size: MAX_REQUEST_SIZE }),
        CapabilitySet::BitmapCodecs(BitmapCodecs(vec![
            Codec { id: 0, property: CodecProperty::RemoteFx(RemoteFxContainer::ServerContainer(1)) },
            Codec { id: 0, property: CodecProperty::ImageRemoteFx(RemoteFxContainer::ServerContainer(1)) },
        ])),
        CapabilitySet::FrameAcknowledge(FrameAcknowledge {
            max_unacknowledged_frame_count: UNACKNOWLEDGED_FRAMES,
        }),
    ]
}

/// RemoteFX as a client takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RemoteFx {
    /// The client's number for the codec.
    pub(crate) codec_id: u8,
    pub(crate) entropy: EntropyAlgorithm,
}

/// What a client can do, of what matters to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientProfile {
    /// Takes fast-path output.
    pub(crate) fast_path: bool,
    /// Takes Set Surface Bits commands.
    pub(crate) surface_bits: bool,
    /// Takes frame markers, and acknowledges frames: so many may be on their way. 0 where it doesn't.
    pub(crate) frame_acks: u32,
    pub(crate) remote_fx: Option<RemoteFx>,
    /// Largest fast-path update, in bytes, before fragmentation.
    pub(crate) max_update: usize,
    /// Largest pointer edge, in pixels.
    pub(crate) pointer_edge: u16,
    /// Takes pointers with an alpha channel.
    pub(crate) new_pointer: bool,
}

impl ClientProfile {
    /// Reads the profile out of a Confirm Active PDU's capability sets.
    pub(crate) fn new(capabilities: &[CapabilitySet]) -> Self {
        let mut profile = Self {
            fast_path: false,
            surface_bits: false,
            frame_acks: 0,
            remote_fx: None,
            max_update: SINGLE_FRAGMENT,
            pointer_edge: 32,
            new_pointer: false,
        };
        let (mut markers, mut unacknowledged) = (false, 0);
        for capability in capabilities {
            match capability {
                CapabilitySet::General(general) => {
                    profile.fast_path =
                        general.extra_flags.contains(GeneralExtraFlags::FASTPATH_OUTPUT_SUPPORTED);
                }
                CapabilitySet::SurfaceCommands(commands) => {
                    profile.surface_bits = commands.flags.contains(CmdFlags::SET_SURFACE_BITS);
                    markers = commands.flags.contains(CmdFlags::FRAME_MARKER);
                }
                CapabilitySet::FrameAcknowledge(ack) => unacknowledged = ack.max_unacknowledged_frame_count,
                CapabilitySet::MultiFragmentUpdate(update) => {
                    profile.max_update =
                        (update.max_request_size as usize).clamp(SINGLE_FRAGMENT, 4 * 1024 * 1024);
                }
                CapabilitySet::Pointer(pointer) => profile.new_pointer = pointer.pointer_cache_size > 0,
                CapabilitySet::LargePointer(large) if !large.flags.is_empty() => profile.pointer_edge = 96,
                CapabilitySet::BitmapCodecs(codecs) => profile.remote_fx = remote_fx(codecs),
                _ => {}
            }
        }
        // Surface commands exist in fast-path output only.
        profile.surface_bits &= profile.fast_path;
        if markers && profile.surface_bits {
            profile.frame_acks = unacknowledged.min(UNACKNOWLEDGED_FRAMES);
        }
        profile
    }
}

fn remote_fx(codecs: &BitmapCodecs) -> Option<RemoteFx> {
    codecs.0.iter().find_map(|codec| {
        let (CodecProperty::RemoteFx(container) | CodecProperty::ImageRemoteFx(container)) = &codec.property
        else {
            return None;
        };
        let RemoteFxContainer::ClientContainer(caps) = container else {
            return None;
        };
        let offered: Vec<_> = caps.caps_data.0.0.iter().map(|capability| capability.entropy_bits).collect();
        let entropy = if offered.contains(&EntropyBits::Rlgr3) {
            EntropyAlgorithm::Rlgr3
        } else if offered.contains(&EntropyBits::Rlgr1) {
            EntropyAlgorithm::Rlgr1
        } else {
            return None;
        };
        Some(RemoteFx { codec_id: codec.id, entropy })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn general(flags: GeneralExtraFlags) -> CapabilitySet {
        CapabilitySet::General(General { extra_flags: flags, ..General::default() })
    }

    #[test]
    fn a_silent_client_gets_the_plainest_output() {
        let profile = ClientProfile::new(&[]);
        assert!(!profile.fast_path && !profile.surface_bits && !profile.new_pointer);
        assert_eq!((profile.remote_fx, profile.frame_acks, profile.max_update), (None, 0, 16 * 1024));
    }

    #[test]
    fn surface_commands_need_fast_path() {
        let surface = CapabilitySet::SurfaceCommands(SurfaceCommands { flags: CmdFlags::all() });
        let slow = ClientProfile::new(&[general(GeneralExtraFlags::empty()), surface.clone()]);
        assert!(!slow.surface_bits);
        let acks = CapabilitySet::FrameAcknowledge(FrameAcknowledge { max_unacknowledged_frame_count: 9 });
        let fast =
            ClientProfile::new(&[general(GeneralExtraFlags::FASTPATH_OUTPUT_SUPPORTED), surface, acks]);
        assert!(fast.surface_bits);
        assert_eq!(fast.frame_acks, 2);
    }

    #[test]
    fn the_update_size_is_kept_within_reason() {
        let with = |max_request_size| {
            let update = MultifragmentUpdate { max_request_size };
            ClientProfile::new(&[CapabilitySet::MultiFragmentUpdate(update)]).max_update
        };
        assert_eq!(with(0), 16 * 1024);
        assert_eq!(with(100_000), 100_000);
        assert_eq!(with(u32::MAX), 4 * 1024 * 1024);
    }
}
