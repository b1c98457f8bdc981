//! The examples of `PROTOCOL.md` are the golden files, and the encoder's output equals them byte for byte.
//!
//! After a wanted change run with `BLESS=1`: it rewrites the files, and shows what is to be copied into the document.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use market::{Field, FieldSet, Micros, Price, Quote, Reason, Side, Sides, Status, Symbol, Venue};
use wire::encode::{self, Effective, FeedState, Hello};
use wire::{
    Event, EventId, EventName, Format, Mode, Numbers, Parser, Pattern, Rate, ResetReason, Settings, Style,
    SymbolReason, Times, View,
};

const EPOCH: u64 = 0x0199_3e0f_4a2c;
/// 2026-11-21 09:30:00.250000 UTC.
const NOW: i64 = 1_795_253_400_250_000;

const SSE: Style = Style { format: Format::Sse, named: true, numbers: Numbers::String, times: Times::Us };

fn id(seq: u64) -> EventId {
    EventId { epoch: EPOCH, seq }
}

fn btc() -> Symbol {
    Symbol::parse("COINBASE:BTC-USD").unwrap()
}

fn quote(seq: u64, numbers: &[(Field, &str)]) -> Quote {
    let mut quote = Quote {
        seq,
        changes: 1,
        status: Status::Live,
        reason: Reason::Confirmed,
        status_since: Micros(NOW - 40_000_000),
        ts_event: Some(Micros(NOW - 21_500)),
        ts_recv: Some(Micros(NOW - 1_200)),
        ts_pub: Micros(NOW - 1_150),
        ..Quote::default()
    };
    for (field, text) in numbers {
        quote.values.set_number(*field, Some(Price::parse(text).unwrap().decimal()));
    }
    quote
}

fn full() -> Quote {
    let mut quote = quote(
        8_120,
        &[
            (Field::Bid, "61685.99"),
            (Field::BidSize, "0.04210000"),
            (Field::Ask, "61686.00"),
            (Field::AskSize, "1.30000000"),
            (Field::Last, "61686.00"),
            (Field::LastSize, "0.00115200"),
            (Field::Open24h, "60210.50"),
            (Field::High24h, "61990.00"),
            (Field::Low24h, "59871.12"),
            (Field::Volume24h, "9120.44170000"),
        ],
    );
    quote.values.set_side(Some(Side::Buy));
    quote
}

fn start() -> Vec<u8> {
    let mut out = Vec::new();
    let accepted = [btc(), Symbol::parse("KRAKEN:ETH-USD").unwrap()];
    let rejected = [
        ("*".to_owned(), SymbolReason::PatternTooWide),
        ("COINBASE:BTC-UDS".to_owned(), SymbolReason::Unknown),
    ];
    let feed = |feed: &str, venue: &str, status| FeedState {
        feed: feed.to_owned(),
        venue: venue.to_owned(),
        kind: feed.to_owned(),
        mode: "demo",
        status,
    };
    let hello = Hello {
        stream: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        epoch: EPOCH,
        server_time: Micros(NOW),
        accepted: &accepted,
        rejected: &rejected,
        effective: Effective {
            settings: &Settings::default(),
            style: SSE,
            snapshot: true,
            heartbeat_ms: 10_000,
            retry_ms: 2_417,
            limit: None,
            duration_ms: None,
            max_age_ms: None,
            patterns: &[],
        },
        symbols_max: 1_000,
        feeds: vec![feed("coinbase", "COINBASE", Status::Live), feed("kraken", "KRAKEN", Status::Connecting)],
    };
    encode::head(&mut out, SSE, 2_417, FieldSet::DEFAULT, &rejected);
    encode::hello(&mut out, SSE, &hello);
    snapshots(&mut out);
    out
}

fn snapshots(out: &mut Vec<u8>) {
    let mut silent = quote(17, &[]);
    silent.status = Status::Connecting;
    silent.reason = Reason::NotHeard;
    silent.ts_event = None;
    silent.ts_recv = None;
    encode::id_line(out, SSE, id(17));
    encode::snapshot(out, SSE, &Symbol::parse("KRAKEN:ETH-USD").unwrap(), &silent, FieldSet::DEFAULT);
    encode::id_line(out, SSE, id(8_120));
    encode::snapshot(out, SSE, &btc(), &full(), FieldSet::DEFAULT);
}

fn deltas() -> Vec<u8> {
    let mut out = Vec::new();
    let top: FieldSet = [Field::Bid, Field::BidSize].into_iter().collect();
    let moved = quote(8_131, &[(Field::Bid, "61685.50"), (Field::BidSize, "0.20000000")]);
    encode::id_line(&mut out, SSE, id(8_131));
    encode::quote(&mut out, SSE, &btc(), &moved, top, FieldSet::DEFAULT, 1);

    let trade: FieldSet = [Field::Last, Field::LastSize, Field::LastSide].into_iter().collect();
    let mut traded = quote(
        8_164,
        &[(Field::Last, "61690.00"), (Field::LastSize, "0.50000000"), (Field::Open24h, "60210.50")],
    );
    traded.values.set_side(Some(Side::Sell));
    let changed = trade.with(Field::Ask).with(Field::AskSize);
    encode::id_line(&mut out, SSE, id(8_164));
    encode::quote(&mut out, SSE, &btc(), &traded, changed, FieldSet::DEFAULT, 4);
    out
}

fn composite() -> Vec<u8> {
    let mut out = Vec::new();
    let btc = Symbol::parse("BTC-USD").unwrap();
    let [coinbase, kraken] = ["COINBASE", "KRAKEN"].map(Venue::intern);
    let mut top = quote(
        8_241,
        &[
            (Field::Bid, "61701.00"),
            (Field::BidSize, "0.20000000"),
            (Field::Ask, "61701.9"),
            (Field::AskSize, "1.5000"),
        ],
    );
    (top.status, top.reason, top.status_since) = (Status::Live, Reason::Confirmed, Micros(NOW - 60_000_000));
    top.sides = Sides::of(coinbase, kraken);
    let wanted = FieldSet::DEFAULT.minus(FieldSet::TIMES);
    encode::id_line(&mut out, SSE, id(8_241));
    encode::snapshot(&mut out, SSE, &btc, &top, wanted);

    top.seq = 8_250;
    top.values.set_number(Field::Bid, Some(Price::parse("61702.5").unwrap().decimal()));
    top.values.set_number(Field::BidSize, Some(Price::parse("0.4000").unwrap().decimal()));
    top.sides = Sides::of(kraken, coinbase);
    top.values.set_number(Field::Ask, Some(Price::parse("61702.00").unwrap().decimal()));
    top.values.set_number(Field::AskSize, Some(Price::parse("0.11000000").unwrap().decimal()));
    for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
        top.changed_at.set(field, top.seq);
    }
    encode::id_line(&mut out, SSE, id(8_250));
    encode::quote(&mut out, SSE, &btc, &top, top.changed_since(8_249), wanted, 2);
    out
}

fn statuses() -> Vec<u8> {
    let mut out = Vec::new();
    let mut stale = full();
    stale.seq = 8_201;
    stale.status = Status::Stale;
    stale.reason = Reason::Silence;
    stale.status_since = Micros(NOW + 5_100_000);
    encode::id_line(&mut out, SSE, id(8_200));
    encode::feed_status(&mut out, SSE, "coinbase", 8_200, stale.status, stale.status_since, stale.reason);
    encode::id_line(&mut out, SSE, id(8_201));
    encode::symbol_status(&mut out, SSE, &btc(), &stale, FieldSet::DEFAULT);

    let mut back = quote(8_230, &[(Field::Bid, "61701.00")]);
    back.status_since = Micros(NOW + 9_400_000);
    back.ts_event = Some(Micros(NOW + 9_380_000));
    back.ts_recv = Some(Micros(NOW + 9_399_900));
    back.ts_pub = Micros(NOW + 9_400_000);
    let changed = FieldSet::EMPTY.with(Field::Bid).with(Field::Status);
    encode::id_line(&mut out, SSE, id(8_230));
    encode::quote(&mut out, SSE, &btc(), &back, changed, FieldSet::DEFAULT, 2);
    out
}

fn heartbeat() -> Vec<u8> {
    let mut out = Vec::new();
    encode::heartbeat(&mut out, SSE, Micros(NOW + 10_000_000), 8_344, 310, FieldSet::DEFAULT);
    out
}

fn reset() -> Vec<u8> {
    let mut out = Vec::new();
    encode::id_line(&mut out, SSE, id(0));
    encode::reset(&mut out, SSE, ResetReason::UnknownEpoch.name(), FieldSet::DEFAULT);
    out
}

fn refused() -> Vec<u8> {
    let mut out = Vec::new();
    encode::head(&mut out, SSE, 31_870, FieldSet::DEFAULT, &[]);
    encode::refused(&mut out, SSE, "too_many_streams", 31_870, FieldSet::DEFAULT);
    out
}

fn goodbye() -> Vec<u8> {
    let mut out = Vec::new();
    encode::goodbye(&mut out, SSE, "drain", 2_417, FieldSet::DEFAULT);
    out
}

fn lagged() -> Vec<u8> {
    let mut out = Vec::new();
    encode::id_line(&mut out, SSE, id(9_001));
    encode::lagged(&mut out, SSE, Some(412), &[btc()], FieldSet::DEFAULT);
    out
}

fn unnamed() -> Vec<u8> {
    let mut out = Vec::new();
    let moved = quote(8_131, &[(Field::Bid, "61685.50")]);
    let changed = FieldSet::EMPTY.with(Field::Bid);
    encode::id_line(&mut out, SSE, id(8_131));
    encode::quote(
        &mut out,
        Style { named: false, ..SSE },
        &btc(),
        &moved,
        changed,
        changed.with(Field::TsPub),
        1,
    );
    out
}

fn quotes() -> Vec<u8> {
    let mut out = Vec::new();
    encode::quotes_open(&mut out, SSE, id(8_344), Micros(NOW), None);
    let wanted = [Field::Bid, Field::Ask, Field::Spread, Field::TsPub].into_iter().collect();
    encode::quote_object(&mut out, SSE, &btc(), &full(), wanted, Some(1_200));
    encode::quotes_close(&mut out, &[("COINBASE:BTC-UDS".to_owned(), SymbolReason::Unknown)]);
    out.push(b'\n');
    out
}

/// A stream with every setting there is, in the form that differs most from the usual one.
fn all_settings() -> Settings {
    Settings {
        fields: [Field::Bid, Field::Ask, Field::Last, Field::LastSide, Field::TsPub].into_iter().collect(),
        mode: Mode::Every,
        max_rate: Rate::parse("2.50"),
        symbol_rates: vec![(btc(), Rate::parse("10").unwrap())],
        align: true,
        priority: vec![btc()],
        max_kbps: Some(256),
    }
}

fn effective<'a>(settings: &'a Settings, style: Style, patterns: &'a [Pattern]) -> Effective<'a> {
    Effective {
        settings,
        style,
        snapshot: true,
        heartbeat_ms: 10_000,
        retry_ms: 2_417,
        limit: Some(1_000),
        duration_ms: Some(300_000),
        max_age_ms: Some(86_400_000),
        patterns,
    }
}

fn ndjson() -> Vec<u8> {
    let style = Style { format: Format::Ndjson, named: true, numbers: Numbers::Json, times: Times::Iso };
    let settings = all_settings();
    let wanted = settings.fields;
    let patterns = [Pattern::parse("COINBASE:*").unwrap()];
    let hello = Hello {
        stream: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        epoch: EPOCH,
        server_time: Micros(NOW),
        accepted: &[btc()],
        rejected: &[("COINBASE:*".to_owned(), SymbolReason::LimitReached)],
        effective: effective(&settings, style, &patterns),
        symbols_max: 10_000,
        feeds: Vec::new(),
    };
    let mut out = Vec::new();
    encode::head(&mut out, style, 2_417, wanted, hello.rejected);
    encode::hello(&mut out, style, &hello);
    rest(&mut out, style, wanted);
    out
}

/// One event of every other kind.
fn rest(out: &mut Vec<u8>, style: Style, wanted: FieldSet) {
    encode::id_line(out, style, id(8_120));
    encode::snapshot(out, style, &btc(), &full(), wanted);
    let mut moved = full();
    moved.seq = 8_131;
    moved.values.set_number(Field::Bid, Some(Price::parse("61685.50").unwrap().decimal()));
    moved.values.set_number(Field::Ask, None);
    let changed = FieldSet::EMPTY.with(Field::Bid).with(Field::Ask);
    encode::id_line(out, style, id(8_131));
    encode::quote(out, style, &btc(), &moved, changed, wanted, 2);
    moved.seq = 8_201;
    (moved.status, moved.reason) = (Status::Stale, Reason::Silence);
    encode::id_line(out, style, id(8_201));
    encode::symbol_status(out, style, &btc(), &moved, wanted);
    encode::id_line(out, style, id(8_201));
    encode::lagged(out, style, None, &[btc()], wanted);
    encode::heartbeat(out, style, Micros(NOW + 10_000_000), 8_344, 310, wanted);
    encode::id_line(out, style, id(0));
    encode::reset(out, style, ResetReason::UnknownEpoch.name(), wanted);
    encode::goodbye(out, style, "drain", 2_417, wanted);
}

fn csv() -> Vec<u8> {
    let style = Style { format: Format::Csv, named: true, numbers: Numbers::String, times: Times::Us };
    let wanted = all_settings().fields;
    let rejected = [("A, or \"B\"".to_owned(), SymbolReason::BadCharacter)];
    let mut out = Vec::new();
    encode::head(&mut out, style, 2_417, wanted, &rejected);
    rest(&mut out, style, wanted);
    out
}

fn state() -> Vec<u8> {
    let settings = all_settings();
    let patterns = [Pattern::parse("COINBASE:*").unwrap()];
    let rejected = [("COINBASE:BTC-UDS".to_owned(), SymbolReason::Unknown)];
    let mut out = Vec::new();
    let now = effective(&settings, SSE, &patterns);
    encode::state(&mut out, "9f86d081884c7d659a2feaa0c55ad015", &[btc()], &rejected, &now);
    out.push(b'\n');
    out
}

fn quotes_reset() -> Vec<u8> {
    let style = Style { numbers: Numbers::Json, times: Times::Ns, ..SSE };
    let mut out = Vec::new();
    encode::quotes_open(&mut out, style, id(8_344), Micros(NOW), Some(ResetReason::FutureSeq.name()));
    let wanted = [Field::Bid, Field::TsPub].into_iter().collect();
    encode::quote_object(&mut out, style, &btc(), &full(), wanted, None);
    encode::quotes_close(&mut out, &[]);
    out.push(b'\n');
    out
}

fn quote_lines(format: Format) -> Vec<u8> {
    let style = Style { format, ..SSE };
    let wanted = [Field::Bid, Field::Ask, Field::TsPub].into_iter().collect();
    let mut out = Vec::new();
    if format == Format::Csv {
        encode::csv_header(&mut out, wanted);
    }
    encode::quote_line(&mut out, style, &btc(), &full(), wanted, Some(1_200));
    let rejected = [("COINBASE:BTC-UDS".to_owned(), SymbolReason::Unknown)];
    if format == Format::Csv {
        encode::rejected_lines(&mut out, style, wanted, &rejected);
    }
    out
}

fn encoded() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("start.sse", start()),
        ("composite.sse", composite()),
        ("deltas.sse", deltas()),
        ("status.sse", statuses()),
        ("heartbeat.sse", heartbeat()),
        ("reset.sse", reset()),
        ("refused.sse", refused()),
        ("goodbye.sse", goodbye()),
        ("lagged.sse", lagged()),
        ("unnamed.sse", unnamed()),
        ("quotes.json", quotes()),
        ("stream.ndjson", ndjson()),
        ("stream.csv", csv()),
        ("quotes-reset.json", quotes_reset()),
        ("quotes.ndjson", quote_lines(Format::Ndjson)),
        ("quotes.csv", quote_lines(Format::Csv)),
    ])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The fenced blocks of the document whose info string names a golden file: ```` ```text start.sse ````.
fn blocks(document: &str) -> BTreeMap<String, String> {
    let mut blocks = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in document.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let name = info.split_once(' ').map(|(_, name)| name.to_owned()).unwrap_or_default();
                open = Some((name, String::new()));
            }
            (Some(_), Some(_)) => {
                let (name, text) = open.take().unwrap();
                if !name.is_empty() && name != "run" {
                    assert!(blocks.insert(name.clone(), text).is_none(), "{name} stands twice");
                }
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn the_encoder_writes_the_golden_files() {
    for (name, bytes) in encoded() {
        let path = folder().join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
            println!("```text {name}\n{}```\n", String::from_utf8_lossy(&bytes));
        }
        let golden = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&golden), "{name}");
        assert_eq!(bytes, golden, "{name}");
    }
}

#[test]
fn the_protocols_examples_are_the_golden_files() {
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md")).unwrap();
    let mut blocks = blocks(&document);
    assert_eq!(blocks.remove("state").as_deref(), std::str::from_utf8(&state()).ok());
    let files: BTreeMap<String, String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    assert_eq!(blocks, files);
    assert!(files.keys().map(String::as_str).eq(encoded().into_keys()), "a golden file that nothing encodes");
}

#[test]
fn the_protocol_names_every_word_of_the_closed_lists() {
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md")).unwrap();
    let words = Field::ALL
        .map(Field::name)
        .into_iter()
        .chain(Status::ALL.map(Status::name))
        .chain(Reason::ALL.map(Reason::name).into_iter().filter(|name| !name.is_empty()))
        .chain(EventName::ALL.map(EventName::name))
        .chain(ResetReason::ALL.map(ResetReason::name))
        .chain(SymbolReason::ALL.map(SymbolReason::name));
    for word in words {
        assert!(document.contains(&format!("`{word}`")), "`{word}` is not in PROTOCOL.md");
    }
}

#[test]
fn a_reader_of_the_examples_ends_with_the_quote_they_tell() {
    let mut stream = start();
    for part in [deltas(), statuses(), heartbeat()] {
        stream.extend(part);
    }
    let mut events = Vec::new();
    Parser::default().push(&stream, &mut events).unwrap();
    let mut view = View::new();
    for raw in &events {
        view.apply(&Event::parse(&raw.data).unwrap()).unwrap();
    }
    let belief = view.get(&btc()).unwrap();
    let text = |field| belief.figures.get(field).map(|d| d.to_string());
    assert_eq!(text(Field::Bid).as_deref(), Some("61701.00"));
    assert_eq!(text(Field::Ask), None, "the ask became absent");
    assert_eq!(text(Field::Change24h).as_deref(), Some("1479.50"));
    assert_eq!(text(Field::Volume24h).as_deref(), Some("9120.44170000"), "from the snapshot");
    assert_eq!((belief.seq, belief.status.status), (8_230, Status::Live));
    assert_eq!(events.last().unwrap().id, id(8_230).to_string(), "a heartbeat leaves the id alone");
    assert_eq!(view.feed("coinbase").unwrap().status, Status::Stale);
}

#[test]
fn a_reader_of_the_ndjson_example_gets_every_setting() {
    let text = String::from_utf8(ndjson()).unwrap();
    let events: Vec<_> = text.lines().map(|line| Event::parse_line(line, Times::Us).unwrap()).collect();
    let Event::Hello(hello) = &events[0].1 else { panic!("no hello") };
    let now = &hello.effective;
    assert_eq!(hello.server_time, NOW);
    assert_eq!((now.mode.as_str(), now.format.as_str(), now.numbers.as_str()), ("every", "ndjson", "json"));
    assert_eq!(
        (now.max_rate, now.symbol_rates["COINBASE:BTC-USD"]),
        (Rate::parse("2.5"), Rate::parse("10").unwrap())
    );
    assert_eq!(
        (now.max_kbps, now.limit, now.duration_ms, now.max_age_ms),
        (Some(256), Some(1_000), Some(300_000), Some(86_400_000))
    );
    assert_eq!(
        (&now.patterns[0], &now.priority[0], now.align),
        (&"COINBASE:*".to_owned(), &btc().to_string(), true)
    );
    let ids: Vec<_> = events.iter().map(|(id, _)| id.as_deref()).collect();
    assert_eq!(ids[1], Some("1993e0f4a2c-8120"));
    assert_eq!((ids[0], ids[5], ids[7]), (None, None, None), "hello, heartbeat and goodbye have none");
    let mut view = View::new();
    events[..5].iter().for_each(|(_, event)| view.apply(event).unwrap());
    let belief = view.get(&btc()).unwrap();
    assert_eq!(belief.figures.get(Field::Bid).unwrap().to_string(), "61685.50");
    assert_eq!((belief.figures.get(Field::Ask), belief.status.status), (None, Status::Stale));
    assert_eq!(belief.ts_pub, Some(Micros(NOW - 1_150)));
}
