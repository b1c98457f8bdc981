//! Recordings are written and read back whole, and what is broken is named with its line.

#![expect(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use feed::capture::{
    CaptureReader, CaptureWriter, Fault, MAX_LINE_BYTES, Packing, Payload, Record, Recording, WriteError,
    one_line, read_rest,
};
use proptest::prelude::*;

/// A record that owns its payload, to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Opened(String),
    Sent(String),
    Text(String),
    Binary(Vec<u8>),
    Rest(String, String),
}

impl Owned {
    fn payload(&self) -> Payload<'_> {
        match self {
            Owned::Opened(text) => Payload::Opened(text),
            Owned::Sent(text) => Payload::Sent(text),
            Owned::Text(text) => Payload::Text(text),
            Owned::Binary(bytes) => Payload::Binary(bytes),
            Owned::Rest(url, body) => Payload::Rest { url, body },
        }
    }

    fn of(payload: Payload<'_>) -> Owned {
        match payload {
            Payload::Opened(text) => Owned::Opened(text.to_owned()),
            Payload::Sent(text) => Owned::Sent(text.to_owned()),
            Payload::Text(text) => Owned::Text(text.to_owned()),
            Payload::Binary(bytes) => Owned::Binary(bytes.to_vec()),
            Payload::Rest { url, body } => Owned::Rest(url.to_owned(), body.to_owned()),
        }
    }
}

/// A target whose bytes can be looked at after the writer is gone.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(records: &[(i64, Owned)], packing: Packing) -> Vec<u8> {
    let target = Shared::default();
    let mut writer = CaptureWriter::new(target.clone(), packing).unwrap();
    for (recv_ns, owned) in records {
        writer.write(&Record { recv_ns: *recv_ns, payload: owned.payload() }).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), records.len() as u64);
    target.take()
}

/// The good records, and the fault that ended the reading.
fn read_all(mut reader: CaptureReader) -> (Vec<(i64, Owned)>, Option<feed::capture::CaptureError>) {
    let mut records = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push((record.recv_ns, Owned::of(record.payload))),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

fn read_bytes(bytes: Vec<u8>) -> (Vec<(i64, Owned)>, Option<feed::capture::CaptureError>) {
    read_all(CaptureReader::from_bytes("session", bytes).unwrap())
}

fn any_records() -> impl Strategy<Value = Vec<(i64, Owned)>> {
    let text = "[^\t\n]{0,40}";
    let payload = prop_oneof![
        text.prop_map(Owned::Opened),
        text.prop_map(Owned::Sent),
        text.prop_map(Owned::Text),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(Owned::Binary),
        (text, text).prop_map(|(url, body)| Owned::Rest(url, body)),
    ];
    proptest::collection::vec((0..=i64::MAX, payload), 0..20)
}

fn any_packing() -> impl Strategy<Value = Packing> {
    prop_oneof![Just(Packing::Plain), Just(Packing::Gzip), Just(Packing::Zstd)]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(records in any_records(), packing in any_packing()) {
        let (read, error) = read_bytes(written(&records, packing));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(read, records);
    }

    #[test]
    fn a_recording_cut_anywhere_gives_its_good_records_and_one_error(
        records in any_records(),
        packing in any_packing(),
        place in 0.0..1.0_f64,
    ) {
        let whole = written(&records, packing);
        let cut = (whole.len() as f64 * place) as usize;
        let (read, error) = read_bytes(whole[..cut].to_vec());
        prop_assert!(records.starts_with(&read), "only good records, in order");
        // A plain recording that ends after a line feed looks whole, and an empty one is empty.
        let seems_whole = cut == 0 || packing == Packing::Plain && whole[cut - 1] == b'\n';
        match error {
            None => prop_assert!(seems_whole),
            // The first bytes of a packed recording do not tell yet what it is packed with.
            Some(error) => prop_assert!(!seems_whole && (matches!(error.fault, Fault::CutOff) || cut < 4), "{error}"),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_but_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(mut reader) = CaptureReader::from_bytes("noise", bytes) {
            // At most one call for each possible line and one for the end.
            let calls = (0..402).take_while(|_| !matches!(reader.next(), Ok(None))).count();
            prop_assert!(calls < 402);
        }
    }
}

#[test]
fn a_recording_in_several_gzip_members_is_one_recording() {
    let first = vec![(1, Owned::Text("a".to_owned())), (2, Owned::Sent("b".to_owned()))];
    let second = vec![(3, Owned::Binary(vec![0, 9, 10, 255]))];
    let bytes = [written(&first, Packing::Gzip), written(&second, Packing::Gzip)].concat();
    let (read, error) = read_bytes(bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, [first, second].concat());
}

#[test]
fn a_truncated_gzip_names_the_line_after_its_good_records() {
    // Digits of a fixed chain, so that the packed recording is long enough to lose lines in the middle.
    let mut state = 1_u64;
    let records: Vec<_> = (0..20_000)
        .map(|n| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (n, Owned::Text(format!("{state:x}")))
        })
        .collect();
    let whole = written(&records, Packing::Gzip);
    let mut reader = CaptureReader::from_bytes("cut.cap.gz", whole[..whole.len() / 2].to_vec()).unwrap();
    let mut good = 0;
    let error = loop {
        match reader.next() {
            Ok(Some(record)) => {
                assert_eq!((record.recv_ns, Owned::of(record.payload)), records[good]);
                good += 1;
            }
            Ok(None) => panic!("the end was taken for whole"),
            Err(error) => break error,
        }
    };
    assert!((8_000..12_000).contains(&good), "{good} of 20000 records before the cut in the middle");
    assert_eq!(error.to_string(), format!("cut.cap.gz: line {}: the recording is cut off here", good + 1));
    assert!(matches!(reader.next(), Ok(None)), "one error, then the end");
}

#[test]
fn a_flipped_bit_in_a_gzip_is_not_taken() {
    let records: Vec<_> = (0..500).map(|n| (n, Owned::Text(format!("tick {n}")))).collect();
    let mut bytes = written(&records, Packing::Gzip);
    let checksum = bytes.len() - 6;
    bytes[checksum] ^= 1;
    let (read, error) = read_bytes(bytes);
    assert_eq!(read.len(), 500, "the records themselves were whole");
    assert!(matches!(error.unwrap().fault, Fault::Unreadable(_)), "and the checksum was not");
}

#[test]
fn a_broken_line_is_named_and_the_next_one_is_read() {
    let lines = [
        ("1\t<\tgood", None),
        ("no tab", Some("no TAB after the receive time")),
        ("", Some("no TAB after the receive time")),
        ("2\t<", Some("no TAB after the kind")),
        ("+2\t<\tx", Some("the receive time is not a whole number of nanoseconds")),
        ("-2\t<\tx", Some("the receive time is not a whole number of nanoseconds")),
        ("1.5\t<\tx", Some("the receive time is not a whole number of nanoseconds")),
        ("\t<\tx", Some("the receive time is not a whole number of nanoseconds")),
        ("9223372036854775808\t<\tx", Some("the receive time is not a whole number of nanoseconds")),
        ("9223372036854775807\t<\tx", None),
        ("2\tX\tx", Some("unknown kind, expected one of @ > < B G")),
        ("2\t\tx", Some("unknown kind, expected one of @ > < B G")),
        ("2\t<\ta\tb", Some("a TAB inside the payload")),
        ("2\tB\t?!", Some("the binary payload is not base64")),
        ("2\tB\t", None),
        ("2\tG\tonly-a-url", Some("no TAB between the URL and the body")),
        ("2\tG\turl\ta\tb", Some("a TAB inside the payload")),
        ("2\tG\t-\t[]", None),
        ("2\t@\t", None),
        ("3\t>\tgood", None),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let mut reader = CaptureReader::from_bytes("broken.cap", text.into_bytes()).unwrap();
    for (at, (line, wrong)) in lines.iter().enumerate() {
        match (reader.next(), wrong) {
            (Ok(Some(_)), None) => {}
            (Err(error), Some(wrong)) => {
                assert!(matches!(error.fault, Fault::BadLine(_)));
                assert_eq!(error.to_string(), format!("broken.cap: line {}: {wrong}", at + 1), "{line:?}");
            }
            (got, _) => panic!("{line:?}: {got:?}"),
        }
    }
    assert!(matches!(reader.next(), Ok(None)));
}

#[test]
fn text_that_is_not_utf8_is_a_broken_line() {
    let (read, error) = read_bytes(b"1\t<\tok\n2\t<\t\xff\n".to_vec());
    assert_eq!(read.len(), 1);
    assert_eq!(error.unwrap().to_string(), "session: line 2: not UTF-8");
}

#[test]
fn a_last_line_without_line_feed_is_cut_off() {
    let (read, error) = read_bytes(b"1\t<\ta\n2\t<\tb".to_vec());
    assert_eq!(read.len(), 1);
    assert_eq!(error.unwrap().to_string(), "session: line 2: the recording is cut off here");
}

#[test]
fn a_line_without_end_is_refused_at_the_bound() {
    let mut reader = CaptureReader::new("endless", io::repeat(b'1')).unwrap();
    let error = reader.next().unwrap_err();
    assert!(matches!(error.fault, Fault::LineTooLong), "{error}");
    assert!(matches!(reader.next(), Ok(None)), "nothing more is read");
    // A line of exactly the bound is taken.
    let head = b"1\t<\t";
    let line = io::Cursor::new(head)
        .chain(io::repeat(b'x').take((MAX_LINE_BYTES - 1 - head.len()) as u64))
        .chain(io::Cursor::new(b"\n"));
    let mut reader = CaptureReader::new("long", line).unwrap();
    assert!(matches!(reader.next(), Ok(Some(_))));
}

#[test]
fn a_reader_that_gives_one_byte_at_a_time_is_enough() {
    struct Drip(Vec<u8>, usize);
    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let left = &self.0[self.1..];
            let n = left.len().min(into.len()).min(1);
            into[..n].copy_from_slice(&left[..n]);
            self.1 += n;
            Ok(n)
        }
    }
    let records = vec![(7, Owned::Text("drip".to_owned())), (8, Owned::Opened("wss://x".to_owned()))];
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let drip = Drip(written(&records, packing), 0);
        let (read, error) = read_all(CaptureReader::new("drip", drip).unwrap());
        assert!(error.is_none(), "{packing:?} {error:?}");
        assert_eq!(read, records, "{packing:?}");
    }
}

#[test]
fn files_are_packed_by_their_name_and_unpacked_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let magic: [(&str, &[u8]); 4] = [
        ("a.cap", b"5\tG\t"),
        ("a.cap.gz", &[0x1f, 0x8b]),
        ("a.cap.zst", &[0x28, 0xb5]),
        ("a.zstd", &[0x28, 0xb5]),
    ];
    for (name, head) in magic {
        let path = folder.path().join(name);
        let mut writer = CaptureWriter::create(&path).unwrap();
        writer.write(&Record { recv_ns: 5, payload: Payload::Rest { url: "-", body: "[]" } }).unwrap();
        writer.finish().unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(head), "{name}");
        // Another name does not matter to the reader.
        let moved = folder.path().join("renamed");
        std::fs::rename(&path, &moved).unwrap();
        let answers = read_rest(&moved).unwrap();
        assert_eq!(answers.len(), 1);
        assert_eq!((answers[0].url.as_str(), answers[0].body.as_str()), ("-", "[]"));
    }
}

#[test]
fn an_existing_recording_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.cap.gz");
    CaptureWriter::create(&path).unwrap().finish().unwrap();
    assert_eq!(CaptureWriter::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_missing_file_is_named() {
    let error = CaptureReader::open(Path::new("no/such/file.cap.gz")).unwrap_err();
    assert!(error.to_string().starts_with("no/such/file.cap.gz: "), "{error}");
}

#[test]
fn an_unfit_record_leaves_the_recording_whole() {
    let target = Shared::default();
    let mut writer = CaptureWriter::new(target.clone(), Packing::Plain).unwrap();
    for payload in [
        Payload::Text("a\tb"),
        Payload::Text("a\nb"),
        Payload::Opened("\n"),
        Payload::Sent("\t"),
        Payload::Rest { url: "a\t", body: "" },
        Payload::Rest { url: "a", body: "{\n}" },
    ] {
        let refused = writer.write(&Record { recv_ns: 1, payload });
        assert!(matches!(refused, Err(WriteError::Unfit(_))), "{payload:?}");
    }
    let before_1970 = writer.write(&Record { recv_ns: -1, payload: Payload::Text("x") });
    assert!(matches!(before_1970, Err(WriteError::Unfit(_))));
    writer.write(&Record { recv_ns: 1, payload: Payload::Text("a\rb") }).unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    assert_eq!(target.take(), b"1\t<\ta\rb\n");
}

#[test]
fn indented_json_fits_on_one_line() {
    assert_eq!(one_line("{\n\t\"a\": 1\n}"), "{  \"a\": 1 }");
    assert!(matches!(one_line("{\"a\":1}"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn what_connections_record_reaches_the_file_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.cap.zst");
    let recording = Recording::start(&path).unwrap();
    let hand = recording.recorder();
    hand.record(1, Payload::Opened("wss://venue"));
    hand.record(2, Payload::Sent("subscribe"));
    hand.record(3, Payload::Text("{\n}"));
    hand.record(4, Payload::Binary(&[9, 10]));
    hand.record(5, Payload::Rest { url: "https://venue/symbols", body: "[\t]" });
    hand.record(6, Payload::Rest { url: "bad\turl", body: "" });
    drop(hand);
    let recorded = recording.finish().unwrap();
    assert_eq!((recorded.records, recorded.lost, recorded.unfit), (5, 0, 1));
    let (read, error) = read_all(CaptureReader::open(&path).unwrap());
    assert!(error.is_none());
    let expected = [
        (1, Owned::Opened("wss://venue".to_owned())),
        (2, Owned::Sent("subscribe".to_owned())),
        (3, Owned::Text("{ }".to_owned())),
        (4, Owned::Binary(vec![9, 10])),
        (5, Owned::Rest("https://venue/symbols".to_owned(), "[ ]".to_owned())),
    ];
    assert_eq!(read, expected);
}

/// A disk that stands still until it is told to go on.
struct StuckDisk(std::sync::mpsc::Receiver<()>);

impl Write for StuckDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An error here means that the test has let go of the other end: go on for good.
        let _let_go = self.0.recv();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_disk_makes_nobody_wait_and_what_it_costs_is_counted() {
    let (go_on, stuck) = std::sync::mpsc::sync_channel(0);
    let recording =
        Recording::with_writer(CaptureWriter::new(StuckDisk(stuck), Packing::Plain).unwrap()).unwrap();
    let hand = recording.recorder();
    let big = vec![0; 1 << 20];
    // Three times what may be on its way. If this waited for the disk, it would wait for ever.
    for n in 0..200 {
        hand.record(n, Payload::Binary(&big));
    }
    drop(hand);
    drop(go_on);
    let recorded = recording.finish().unwrap();
    assert_eq!(recorded.records + recorded.lost, 200);
    assert!(recorded.lost > 100, "{recorded:?}");
}

#[test]
fn a_full_disk_is_told_at_the_end() {
    struct FullDisk;
    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recording = Recording::with_writer(CaptureWriter::new(FullDisk, Packing::Plain).unwrap()).unwrap();
    recording.recorder().record(1, Payload::Text("x"));
    assert_eq!(recording.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// Every recording that comes with the adapters is read whole; of four of them it is known how many messages their
/// publishers recorded.
#[test]
fn every_recording_of_the_adapters_is_read() {
    let feeds = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../feeds");
    let counted = ["binance", "coinbase", "kraken", "okx"].map(|name| feeds.join(name));
    let mut folders = vec![feeds];
    let (mut files, mut frames, mut answers) = (0, 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if [".cap.gz", ".cap.zst", ".rest.gz"]
                .iter()
                .any(|end| path.to_string_lossy().ends_with(end))
            {
                let is_counted = counted.iter().any(|folder| path.starts_with(folder));
                let mut reader = CaptureReader::open(&path).unwrap();
                while let Some(record) = reader.next().unwrap_or_else(|error| panic!("{error}")) {
                    frames += u64::from(is_counted && record.frame().is_some());
                    answers += u64::from(matches!(record.payload, Payload::Rest { .. }));
                }
                files += 1;
            }
        }
    }
    assert_eq!(frames, 229_239, "in {files} files");
    assert!(answers > 60, "{answers} recorded HTTP answers");
}
