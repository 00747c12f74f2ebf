// One layer: a rectangle of the desktop, shown pixel for pixel.

struct Target {
    // Size of what is drawn on, in pixels.
    size: vec2<f32>,
};

struct Corner {
    @builtin(position) position: vec4<f32>,
    // Place in the layer's texture, in pixels.
    @location(0) texel: vec2<f32>,
};

@group(0) @binding(0) var<uniform> goal: Target;
@group(1) @binding(0) var pixels: texture_2d<f32>;

@vertex
fn corner(@builtin(vertex_index) index: u32, @location(0) place: vec4<f32>) -> Corner {
    let unit = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    let at = place.xy + unit * place.zw;
    var out: Corner;
    out.position = vec4<f32>(at.x / goal.size.x * 2.0 - 1.0, 1.0 - at.y / goal.size.y * 2.0, 0.0, 1.0);
    out.texel = unit * place.zw;
    return out;
}

@fragment
fn paint(in: Corner) -> @location(0) vec4<f32> {
    return textureLoad(pixels, vec2<i32>(floor(in.texel)), 0);
}
