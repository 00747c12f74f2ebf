//! What the compiler takes for granted of a C library: the memory functions, without vector code.

use core::arch::asm;
use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_set1_epi8, _mm_storeu_si128};

/// Sixteen bytes from any address.
///
/// # Safety
/// They can be read.
unsafe fn load(from: *const u8) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_loadu_si128(from.cast()) }
}

/// Sixteen bytes to any address.
///
/// # Safety
/// They can be written.
unsafe fn store(to: *mut u8, value: __m128i) {
    // SAFETY: the caller's promise.
    unsafe { _mm_storeu_si128(to.cast(), value) }
}

/// `memcpy(3)`
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's promise; small counts are done by two overlapping words.
    unsafe {
        match count {
            8..=16 => {
                let low = from.cast::<u64>().read_unaligned();
                let high = from.add(count - 8).cast::<u64>().read_unaligned();
                to.cast::<u64>().write_unaligned(low);
                to.add(count - 8).cast::<u64>().write_unaligned(high);
            }
            4..=7 => {
                let low = from.cast::<u32>().read_unaligned();
                let high = from.add(count - 4).cast::<u32>().read_unaligned();
                to.cast::<u32>().write_unaligned(low);
                to.add(count - 4).cast::<u32>().write_unaligned(high);
            }
            17..=128 => {
                let last = load(from.add(count - 16));
                let mut at = 0;
                while at < count - 16 {
                    store(to.add(at), load(from.add(at)));
                    at += 16;
                }
                store(to.add(count - 16), last);
            }
            _ => asm!(
                "rep movsb",
                inout("rcx") count => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags),
            ),
        }
    }
    to
}

/// `memmove(3)`
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= count {
        // SAFETY: the destination does not begin inside of the source, so that upwards is right.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") count => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags),
            );
        }
    } else {
        // SAFETY: downwards, from the last word or byte; the direction flag is put back.
        unsafe {
            asm!(
                "std",
                "mov rcx, {words}",
                "rep movsq",
                "add rdi, 7",
                "add rsi, 7",
                "mov rcx, {bytes}",
                "rep movsb",
                "cld",
                words = in(reg) count / 8,
                bytes = in(reg) count % 8,
                inout("rdi") to.wrapping_add(count).wrapping_sub(8) => _,
                inout("rsi") from.wrapping_add(count).wrapping_sub(8) => _,
                out("rcx") _,
                options(nostack),
            );
        }
    }
    to
}

/// `memset(3)`
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        if let 16..=128 = count {
            let value = _mm_set1_epi8(byte as i8);
            let mut at = 0;
            while at < count - 16 {
                store(to.add(at), value);
                at += 16;
            }
            store(to.add(count - 16), value);
        } else {
            asm!(
                "rep stosb",
                inout("rcx") count => _,
                inout("rdi") to => _,
                in("al") byte as u8,
                options(nostack, preserves_flags),
            );
        }
    }
    to
}

/// `memcmp(3)`
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    let mut at = 0;
    // SAFETY: the caller's promise, for every offset below the count.
    unsafe {
        while at + 8 <= count
            && a.add(at).cast::<u64>().read_unaligned() == b.add(at).cast::<u64>().read_unaligned()
        {
            at += 8;
        }
        while at < count {
            let (x, y) = (a.add(at).read(), b.add(at).read());
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            at += 1;
        }
    }
    0
}

/// `bcmp(3)`
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, count) }
}

/// What the precompiled `core` names for unwinding, which an image without unwinding never calls.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As [`rust_eh_personality`]: the precompiled `alloc` names it.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    panic!("unwinding in an image without it")
}
