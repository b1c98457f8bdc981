//! Promise 16 to its end: the same recordings played twice through table and edge give every client the same bytes, down to
//! the ids. Time is an input: the runtime's clock is paused and jumps to what is due next, and the wires are in memory.
//! Nothing is left out of the comparison but the heads of the answers, in which HTTP states the date.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edge::{Edge, Listen};
use feed::Overrides;
use feed_replay::{Playing, Replay, Speed, Window};
use market::Clock;
use prometheus::Registry;
use table::{FeedInfo, FeedMode, Table};
use testkit::simulation::pipe::{End, Manner};
use testkit::simulation::wires::{Listener, Wires};
use testkit::simulation::{Dice, PausedClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::selection;
use crate::feeds;
use crate::sink::{PublishTime, TableSink};

/// Connections of clients out of the wires.
struct Door(Listener);

impl Listen for Door {
    type Io = End;

    async fn accept(&mut self) -> io::Result<(End, SocketAddr)> {
        let call = self.0.accept().await;
        Ok((call.end, SocketAddr::from(([127, 0, 0, 1], 1_024 + call.number as u16))))
    }
}

/// What is played: a preset, its files, and from where on.
type Played = (&'static str, &'static [&'static str], &'static str);

/// Three sessions of one venue and one moment merged by their times, a venue with deltas from the middle, and a third one.
const PLAYED: [Played; 3] = [
    (
        "kraken",
        &[
            "kraken/fixtures/kraken/20210417-book.cap.gz",
            "kraken/fixtures/kraken/20210417-ticker.cap.gz",
            "kraken/fixtures/kraken/20210417-trade.cap.gz",
        ],
        "+0s",
    ),
    ("okx", &["okx/fixtures/20220513.cap.gz"], "+5s"),
    ("binance", &["binance/fixtures/binance/20210417.cap.gz"], "+0s"),
];

/// Streams of every mode and form, and one that is cut down.
const STREAMS: [&str; 5] = [
    "symbols=KRAKEN:*,OKX:*,BINANCE:*&mode=every",
    "symbols=KRAKEN:*,OKX:*&mode=trades&format=ndjson",
    "symbols=BINANCE:*,OKX:*&max_rate=5&fields=bid,ask,last,ts_event,ts_recv,ts_pub",
    "symbols=OKX:BTC-USDT,KRAKEN:XBT-USD&snapshot=false&numbers=json&times=ns",
    "symbols=KRAKEN:*&format=csv",
];

/// Plays everything once, and returns what each client received.
fn run(speed: &str) -> Vec<Vec<u8>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let speed: Speed = speed.parse().unwrap();
    runtime.block_on(async move {
        let paused = PausedClock::new();
        let clock: Arc<dyn Clock> = Arc::new(paused);
        let wires = Wires::new(&Dice::new(16));
        let table =
            Table::new(table::Config { epoch: paused.now().get() as u64, ..table::Config::default() });
        let mut config = edge::Config { seed: Some(16), ..edge::Config::default() };
        config.drain = Duration::from_secs(1);
        // The test command runs it both ways.
        config.hand_over = std::env::var_os("QUOTEWIRE_HAND_OVER").is_none_or(|value| value != "no");
        let edge = Edge::new(config, Arc::clone(&table), Arc::clone(&clock), Registry::new()).unwrap();
        let (stop_edge, stop_feeds) = (CancellationToken::new(), CancellationToken::new());
        let door = Door(wires.listen("gateway"));
        let served = tokio::spawn({
            let (edge, stop) = (edge.clone(), stop_edge.clone());
            async move { edge.serve(door, stop).await }
        });
        let mut readers = Vec::new();
        for query in STREAMS {
            let (mut end, _) = wires.dial("gateway", Manner::default()).await.unwrap();
            let request = format!("GET /v1/stream?{query} HTTP/1.1\r\nHost: gateway\r\n\r\n");
            end.write_all(request.as_bytes()).await.unwrap();
            readers.push(tokio::spawn(async move {
                let mut bytes = Vec::new();
                end.read_to_end(&mut bytes).await.unwrap();
                let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                bytes.split_off(body)
            }));
        }
        let mut playing = Vec::new();
        for (preset, files, from) in PLAYED {
            let session = feeds::session(preset, &Overrides::default());
            let info = FeedInfo {
                name: preset.to_owned(),
                venue: session.venue().to_owned(),
                kind: preset.to_owned(),
                mode: FeedMode::Replay,
            };
            let feed = table.add_feed(info).unwrap();
            let time = PublishTime::Clock(Arc::clone(&clock));
            let mut sink = TableSink::new(&table, feed, time, Some(edge.notifier()), None).unwrap();
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../feeds");
            let files: Vec<String> =
                files.iter().map(|file| folder.join(file).display().to_string()).collect();
            let tracks = selection::configured(preset, &files, None).unwrap();
            let window = Window { from: Some(from.parse().unwrap()), to: Some("+9s".parse().unwrap()) };
            let how = Playing { speed, window, ..Playing::default() };
            let replay = Replay::of_tracks(tracks, session, &["*".to_owned()], how).unwrap();
            let stop = stop_feeds.clone();
            playing.push(tokio::spawn(async move {
                replay.run(&mut sink, &paused, &stop, &mut |_| {}).await.unwrap().updates
            }));
        }
        for one in playing {
            assert!(one.await.unwrap() > 50);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        stop_edge.cancel();
        served.await.unwrap();
        let mut received = Vec::new();
        for reader in readers {
            received.push(reader.await.unwrap());
        }
        received
    })
}

#[test]
fn promise_16_the_same_recordings_give_every_client_the_same_bytes() {
    for speed in ["1x", "10x"] {
        let (first, second) = (run(speed), run(speed));
        for ((query, first), second) in STREAMS.iter().zip(&first).zip(&second) {
            assert!(first.len() > 2_000, "{query}: {}", String::from_utf8_lossy(first));
            let at =
                first.iter().zip(second).position(|(a, b)| a != b).unwrap_or(first.len().min(second.len()));
            let shown = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(200)..bytes.len().min(at + 200)])
                    .into_owned()
            };
            assert!(first == second, "{query} at {speed}, byte {at}:\n{}\n\n{}", shown(first), shown(second));
        }
    }
}
