//! Drawing the layers, from bottom to top

use bailey_link::Rect;
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor,
    BindGroupLayoutEntry, BindingType, BlendState, Buffer as GpuBuffer, BufferBindingType, BufferDescriptor,
    BufferUsages, Color, ColorTargetState, ColorWrites, CommandEncoder, FragmentState, LoadOp, Operations,
    PipelineLayoutDescriptor, PrimitiveState, PrimitiveTopology, RenderPassColorAttachment,
    RenderPassDescriptor, RenderPipeline, RenderPipelineDescriptor, ShaderModule, ShaderStages, StoreOp,
    TextureFormat, TextureSampleType, TextureView, TextureViewDimension, VertexBufferLayout, VertexState,
    VertexStepMode, include_wgsl, vertex_attr_array,
};

use super::device::Device;
use super::layers::LayerTextures;
use crate::error::ViewerError;
use crate::pixels::SharedPixels;
use crate::scene::{Buffer, Scene};

/// Bytes of a layer's place: x, y, width, height as f32.
const PLACE_BYTES: u64 = 16;
/// Behind everything: where the window is larger than the desktop.
const BEHIND: Color = Color { r: 0.05, g: 0.06, b: 0.07, a: 1.0 };

/// Pipelines, textures and what else drawing needs.
#[derive(Debug)]
pub(crate) struct Composer {
    opaque: RenderPipeline,
    blended: RenderPipeline,
    layer_layout: BindGroupLayout,
    target: GpuBuffer,
    target_group: BindGroup,
    places: GpuBuffer,
    textures: LayerTextures,
}

impl Composer {
    pub(crate) fn new(gpu: &Device) -> Self {
        let device = &gpu.device;
        let shader = device.create_shader_module(include_wgsl!("layers.wgsl"));
        let uniform = BindingType::Buffer {
            ty: BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let target_layout = group_layout(device, "target", ShaderStages::VERTEX, uniform);
        let texture = BindingType::Texture {
            sample_type: TextureSampleType::Float { filterable: false },
            view_dimension: TextureViewDimension::D2,
            multisampled: false,
        };
        let layer_layout = group_layout(device, "layer", ShaderStages::FRAGMENT, texture);
        // A multiple of 16, as uniforms are.
        let target = buffer(device, "target", 16, BufferUsages::UNIFORM);
        let target_group = device.create_bind_group(&BindGroupDescriptor {
            label: Some("target"),
            layout: &target_layout,
            entries: &[BindGroupEntry { binding: 0, resource: target.as_entire_binding() }],
        });
        let layouts = [&target_layout, &layer_layout];
        let pipeline = |blend| pipeline(device, &shader, &layouts, gpu.format(), blend);
        Self {
            opaque: pipeline(None),
            blended: pipeline(Some(BlendState::PREMULTIPLIED_ALPHA_BLENDING)),
            target_group,
            places: buffer(device, "places", 64 * PLACE_BYTES, BufferUsages::VERTEX),
            layer_layout,
            target,
            textures: LayerTextures::default(),
        }
    }

    /// Takes changed pixels of a layer.
    pub(crate) fn upload(
        &mut self,
        gpu: &Device,
        layer: u32,
        buffer: &Buffer,
        damage: &[Rect],
        pixels: &mut SharedPixels,
    ) -> Result<(), ViewerError> {
        if buffer.width > gpu.max_side || buffer.height > gpu.max_side {
            let text =
                format!("a layer of {}x{} pixels, over its {}", buffer.width, buffer.height, gpu.max_side);
            return Err(ViewerError::Gpu(text));
        }
        self.textures.upload((&gpu.device, &gpu.queue, &self.layer_layout), layer, buffer, damage, pixels)
    }

    /// A layer is gone.
    pub(crate) fn forget(&mut self, layer: u32) {
        self.textures.forget(layer);
    }

    /// Draws all layers on `view`, which has `size` pixels and the format of the window's surface.
    pub(crate) fn draw(
        &mut self,
        gpu: &Device,
        encoder: &mut CommandEncoder,
        view: &TextureView,
        size: (u32, u32),
        scene: &Scene,
    ) {
        let drawn: Vec<_> =
            scene.layers().filter_map(|(id, place)| Some((self.textures.get(id)?, place))).collect();
        let mut places = Vec::with_capacity(drawn.len() * 16);
        for (texture, (x, y)) in &drawn {
            for number in [*x as f32, *y as f32, texture.width as f32, texture.height as f32] {
                places.extend_from_slice(&number.to_ne_bytes());
            }
        }
        if places.len() as u64 > self.places.size() {
            self.places = buffer(&gpu.device, "places", 2 * places.len() as u64, BufferUsages::VERTEX);
        }
        gpu.queue.write_buffer(&self.places, 0, &places);
        let (width, height) = (size.0 as f32, size.1 as f32);
        gpu.queue.write_buffer(&self.target, 0, &[width.to_ne_bytes(), height.to_ne_bytes()].concat());

        let mut pass = encoder.begin_render_pass(&RenderPassDescriptor {
            label: Some("desktop"),
            color_attachments: &[Some(RenderPassColorAttachment {
                view,
                depth_slice: None,
                resolve_target: None,
                ops: Operations { load: LoadOp::Clear(BEHIND), store: StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_bind_group(0, &self.target_group, &[]);
        for (at, (texture, _)) in (0..).zip(&drawn) {
            pass.set_pipeline(if texture.opaque { &self.opaque } else { &self.blended });
            pass.set_bind_group(1, &texture.bind_group, &[]);
            // One instance buffer range each: GL without base instance counts instances from 0.
            pass.set_vertex_buffer(0, self.places.slice(at * PLACE_BYTES..(at + 1) * PLACE_BYTES));
            pass.draw(0..4, 0..1);
        }
    }
}

fn buffer(device: &wgpu::Device, label: &str, size: u64, usage: BufferUsages) -> GpuBuffer {
    let usage = usage | BufferUsages::COPY_DST;
    device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}

fn group_layout(
    device: &wgpu::Device,
    label: &str,
    visibility: ShaderStages,
    ty: BindingType,
) -> BindGroupLayout {
    device.create_bind_group_layout(&BindGroupLayoutDescriptor {
        label: Some(label),
        entries: &[BindGroupLayoutEntry { binding: 0, visibility, ty, count: None }],
    })
}

fn pipeline(
    device: &wgpu::Device,
    shader: &ShaderModule,
    layouts: &[&BindGroupLayout; 2],
    format: TextureFormat,
    blend: Option<BlendState>,
) -> RenderPipeline {
    let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label: Some("layers"),
        bind_group_layouts: &layouts.map(Some),
        immediate_size: 0,
    });
    let attributes = vertex_attr_array![0 => Float32x4];
    let place = VertexBufferLayout {
        array_stride: PLACE_BYTES,
        step_mode: VertexStepMode::Instance,
        attributes: &attributes,
    };
    device.create_render_pipeline(&RenderPipelineDescriptor {
        label: Some("layers"),
        layout: Some(&layout),
        vertex: VertexState {
            module: shader,
            entry_point: Some("corner"),
            compilation_options: Default::default(),
            buffers: &[Some(place)],
        },
        primitive: PrimitiveState { topology: PrimitiveTopology::TriangleStrip, ..Default::default() },
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(FragmentState {
            module: shader,
            entry_point: Some("paint"),
            compilation_options: Default::default(),
            targets: &[Some(ColorTargetState { format, blend, write_mask: ColorWrites::ALL })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
