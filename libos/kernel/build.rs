//! Links the kernel image: freestanding, not movable, by the linker script.

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kernel.ld");
    println!("cargo::rerun-if-changed={script}");
    for argument in [
        "-nostdlib",
        "-nostartfiles",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,-z,noexecstack",
        "-Wl,-T",
    ] {
        println!("cargo::rustc-link-arg-bin=bailey-libos={argument}");
    }
    println!("cargo::rustc-link-arg-bin=bailey-libos=-Wl,{script}");
}
