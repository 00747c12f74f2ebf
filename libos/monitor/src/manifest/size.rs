//! Amounts of memory as people write them.

/// Bytes of `4096`, `"512M"`, `"2G"`; `None` for anything else and for 0.
pub(super) fn bytes(value: &toml::Value) -> Option<u64> {
    let bytes = match value {
        toml::Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
        toml::Value::String(text) => parse(text.trim())?,
        _ => return None,
    };
    (bytes > 0).then_some(bytes)
}

fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix("iB").unwrap_or(text);
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    digits.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn numbers_and_units() {
        let text = |text: &str| bytes(&toml::Value::String(text.into()));
        assert_eq!(bytes(&toml::Value::Integer(4096)), Some(4096));
        assert_eq!(text("2G"), Some(2 << 30));
        assert_eq!(text("512 M"), Some(512 << 20));
        assert_eq!(text("1MiB"), Some(1 << 20));
        for bad in ["", "G", "1.5G", "-1", "2X", "99999999999T", "0"] {
            assert_eq!(text(bad), None, "{bad}");
        }
        assert_eq!(bytes(&toml::Value::Integer(-1)), None);
    }
}
