//! Compressed frames back to text, within a bound and without a new buffer for each.
//!
//! Venues compress single messages: HTX with gzip, older interfaces of others with bare deflate. The bound is there because
//! a kilobyte of either can stand for a megabyte.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

use crate::DecodeError;

/// Longest text that one frame may stand for, in bytes. The longest recorded message of all venues has 140 kB.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Unpacks frames of one connection.
#[derive(Debug, Default)]
pub struct Inflater {
    text: Vec<u8>,
}

impl Inflater {
    /// One without a buffer yet.
    pub const fn new() -> Inflater {
        Inflater { text: Vec::new() }
    }

    /// The text behind a frame of gzip, zlib or bare deflate, told apart by their first bytes.
    ///
    /// # Errors
    /// Garbage, when the bytes are none of these, are cut short, stand for more than [`TEXT_BYTES_MAX`], or are no UTF-8.
    pub fn text(&mut self, frame: &[u8]) -> Result<&str, DecodeError> {
        self.text.clear();
        let most = TEXT_BYTES_MAX as u64 + 1;
        let read = match frame {
            [0x1f, 0x8b, ..] => GzDecoder::new(frame).take(most).read_to_end(&mut self.text),
            // RFC 1950: method 8, and both bytes together a multiple of 31.
            [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 => {
                ZlibDecoder::new(frame).take(most).read_to_end(&mut self.text)
            }
            _ => DeflateDecoder::new(frame).take(most).read_to_end(&mut self.text),
        };
        let whole = read.is_ok() && self.text.len() <= TEXT_BYTES_MAX;
        if self.text.capacity() > TEXT_BYTES_MAX / 4 && self.text.len() < TEXT_BYTES_MAX / 16 {
            // One huge frame must not keep its memory for the life of the connection.
            self.text.shrink_to(TEXT_BYTES_MAX / 16);
        }
        if !whole {
            let too_long = self.text.len() > TEXT_BYTES_MAX;
            self.text = Vec::new();
            let what =
                if too_long { "a frame stands for too much text" } else { "not a whole compressed frame" };
            return Err(DecodeError::Garbage(what));
        }
        std::str::from_utf8(&self.text).map_err(|_| DecodeError::Garbage("compressed bytes that are no text"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn packed(text: &[u8]) -> [Vec<u8>; 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text).unwrap();
        zlib.write_all(text).unwrap();
        bare.write_all(text).unwrap();
        [gzip.finish().unwrap(), zlib.finish().unwrap(), bare.finish().unwrap()]
    }

    #[test]
    fn all_three_forms_are_read_and_cut_ones_are_garbage() {
        let mut inflater = Inflater::new();
        for frame in packed(br#"{"ping":1618678069870}"#) {
            assert_eq!(inflater.text(&frame), Ok(r#"{"ping":1618678069870}"#));
            for cut in 0..frame.len().saturating_sub(8) {
                assert!(inflater.text(&frame[..cut]).is_err(), "{cut}");
            }
        }
        assert!(inflater.text(b"{\"ping\":1}").is_err(), "plain text is not compressed text");
        assert!(inflater.text(&packed(b"\xff\xfe")[0]).is_err(), "no UTF-8");
    }

    #[test]
    fn a_bomb_is_garbage_and_takes_no_memory_with_it() {
        let mut inflater = Inflater::new();
        for bomb in packed(&vec![b' '; 64 << 20]) {
            assert!(bomb.len() < 100_000);
            assert_eq!(inflater.text(&bomb), Err(DecodeError::Garbage("a frame stands for too much text")));
            assert!(inflater.text.capacity() <= TEXT_BYTES_MAX / 16);
        }
        let large = vec![b' '; TEXT_BYTES_MAX];
        assert_eq!(inflater.text(&packed(&large)[0]).map(str::len), Ok(TEXT_BYTES_MAX), "just within");
        assert!(inflater.text(&packed(b"1")[0]).is_ok());
        assert!(inflater.text.capacity() <= TEXT_BYTES_MAX / 16 + 64, "{}", inflater.text.capacity());
    }
}
