//! Subscribing, changing and resuming, over loopback as a client sees them.
//!
//! Estimates before measuring. 10,000 snapshots of about 300 bytes are 3 MB: 3 ms to encode at 300 ns each, 3 ms of
//! copying, and some 200 writes of 16 KiB at 10 us. A change of 100 symbols walks the 10,000 that are subscribed to twice
//! (about 100 us) and echoes them all (200 KB). A resume compares 10,000 sequences, about 50 us.
//!
//! Each figure is the time from the first byte of the request to the last byte of what it says, in one process with the
//! server, so both share the cores.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first fault, and says what it saw"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge::{Config, Edge, Notifier};
use market::{Decimal, Field, Micros, RealClock, Source, Symbol, Update};
use table::{Applied, SymbolId, Table, Writer};
use tokio_util::sync::CancellationToken;

const SYMBOLS: usize = 10_000;
const CHANGED: usize = 100;
const RUNS: usize = 40;

struct Market {
    addr: SocketAddr,
    names: Vec<String>,
    ids: Vec<SymbolId>,
    writer: Writer,
    notifier: Notifier,
    price: i64,
}

impl Market {
    fn publish(&mut self, symbols: usize) {
        self.price += 1;
        for &id in self.ids.iter().take(symbols) {
            let mut update = Update::new(Source::Direct, Micros(self.price));
            let price = Decimal::new(6_168_500 + self.price, 2);
            update.tell_side(Field::Bid, Some(price), Some(Decimal::new(1_234_567, 6)));
            update.tell_side(Field::Ask, Some(price), Some(Decimal::new(7_654_321, 6)));
            update.tell_trade(Some(price), Some(Decimal::new(1_000, 4)), None);
            for field in [Field::Open24h, Field::High24h, Field::Low24h, Field::Volume24h] {
                update.tell(field, Some(price));
            }
            if let Applied::Changed { fields, .. } = self.writer.apply(id, &update, Micros(self.price)) {
                self.notifier.published(id, fields);
            }
        }
    }
}

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stop = CancellationToken::new();
    let mut market = start(&runtime, &stop);
    market.publish(SYMBOLS);

    println!("{SYMBOLS} symbols, {RUNS} runs each; milliseconds\n");
    println!("| what | least | median | 95 of 100 | bar |");
    println!("|---|---|---|---|---|");
    row("`hello` and all snapshots", "50", (0..RUNS).map(|_| subscribe(&market, None).0));
    let (_, id) = subscribe(&market, None);
    let mut events = 0;
    row(
        "resume of a client that has everything",
        "",
        (0..RUNS).map(|_| {
            let (took, told) = resume(&market, &id);
            events += told;
            took
        }),
    );
    assert_eq!(events, 0, "a client that has everything is told no quote");
    row(
        "resume of a client that lacks 100",
        "",
        (0..RUNS).map(|_| {
            let (_, id) = subscribe(&market, None);
            market.publish(CHANGED);
            let (took, last) = subscribe(&market, Some((&id, CHANGED)));
            drop(last);
            took
        }),
    );
    let (small, large) = (changes(&market, 1), changes(&market, SYMBOLS - CHANGED));
    row("`PATCH` of 100 symbols on a stream of 1", "2", small.into_iter());
    row("`PATCH` of 100 symbols on a stream of 9,900", "2", large.into_iter());
    stop.cancel();
}

fn start(runtime: &tokio::runtime::Runtime, stop: &CancellationToken) -> Market {
    let table = Table::new(table::Config { symbols: SYMBOLS, epoch: 1, ..table::Config::default() });
    let names: Vec<String> = (0..SYMBOLS).map(|n| format!("VENUE:SYMBOL{n}-USDT")).collect();
    let ids = names.iter().map(|name| table.intern(&Symbol::parse(name).unwrap()).unwrap()).collect();
    let config = Config { drain: Duration::ZERO, ..Config::default() };
    let limits = config.limits.clone();
    let _inside = runtime.enter();
    let edge = Edge::new(config, Arc::clone(&table), Arc::new(RealClock::new()), prometheus::Registry::new())
        .unwrap();
    let listener = edge::bind(([127, 0, 0, 1], 0).into(), &limits).unwrap();
    let addr = listener.local_addr().unwrap();
    let notifier = edge.notifier();
    let writer = table.writer().unwrap();
    runtime.spawn({
        let stop = stop.clone();
        async move { edge.serve(listener, stop).await }
    });
    Market { addr, names, ids, writer, notifier, price: 0 }
}

fn row(what: &str, bar: &str, times: impl Iterator<Item = Duration>) {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("| {what} | {:.2} | {:.2} | {:.2} | {bar} |", at(0), at(50), at(95));
}

fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn list(names: &[String]) -> String {
    serde_json::to_string(names).unwrap()
}

/// Opens a stream of everything and reads until all snapshots have come; those of `last_id` and after, if there is one.
/// Returns the time and the last id.
fn subscribe(market: &Market, last_id: Option<(&str, usize)>) -> (Duration, String) {
    let resume = last_id.map(|(id, _)| format!(",\"last_event_id\":\"{id}\"")).unwrap_or_default();
    let body = format!("{{\"symbols\":{}{resume}}}", list(&market.names));
    let request = request("POST", "/v1/stream", &body);
    let mut socket = TcpStream::connect(market.addr).unwrap();
    let start = Instant::now();
    socket.write_all(&request).unwrap();
    let mut lines = BufReader::with_capacity(1 << 16, socket);
    let (mut left, mut id, mut line) = (last_id.map_or(SYMBOLS, |(_, left)| left), String::new(), Vec::new());
    while left > 0 {
        line.clear();
        assert!(lines.read_until(b'\n', &mut line).unwrap() > 0, "the stream ended");
        if line.starts_with(b"id: ") {
            id = String::from_utf8_lossy(&line[4..]).trim().to_owned();
        }
        left -= usize::from(line.starts_with(b"event: snapshot"));
    }
    (start.elapsed(), id)
}

/// Resumes with everything. Returns the time to the end of `hello`, and how many quotes came before the end of the stream,
/// which lasts a moment.
fn resume(market: &Market, id: &str) -> (Duration, usize) {
    let body =
        format!("{{\"symbols\":{},\"last_event_id\":\"{id}\",\"duration\":\"20ms\"}}", list(&market.names));
    let request = request("POST", "/v1/stream", &body);
    let mut socket = TcpStream::connect(market.addr).unwrap();
    let start = Instant::now();
    socket.write_all(&request).unwrap();
    let mut lines = BufReader::with_capacity(1 << 16, socket);
    let (mut took, mut told, mut line) = (None, 0, Vec::new());
    loop {
        line.clear();
        assert!(lines.read_until(b'\n', &mut line).unwrap() > 0, "the stream ended");
        if line.starts_with(b"data: {\"type\":\"hello\"") {
            took = Some(start.elapsed());
        }
        told += usize::from(line.starts_with(b"event: snapshot") || line.starts_with(b"event: quote"));
        if line.starts_with(b"event: goodbye") {
            return (took.unwrap(), told);
        }
    }
}

/// Adds and removes 100 symbols on a stream of so many, in turn; the time from request to the whole reply.
fn changes(market: &Market, symbols: usize) -> Vec<Duration> {
    let body = format!("{{\"symbols\":{}}}", list(&market.names[..symbols]));
    let mut stream = TcpStream::connect(market.addr).unwrap();
    stream.write_all(&request("POST", "/v1/stream", &body)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut id = String::new();
    let mut line = String::new();
    while id.is_empty() {
        line.clear();
        lines.read_line(&mut line).unwrap();
        if let Some(hello) = line.strip_prefix("data: ") {
            let hello: serde_json::Value = serde_json::from_str(hello).unwrap();
            id = hello["stream"].as_str().unwrap().to_owned();
        }
    }
    // Somebody has to read it.
    let reader = std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let mut control = TcpStream::connect(market.addr).unwrap();
    let more = list(&market.names[SYMBOLS - CHANGED..]);
    let mut times = Vec::new();
    for run in 0..2 * RUNS {
        let what = if run % 2 == 0 { "add" } else { "remove" };
        let request = request("PATCH", &format!("/v1/streams/{id}"), &format!("{{\"{what}\":{more}}}"));
        let start = Instant::now();
        control.write_all(&request).unwrap();
        let length = read_answer(&mut control);
        times.push(start.elapsed());
        assert!(length > 100);
    }
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    let _ = reader.join();
    times
}

fn read_answer(socket: &mut TcpStream) -> usize {
    let mut read = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        let n = socket.read(&mut buffer).unwrap();
        assert!(n > 0, "the connection ended");
        read.extend_from_slice(&buffer[..n]);
        let Some(head) = read.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length = text.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if read.len() >= head + 4 + length {
            return length;
        }
    }
}
