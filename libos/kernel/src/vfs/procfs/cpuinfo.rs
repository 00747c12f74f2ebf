//! `/proc/cpuinfo`, by what the `cpuid` instruction tells any program (Intel SDM volume 2A; AMD APM volume 3, appendix E).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::arch::x86_64::{__cpuid_count, CpuidResult};

use crate::errno::Result;
use crate::vfs::setup;
use crate::vfs::synthetic::Subject;

/// A register of the result.
#[derive(Clone, Copy)]
enum Register {
    A,
    B,
    C,
    D,
}

/// The names of a register's bits, from bit 0, as Linux spells them (`arch/x86/include/asm/cpufeatures.h`); `-` for those
/// it does not show or that mean nothing to a program.
struct Word {
    leaf: u32,
    subleaf: u32,
    register: Register,
    names: &'static str,
}

const WORDS: &[Word] = &[
    Word {
        leaf: 1,
        subleaf: 0,
        register: Register::D,
        names: "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx \
                fxsr sse sse2 ss ht tm ia64 pbe",
    },
    Word {
        leaf: 0x8000_0001,
        subleaf: 0,
        register: Register::D,
        names: "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext \
                3dnow",
    },
    Word {
        leaf: 1,
        subleaf: 0,
        register: Register::C,
        names: "pni pclmulqdq dtes64 - ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 \
                sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor",
    },
    Word {
        leaf: 0x8000_0001,
        subleaf: 0,
        register: Register::C,
        names: "lahf_lm cmp_legacy - extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - \
                lwp fma4 tce - nodeid_msr - tbm topoext",
    },
    Word {
        leaf: 7,
        subleaf: 0,
        register: Register::B,
        names: "fsgsbase tsc_adjust - bmi1 - avx2 - smep bmi2 erms invpcid - - - mpx - avx512f avx512dq rdseed adx \
                smap avx512ifma - clflushopt clwb - avx512pf avx512er avx512cd sha_ni avx512bw avx512vl",
    },
    Word {
        leaf: 7,
        subleaf: 0,
        register: Register::C,
        names: "- avx512vbmi umip - - - avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg - \
                avx512_vpopcntdq - - - - - - - rdpid",
    },
    Word { leaf: 0xd, subleaf: 1, register: Register::A, names: "xsaveopt xsavec xgetbv1 xsaves" },
    Word {
        leaf: 7,
        subleaf: 0,
        register: Register::D,
        names: "- - - - fsrm - - - avx512_vp2intersect - - - - - serialize - - - - - - - - avx512_fp16",
    },
];

/// The result of a leaf; zeros where the processor does not have it.
fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let last = __cpuid_count(leaf & 0x8000_0000, 0).eax;
    if leaf > last { CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 } } else { __cpuid_count(leaf, subleaf) }
}

/// The names of what the processor can do.
fn flags() -> Vec<&'static str> {
    let mut flags = Vec::new();
    for word in WORDS {
        let result = cpuid(word.leaf, word.subleaf);
        let bits = match word.register {
            Register::A => result.eax,
            Register::B => result.ebx,
            Register::C => result.ecx,
            Register::D => result.edx,
        };
        let named = word.names.split_whitespace().enumerate();
        flags.extend(named.filter(|(bit, name)| bits >> bit & 1 == 1 && *name != "-").map(|(_, name)| name));
    }
    flags
}

fn text_of(registers: impl Iterator<Item = u32>) -> String {
    let bytes: Vec<u8> = registers.flat_map(u32::to_le_bytes).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_string()
}

fn vendor() -> String {
    let CpuidResult { ebx, ecx, edx, .. } = cpuid(0, 0);
    text_of([ebx, edx, ecx].into_iter())
}

fn model_name() -> String {
    let leaves = (0x8000_0002..=0x8000_0004).map(|leaf| cpuid(leaf, 0));
    text_of(leaves.flat_map(|part| [part.eax, part.ebx, part.ecx, part.edx]))
}

/// Family, model and stepping, the extended fields added where they count.
fn signature() -> (u32, u32, u32) {
    let signature = cpuid(1, 0).eax;
    let field = |shift: u32, bits: u32| signature >> shift & ((1 << bits) - 1);
    let (base, low) = (field(8, 4), field(4, 4));
    let family = if base == 15 { base + field(20, 8) } else { base };
    let model = if base == 6 || base == 15 { field(16, 4) << 4 | low } else { low };
    (family, model, field(0, 4))
}

/// `/proc/cpuinfo`
pub(super) fn cpuinfo(_: &Subject) -> Result<String> {
    let cpus = setup::machine().cpus;
    let (family, model, stepping) = signature();
    let sizes = cpuid(0x8000_0008, 0).eax;
    let flush = (cpuid(1, 0).ebx >> 8 & 0xff) * 8;
    let (vendor, name, flags) = (vendor(), model_name(), flags().join(" "));
    Ok((0..cpus).fold(String::new(), |text, cpu| {
        format!(
            "{text}processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {name}\nstepping\t: {stepping}\nphysical id\t: 0\nsiblings\t: {cpus}\n\
             core id\t\t: {cpu}\ncpu cores\t: {cpus}\napicid\t\t: {cpu}\ninitial apicid\t: {cpu}\nfpu\t\t: yes\n\
             fpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t: {flags}\nclflush size\t: {flush}\n\
             cache_alignment\t: {flush}\naddress sizes\t: {} bits physical, {} bits virtual\n\n",
            cpuid(0, 0).eax,
            sizes & 0xff,
            sizes >> 8 & 0xff,
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_the_same() {
        let host = std::fs::read_to_string("/proc/cpuinfo").expect("the host's processors");
        let field = |name: &str| {
            let line = host.lines().find(|line| line.split('\t').next() == Some(name)).unwrap_or_default();
            line.split_once(": ").map_or("", |(_, value)| value.trim()).to_string()
        };
        assert_eq!(vendor(), field("vendor_id"));
        assert_eq!(model_name(), field("model name"));
        let (family, model, stepping) = signature();
        let ours = [family, model, stepping].map(|number| number.to_string());
        assert_eq!(ours, [field("cpu family"), field("model"), field("stepping")]);
        let theirs = field("flags");
        let ours = flags();
        for flag in ["fpu", "pni", "ssse3", "sse4_2", "lm"] {
            assert!(ours.contains(&flag), "{flag} is missing in {ours:?}");
        }
        let hidden: Vec<_> =
            ours.iter().filter(|flag| !theirs.split(' ').any(|known| known == **flag)).collect();
        assert!(hidden.is_empty(), "Linux does not show {hidden:?}");
    }
}
