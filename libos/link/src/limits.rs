//! Bounds of the stream. Both ends keep to them; the host cuts an instance off that does not.

/// Version of the stream, exchanged in `Hello` and `HelloAck`.
pub const VERSION: u32 = 1;
/// Bytes of a frame's header: type, flags, length.
pub const HEADER_LEN: usize = 8;
/// Largest body of a frame, except of RDPGFX frames.
pub const MAX_BODY: usize = 1 << 20;
/// Largest body of a frame of RDPGFX PDUs.
pub const MAX_EGFX_BODY: usize = 4 << 20;
/// Most bytes that [`Decoder::push`](crate::Decoder::push) takes at a time.
pub const MAX_CHUNK: usize = 256 << 10;
/// Longest side of a window, buffer or surface, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Longest side of a pointer image (LARGE_POINTER_FLAG_96x96, MS-RDPBCGR 2.2.7.2.7).
pub const MAX_POINTER_SIDE: u32 = 96;
/// Longest side of a window icon: its pixels have to fit the 16-bit lengths of TS_ICON_INFO (MS-RDPERP 2.2.1.2.3).
pub const MAX_ICON_SIDE: u32 = 96;
/// Longest title and application id, in UTF-16 code units (CbString of at most 520 bytes, MS-RDPERP 2.2.1.3.1.2.1).
pub const MAX_TITLE_UNITS: usize = 259;
/// Most damage rectangles of one present; an encoder joins more into their bounding box.
pub const MAX_DAMAGE_RECTS: usize = 256;
/// Most windows in a z-order.
pub const MAX_Z_ORDER: usize = 4096;
/// Most input events in one message.
pub const MAX_INPUT_EVENTS: usize = 255;
/// Presents of a window that may wait for their acknowledgement.
pub const MAX_UNACKED_PRESENTS: usize = 2;
/// Most RDPGFX surfaces of one instance.
pub const MAX_SURFACES: usize = 500;
/// Most bytes of all RDPGFX surfaces of one instance.
pub const MAX_SURFACE_BYTES: u64 = 256 << 20;
