//! The host's vDSO: where it lies, and its clock.

use std::fs;
use std::os::unix::fs::FileExt;

use bailey_abi::layout::HOST_CODE_BASE;

/// Clock sources that the vDSO reads without a system call.
const READABLE_CLOCKS: [&str; 3] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"];
const CLOCK: &[u8] = b"__vdso_clock_gettime\0";

/// The mappings of the host's vDSO and its data, as a loader moves them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostVdso {
    /// Address and length in bytes of each mapping, lowest first.
    pub mappings: Vec<(u64, u64)>,
    /// Address of `__vdso_clock_gettime`, or 0.
    pub clock_gettime: u64,
}

impl HostVdso {
    /// Finds the vDSO of this process; the default (none) where the host's clock would need a
    /// system call anyway, or anything about the vDSO is unfamiliar.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::find().unwrap_or_default()
    }

    fn find() -> Option<Self> {
        let clock =
            fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource").ok()?;
        if !READABLE_CLOCKS.contains(&clock.trim()) {
            return None;
        }
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let mappings = parse_maps(&maps)?;
        let (start, length) = mappings.last().copied()?;
        let mut image = vec![0; usize::try_from(length).ok()?];
        let memory = fs::File::open("/proc/self/mem").ok()?;
        memory.read_exact_at(&mut image, start).ok()?;
        let clock_gettime = start + symbol(&image, CLOCK)?;
        Some(Self { mappings, clock_gettime })
    }

    /// Where everything lies once its lowest byte has been moved to [`HOST_CODE_BASE`]: pairs of
    /// (old, length, new), and the clock's new address.
    #[must_use]
    pub fn moved(&self) -> (Vec<(u64, u64, u64)>, u64) {
        let Some(&(lowest, _)) = self.mappings.first() else {
            return (Vec::new(), 0);
        };
        let place = |address: u64| HOST_CODE_BASE + (address - lowest);
        let moves = self.mappings.iter();
        let moves = moves.map(|&(address, length)| (address, length, place(address)));
        (moves.collect(), place(self.clock_gettime))
    }
}

/// The vDSO's mappings in `/proc/self/maps`, lowest first; they must be adjacent, code last.
fn parse_maps(maps: &str) -> Option<Vec<(u64, u64)>> {
    let mut mappings: Vec<(u64, u64)> = Vec::new();
    let mut code_last = false;
    for line in maps.lines() {
        let name = line.split_whitespace().nth(5);
        if !matches!(name, Some("[vvar]" | "[vvar_vclock]" | "[vdso]")) {
            continue;
        }
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        if let Some(&(address, length)) = mappings.last()
            && address + length != start
        {
            return None;
        }
        mappings.push((start, end.checked_sub(start)?));
        code_last = name == Some("[vdso]");
    }
    let total: u64 = mappings.iter().map(|(_, length)| length).sum();
    (code_last && total <= 0x4_0000).then_some(mappings)
}

/// Offset of a function in the vDSO's ELF image, by its section-less dynamic symbol table.
fn symbol(image: &[u8], name: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u64::from_le_bytes(image.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?));
    let short = |at: usize| Some(u16::from_le_bytes(image.get(at..at + 2)?.try_into().ok()?));
    let headers = usize::try_from(word(32)?).ok()?;
    let mut dynamic = None;
    let mut bias = 0;
    for index in 0..usize::from(short(56)?) {
        let at = headers + index * 56;
        match half(at)? {
            1 => bias = word(at + 16)?.wrapping_sub(word(at + 8)?),
            2 => dynamic = Some(usize::try_from(word(at + 8)?).ok()?),
            _ => {}
        }
    }
    let (mut symbols, mut strings, mut string_bytes) = (None, None, 0);
    let mut at = dynamic?;
    while word(at)? != 0 {
        let value = word(at + 8)?.wrapping_sub(bias);
        match word(at)? {
            5 => strings = Some(usize::try_from(value).ok()?),
            6 => symbols = Some(usize::try_from(value).ok()?),
            10 => string_bytes = usize::try_from(word(at + 8)?).ok()?,
            _ => {}
        }
        at += 16;
    }
    let (symbols, strings) = (symbols?, strings?);
    // The symbol table ends where the string table begins in every vDSO that Linux builds.
    for at in (symbols..strings).step_by(24) {
        let offset = usize::try_from(half(at)?).ok()?;
        if offset < string_bytes && image.get(strings + offset..)?.starts_with(name) {
            return Some(word(at + 8)?.wrapping_sub(bias));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{HostVdso, parse_maps};

    #[test]
    fn this_process_has_a_readable_vdso_or_none() {
        let vdso = HostVdso::of_this_process();
        if let Some(&(start, length)) = vdso.mappings.last() {
            assert!((start..start + length).contains(&vdso.clock_gettime));
            let (moves, clock) = vdso.moved();
            assert_eq!(moves.len(), vdso.mappings.len());
            let (_, length, new) = moves[moves.len() - 1];
            assert!((new..new + length).contains(&clock));
        }
    }

    #[test]
    fn mappings_must_be_adjacent_with_code_last() {
        let good = "1000-3000 r--p 00000000 00:00 0 [vvar]\n3000-5000 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(parse_maps(good), Some(vec![(0x1000, 0x2000), (0x3000, 0x2000)]));
        let gap = "1000-2000 r--p 00000000 00:00 0 [vvar]\n3000-5000 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(parse_maps(gap), None);
        let turned = "1000-2000 r-xp 00000000 00:00 0 [vdso]\n2000-5000 r--p 00000000 00:00 0 [vvar]\n";
        assert_eq!(parse_maps(turned), None);
        assert_eq!(parse_maps(""), None);
    }
}
