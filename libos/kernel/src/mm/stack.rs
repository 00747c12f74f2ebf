//! A program's first stack: strings, auxiliary vector, environment, arguments (getauxval(3), System V ABI).

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::host::memory::{PROT_EXEC, PROT_READ, PROT_WRITE};
use crate::mm::area::page_up;
use crate::mm::fault::GUARD;
use crate::mm::{Loaded, MapRequest, PAGE, mmap};
use crate::task::Process;
use crate::user;

/// Most bytes of the stack that are mapped before they are touched; it grows beyond as far as `RLIMIT_STACK` says.
const MAPPED: u64 = 8 << 20;
/// Least bytes of a stack.
const LEAST: u64 = 128 << 10;
/// Least and most room that is kept free for it, whatever the limit: a program may raise the limit as it runs.
const ROOM: (u64, u64) = (128 << 20, 1 << 30);
/// Most bytes of arguments and environment (`ARG_MAX`).
const MAX_STRINGS: usize = 2 << 20;

/// Processor features, as the host's kernel tells programs (`AT_HWCAP`): CPUID leaf 1, EDX.
fn hardware() -> u64 {
    u64::from(core::arch::x86_64::__cpuid(1).edx)
}

/// `AT_HWCAP2`: `HWCAP2_RING3MWAIT` is off, `HWCAP2_FSGSBASE` is on.
const HARDWARE2: u64 = 2;

/// What goes on the stack.
#[derive(Debug)]
pub struct StackContents<'a> {
    /// `argv`, without NULs.
    pub arguments: &'a [Vec<u8>],
    /// `envp`, without NULs.
    pub environment: &'a [Vec<u8>],
    /// `AT_EXECFN`
    pub path: &'a [u8],
    /// The program.
    pub program: Loaded,
    /// Its interpreter.
    pub interpreter: Option<Loaded>,
    /// Whether the stack must be executable.
    pub executable: bool,
    /// Where the vDSO is.
    pub vdso: u64,
    /// User and group.
    pub ids: (u32, u32),
}

/// Makes the stack in the calling process; returns the stack pointer.
///
/// # Errors
/// `E2BIG`, `ENOMEM`, `EFAULT`
pub fn build(process: &Process, contents: &StackContents<'_>) -> Result<u64> {
    let strings: usize =
        contents.arguments.iter().chain(contents.environment).map(|text| text.len() + 9).sum::<usize>();
    if strings > MAX_STRINGS {
        return Err(Errno::E2BIG);
    }
    let protection = PROT_READ | PROT_WRITE | if contents.executable { PROT_EXEC } else { 0 };
    let limit = process.stack_limit();
    let size = page_up(limit.min(MAPPED).max(strings as u64 + LEAST)).ok_or(Errno::E2BIG)?;
    let request =
        MapRequest { label: "[stack]", grows: true, ..MapRequest::anonymous(0, size, protection, false) };
    let top = mmap(process, &request)? + size;
    {
        let mut space = process.mm.lock();
        space.stack_top = top;
        space.stack_room = top - limit.clamp(ROOM.0, ROOM.1).next_multiple_of(PAGE) - GUARD;
    }
    let mut at = top - 16;
    let mut put = |bytes: &[u8], align: u64| -> Result<u64> {
        at = (at - bytes.len() as u64) & !(align - 1);
        user::copy_out(at, bytes)?;
        Ok(at)
    };
    let mut put_string = |text: &[u8]| -> Result<u64> {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text);
        bytes.push(0);
        put(&bytes, 1)
    };
    let path = put_string(contents.path)?;
    let platform = put_string(b"x86_64")?;
    let mut environment =
        contents.environment.iter().rev().map(|text| put_string(text)).collect::<Result<Vec<_>>>()?;
    environment.reverse();
    let mut arguments =
        contents.arguments.iter().rev().map(|text| put_string(text)).collect::<Result<Vec<_>>>()?;
    arguments.reverse();
    let mut random = [0; 16];
    crate::host::random_bytes(&mut random);
    let random = put(&random, 16)?;
    let mut words = alloc::vec![arguments.len() as u64];
    words.extend(arguments);
    words.push(0);
    words.extend(environment);
    words.push(0);
    for (kind, value) in auxiliary(contents, path, platform, random) {
        words.extend([kind, value]);
    }
    let rsp = (at - words.len() as u64 * 8) & !15;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    user::copy_out(rsp, &bytes)?;
    Ok(rsp)
}

fn auxiliary(contents: &StackContents<'_>, path: u64, platform: u64, random: u64) -> Vec<(u64, u64)> {
    let (uid, gid) = (u64::from(contents.ids.0), u64::from(contents.ids.1));
    let mut vector = alloc::vec![
        (16, hardware()),                                                    // AT_HWCAP
        (6, 4096),                                                           // AT_PAGESZ
        (17, 100),                                                           // AT_CLKTCK
        (3, contents.program.headers.0),                                     // AT_PHDR
        (4, 56),                                                             // AT_PHENT
        (5, contents.program.headers.1),                                     // AT_PHNUM
        (7, contents.interpreter.map_or(0, |interpreter| interpreter.bias)), // AT_BASE
        (8, 0),                                                              // AT_FLAGS
        (9, contents.program.entry),                                         // AT_ENTRY
        (11, uid),                                                           // AT_UID
        (12, uid),                                                           // AT_EUID
        (13, gid),                                                           // AT_GID
        (14, gid),                                                           // AT_EGID
        (23, 0),                                                             // AT_SECURE
        (25, random),                                                        // AT_RANDOM
        (26, HARDWARE2),                                                     // AT_HWCAP2
        (31, path),                                                          // AT_EXECFN
        (15, platform),                                                      // AT_PLATFORM
        (51, 16 << 10),                                                      // AT_MINSIGSTKSZ
    ];
    if contents.vdso != 0 {
        vector.push((33, contents.vdso)); // AT_SYSINFO_EHDR
    }
    vector.push((0, 0));
    vector
}
