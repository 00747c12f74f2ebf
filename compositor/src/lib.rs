//! The desktop as a pure library: scene, focus, routing, damage, CPU frame
