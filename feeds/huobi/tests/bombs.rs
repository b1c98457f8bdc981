//! Compressed frames that stand for far more text than any message has: each is counted and dropped, and takes no memory
//! with it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::Write;

use feed::inflate::TEXT_BYTES_MAX;
use feed::{Frame, FrameTap, Overrides};
use feed_huobi::session;
use flate2::write::GzEncoder;
use flate2::{Compress, Compression, Crc, FlushCompress};
use market::Micros;
use testkit::naive::NaiveSink;
use testkit::proof::instruments;

/// What unpacking may hold at its peak: the text, and while the buffer grows its half beside its double.
const PEAK_MAX: u64 = 4 * TEXT_BYTES_MAX as u64;

/// What may stay: the buffer that is kept from frame to frame, and what a decoder remembers.
const KEPT_MAX: i64 = TEXT_BYTES_MAX as i64 / 8;

fn packed(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

/// A gzip file of 1 GiB of zeros. Compressing so much would take the test's time: 16 MiB are compressed so that they need
/// nothing before them, and repeated.
fn a_gibibyte_of_zeros() -> Vec<u8> {
    const PART: usize = 16 << 20;
    const PARTS: usize = 64;
    let zeros = vec![0; PART];
    let mut part = Vec::with_capacity(1 << 20);
    Compress::new(Compression::best(), false).compress_vec(&zeros, &mut part, FlushCompress::Full).unwrap();
    let (mut of_part, mut whole) = (Crc::new(), Crc::new());
    of_part.update(&zeros);
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for _ in 0..PARTS {
        bomb.extend(&part);
        whole.combine(&of_part);
    }
    // An empty last block, then checksum and length of RFC 1952.
    bomb.extend([3, 0]);
    bomb.extend(whole.sum().to_le_bytes());
    bomb.extend(((PART * PARTS) as u32).to_le_bytes());
    bomb
}

/// A ping with so much space in it that its text is just too long: within the bound it would be answered.
fn padded() -> Vec<u8> {
    packed(format!("{{{}\"ping\":1618678069870}}", " ".repeat(TEXT_BYTES_MAX)).as_bytes())
}

#[test]
fn bombs_are_counted_and_dropped_and_the_next_frame_is_read() {
    let session = session(&Overrides::default());
    let mut tap = FrameTap::new(session.decoder(), instruments(&*session, &[]));
    let mut sink = NaiveSink::default();
    let ping = packed(br#"{"ping":1618678069870}"#);
    let bombs = [a_gibibyte_of_zeros(), padded()];
    for (number, bomb) in bombs.iter().cycle().take(10).enumerate() {
        assert!(
            bomb.len() < 2 << 20,
            "a frame of {} bytes is none that only unpacking makes large",
            bomb.len()
        );
        let held = allocation_counter::measure(|| {
            assert!(tap.frame(Frame::Binary(bomb), Micros(1), &mut sink).is_err());
            assert_eq!(tap.frame(Frame::Binary(&ping), Micros(2), &mut sink), Ok("ping"));
        });
        assert_eq!(tap.replies(), [r#"{"pong":1618678069870}"#]);
        assert_eq!(tap.stats().garbage, 1 + number as u64);
        assert!(held.bytes_max <= PEAK_MAX, "{} bytes at the peak", held.bytes_max);
        assert!(held.bytes_current <= KEPT_MAX, "{} bytes stayed", held.bytes_current);
    }
    assert_eq!((tap.stats().messages, tap.stats().updates), (20, 0));
}

/// Were the file no gzip, it would be dropped for that and not for its length.
#[test]
fn the_bomb_is_a_gzip_file_of_one_gibibyte() {
    let bomb = a_gibibyte_of_zeros();
    let length =
        std::io::copy(&mut flate2::read::GzDecoder::new(bomb.as_slice()), &mut std::io::sink()).unwrap();
    assert_eq!(length, 1 << 30);
}
