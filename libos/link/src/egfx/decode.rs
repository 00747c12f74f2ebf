//! The host end: PDUs to surfaces. Every byte is hostile.

use std::collections::HashMap;

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_egfx::pdu::{Codec1Type, CreateSurfacePdu, GfxPdu, MapSurfaceToWindowPdu, WireToSurface1Pdu};
use ironrdp_graphics::clearcodec::ClearCodecDecoder;

use crate::error::{Fault, LinkError, Party};
use crate::limits::{MAX_SIDE, MAX_SURFACE_BYTES, MAX_SURFACES};
use crate::rect::Rect;
use crate::to_host::PixelFormat;

/// Damage rectangles kept of a frame's surface; more become their bounding box.
const MAX_FRAME_RECTS: usize = 64;
/// PDUs of one message that the decoder is willing to look at.
const MAX_PDUS: usize = 4096;
/// Pixels that the PDUs of one message may cover, so that a small message cannot cost much work.
const MAX_PIXELS: u64 = 1 << 25;

/// What a message of PDUs led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgfxEvent {
    /// The frame is whole: show [`EgfxDecoder::surface`] of these windows, then acknowledge the frame.
    Frame {
        /// Number of the frame.
        frame: u32,
        /// Windows whose surfaces changed, and where.
        damage: Vec<(u32, Vec<Rect>)>,
    },
}

#[derive(Debug)]
struct Surface {
    width: u32,
    height: u32,
    format: PixelFormat,
    window: Option<u32>,
    pixels: Vec<u8>,
    damage: Vec<Rect>,
}

/// A surface as it is now.
#[derive(Clone, Copy)]
pub struct SurfaceView<'a> {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Meaning of the fourth byte.
    pub format: PixelFormat,
    /// BGRA8888, tightly packed.
    pub pixels: &'a [u8],
}

impl std::fmt::Debug for SurfaceView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, height, format, .. } = self;
        f.debug_struct("SurfaceView")
            .field("size", &(width, height))
            .field("format", format)
            .finish_non_exhaustive()
    }
}

/// Surfaces of one instance, bounded in number and bytes.
pub struct EgfxDecoder {
    surfaces: HashMap<u16, Surface>,
    bytes: u64,
    frame: Option<u32>,
    clear: ClearCodecDecoder,
}

impl std::fmt::Debug for EgfxDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgfxDecoder")
            .field("surfaces", &self.surfaces.len())
            .field("bytes", &self.bytes)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

impl Default for EgfxDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl EgfxDecoder {
    /// A decoder without surfaces.
    pub fn new() -> Self {
        Self { surfaces: HashMap::new(), bytes: 0, frame: None, clear: ClearCodecDecoder::new() }
    }

    /// Takes the body of a [`ToHost::Egfx`](crate::ToHost::Egfx).
    ///
    /// # Errors
    /// [`LinkError::Malformed`], by the instance.
    pub fn push(&mut self, pdus: &[u8]) -> Result<Vec<EgfxEvent>, LinkError> {
        let malformed = |fault: Fault| LinkError::Malformed {
            party: Party::Instance,
            message: "RDPGFX PDU",
            detail: fault.0,
        };
        self.try_push(pdus).map_err(malformed)
    }

    /// The surface that is mapped to a window.
    pub fn surface(&self, window: u32) -> Option<SurfaceView<'_>> {
        let surface = self.surfaces.values().find(|surface| surface.window == Some(window))?;
        let Surface { width, height, format, pixels, .. } = surface;
        Some(SurfaceView { width: *width, height: *height, format: *format, pixels })
    }

    fn try_push(&mut self, pdus: &[u8]) -> Result<Vec<EgfxEvent>, Fault> {
        let (mut events, mut rest, mut pixels) = (Vec::new(), pdus, 0);
        for _ in 0..MAX_PDUS {
            if rest.is_empty() {
                return Ok(events);
            }
            // RDPGFX_HEADER (MS-RDPEGFX 2.2.1.5): the length counts the header too.
            let length = match rest {
                [_, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
                _ => return Err(Fault::new("a header is cut off")),
            };
            if length < 8 || length > rest.len() {
                return Err(Fault::new(format!("length {length} where {} bytes are left", rest.len())));
            }
            let (pdu, after) = rest.split_at(length);
            rest = after;
            let mut src = ReadCursor::new(pdu);
            let pdu = GfxPdu::decode(&mut src)?;
            crate::wire::Fields::end(&src)?;
            events.extend(self.take(pdu, &mut pixels)?);
        }
        Err(Fault::new(format!("more than {MAX_PDUS} PDUs in a message")))
    }

    fn take(&mut self, pdu: GfxPdu, pixels: &mut u64) -> Result<Option<EgfxEvent>, Fault> {
        match pdu {
            GfxPdu::CreateSurface(pdu) => self.create(&pdu)?,
            GfxPdu::DeleteSurface(pdu) => {
                let surface = self.surfaces.remove(&pdu.surface_id);
                let surface = surface.ok_or_else(|| unknown(pdu.surface_id))?;
                self.bytes -= surface.pixels.len() as u64;
            }
            GfxPdu::MapSurfaceToWindow(pdu) => self.map(&pdu)?,
            GfxPdu::StartFrame(pdu) => {
                if let Some(open) = self.frame.replace(pdu.frame_id) {
                    return Err(Fault::new(format!("frame {} starts within frame {open}", pdu.frame_id)));
                }
            }
            GfxPdu::EndFrame(pdu) => {
                if self.frame.take() != Some(pdu.frame_id) {
                    return Err(Fault::new(format!("frame {} ends that is not open", pdu.frame_id)));
                }
                return Ok(Some(EgfxEvent::Frame { frame: pdu.frame_id, damage: self.take_damage() }));
            }
            GfxPdu::WireToSurface1(pdu) => self.draw(&pdu, pixels)?,
            other => {
                let name = format!("{other:?}");
                let name = name.split(['(', ' ']).next().unwrap_or_default();
                return Err(Fault::new(format!("{name} is not used here")));
            }
        }
        Ok(None)
    }

    fn create(&mut self, pdu: &CreateSurfacePdu) -> Result<(), Fault> {
        let (width, height) = (u32::from(pdu.width), u32::from(pdu.height));
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Fault::new(format!("a surface of {width} x {height} pixels")));
        }
        if self.surfaces.contains_key(&pdu.surface_id) {
            return Err(Fault::new(format!("surface {} exists already", pdu.surface_id)));
        }
        if self.surfaces.len() >= MAX_SURFACES {
            return Err(Fault::new(format!("more than {MAX_SURFACES} surfaces")));
        }
        let bytes = u64::from(width) * u64::from(height) * 4;
        if self.bytes + bytes > MAX_SURFACE_BYTES {
            return Err(Fault::new(format!("surfaces of more than {MAX_SURFACE_BYTES} bytes")));
        }
        self.bytes += bytes;
        let format = PixelFormat::from_wire(pdu.pixel_format);
        // At most MAX_SURFACE_BYTES, so it fits.
        let pixels = vec![0; bytes as usize];
        let surface = Surface { width, height, format, window: None, pixels, damage: Vec::new() };
        self.surfaces.insert(pdu.surface_id, surface);
        Ok(())
    }

    fn map(&mut self, pdu: &MapSurfaceToWindowPdu) -> Result<(), Fault> {
        let window =
            u32::try_from(pdu.window_id).map_err(|_| Fault::new(format!("no window {}", pdu.window_id)))?;
        if self.surfaces.iter().any(|(id, surface)| *id != pdu.surface_id && surface.window == Some(window)) {
            return Err(Fault::new(format!("window {window} has a surface already")));
        }
        let surface = self.surfaces.get_mut(&pdu.surface_id).ok_or_else(|| unknown(pdu.surface_id))?;
        if (pdu.mapped_width, pdu.mapped_height) != (surface.width, surface.height) {
            return Err(Fault::new("a surface is mapped at another size than its own"));
        }
        surface.window = Some(window);
        surface.damage = vec![Rect::new(0, 0, surface.width, surface.height)];
        Ok(())
    }

    fn draw(&mut self, pdu: &WireToSurface1Pdu, pixels: &mut u64) -> Result<(), Fault> {
        if self.frame.is_none() {
            return Err(Fault::new("pixels outside of a frame"));
        }
        let surface = self.surfaces.get_mut(&pdu.surface_id).ok_or_else(|| unknown(pdu.surface_id))?;
        let rect = Rect::from_wire(&pdu.destination_rectangle)?;
        if rect.is_empty() || !rect.fits(surface.width, surface.height) {
            return Err(Fault::new(format!(
                "{rect:?} on a surface of {} x {}",
                surface.width, surface.height
            )));
        }
        *pixels += u64::from(rect.width) * u64::from(rect.height);
        if *pixels > MAX_PIXELS {
            return Err(Fault::new(format!("more than {MAX_PIXELS} pixels in a message")));
        }
        let wanted = rect.width as usize * rect.height as usize * 4;
        match pdu.codec_id {
            Codec1Type::Uncompressed if pdu.bitmap_data.len() == wanted => {
                surface.blit(rect, &pdu.bitmap_data)
            }
            Codec1Type::Uncompressed => {
                return Err(Fault::new(format!("{} bytes for {rect:?}", pdu.bitmap_data.len())));
            }
            Codec1Type::ClearCodec => {
                let width = pdu.destination_rectangle.right - pdu.destination_rectangle.left;
                let height = pdu.destination_rectangle.bottom - pdu.destination_rectangle.top;
                let decoded = self.clear.decode(&pdu.bitmap_data, width, height)?;
                if decoded.len() != wanted {
                    return Err(Fault::new(format!("ClearCodec gave {} bytes for {rect:?}", decoded.len())));
                }
                surface.blit(rect, &decoded);
            }
            other => return Err(Fault::new(format!("codec {other:?} is not used here"))),
        }
        surface.touch(rect);
        Ok(())
    }

    fn take_damage(&mut self) -> Vec<(u32, Vec<Rect>)> {
        let shown = self.surfaces.values_mut().filter(|surface| !surface.damage.is_empty());
        shown
            .filter_map(|surface| surface.window.map(|window| (window, std::mem::take(&mut surface.damage))))
            .collect()
    }
}

impl Surface {
    fn blit(&mut self, rect: Rect, pixels: &[u8]) {
        let (row, stride) = (rect.width as usize * 4, self.width as usize * 4);
        for (index, source) in pixels.chunks_exact(row).enumerate() {
            let start = (rect.y as usize + index) * stride + rect.x as usize * 4;
            self.pixels[start..start + row].copy_from_slice(source);
        }
    }

    fn touch(&mut self, rect: Rect) {
        self.damage.push(rect);
        if self.damage.len() > MAX_FRAME_RECTS {
            let all = self.damage.drain(..).fold(Rect::default(), Rect::union);
            self.damage.push(all);
        }
    }
}

fn unknown(surface: u16) -> Fault {
    Fault::new(format!("there is no surface {surface}"))
}
