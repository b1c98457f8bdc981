//! A running edge, and a client that reads what is on the wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge::{Config, Edge, Listen, Notifier};
use market::{Decimal, Field, FieldSet, Micros, Price, RealClock, Reason, Source, Status, Symbol, Update};
use prometheus::Registry;
use table::{Applied, FeedId, FeedInfo, FeedMode, SymbolId, Table, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::decode::{Parser, RawEvent};

/// Longest any wait of a test may take before it fails with a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Whether writer loops take the sockets over: they do, unless the environment says `QUOTEWIRE_HAND_OVER=no`. The test
/// command runs everything both ways.
pub(crate) fn hand_over() -> bool {
    std::env::var_os("QUOTEWIRE_HAND_OVER").is_none_or(|value| value != "no")
}

/// An edge on a free port over a table with one feed and two symbols.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) table: Arc<Table>,
    pub(crate) writer: Writer,
    pub(crate) notifier: Notifier,
    pub(crate) registry: Registry,
    pub(crate) feed: FeedId,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) const BTC: &str = "TEST:BTC-USD";
pub(crate) const ETH: &str = "TEST:ETH-USD";

impl Running {
    pub(crate) async fn start(mut config: Config) -> Running {
        config.hand_over = hand_over();
        Running::over(config, Running::table())
    }

    /// A table with two symbols that nobody has heard of yet.
    pub(crate) fn table() -> Arc<Table> {
        let table = Table::new(table::Config { symbols: 2_000, epoch: 0xabc, ..table::Config::default() });
        for name in [BTC, ETH] {
            table.intern(&Symbol::parse(name).unwrap()).unwrap();
        }
        table
    }

    /// An edge over that table, with a writer loop for each of its watchers.
    pub(crate) fn over(config: Config, table: Arc<Table>) -> Running {
        Running::behind(config, table, |listener| listener)
    }

    /// The same behind another kind of listener.
    pub(crate) fn behind<L: Listen>(
        config: Config,
        table: Arc<Table>,
        listen: impl FnOnce(TcpListener) -> L,
    ) -> Running {
        let registry = Registry::new();
        let limits = config.limits.clone();
        let edge =
            Edge::new(config, Arc::clone(&table), Arc::new(RealClock::new()), registry.clone()).unwrap();
        let listener = edge::bind(([127, 0, 0, 1], 0).into(), &limits).unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = listen(listener);
        let stop = CancellationToken::new();
        let notifier = edge.notifier();
        let served = tokio::spawn({
            let stop = stop.clone();
            async move { edge.serve(listener, stop).await }
        });
        let info = FeedInfo {
            name: "test".into(),
            venue: "TEST".into(),
            kind: "sim".into(),
            mode: FeedMode::Synthetic,
        };
        let feed = table.add_feed(info).unwrap();
        let writer = table.writer().unwrap();
        Running { addr, table, writer, notifier, registry, feed, stop, served }
    }

    pub(crate) fn id(&self, symbol: &str) -> SymbolId {
        self.table.find(symbol).unwrap()
    }

    /// Publishes a top of book.
    pub(crate) fn quote(&mut self, symbol: &str, bid: &str, ask: &str) {
        let id = self.id(symbol);
        let mut update = Update::new(Source::Direct, Micros(1_000));
        update.tell_side(Field::Bid, number(bid), number("1"));
        update.tell_side(Field::Ask, number(ask), number("2.50"));
        self.apply(id, &update);
    }

    pub(crate) fn apply(&mut self, id: SymbolId, update: &Update) {
        let applied = self.writer.apply(id, update, Micros(2_000));
        publish(&self.notifier, id, applied);
    }

    pub(crate) fn status(&mut self, symbol: &str, status: Status, reason: Reason) {
        let id = self.id(symbol);
        if self.writer.set_status(id, status, reason, Micros(3_000)).is_some() {
            self.notifier.published(id, FieldSet::EMPTY.with(Field::Status));
        }
    }

    /// The value of a series, added up over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        Running::counted_in(&self.registry, name)
    }

    pub(crate) fn counted_in(registry: &Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|f| f.name() == name).unwrap_or_else(|| panic!("no metric {name}"));
        family.get_metric().iter().map(counted).sum()
    }

    /// The value of one series of a labelled metric.
    pub(crate) fn metric_of(&self, name: &str, label: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == name).unwrap_or_else(|| panic!("no metric {name}"));
        family
            .get_metric()
            .iter()
            .filter(|m| m.get_label().iter().any(|l| l.value() == label))
            .map(counted)
            .sum()
    }

    /// Waits until a condition holds; asks again whenever the runtime has nothing better to do.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Running) -> bool) {
        let all = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("never came true: {what}"));
    }

    pub(crate) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers).await
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut client = Client::connect(self.addr).await;
        client.send(method, target, headers).await;
        client.answer().await
    }

    /// Sends a JSON body.
    pub(crate) async fn send(&self, method: &str, target: &str, body: &str) -> Answer {
        let mut client = Client::connect(self.addr).await;
        client.send_json(method, target, body).await;
        client.answer().await
    }

    /// Opens a stream and reads its head; fails unless it is one.
    pub(crate) async fn stream(&self, query: &str, headers: &[(&str, &str)]) -> Client {
        let mut client = Client::connect(self.addr).await;
        client.send("GET", &format!("/v1/stream?{query}"), headers).await;
        let (status, _) = client.head().await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&client.bytes));
        client
    }
}

/// Tells the edge of a change, as a feed's sink does.
pub(crate) fn publish(notifier: &Notifier, id: SymbolId, applied: Applied) {
    if let Applied::Changed { fields, .. } = applied {
        notifier.published(id, fields);
    }
}

/// A series is a counter or a gauge; the other one reads 0.
fn counted(metric: &prometheus::proto::Metric) -> f64 {
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

pub(crate) fn number(text: &str) -> Option<Decimal> {
    Some(Price::parse(text).unwrap().decimal())
}

/// A short answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn headers_of(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// One connection, read byte by byte: head, chunks, events.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    in_chunks: bool,
    /// Bytes of the wire that are not taken yet.
    pub(crate) bytes: Vec<u8>,
    parser: Parser,
    events: std::collections::VecDeque<RawEvent>,
    /// Every byte of the body so far.
    pub(crate) body: Vec<u8>,
    pub(crate) ended: bool,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Client {
        let socket = TcpStream::connect(addr).await.unwrap();
        Client {
            socket,
            in_chunks: true,
            bytes: Vec::new(),
            parser: Parser::default(),
            events: std::collections::VecDeque::new(),
            body: Vec::new(),
            ended: false,
        }
    }

    pub(crate) async fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        self.send_as("HTTP/1.1", method, target, headers).await;
    }

    /// In an older version of HTTP the body of a stream comes without chunks, and hyper writes it.
    pub(crate) async fn send_as(
        &mut self,
        version: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) {
        let mut text = format!("{method} {target} {version}\r\nHost: localhost\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn send_json(&mut self, method: &str, target: &str, body: &str) {
        let length = body.len().to_string();
        self.send(method, target, &[("Content-Type", "application/json"), ("Content-Length", &length)]).await;
        self.socket.write_all(body.as_bytes()).await.unwrap();
    }

    /// The next line of the body, for streams that are not server-sent events; `None` at a clean end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.body.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.body.drain(..=end).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if self.ended || !self.chunk().await {
                return None;
            }
        }
    }

    /// Reads more; false at the end of the connection.
    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4 << 10];
        let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer));
        match read.await.expect("the server says nothing") {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.bytes.extend_from_slice(&buffer[..n]);
                true
            }
        }
    }

    pub(crate) async fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "the connection ended in the head");
        };
        let head = String::from_utf8(self.bytes.drain(..end + 4).take(end).collect()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        self.in_chunks =
            headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        (status, headers)
    }

    pub(crate) async fn answer(mut self) -> Answer {
        let (status, headers) = self.head().await;
        let length = headers.iter().find(|(n, _)| n == "content-length").map(|(_, v)| v.parse().unwrap());
        let length: usize = length.unwrap_or(0);
        while self.bytes.len() < length && self.more().await {}
        Answer { status, headers, body: String::from_utf8(self.bytes).unwrap() }
    }

    /// The next event with data; `None` at a clean end of the stream.
    pub(crate) async fn event(&mut self) -> Option<RawEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended || !self.chunk().await {
                return None;
            }
        }
    }

    /// Takes one chunk of the body. May be dropped and called again.
    async fn chunk(&mut self) -> bool {
        if !self.in_chunks {
            if self.bytes.is_empty() && !self.more().await {
                return false;
            }
            let data = std::mem::take(&mut self.bytes);
            self.push(&data);
            return true;
        }
        let (size, from) = loop {
            if let Some(at) = self.bytes.windows(2).position(|w| w == b"\r\n") {
                let size = std::str::from_utf8(&self.bytes[..at]).unwrap();
                break (usize::from_str_radix(size, 16).unwrap(), at + 2);
            }
            if !self.more().await {
                return false;
            }
        };
        while self.bytes.len() < from + size + 2 {
            if !self.more().await {
                return false;
            }
        }
        let data: Vec<u8> = self.bytes.drain(..from + size + 2).skip(from).take(size).collect();
        self.ended = size == 0;
        self.push(&data);
        true
    }

    fn push(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
        let mut events = Vec::new();
        self.parser.push(data, &mut events).unwrap();
        self.events.extend(events);
    }

    /// The next event of that kind; others are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let event = self.event().await.unwrap_or_else(|| panic!("the stream ended before {kind}"));
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            if data["type"] == kind {
                return data;
            }
        }
    }

    /// The next event of any kind but heartbeats, with the last id of the stream.
    pub(crate) async fn any(&mut self) -> (String, serde_json::Value) {
        loop {
            let event = self.event().await.expect("the stream ended");
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            if data["type"] != "heartbeat" {
                return (event.id, data);
            }
        }
    }
}
