//! A venue that speaks Kraken's protocol v2: books with checksums, trades, tickers, heartbeats.
//!
//! Its market is made up so that every number follows from a step ([`super::journal`]), and it writes down what it said
//! when. Things go wrong at two levels: single messages by a [`Mishap`], whole connections by their [`Link`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use market::{Clock, Micros, Side};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::journal::{
    DAY_STEPS, Journal, Part, SPREAD_STEPS, Said, open, price, size, trade_side, trade_size, volume,
};
use super::pipe::{End, Link};
use super::wires::{Call, Listener, Wires};
use super::{Dice, PausedClock};

/// Levels a side of a book, which is also what the checksum covers.
const DEPTH: u64 = 10;
/// Messages that wait for a connection that does not take them; one more and the venue cuts it.
const BACKLOG: usize = 256;
/// The venue says something in every such time, once something is subscribed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Where a pair's price begins.
const FIRST_STEP: u64 = 1_000;

/// What goes wrong with the next book message of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is not sent.
    Lost,
    /// It is sent after the next one of the same pair.
    Late,
    /// It is sent twice, which does no harm.
    Twice,
    /// Half of it is sent.
    Garbled,
}

/// What happens to those who dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// They are served.
    #[default]
    Open,
    /// The handshake is answered with 503.
    Refused,
    /// The handshake is never answered.
    Ignored,
}

/// The venue. Clones are the same venue.
#[derive(Clone, Debug)]
pub struct Kraken {
    state: Arc<Mutex<State>>,
    clock: PausedClock,
    wires: Wires,
    host: String,
}

#[derive(Debug)]
struct State {
    pairs: Vec<Pair>,
    connections: BTreeMap<u64, Connection>,
    reception: Reception,
    /// The handles of all served connections so far, over all restarts.
    links: Vec<Link>,
}

#[derive(Debug)]
struct Pair {
    native: String,
    step: u64,
    traded: u64,
    day: u64,
    journal: Journal,
    /// The era under way.
    era: u64,
}

#[derive(Debug)]
struct Connection {
    link: Link,
    outbox: mpsc::Sender<Message>,
    books: BTreeSet<usize>,
    trades: BTreeSet<usize>,
    tickers: BTreeSet<usize>,
    /// Pairs of which a book message went astray since their snapshot.
    astray: BTreeSet<usize>,
    mishap: Option<Mishap>,
    held_back: BTreeMap<usize, Message>,
    mute: bool,
}

impl Kraken {
    /// A venue with these pairs (`BTC/USD`), down until [`Kraken::run`].
    pub fn new(host: &str, pairs: &[&str], wires: &Wires, clock: PausedClock) -> Kraken {
        let listed: Vec<String> = pairs
            .iter()
            .map(|pair| format!(r#""{}":{{"wsname":"{pair}"}}"#, pair.replace('/', "")))
            .collect();
        let catalogue = format!(r#"{{"error":[],"result":{{{}}}}}"#, listed.join(","));
        wires.answer(host, "/0/public/AssetPairs", &catalogue);
        let pair = |native: &&str| Pair {
            native: (*native).to_owned(),
            step: FIRST_STEP,
            traded: FIRST_STEP,
            day: FIRST_STEP,
            journal: Journal::default(),
            era: 0,
        };
        let state = State {
            pairs: pairs.iter().map(pair).collect(),
            connections: BTreeMap::new(),
            reception: Reception::Open,
            links: Vec::new(),
        };
        Kraken { state: Arc::new(Mutex::new(state)), clock, wires: wires.clone(), host: host.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves until dropped; then every connection is reset.
    pub async fn run(self) {
        let mut listener: Listener = self.wires.listen(&self.host);
        let mut tasks = JoinSet::new();
        let _end = ResetAll(self.clone());
        loop {
            let call = listener.accept().await;
            tasks.spawn(self.clone().serve(call));
            while tasks.try_join_next().is_some() {}
        }
    }

    async fn serve(self, Call { mut end, link, .. }: Call) {
        let reception = self.lock().reception;
        match reception {
            Reception::Open => {}
            Reception::Refused => {
                let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
                let _gone = end.write_all(answer).await;
                return;
            }
            Reception::Ignored => {
                let _held = end;
                return tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
        let Ok(socket) = tokio_tungstenite::accept_async(end).await else { return };
        let (outbox, inbox) = mpsc::channel(BACKLOG);
        let number = {
            let mut state = self.lock();
            state.links.push(link.clone());
            let connection = Connection {
                link,
                outbox,
                books: BTreeSet::new(),
                trades: BTreeSet::new(),
                tickers: BTreeSet::new(),
                astray: BTreeSet::new(),
                mishap: None,
                held_back: BTreeMap::new(),
                mute: false,
            };
            let number = state.links.len() as u64;
            state.connections.insert(number, connection);
            number
        };
        self.talk(number, socket, inbox).await;
        self.lock().connections.remove(&number);
    }

    async fn talk(&self, number: u64, mut socket: WebSocketStream<End>, mut inbox: mpsc::Receiver<Message>) {
        let mut quiet = Box::pin(tokio::time::sleep(HEARTBEAT));
        loop {
            tokio::select! {
                biased;
                said = socket.next() => match said {
                    Some(Ok(Message::Text(text))) => self.hear(number, &text),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                message = inbox.recv() => {
                    let Some(message) = message else { return };
                    let last = message.is_close();
                    if socket.send(message).await.is_err() || last {
                        return;
                    }
                    quiet.as_mut().reset(tokio::time::Instant::now() + HEARTBEAT);
                }
                () = &mut quiet => {
                    if self.owes_heartbeat(number) && socket.send(Message::text(r#"{"channel":"heartbeat"}"#)).await.is_err() {
                        return;
                    }
                    quiet.as_mut().reset(tokio::time::Instant::now() + HEARTBEAT);
                }
            }
        }
    }

    fn owes_heartbeat(&self, number: u64) -> bool {
        self.lock().connections.get(&number).is_some_and(|c| !c.mute && !c.books.is_empty())
    }

    /// Does what the client asks for.
    fn hear(&self, number: u64, text: &str) {
        let Ok(asked) = serde_json::from_str::<Value>(text) else { return };
        let now = self.clock.now();
        let mut state = self.lock();
        let state = &mut *state;
        let Some(connection) = state.connections.get_mut(&number) else { return };
        let method = asked["method"].as_str().unwrap_or_default();
        if method == "ping" {
            return connection.send(r#"{"method":"pong"}"#.to_owned());
        }
        let channel = asked["params"]["channel"].as_str().unwrap_or_default();
        for name in asked["params"]["symbol"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let Some(place) = state.pairs.iter().position(|pair| pair.native == name) else { continue };
            let pair = &mut state.pairs[place];
            connection.send(format!(
                r#"{{"method":"{method}","result":{{"channel":"{channel}","symbol":"{name}"}},"success":true}}"#
            ));
            match (method, channel) {
                ("subscribe", "book") => {
                    connection.books.insert(place);
                    connection.astray.remove(&place);
                    connection.held_back.remove(&place);
                    pair.era = pair.journal.request(now, number);
                    pair.say(Part::Top, number, false);
                    connection.send(pair.book(None, now));
                }
                ("subscribe", "trade") => {
                    connection.trades.insert(place);
                    pair.say(Part::Trade, number, false);
                    connection.send(pair.trade("snapshot", now));
                }
                ("subscribe", "ticker") => {
                    connection.tickers.insert(place);
                    pair.tell_ticker("snapshot", number, connection, now);
                }
                ("unsubscribe", "book") => {
                    connection.books.remove(&place);
                }
                _ => {}
            }
        }
    }

    /// Lets the market move once.
    pub fn move_once(&self, dice: &mut Dice) {
        let place = dice.place(self.lock().pairs.len());
        match dice.below(6) {
            0 => self.trade(place),
            1 => self.tick(place, dice),
            _ => self.quote(place, dice),
        }
    }

    /// Moves every pair, in every part, so that whoever missed something will find out.
    pub fn move_all(&self, dice: &mut Dice) {
        let pairs = self.lock().pairs.len();
        for place in 0..pairs {
            self.quote(place, dice);
            self.quote(place, dice);
            self.trade(place);
            self.tick(place, dice);
        }
    }

    fn quote(&self, place: usize, dice: &mut Dice) {
        let now = self.clock.now();
        let mut state = self.lock();
        let State { pairs, connections, .. } = &mut *state;
        let pair = &mut pairs[place];
        let before = pair.step;
        pair.step += 1 + dice.below(3);
        let text = pair.book(Some(before), now);
        for (&number, connection) in connections.iter_mut().filter(|(_, c)| c.books.contains(&place)) {
            // Until the ticker has spoken, its first word states the pair afresh and ends a gap before the book does.
            // And a message that waits to be late must be overtaken by one that arrives, or it would not be late.
            let waits = !connection.tickers.contains(&place) || connection.held_back.contains_key(&place);
            let mishap = if waits { None } else { connection.mishap.take() };
            if matches!(mishap, Some(Mishap::Lost | Mishap::Late | Mishap::Garbled)) {
                connection.astray.insert(place);
            }
            pair.say(Part::Top, number, connection.astray.contains(&place));
            let message = Message::text(text.clone());
            match mishap {
                Some(Mishap::Lost) => {}
                Some(Mishap::Late) => {
                    connection.held_back.insert(place, message);
                    continue;
                }
                Some(Mishap::Garbled) => connection.put(Message::text(&text[..text.len() / 2])),
                Some(Mishap::Twice) => {
                    connection.put(message.clone());
                    connection.put(message);
                }
                None => connection.put(message),
            }
            if let Some(late) = connection.held_back.remove(&place) {
                connection.put(late);
            }
        }
    }

    fn trade(&self, place: usize) {
        let now = self.clock.now();
        let mut state = self.lock();
        let State { pairs, connections, .. } = &mut *state;
        let pair = &mut pairs[place];
        pair.traded = (pair.traded + 1).max(pair.step);
        let text = pair.trade("update", now);
        for (&number, connection) in connections.iter_mut().filter(|(_, c)| c.trades.contains(&place)) {
            pair.say(Part::Trade, number, false);
            connection.send(text.clone());
        }
    }

    fn tick(&self, place: usize, dice: &mut Dice) {
        let now = self.clock.now();
        let mut state = self.lock();
        let State { pairs, connections, .. } = &mut *state;
        let pair = &mut pairs[place];
        pair.day += 1 + dice.below(4);
        for (&number, connection) in connections.iter_mut().filter(|(_, c)| c.tickers.contains(&place)) {
            pair.tell_ticker("update", number, connection, now);
        }
    }

    /// The connections that are open, oldest first.
    pub fn connections(&self) -> Vec<u64> {
        self.lock().connections.keys().copied().collect()
    }

    /// The handle of a connection, open or not. They are numbered from 1 in the order of their handshakes.
    pub fn link(&self, connection: u64) -> Option<Link> {
        self.lock().links.get(usize::try_from(connection.checked_sub(1)?).ok()?).cloned()
    }

    /// Lets something go wrong with the next book message of a connection.
    pub fn mishap(&self, connection: u64, mishap: Mishap) {
        if let Some(connection) = self.lock().connections.get_mut(&connection) {
            connection.mishap = Some(mishap);
        }
    }

    /// From now on the venue says nothing on a connection, not even what it is asked for, and keeps it open.
    pub fn mute(&self, connection: u64) {
        if let Some(connection) = self.lock().connections.get_mut(&connection) {
            connection.mute = true;
        }
    }

    /// Ends a connection with a closing handshake.
    pub fn close(&self, connection: u64) {
        if let Some(connection) = self.lock().connections.get_mut(&connection) {
            let frame = CloseFrame { code: 1001.into(), reason: "maintenance".into() };
            connection.put(Message::Close(Some(frame)));
        }
    }

    /// Sets what happens to those who dial.
    pub fn receive(&self, reception: Reception) {
        self.lock().reception = reception;
    }

    /// A look at the journal of a pair.
    pub fn journal<R>(&self, native: &str, look: impl FnOnce(&Journal) -> R) -> Option<R> {
        self.lock().pairs.iter().find(|pair| pair.native == native).map(|pair| look(&pair.journal))
    }

    /// Where a pair's price stands.
    pub fn step(&self, native: &str) -> Option<u64> {
        self.lock().pairs.iter().find(|pair| pair.native == native).map(|pair| pair.step)
    }
}

/// Tells both ends of every connection that it was reset, when the venue goes down.
struct ResetAll(Kraken);

impl Drop for ResetAll {
    fn drop(&mut self) {
        let connections = std::mem::take(&mut self.0.lock().connections);
        for connection in connections.into_values() {
            connection.link.reset();
        }
    }
}

impl Connection {
    fn send(&mut self, text: String) {
        self.put(Message::text(text));
    }

    /// Queues a message. A client that takes nothing is cut off, as venues do.
    fn put(&mut self, message: Message) {
        if !self.mute && self.outbox.try_send(message).is_err() {
            self.link.reset();
        }
    }
}

impl Pair {
    fn say(&mut self, part: Part, connection: u64, in_vain: bool) {
        let step = match part {
            Part::Top => self.step,
            Part::Trade => self.traded,
            Part::Day => self.day,
        };
        self.journal.say(part, step, Said { connection, era: self.era, in_vain });
    }

    /// The whole book, or what moved since the price was at `before`.
    fn book(&self, before: Option<u64>, now: Micros) -> String {
        let bids = |steps: &mut dyn Iterator<Item = u64>| -> Vec<String> {
            steps.map(|step| level(price(step), Some(size(Side::Buy, step)))).collect()
        };
        let ask = self.step + SPREAD_STEPS;
        let (kind, bids, asks) = if let Some(before) = before {
            let gone = (before + SPREAD_STEPS..ask).map(|step| level(price(step), None));
            let new = (before + SPREAD_STEPS + DEPTH..ask + DEPTH)
                .map(|step| level(price(step), Some(size(Side::Sell, step))));
            ("update", bids(&mut (before + 1..=self.step)), gone.chain(new).collect::<Vec<String>>())
        } else {
            let asks = (ask..ask + DEPTH).map(|step| level(price(step), Some(size(Side::Sell, step))));
            ("snapshot", bids(&mut (self.step + 1 - DEPTH..=self.step).rev()), asks.collect())
        };
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{}","bids":[{}],"asks":[{}],"checksum":{},"timestamp":"{}"}}]}}"#,
            self.native,
            bids.join(","),
            asks.join(","),
            self.checksum(),
            iso(now)
        )
    }

    /// CRC32 over the digits of the ten best levels of each side, as the venue's guide has it.
    fn checksum(&self) -> u32 {
        let mut digits = String::new();
        let mut add = |number: String| digits.push_str(number.replace('.', "").trim_start_matches('0'));
        let ask = self.step + SPREAD_STEPS;
        for step in ask..ask + DEPTH {
            add(price(step).to_string());
            add(size(Side::Sell, step).to_string());
        }
        for step in (self.step + 1 - DEPTH..=self.step).rev() {
            add(price(step).to_string());
            add(size(Side::Buy, step).to_string());
        }
        crc32(digits.as_bytes())
    }

    fn trade(&self, kind: &str, now: Micros) -> String {
        let step = self.traded;
        format!(
            r#"{{"channel":"trade","type":"{kind}","data":[{{"symbol":"{}","side":"{}","price":{},"qty":{},"ord_type":"limit","trade_id":{step},"timestamp":"{}"}}]}}"#,
            self.native,
            trade_side(step).name(),
            price(step),
            trade_size(step),
            iso(now)
        )
    }

    /// A ticker, which tells the last trade and the top as well.
    fn tell_ticker(&mut self, kind: &str, number: u64, connection: &mut Connection, now: Micros) {
        self.say(Part::Day, number, false);
        self.say(Part::Trade, number, false);
        self.say(Part::Top, number, false);
        let ask = self.step + SPREAD_STEPS;
        let last = price(self.traded);
        connection.send(format!(
            r#"{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{}","bid":{},"bid_qty":{},"ask":{},"ask_qty":{},"last":{last},"volume":{},"low":{},"high":{},"change":{},"timestamp":"{}"}}]}}"#,
            self.native,
            price(self.step),
            size(Side::Buy, self.step),
            price(ask),
            size(Side::Sell, ask),
            volume(self.day),
            price(self.day - DAY_STEPS),
            price(self.day + DAY_STEPS),
            last - open(self.day),
            iso(now)
        ));
    }
}

fn level(price: market::Decimal, size: Option<market::Decimal>) -> String {
    let size = size.map_or_else(|| "0.00000000".to_owned(), |size| size.to_string());
    format!(r#"{{"price":{price},"qty":{size}}}"#)
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// `2026-11-21T09:30:00.250000Z`. A world lasts less than a day, so only the time of day moves.
fn iso(at: Micros) -> String {
    let micros = at.get();
    let (day, of_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    // 20,778 days after 1970 it is the 21st of November 2026.
    let date = 21 + day - 20_778;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::with_capacity(27);
    let _never = write!(text, "2026-11-{date:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::clock::BEGINNING;

    #[test]
    fn times_and_checksums_are_as_the_venue_writes_them() {
        assert_eq!(Micros::parse_iso(&iso(BEGINNING)), Some(BEGINNING));
        let later = BEGINNING.plus(Duration::from_millis(7_654_321));
        assert_eq!(Micros::parse_iso(&iso(later)), Some(later));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of the algorithm");
    }
}
