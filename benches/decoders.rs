//! What each decoder takes for one message of its venue, over whole recordings: nanoseconds from the frame to its updates.
//!
//! Estimate: 200 bytes of JSON at 1 ns each, one look-up by name, four numbers: below 500 ns; a book message with a checksum
//! over 20 levels formats 40 numbers more. The bar is 3 us a message at the median, books with checksums apart.
//!
//! Each message is timed alone, in the order of its session, with a fresh decoder for each of some passes; the least time of
//! all passes stands for it, because whatever else runs on the machine only adds. The clock's own 20 ns are taken away.
//! The table has the median over all messages of a recording, the mean, and the slowest of a hundred; and beside them what the
//! recording proves: counts, and its final quotes against those of an independent reader (`fixtures/expected`).

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use feed::capture::{CaptureReader, Payload, read_rest};
use feed::{Batch, Frame, Instruments, Overrides, Session};
use feed_binance::Market;
use market::{Field, Micros};
use serde_json::Value;
use testkit::proof::{self, Fixtures};

const PASSES: usize = 7;

type Make = fn(&Overrides) -> Box<dyn Session>;

/// Every preset with its recordings' folder below `feeds/`.
const ROWS: &[(&str, &str, Make)] = &[
    ("binance", "binance/fixtures/binance", |o| feed_binance::session(Market::Spot, o)),
    ("binance_us", "binance/fixtures/binance_us", |o| feed_binance::session(Market::Us, o)),
    ("binance_usdm", "binance/fixtures/binance_usdm", |o| feed_binance::session(Market::UsdM, o)),
    ("binance_coinm", "binance/fixtures/binance_coinm", |o| feed_binance::session(Market::CoinM, o)),
    ("coinbase", "coinbase/fixtures", feed_coinbase::session),
    ("kraken_v2", "kraken/fixtures/kraken_v2", feed_kraken::session),
    ("kraken", "kraken/fixtures/kraken", feed_kraken::session_v1),
    ("okx", "okx/fixtures", feed_okx::session),
    ("bitget", "bitget/fixtures", feed_bitget::session),
    ("iex_tops", "iex_tops/fixtures", feed_iex_tops::session),
    ("bitflyer", "bitflyer/fixtures", feed_bitflyer::session),
    ("bithumb", "bithumb/fixtures", feed_bithumb::session),
    ("upbit", "upbit/fixtures", feed_upbit::session),
    ("gateio", "gateio/fixtures", feed_gateio::session),
    ("kucoin", "kucoin/fixtures", feed_kucoin::session),
    ("hyperliquid", "hyperliquid/fixtures", feed_hyperliquid::session),
    ("bitfinex", "bitfinex/fixtures", feed_bitfinex::session),
    ("huobi", "huobi/fixtures", feed_huobi::session),
    ("gemini_v2", "gemini/fixtures", feed_gemini::session_v2),
    ("gemini", "gemini/fixtures", feed_gemini::session),
    ("kraken_futures", "kraken_futures/fixtures", feed_kraken_futures::session),
    ("deribit", "deribit/fixtures", feed_deribit::session),
    ("bitstamp", "bitstamp/fixtures", feed_bitstamp::session),
];

/// One line of a recording.
enum Line {
    Text(String),
    Binary(Vec<u8>),
    Rest(String, String),
}

fn lines(path: &Path) -> Vec<(Micros, Line)> {
    let mut reader = CaptureReader::open(path).expect("a recording among the fixtures");
    let mut lines = Vec::new();
    while let Some(record) = reader.next().expect("a whole recording") {
        let line = match record.payload {
            Payload::Text(text) => Line::Text(text.to_owned()),
            Payload::Binary(bytes) => Line::Binary(bytes.to_vec()),
            Payload::Rest { url, body } => Line::Rest(url.to_owned(), body.to_owned()),
            Payload::Opened(_) | Payload::Sent(_) => continue,
        };
        lines.push((record.ts_recv(), line));
    }
    lines
}

/// `20210417-book.cap.gz` has `20210417.rest.gz`.
fn rest_beside(capture: &Path) -> Option<PathBuf> {
    let mut stem = capture.file_name()?.to_str()?.split(".cap").next()?;
    loop {
        let candidate = capture.with_file_name(format!("{stem}.rest.gz"));
        if candidate.is_file() {
            return Some(candidate);
        }
        stem = stem.rsplit_once('-')?.0;
    }
}

/// Least nanoseconds of each message.
fn measure(session: &dyn Session, capture: &Path) -> Vec<u64> {
    let beside = rest_beside(capture);
    let answers =
        beside.as_deref().map(|path| read_rest(path).expect("recorded answers")).unwrap_or_default();
    let mut session_lines = beside.as_deref().map(lines).unwrap_or_default();
    session_lines.extend(lines(capture));
    session_lines.sort_by_key(|(at, _)| *at);
    let mut least: Vec<u64> = Vec::new();
    for pass in 0..PASSES {
        let mut instruments = Instruments::new(session.venue(), 20_000);
        session.catalogue(&answers, &mut instruments).expect("the recorded catalogue");
        let mut batch = Batch::new(instruments);
        let mut decoder = session.decoder();
        let mut place = 0;
        for (ts_recv, line) in &session_lines {
            batch.clear();
            let frame = match line {
                Line::Text(text) => Frame::Text(text),
                Line::Binary(bytes) => Frame::Binary(bytes),
                Line::Rest(url, body) => {
                    decoder.rest(url, body, *ts_recv, &mut batch);
                    continue;
                }
            };
            let start = Instant::now();
            let read = decoder.decode(frame, *ts_recv, &mut batch);
            let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            std::hint::black_box((&read, &batch.updates));
            if pass == 0 {
                least.push(took);
            } else {
                least[place] = least[place].min(took);
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

/// What a recording proves, beside its times: counts, and how its end compares with an independent reader's.
struct Proof {
    messages: u64,
    applied: u64,
    /// Why messages led to nothing, and how often.
    dropped: String,
    /// Symbols whose last trade and top of book are as expected, and all that have a quote.
    quotes: (usize, usize),
    /// Book checksums in the recording that are right by the independent reader, and those that are wrong.
    checksums: (u64, u64),
    /// Messages after which a symbol's book was in doubt: a wrong checksum or a missing number shows here.
    doubted: u64,
}

fn prove(session: &dyn Session, folder: &str, name: &str) -> Proof {
    let (adapter, inside) = folder.split_once("/fixtures").expect("a folder of fixtures");
    let fixtures = Fixtures::of(&format!("{}/../feeds/{adapter}", env!("CARGO_MANIFEST_DIR")));
    let name = format!("{}/{name}", inside.trim_start_matches('/'));
    let mut doubted = 0;
    let (played, want) = proof::play(session, &fixtures, name.trim_start_matches('/'), |_, played| {
        doubted += u64::from(played.tap.doubted() > 0);
    });
    let stats = played.tap.stats();
    let mut dropped: Vec<String> =
        stats.ignored().into_iter().map(|(why, count)| format!("{why} {count}")).collect();
    if stats.older > 0 {
        dropped.push(format!("older {}", stats.older));
    }
    let (mut equal, mut all, mut checksums) = (0, 0, (0, 0));
    for (native, symbol) in proof::symbols(&want) {
        let count = |name: &str| symbol["book"][name].as_u64().unwrap_or_default();
        checksums = (checksums.0 + count("checksum_ok"), checksums.1 + count("checksum_bad"));
        // Named, and never told: without a quote by the reader too.
        if played.tap.instruments().find(native).and_then(|id| played.tap.symbol(id)).is_none() {
            continue;
        }
        all += 1;
        let values = played.values(native);
        let is_equal = |want: &Value, fields: &[Field]| {
            fields.iter().all(|field| values.number(*field) == proof::decimal(&want[field.name()]))
        };
        let top = |want: &Value| is_equal(want, &[Field::Bid, Field::BidSize, Field::Ask, Field::AskSize]);
        // The best prices come from tickers at one venue, from books at another: the reader keeps both.
        let has_top = top(&symbol["merged"]) || (symbol["book"].is_object() && top(&symbol["book"]));
        let merged = &symbol["merged"];
        equal += usize::from(has_top && (merged["last"].is_null() || is_equal(merged, &[Field::Last])));
    }
    let dropped = if dropped.is_empty() { "-".to_owned() } else { dropped.join(", ") };
    let (messages, applied) = (stats.messages, stats.applied());
    Proof { messages, applied, dropped, quotes: (equal, all), checksums, doubted }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let clock = clock();
    println!(
        "| preset | recording | messages | applied | led to nothing | final quotes as expected | checksums right, wrong | \
         in doubt after | median ns | mean ns | 99 of 100 below ns |"
    );
    println!("|---|---|---:|---:|---|---:|---:|---:|---:|---:|---:|");
    for (preset, within, make) in ROWS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == preset) {
            continue;
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../feeds").join(within);
        let files = std::fs::read_dir(&folder).expect("the folder of fixtures");
        let mut captures: Vec<PathBuf> = files
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".cap.gz"))
            .collect();
        captures.sort();
        for capture in captures {
            let mut times = measure(&*make(&Overrides::default()), &capture);
            times.iter_mut().for_each(|time| *time = time.saturating_sub(clock));
            times.sort_unstable();
            let name = capture.file_name().unwrap_or_default().to_string_lossy().replace(".cap.gz", "");
            let mean = times.iter().sum::<u64>() / (times.len() as u64).max(1);
            let proof = prove(&*make(&Overrides::default()), within, &name);
            println!(
                "| {preset} | {name} | {} | {} | {} | {} of {} | {}, {} | {} | {} | {mean} | {} |",
                proof.messages,
                proof.applied,
                proof.dropped,
                proof.quotes.0,
                proof.quotes.1,
                proof.checksums.0,
                proof.checksums.1,
                proof.doubted,
                times[times.len() / 2],
                times[times.len() * 99 / 100]
            );
        }
    }
}
