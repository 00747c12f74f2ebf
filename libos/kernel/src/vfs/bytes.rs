//! Names are bytes to Linux and text in here: a byte that is no UTF-8 becomes a character of the last
//! private plane, and comes out as the byte it was.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Byte `b` (128 to 255) is kept as the character `ESCAPE + b`.
const ESCAPE: u32 = 0x10_ff00;
/// How every such character begins in UTF-8.
const LEAD: u8 = 0xf4;

fn escape(byte: u8) -> char {
    // Always a character: the sum is between U+10FF00 and U+10FFFF.
    char::from_u32(ESCAPE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn escaped(character: char) -> Option<u8> {
    u32::from(character).checked_sub(ESCAPE + 0x80).and_then(|rest| u8::try_from(rest + 0x80).ok())
}

/// The text that stands for a name or path.
pub fn from_bytes(bytes: Vec<u8>) -> String {
    let bytes = if bytes.contains(&LEAD) {
        bytes
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error.into_bytes(),
        }
    };
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if escaped(character).is_some() {
                // It would come out as a byte: its own bytes are kept instead.
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().map(escape));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| escape(*byte)));
    }
    text
}

/// The bytes that a text stands for.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&LEAD) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match escaped(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back() {
        let names: [&[u8]; 6] = [
            b"plain",
            "gr\u{fc}\u{df}e \u{1f600}".as_bytes(),
            b"a\xffb",
            b"\xed\xa0\x80",
            "\u{10ff80}x\u{10ffff}".as_bytes(),
            b"\xf4",
        ];
        for name in names {
            let text = from_bytes(name.to_vec());
            assert_eq!(&*to_bytes(&text), name, "{text:?}");
        }
        assert_eq!(from_bytes(b"plain".to_vec()), "plain");
        let all: Vec<u8> = (1..=255).collect();
        assert_eq!(&*to_bytes(&from_bytes(all.clone())), all);
    }
}
