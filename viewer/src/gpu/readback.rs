//! Getting what the GPU composed back, for a screenshot

use wgpu::{
    BufferDescriptor, BufferUsages, Extent3d, MapMode, PollType, TexelCopyBufferInfo, TexelCopyBufferLayout,
    TextureDescriptor, TextureDimension, TextureFormat, TextureUsages,
};

use super::compose::Composer;
use super::device::Device;
use crate::error::ViewerError;
use crate::scene::Scene;

impl Composer {
    /// Composes the desktop as it is shown, `size` pixels of it, and reads it back: BGRA8888, tightly packed.
    pub(crate) fn read_back(
        &mut self,
        gpu: &Device,
        size: (u32, u32),
        scene: &Scene,
    ) -> Result<Vec<u8>, ViewerError> {
        let (width, height) = size;
        let extent = Extent3d { width, height, depth_or_array_layers: 1 };
        let texture = gpu.device.create_texture(&TextureDescriptor {
            label: Some("screenshot"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: gpu.format(),
            usage: TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let row = width * 4;
        let stride = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = gpu.device.create_buffer(&BufferDescriptor {
            label: Some("screenshot"),
            size: u64::from(stride) * u64::from(height),
            usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.draw(gpu, &mut encoder, &texture.create_view(&Default::default()), size, scene);
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            TexelCopyBufferInfo {
                buffer: &buffer,
                layout: TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(stride),
                    rows_per_image: None,
                },
            },
            extent,
        );
        gpu.queue.submit([encoder.finish()]);
        // Whether it worked shows when the range is taken.
        buffer.map_async(MapMode::Read, .., |_result| {});
        let failed =
            |error: &dyn std::fmt::Display| ViewerError::Gpu(format!("reading the picture back: {error}"));
        gpu.device.poll(PollType::wait_indefinitely()).map_err(|error| failed(&error))?;
        let mapped = buffer.get_mapped_range(..).map_err(|error| failed(&error))?;
        let mut pixels = Vec::with_capacity((row * height) as usize);
        for line in mapped.chunks_exact(stride as usize) {
            pixels.extend_from_slice(&line[..row as usize]);
        }
        if gpu.format() == TextureFormat::Rgba8Unorm {
            pixels.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
        }
        Ok(pixels)
    }
}
