//! Text from instances: bounded and harmless.

/// `text` without control characters and without those that turn the direction of writing, cut to `units` UTF-16
/// code units. What an instance calls itself or its windows goes through this before anyone sees it.
pub fn displayable(text: &str, units: usize) -> String {
    let mut left = units;
    text.chars()
        .filter(|c| {
            !c.is_control() && !turns_direction(*c) && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        })
        .take_while(|c| {
            let enough = left >= c.len_utf16();
            left = left.saturating_sub(c.len_utf16());
            enough
        })
        .collect()
}

/// Explicit formatting characters of the bidirectional algorithm (UAX #9, 2).
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without NUL, cut to `units` UTF-16 code units: what the wire can hold.
pub(crate) fn wire_text(text: &str, units: usize) -> String {
    let mut left = units;
    text.chars()
        .filter(|c| *c != '\0')
        .take_while(|c| {
            let enough = left >= c.len_utf16();
            left = left.saturating_sub(c.len_utf16());
            enough
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_what_misleads() {
        assert_eq!(displayable("a\u{202e}b\n\u{1b}[31mc\u{2066}", 100), "ab[31mc");
        assert_eq!(displayable("ab\u{1f600}c", 3), "ab");
        assert_eq!(displayable("ab\u{1f600}c", 4), "ab\u{1f600}");
        assert_eq!(wire_text("a\0b", 5), "ab");
    }
}
