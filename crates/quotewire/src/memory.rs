//! What a decoder holds is bounded, whatever comes in: over 20,000 garbled frames, the second half adds nothing to speak of.
//!
//! It lives in the binary's unit tests because only the binary knows every preset: a new one is covered by its row in
//! [`PRESETS`] and the recordings in its `fixtures`. The counting allocator stands in for the binary's own there.

mod garble;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use feed::capture::{CaptureReader, Payload, read_rest};
use feed::{Batch, DecodeError, Decoder, Frame, Instruments, Overrides, RestAnswer};
use flate2::read::GzDecoder;
use market::Micros;

use self::garble::Garbler;
use crate::feeds::{PRESETS, Preset};

/// Garbled frames of each half.
const HALF: usize = 10_000;

/// Frames of each kind of message whose numbers are all others, and as many whose names are, in each half: more than any decoder
/// keeps of one thing, as far as things are told apart by ids or names.
const FRESH: usize = 1_200;

/// Most bytes that the second half may add: some 3 a garbled frame. Books that were not full yet may grow by a step of their
/// buffers; most decoders add nothing at all.
const GROWTH_MAX: i64 = 32 << 10;

/// Most bytes that a decoder and its names may hold at all: twice what IEX's 7,799 stocks take.
const HELD_MAX: i64 = 8 << 20;

/// Frames of one recording that are played between garbled ones: enough for books to be built and followed.
const FRAMES_MAX: usize = 1_500;

/// Longer frames and answers hold nothing that shorter ones do not, only more of it.
const BYTES_MAX: usize = 32 << 10;

/// Names beyond those of the recordings that there is room for. Garbled ones fill it at once, and then no more come in.
const ROOM: usize = 8;

/// Messages of venues that no recording was at hand of, shaped like their documents.
const UNRECORDED: [(&str, &[&str]); 3] = [
    (
        "alpaca",
        &[
            r#"[{"T":"success","msg":"connected"}]"#,
            r#"[{"T":"q","S":"AMD","bx":"K","bp":91.95,"bs":2,"ax":"Q","ap":91.98,"as":1,"t":"2023-04-06T11:54:21.67Z"}]"#,
            r#"[{"T":"t","S":"AAPL","i":628,"x":"K","p":162.92,"s":3,"c":["@"],"z":"C","t":"2023-04-06T11:54:26.83Z"}]"#,
            r#"[{"T":"x","S":"AAPL","i":628,"x":"K","p":162.92,"s":3,"a":"C","z":"C","t":"2023-04-06T13:15:42.83Z"}]"#,
            r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"-","t":"2021-02-22T19:15:00Z","z":"C"}]"#,
        ],
    ),
    (
        "massive",
        &[
            r#"[{"ev":"status","status":"success","message":"subscribed to: Q.MSFT"}]"#,
            r#"[{"ev":"Q","sym":"MSFT","bp":114.125,"bs":100,"ap":114.128,"as":160,"t":1536036818784,"q":50385480}]"#,
            r#"[{"ev":"T","sym":"MSFT","i":"12345","p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}]"#,
            r#"[{"ev":"LULD","T":"BRK.B","h":218.96,"l":198.11,"i":[17],"t":1601316752683746,"q":290317}]"#,
        ],
    ),
    (
        "finnhub",
        &[
            r#"{"type":"ping"}"#,
            r#"{"data":[{"c":["1"],"p":122.1,"s":"TSLA","t":1672348887195,"v":1}],"type":"trade"}"#,
            r#"{"msg":"Invalid symbol NOSUCH","type":"error"}"#,
        ],
    ),
];

/// What came in, as a decoder gets it.
enum Piece {
    Text(String),
    Binary(Vec<u8>),
    Rest(RestAnswer),
}

#[test]
fn ten_thousand_more_garbled_frames_add_nothing_to_any_decoder() {
    let next = AtomicUsize::new(0);
    let held: Mutex<BTreeMap<&str, Held>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(preset) = PRESETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let session = crate::feeds::session(preset.name, &Overrides::default());
                    let pieces = pieces(preset);
                    let missing = format!(
                        "no messages of {}: they belong into feeds/{}/fixtures",
                        preset.name, preset.kind
                    );
                    assert!(!pieces.is_empty(), "{missing}");
                    let of_preset = self::held(&|| session.decoder(), session.venue(), &pieces);
                    held.lock().unwrap().insert(preset.name, of_preset);
                }
            });
        }
    });
    let held = held.into_inner().unwrap();
    assert_eq!(held.len(), PRESETS.len());
    let growing: Vec<_> =
        held.iter().filter(|(_, held)| held.more > GROWTH_MAX || held.first > HELD_MAX).collect();
    assert!(growing.is_empty(), "{growing:?} of {held:#?}");
}

/// What a decoder holds, in bytes.
#[derive(Debug)]
struct Held {
    /// After the first half.
    first: i64,
    /// What the second half added.
    more: i64,
}

fn held(decoder: &dyn Fn() -> Box<dyn Decoder>, venue: &str, pieces: &[Piece]) -> Held {
    let mut fed = Fed::new(decoder(), Instruments::new(venue, 10_000));
    // One message of each kind.
    let mut kinds: BTreeMap<&str, &Piece> = BTreeMap::new();
    for piece in pieces {
        if let Some(kind) = fed.give(piece) {
            kinds.entry(kind).or_insert(piece);
        }
    }
    let names = fed.batch.instruments.len();
    let kinds: Vec<&Piece> = kinds.into_values().collect();
    let mut garbler = Garbler::default();
    let mut fed = None;
    let first = allocation_counter::measure(|| {
        let mut new = Fed::new(decoder(), Instruments::new(venue, names + ROOM));
        for piece in pieces {
            new.give(piece);
        }
        new.half(pieces, &kinds, &mut garbler);
        fed = Some(new);
    });
    let more = allocation_counter::measure(|| {
        if let Some(fed) = &mut fed {
            fed.half(pieces, &kinds, &mut garbler);
        }
    });
    Held { first: first.bytes_current, more: more.bytes_current }
}

/// Remembers the beginning of every eighth text that is no JSON.
struct Leaky(usize, Vec<String>);

impl Decoder for Leaky {
    fn decode(&mut self, frame: Frame<'_>, _: Micros, _: &mut Batch) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary")) };
        if serde_json::from_str::<serde_json::Value>(text).is_err() {
            self.0 += 1;
            if self.0.is_multiple_of(8) {
                self.1.push(text.chars().take(40).collect());
            }
        }
        Ok("read")
    }
}

#[test]
fn a_decoder_that_remembers_a_little_of_some_frames_is_found() {
    let text = r#"{"symbol":"BTCUSD","price":"61000.10","size":"0.5","sequence":17}"#;
    let held = held(&|| Box::new(Leaky(0, Vec::new())), "TOY", &[Piece::Text(text.to_owned())]);
    assert!(held.more > GROWTH_MAX, "{held:?}");
}

/// A decoder and what it was given.
struct Fed {
    decoder: Box<dyn Decoder>,
    batch: Batch,
    count: i64,
}

impl Fed {
    fn new(decoder: Box<dyn Decoder>, instruments: Instruments) -> Fed {
        Fed { decoder, batch: Batch::new(instruments), count: 0 }
    }

    /// The kind of message, unless it is none that can be read. The contract of decoders looks at answers.
    fn give(&mut self, piece: &Piece) -> Option<&'static str> {
        self.batch.clear();
        self.count += 1;
        let ts_recv = Micros(1_700_000_000_000_000 + self.count);
        let frame = match piece {
            Piece::Text(text) => Frame::Text(text),
            Piece::Binary(bytes) => Frame::Binary(bytes),
            Piece::Rest(answer) => {
                self.decoder.rest(&answer.url, &answer.body, ts_recv, &mut self.batch);
                return None;
            }
        };
        self.decoder.decode(frame, ts_recv, &mut self.batch).ok()
    }

    /// Every frame as it was recorded and then garbled, from the beginning again and again; then each kind of message with
    /// ever new numbers and names.
    fn half(&mut self, pieces: &[Piece], kinds: &[&Piece], garbler: &mut Garbler) {
        for piece in pieces.iter().cycle().take(HALF) {
            self.give(piece);
            self.give(&garbler.piece(piece));
        }
        for piece in kinds {
            for _ in 0..FRESH {
                self.give(&garbler.fresh(piece, Garbler::numbers));
                self.give(&garbler.fresh(piece, Garbler::names));
            }
        }
    }
}

/// The recordings of a preset: a folder of its own among the fixtures of its kind, or all of them.
fn pieces(preset: &Preset) -> Vec<Piece> {
    let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../feeds");
    let all = feeds.join(preset.kind).join("fixtures");
    let own = all.join(preset.name);
    let mut pieces = Vec::new();
    for path in files(if own.is_dir() { &own } else { &all }) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(".cap.") {
            recording(&path, &mut pieces);
        } else if name.contains(".rest.") {
            pieces.extend(read_rest(&path).unwrap().into_iter().map(Piece::Rest));
        } else if name.ends_with(".tsv") {
            let text = std::fs::read_to_string(&path).unwrap();
            pieces.extend(
                text.lines().filter_map(|line| Some(Piece::Text(line.split_once('\t')?.1.to_owned()))),
            );
        }
    }
    if preset.kind == "upstream" {
        for path in files(&feeds.join("../crates/wire/tests/golden")) {
            let text = std::fs::read_to_string(&path).unwrap();
            pieces.extend(
                text.lines().filter(|line| !line.is_empty()).map(|line| Piece::Text(line.to_owned())),
            );
        }
    }
    for (_, texts) in UNRECORDED.iter().filter(|(kind, _)| *kind == preset.kind) {
        pieces.extend(texts.iter().map(|text| Piece::Text((*text).to_owned())));
    }
    pieces.retain(|piece| match piece {
        Piece::Text(text) => text.len() <= BYTES_MAX,
        Piece::Binary(bytes) => bytes.len() <= BYTES_MAX,
        Piece::Rest(answer) => answer.body.len() <= BYTES_MAX,
    });
    pieces
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn recording(path: &Path, pieces: &mut Vec<Piece>) {
    let mut reader = CaptureReader::open(path).unwrap();
    for _ in 0..FRAMES_MAX {
        let Some(record) = reader.next().unwrap() else { return };
        pieces.push(match record.payload {
            Payload::Text(text) => Piece::Text(text.to_owned()),
            Payload::Binary(bytes) => {
                unpacked(bytes).map_or_else(|| Piece::Binary(bytes.to_vec()), Piece::Text)
            }
            Payload::Rest { url, body } => {
                Piece::Rest(RestAnswer { url: url.to_owned(), body: body.to_owned() })
            }
            Payload::Opened(_) | Payload::Sent(_) => continue,
        });
    }
}

/// The text behind a compressed frame, which the decoder reads as well: garbled after packing, it would only be no gzip.
fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).ok()?;
    Some(text)
}
