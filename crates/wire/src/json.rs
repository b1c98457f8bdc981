//! The few JSON pieces the encoder is made of, and one that the readers share.

use std::borrow::Cow;

/// A JSON string as it is read, borrowed when it needs no unescaping.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Appends text as a JSON string, quotes and all: the only door through which outside text reaches the wire.
///
/// Control characters are escaped, so neither a CR nor an LF nor a NUL ever stands in the output; everything else is
/// left as UTF-8.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 0xf)]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

/// Appends an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a list, each item by `write`.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_whole_and_on_one_line() {
        let every_control: String = (0_u8..0x20).map(char::from).collect();
        for sample in [
            "",
            "plain",
            "a\"b\\c",
            "line\nfeed\rand\0nul",
            "é\u{2028}\u{7f}😀\u{feff}",
            "\\",
            &every_control,
        ] {
            let mut out = Vec::new();
            text(&mut out, sample);
            assert!(out.iter().all(|b| *b >= 0x20), "{sample:?}");
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), sample);
        }
    }
}
