//! Compressed frames back to text, within a bound and without a new buffer for each.
//!
//! Venues compress single messages: HTX with gzip, older interfaces of others with bare deflate. The bound is there because
//! a kilobyte of either can stand for a megabyte.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::DecodeError;

/// Longest text that one frame may stand for, in bytes. The longest recorded message of all venues has 140 kB.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Least room that a frame's text is given at once.
const ROOM_BYTES_MIN: usize = 4 << 10;

/// Unpacks frames of one connection.
#[derive(Debug, Default)]
pub struct Inflater {
    text: Vec<u8>,
    /// Kept from frame to frame: setting up its window costs as much as a short frame.
    engine: Option<Decompress>,
}

/// Why a frame is no text.
enum Fault {
    /// It is cut short, broken, or something else.
    Broken,
    TooLong,
}

impl Inflater {
    /// One without a buffer yet.
    pub const fn new() -> Inflater {
        Inflater { text: Vec::new(), engine: None }
    }

    /// The text behind a frame of gzip, zlib or bare deflate, told apart by their first bytes.
    ///
    /// # Errors
    /// Garbage, when the bytes are none of these, are cut short, stand for more than [`TEXT_BYTES_MAX`], or are no UTF-8.
    pub fn text(&mut self, frame: &[u8]) -> Result<&str, DecodeError> {
        self.text.clear();
        let read = match frame {
            [0x1f, 0x8b, ..] => self.gzip(frame),
            // RFC 1950: method 8, and both bytes together a multiple of 31.
            [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 => {
                self.inflate(frame, true).map(drop)
            }
            _ => self.inflate(frame, false).map(drop),
        };
        if self.text.capacity() > TEXT_BYTES_MAX / 4 && self.text.len() < TEXT_BYTES_MAX / 16 {
            // One huge frame must not keep its memory for the life of the connection.
            self.text.shrink_to(TEXT_BYTES_MAX / 16);
        }
        if let Err(fault) = read {
            self.text = Vec::new();
            return Err(DecodeError::Garbage(match fault {
                Fault::TooLong => "a frame stands for too much text",
                Fault::Broken => "not a whole compressed frame",
            }));
        }
        std::str::from_utf8(&self.text).map_err(|_| DecodeError::Garbage("compressed bytes that are no text"))
    }

    /// One member of RFC 1952: a head, deflated text, and its check sum and length.
    fn gzip(&mut self, frame: &[u8]) -> Result<(), Fault> {
        let body = behind_head(frame).ok_or(Fault::Broken)?;
        let read = self.inflate(body, false)?;
        let trailer: &[u8; 8] = body.get(read..).and_then(|rest| rest.first_chunk()).ok_or(Fault::Broken)?;
        let mut sum = Crc::new();
        sum.update(&self.text);
        let said = u64::from_le_bytes(*trailer);
        let have = u64::from(sum.sum()) | u64::from(sum.amount()) << 32;
        if said == have { Ok(()) } else { Err(Fault::Broken) }
    }

    /// Appends what the deflated bytes stand for; returns how many of them belonged to it.
    fn inflate(&mut self, bytes: &[u8], with_zlib_head: bool) -> Result<usize, Fault> {
        let engine = self.engine.get_or_insert_with(|| Decompress::new(false));
        engine.reset(with_zlib_head);
        loop {
            let left = (TEXT_BYTES_MAX + 1).saturating_sub(self.text.len());
            if left == 0 {
                return Err(Fault::TooLong);
            }
            if self.text.capacity() == self.text.len() {
                let room = self.text.len().max(bytes.len().saturating_mul(4)).max(ROOM_BYTES_MIN);
                self.text.reserve_exact(room.min(left));
            }
            let before = (engine.total_in(), self.text.len());
            let rest =
                usize::try_from(before.0).ok().and_then(|read| bytes.get(read..)).ok_or(Fault::Broken)?;
            let status = engine.decompress_vec(rest, &mut self.text, FlushDecompress::None);
            match status.map_err(|_| Fault::Broken)? {
                Status::StreamEnd if self.text.len() > TEXT_BYTES_MAX => return Err(Fault::TooLong),
                Status::StreamEnd => return usize::try_from(engine.total_in()).map_err(|_| Fault::Broken),
                // There was room, so it was the bytes that ended.
                Status::Ok | Status::BufError if (engine.total_in(), self.text.len()) == before => {
                    return Err(Fault::Broken);
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }
}

/// What follows the head of a gzip member: ten bytes, and what its flags announce.
fn behind_head(frame: &[u8]) -> Option<&[u8]> {
    const CHECKED: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let (head, mut rest) = frame.split_first_chunk::<10>()?;
    let flags = head[3];
    if head[2] != 8 || flags & 0xe0 != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & CHECKED == 0 { Some(rest) } else { rest.get(2..) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use flate2::{Compression, GzBuilder};

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

    /// The check sum, and then the length.
    #[test]
    fn a_frame_whose_trailer_does_not_fit_is_garbage() {
        let mut inflater = Inflater::new();
        let [whole, ..] = packed(br#"{"ping":1618678069870}"#);
        for place in 1..=8 {
            let mut frame = whole.clone();
            let at = frame.len() - place;
            frame[at] ^= 1;
            assert!(inflater.text(&frame).is_err(), "{place}");
            assert!(inflater.text(&whole[..at]).is_err(), "{place}");
        }
        assert!(inflater.text(&whole).is_ok());
    }

    #[test]
    fn a_head_may_have_all_its_parts() {
        let mut inflater = Inflater::new();
        let text = [b"text ".as_slice(); 2_000].concat();
        let head = GzBuilder::new().extra(vec![1, 2, 3]).filename("name").comment("more");
        let mut gzip = head.write(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        let frame = gzip.finish().unwrap();
        assert_eq!(inflater.text(&frame).map(str::len), Ok(10_000), "in several steps");
        for cut in 0..40 {
            assert!(inflater.text(&frame[..cut]).is_err(), "{cut}");
        }
        let mut reserved = frame.clone();
        reserved[3] |= 0x20;
        assert!(inflater.text(&reserved).is_err());
        assert_eq!(inflater.text(&frame).map(str::len), Ok(10_000), "nothing of the broken ones is left");
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
