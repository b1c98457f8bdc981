//! Our decoders beside those of `barter-data` and NautilusTrader: the same frames, one run, one machine.
//!
//! Each library goes from the text of a frame to its own normalised events. Of the others each reader is told beforehand
//! which kind of message comes; ours finds it out, and gets every frame of the session, because its decoders keep state
//! (books, checksums, sequence numbers). Within a pass each frame is timed for one library after the other, and
//! who begins changes from pass to pass, so that nobody always finds the text in the cache. The least time of all passes
//! stands for a frame; a row has the median over its frames. What a library gives back is dropped outside the time.
//!
//! `decoders [PART OF A KIND]...` measures the rows whose kind has that part.

mod barter;
mod check;
mod nautilus;
mod recording;
mod rows;
mod told;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use feed::{Batch, Decoder, Frame, Instruments, Overrides, Session};
use market::Micros;

use crate::barter::Reader;
use crate::check::{Agreement, Books};
use crate::nautilus::{Desk, Read};
use crate::recording::{Line, Recording};
use crate::rows::Row;

/// Passes over a long recording, and the frames of a row that all passes together shall have at least.
const PASSES: usize = 7;
const FRAMES: usize = 4_000;

/// The columns: ours, barter-data, Nautilus by its handler, Nautilus by the shortest way.
const COLUMNS: usize = 4;

/// The peers of one row, ready.
struct Peers {
    barter: Option<Box<dyn Reader>>,
    nautilus: Option<(Read, Read)>,
    desk: Desk,
}

impl Peers {
    fn read(&self, column: usize, text: &str) -> Option<told::Told> {
        match column {
            1 => self.barter.as_ref()?.read(text),
            2 => self.nautilus?.0(&self.desk, text).ok(),
            3 => self.nautilus?.1(&self.desk, text).ok(),
            _ => None,
        }
    }

    fn has(&self, column: usize) -> bool {
        match column {
            0 => true,
            1 => self.barter.is_some(),
            _ => self.nautilus.is_some(),
        }
    }
}

fn is_of(row: &Row, text: &str) -> bool {
    row.marks.iter().all(|mark| match mark.strip_prefix('^') {
        Some(start) => text.starts_with(start),
        None => text.contains(mark),
    })
}

/// `{"stream":"...","data":{...}}` has the object that the others read.
fn theirs<'a>(row: &Row, text: &'a str) -> &'a str {
    let inner = || text.split_once("\"data\":")?.1.strip_suffix('}');
    if row.inner { inner().unwrap_or(text) } else { text }
}

/// Frames with what their venue adds today and the others insist on: OKX a count for each trade and sequence numbers that
/// follow for each book, Kraken a time in the snapshot of a book.
fn complete(recording: Recording) -> Recording {
    let mut last: HashMap<String, u64> = HashMap::new();
    recording.completed(move |text| {
        if text.starts_with("{\"channel\":\"book\",\"type\":\"snapshot\"") && !text.contains("\"timestamp\"")
        {
            let time = "\"timestamp\":\"2023-07-30T15:29:58.000000Z\",\"checksum\":";
            return Some(text.replace("\"checksum\":", time));
        }
        if text.contains("\"channel\":\"trades\"") && !text.contains("\"count\"") {
            return Some(text.replace("\"tradeId\":", "\"count\":\"1\",\"tradeId\":"));
        }
        if !text.contains("\"action\":") || text.contains("\"seqId\"") {
            return None;
        }
        let (head, _) = text.split_once("\"action\"")?;
        let before = last.entry(head.to_owned()).or_insert(1_000);
        let previous =
            if text.contains("\"action\":\"snapshot\"") { -1 } else { i64::try_from(*before).ok()? };
        *before += 1;
        Some(text.replace("\"ts\":", &format!("\"prevSeqId\":{previous},\"seqId\":{before},\"ts\":")))
    })
}

/// Our decoder at the beginning of a session.
fn ours(session: &dyn Session, recording: &Recording) -> (Batch, Box<dyn Decoder>) {
    let mut instruments = Instruments::new(session.venue(), 20_000);
    session.catalogue(&recording.answers, &mut instruments).expect("the recorded catalogue");
    (Batch::new(instruments), session.decoder())
}

/// Frames that a peer refused, and how far its numbers are ours, by column.
struct Checked {
    frames: usize,
    refused: [usize; COLUMNS],
    agreement: [Agreement; COLUMNS],
}

/// Plays the recording once, fills what the peers know, and compares.
fn check(row: &Row, session: &dyn Session, recording: &Recording, peers: &mut Peers) -> Checked {
    let (mut batch, mut decoder) = ours(session, recording);
    play(recording, &mut batch, &mut *decoder, |text, _, _| {
        if is_of(row, text)
            && let Some(barter) = &mut peers.barter
        {
            barter.learn(theirs(row, text));
        }
    });
    peers.desk = Desk::new(batch.instruments.iter().map(|(_, instrument)| instrument.native.as_ref()));
    let mut checked =
        Checked { frames: 0, refused: [0; COLUMNS], agreement: [Agreement::default(); COLUMNS] };
    let mut books: [Books; COLUMNS] = Default::default();
    books.iter_mut().for_each(|books| books.depth = row.depth);
    let (mut batch, mut decoder) = ours(session, recording);
    play(recording, &mut batch, &mut *decoder, |text, batch, _| {
        // The first frames of books are of another kind, but the books begin with them.
        let begins = text.contains("snapshot");
        let of_row = is_of(row, text);
        checked.frames += usize::from(of_row);
        for column in (1..COLUMNS).filter(|column| peers.has(*column) && (of_row || begins)) {
            match peers.read(column, theirs(row, text)) {
                // The shortest way ends in the parsers of the handler's, and reads no snapshots to begin a book with.
                Some(_) if column == COLUMNS - 1 => {}
                Some(told) => {
                    let mut ignored = Agreement::default();
                    let into = if of_row { &mut checked.agreement[column] } else { &mut ignored };
                    books[column].compare(&told.facts(), batch, into, row.kind);
                }
                None => checked.refused[column] += usize::from(of_row),
            }
        }
    });
    checked
}

fn play(
    recording: &Recording,
    batch: &mut Batch,
    decoder: &mut dyn Decoder,
    mut see: impl FnMut(&str, &Batch, Micros),
) {
    for (at, line) in &recording.lines {
        batch.clear();
        match line {
            Line::Text(text) => {
                black_box(decoder.decode(Frame::Text(text), *at, batch)).ok();
                see(text, batch, *at);
            }
            Line::Rest(url, body) => decoder.rest(url, body, *at, batch),
        }
    }
}

/// Least nanoseconds of each frame, by column.
fn measure(
    row: &Row,
    session: &dyn Session,
    recording: &Recording,
    peers: &Peers,
    passes: usize,
) -> Vec<[u64; COLUMNS]> {
    let mut least: Vec<[u64; COLUMNS]> = Vec::new();
    for pass in 0..passes {
        let (mut batch, mut decoder) = ours(session, recording);
        let mut place = 0;
        for (at, line) in &recording.lines {
            batch.clear();
            let text = match line {
                Line::Text(text) => text,
                Line::Rest(url, body) => {
                    decoder.rest(url, body, *at, &mut batch);
                    continue;
                }
            };
            if !is_of(row, text) {
                black_box(decoder.decode(Frame::Text(text), *at, &mut batch)).ok();
                continue;
            }
            if pass == 0 {
                least.push([u64::MAX; COLUMNS]);
            }
            let inner = theirs(row, text);
            for turn in 0..COLUMNS {
                let column = (turn + pass) % COLUMNS;
                if !peers.has(column) {
                    continue;
                }
                let took = if column == 0 {
                    let start = Instant::now();
                    let read = decoder.decode(Frame::Text(text), *at, &mut batch);
                    let took = start.elapsed();
                    black_box((&read, &batch.updates));
                    took
                } else {
                    let start = Instant::now();
                    let told = black_box(peers.read(column, inner));
                    let took = start.elapsed();
                    drop(told);
                    took
                };
                let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                least[place][column] = least[place][column].min(took);
            }
            place += 1;
        }
    }
    least
}

/// What the clock itself takes: the median of many empty spans.
fn clock() -> u64 {
    let mut spans: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    spans.sort_unstable();
    spans[spans.len() / 2]
}

fn median(times: &[[u64; COLUMNS]], column: usize, clock: u64) -> u64 {
    let mut column: Vec<u64> = times.iter().map(|times| times[column]).collect();
    column.sort_unstable();
    column[column.len() / 2].saturating_sub(clock).max(1)
}

/// A cell for a time, and one for how many times ours it is.
fn cells(time: Option<u64>, ours: u64, refused: usize, frames: usize) -> String {
    match time {
        _ if refused == frames => "refuses | ".to_owned(),
        Some(time) => {
            let ratio = f64::from(u32::try_from(time).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(ours).unwrap_or(1));
            let some = if refused > 0 { format!(" (refuses {refused})") } else { String::new() };
            format!("{time}{some} | {ratio:.1}")
        }
        None => "- | ".to_owned(),
    }
}

fn agreed(checked: &Checked, peers: &Peers) -> String {
    let of = |column: usize| {
        let Agreement { compared, agreed } = checked.agreement[column];
        format!("{agreed}/{compared}")
    };
    let columns = (1..COLUMNS - 1).filter(|column| peers.has(*column));
    columns.map(of).collect::<Vec<_>>().join(", ")
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let clock = clock();
    println!(
        "| kind | recording | frames | ours ns | barter ns | x | nautilus ns | x | nautilus, shortest, ns | x | numbers agree |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|");
    for row in rows::all() {
        if !wanted.is_empty() && !wanted.iter().any(|part| row.kind.contains(part.as_str())) {
            continue;
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../feeds").join(row.path);
        let mut recording = Recording::open(&path);
        if let Some(mark) = row.without {
            recording.lines.retain(|(_, line)| !matches!(line, Line::Text(text) if text.contains(mark)));
        }
        if row.completed {
            recording = complete(recording);
        }
        let session = (row.make)(&Overrides::default());
        let mut peers =
            Peers { barter: row.barter.map(|make| make()), nautilus: row.nautilus, desk: Desk::default() };
        let checked = check(&row, &*session, &recording, &mut peers);
        if checked.frames == 0 {
            eprintln!("{}: no frames in {}", row.kind, row.path);
            continue;
        }
        let passes = PASSES.max(FRAMES / recording.lines.len()).min(400);
        let times = measure(&row, &*session, &recording, &peers, passes);
        let ours = median(&times, 0, clock);
        let cells: Vec<String> = (1..COLUMNS)
            .map(|column| {
                let time = peers.has(column).then(|| median(&times, column, clock));
                cells(time, ours, checked.refused[column], checked.frames)
            })
            .collect();
        println!(
            "| {} | {} | {} | {ours} | {} | {} |",
            row.kind,
            recording.name,
            checked.frames,
            cells.join(" | "),
            agreed(&checked, &peers)
        );
    }
}
