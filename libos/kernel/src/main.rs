//! The freestanding kernel image: what only a program of its own can have.
#![no_std]
#![no_main]

mod mem;

use bailey_abi::boot::Handoff;
use bailey_kernel::host::heap::SharedHeap;

#[global_allocator]
static HEAP: SharedHeap = SharedHeap::new();

/// Upcall `initialise`: the monitor jumps here, on the first thread's kernel stack.
///
/// # Safety
/// `handoff` is as `bailey_abi::boot` says.
#[unsafe(no_mangle)]
unsafe extern "C" fn _start(handoff: *const Handoff) -> ! {
    // SAFETY: the monitor's promise.
    let handoff = unsafe { *handoff };
    bailey_kernel::boot::start(&handoff, &HEAP)
}

#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    bailey_kernel::boot::fail(info, &HEAP)
}
