//! Layers' textures

use std::collections::HashMap;

use bailey_link::Rect;
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindingResource, Extent3d, Origin3d,
    Queue, TexelCopyBufferLayout, TexelCopyTextureInfo, Texture, TextureAspect, TextureDescriptor,
    TextureDimension, TextureFormat, TextureUsages,
};

use crate::error::ViewerError;
use crate::pixels::SharedPixels;
use crate::scene::Buffer;

/// Damage rectangles beyond which everything between them is copied as well.
const MANY_RECTS: usize = 32;

/// A layer's pixels on the GPU.
#[derive(Debug)]
pub(crate) struct LayerTexture {
    texture: Texture,
    pub(crate) bind_group: BindGroup,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) opaque: bool,
}

/// All layers' textures.
#[derive(Debug, Default)]
pub(crate) struct LayerTextures {
    textures: HashMap<u32, LayerTexture>,
}

impl LayerTextures {
    pub(crate) fn get(&self, layer: u32) -> Option<&LayerTexture> {
        self.textures.get(&layer)
    }

    pub(crate) fn forget(&mut self, layer: u32) {
        self.textures.remove(&layer);
    }

    /// Copies the damaged parts of `buffer` to the layer's texture; all of it to a new one if the size differs.
    pub(crate) fn upload(
        &mut self,
        target: (&wgpu::Device, &Queue, &BindGroupLayout),
        layer: u32,
        buffer: &Buffer,
        damage: &[Rect],
        pixels: &mut SharedPixels,
    ) -> Result<(), ViewerError> {
        let (device, queue, layout) = target;
        let fits = |own: &&mut LayerTexture| (own.width, own.height) == (buffer.width, buffer.height);
        let whole = [buffer.whole()];
        let bounds;
        let damage = match self.textures.get_mut(&layer).filter(fits) {
            None => {
                self.textures.insert(layer, LayerTexture::new(device, layout, buffer));
                &whole[..]
            }
            Some(own) => {
                own.opaque = buffer.opaque;
                if damage.len() > MANY_RECTS {
                    bounds = [damage.iter().fold(Rect::default(), |all, rect| all.union(*rect))];
                    &bounds[..]
                } else {
                    damage
                }
            }
        };
        let Some(own) = self.textures.get(&layer) else {
            return Ok(());
        };
        for rect in damage.iter().filter(|rect| !rect.is_empty()) {
            let rows = pixels.read(buffer, *rect).map_err(ViewerError::Connection)?;
            own.write(queue, *rect, rows, buffer.stride);
        }
        Ok(())
    }
}

impl LayerTexture {
    fn new(device: &wgpu::Device, layout: &BindGroupLayout, buffer: &Buffer) -> Self {
        let texture = device.create_texture(&TextureDescriptor {
            label: Some("layer"),
            size: Extent3d { width: buffer.width, height: buffer.height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: TextureFormat::Bgra8Unorm,
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&Default::default());
        let bind_group = device.create_bind_group(&BindGroupDescriptor {
            label: Some("layer"),
            layout,
            entries: &[BindGroupEntry { binding: 0, resource: BindingResource::TextureView(&view) }],
        });
        let Buffer { width, height, opaque, .. } = *buffer;
        Self { texture, bind_group, width, height, opaque }
    }

    fn write(&self, queue: &Queue, rect: Rect, rows: &[u8], stride: u32) {
        queue.write_texture(
            TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: Origin3d { x: rect.x, y: rect.y, z: 0 },
                aspect: TextureAspect::All,
            },
            rows,
            TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None },
            Extent3d { width: rect.width, height: rect.height, depth_or_array_layers: 1 },
        );
    }
}
