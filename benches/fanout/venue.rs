//! A venue like Binance, as far as its best bid and offer goes: the catalogue over HTTP, `bookTicker` over a WebSocket.
//!
//! The venue's side is written by hand and not taken from a library, because it must send tens of thousands of texts a
//! second in few writes and next to no CPU: its work stands in the client's column.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;

use crate::clock;
use crate::peers::request_head;
use crate::publisher::Outlet;
use crate::schedule::{self, Tick};

/// The size of a symbol's first quote.
const OPENING_SIZE: &str = "0.5";

/// Longest time that a write to the server may block.
const WRITE_PATIENCE: Duration = Duration::from_secs(20);

/// What the threads of the venue share. Each connection's own thread adds it and its symbols, the publisher reads both.
#[derive(Debug)]
struct Floor {
    /// The writing halves, by connection.
    lines: Vec<Arc<Mutex<TcpStream>>>,
    /// Which connection has a symbol.
    places: Vec<Option<usize>>,
}

/// A running venue. Its threads end with the process, or when the server hangs up.
#[derive(Debug)]
pub(crate) struct Venue {
    address: SocketAddr,
    floor: Arc<Mutex<Floor>>,
}

impl Venue {
    /// Starts it with so many symbols.
    pub(crate) fn start(symbols: u32) -> io::Result<Venue> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let floor = Floor { lines: Vec::new(), places: vec![None; symbols as usize] };
        let floor = Arc::new(Mutex::new(floor));
        let shared = Arc::clone(&floor);
        std::thread::Builder::new().name("venue".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let floor = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A line that ends is dialled again by the server.
                    let _ = serve(stream, &floor);
                });
            }
        })?;
        Ok(Venue { address, floor })
    }

    /// Host and port, for both.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every symbol has been subscribed.
    pub(crate) fn wait_subscribed(&self) -> io::Result<()> {
        let all = || lock(&self.floor).places.iter().all(Option::is_some).then_some(());
        clock::poll(Duration::from_secs(60), all)
            .ok_or_else(|| io::Error::other("the server did not subscribe to every symbol within a minute"))
    }

    /// The way for updates, and who remembers them.
    pub(crate) fn outlet(&self) -> (impl Outlet + use<>, Oracle) {
        let floor = lock(&self.floor);
        let oracle = Oracle(Arc::new(Mutex::new(vec![None; floor.places.len()])));
        let lines = Lines {
            lines: floor.lines.iter().map(|line| (Arc::clone(line), Vec::new())).collect(),
            places: floor.places.iter().map(|place| place.unwrap_or(0)).collect(),
            text: Vec::new(),
            oracle: oracle.clone(),
        };
        (lines, oracle)
    }
}

/// The venue's last word on each symbol, which no server has touched.
#[derive(Clone, Debug)]
pub(crate) struct Oracle(Arc<Mutex<Vec<Option<Tick>>>>);

impl Oracle {
    /// How many symbols are something else than the venue's last bid and size. One that it never spoke of after its opening
    /// counts by that.
    pub(crate) fn unlike(&self, tops: &HashMap<String, (String, String)>) -> usize {
        let newest = lock(&self.0);
        let is_unlike = |(symbol, tick): &(usize, &Option<Tick>)| {
            let top = tops.get(&schedule::name(*symbol as u32));
            match (top, tick) {
                (None, _) => true,
                (Some((_, size)), None) => size != OPENING_SIZE,
                (Some((bid, size)), Some(tick)) => {
                    *bid != tick.bid().to_string() || *size != tick.counter.to_string()
                }
            }
        };
        newest.iter().enumerate().filter(is_unlike).count()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection: a question for the catalogue, or a WebSocket.
fn serve(stream: TcpStream, floor: &Mutex<Floor>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let Some((target, lines)) = request_head(&mut input)? else { return Ok(()) };
    let key = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    match key {
        None => {
            let body = if target.contains("exchangeInfo") {
                catalogue(lock(floor).places.len())
            } else {
                String::new()
            };
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            (&stream).write_all(head.as_bytes())?;
            (&stream).write_all(body.as_bytes())
        }
        Some(key) => {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n"
            );
            (&stream).write_all(head.as_bytes())?;
            stream.set_write_timeout(Some(WRITE_PATIENCE))?;
            listen(&mut input, &Arc::new(Mutex::new(stream)), floor)
        }
    }
}

fn catalogue(symbols: usize) -> String {
    let entry = |n: u32| {
        let native = schedule::native(n);
        let base = native.trim_end_matches("USDT");
        format!(
            r#"{{"symbol":"{native}","status":"TRADING","baseAsset":"{base}","quoteAsset":"USDT","permissions":["SPOT"]}}"#
        )
    };
    let entries: Vec<String> = (0..symbols as u32).map(entry).collect();
    format!(r#"{{"timezone":"UTC","symbols":[{}]}}"#, entries.join(","))
}

/// Hears what the server says on a WebSocket: subscriptions, pings, and that it hangs up.
fn listen(input: &mut impl Read, line: &Arc<Mutex<TcpStream>>, floor: &Mutex<Floor>) -> io::Result<()> {
    let names: HashMap<String, usize> = {
        let count = lock(floor).places.len();
        (0..count).map(|n| (schedule::native(n as u32).to_lowercase(), n)).collect()
    };
    let place = {
        let mut floor = lock(floor);
        floor.lines.push(Arc::clone(line));
        floor.lines.len() - 1
    };
    loop {
        let (opcode, payload) = frame(input)?;
        let mut answer = Vec::new();
        match opcode {
            TEXT => {
                let asked: Asked = serde_json::from_slice(&payload).map_err(io::Error::other)?;
                let mut floor = lock(floor);
                for stream in &asked.params {
                    let symbol = stream.strip_suffix("@bookTicker").and_then(|name| names.get(name));
                    if let Some(symbol) = symbol {
                        floor.places[*symbol] = Some(place);
                        put_opening(*symbol as u32, &mut answer);
                    }
                }
                put_frame(TEXT, format!(r#"{{"result":null,"id":{}}}"#, asked.id).as_bytes(), &mut answer);
            }
            PING => put_frame(PONG, &payload, &mut answer),
            CLOSE => return Ok(()),
            _ => {}
        }
        lock(line).write_all(&answer)?;
    }
}

#[derive(serde::Deserialize)]
struct Asked {
    params: Vec<String>,
    id: u64,
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One frame of a client, unmasked. Clients here send short texts in one frame each.
fn frame(input: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    input.read_exact(&mut head)?;
    let mut wide = [0; 8];
    let length = match head[1] & 0x7f {
        126 => {
            input.read_exact(&mut wide[6..])?;
            u64::from_be_bytes(wide)
        }
        127 => {
            input.read_exact(&mut wide)?;
            u64::from_be_bytes(wide)
        }
        short => u64::from(short),
    };
    if length > 1 << 20 || head[1] & 0x80 == 0 {
        return Err(io::Error::other("a frame that no client sends here"));
    }
    let mut mask = [0; 4];
    input.read_exact(&mut mask)?;
    let mut payload = vec![0; length as usize];
    input.read_exact(&mut payload)?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((head[0] & 0x0f, payload))
}

/// Appends one frame of a server.
fn put_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        long => {
            out.push(126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// The first quote of a symbol, which makes it live. Its size is no whole number, so that it counts as none.
fn put_opening(symbol: u32, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let opening = Tick { symbol, counter: 0, due: clock::now() };
    ticker(symbol, 0, opening.bid(), OPENING_SIZE, &mut text);
    put_frame(TEXT, &text, out);
}

/// Appends one best bid and offer.
fn ticker(symbol: u32, seq: u64, bid: u64, size: &str, text: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let native = schedule::native(symbol);
    text.extend_from_slice(b"{\"stream\":\"");
    text.extend(native.bytes().map(|byte| byte.to_ascii_lowercase()));
    text.extend_from_slice(b"@bookTicker\",\"data\":{\"u\":");
    text.extend_from_slice(digits.format(seq).as_bytes());
    text.extend_from_slice(b",\"s\":\"");
    text.extend_from_slice(native.as_bytes());
    text.extend_from_slice(b"\",\"b\":\"");
    text.extend_from_slice(digits.format(bid).as_bytes());
    text.extend_from_slice(b"\",\"B\":\"");
    text.extend_from_slice(size.as_bytes());
    text.extend_from_slice(b"\",\"a\":\"900000000000000\",\"A\":\"1\"}}");
}

/// The venue's lines as an outlet.
struct Lines {
    lines: Vec<(Arc<Mutex<TcpStream>>, Vec<u8>)>,
    places: Vec<usize>,
    text: Vec<u8>,
    oracle: Oracle,
}

impl Outlet for Lines {
    fn put(&mut self, tick: &Tick, seq: u64) {
        lock(&self.oracle.0)[tick.symbol as usize] = Some(*tick);
        self.text.clear();
        let mut digits = itoa::Buffer::new();
        ticker(tick.symbol, seq, tick.bid(), digits.format(tick.counter), &mut self.text);
        let line = &mut self.lines[self.places[tick.symbol as usize]];
        put_frame(TEXT, &self.text, &mut line.1);
    }

    fn flush(&mut self) -> io::Result<()> {
        for (line, bytes) in self.lines.iter_mut().filter(|(_, bytes)| !bytes.is_empty()) {
            lock(line).write_all(bytes)?;
            bytes.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::BID_FROM;

    #[test]
    fn the_oracle_finds_every_symbol_that_is_not_as_it_was_left() {
        let tick = |symbol, counter, due| Some(Tick { symbol, counter, due });
        let oracle = Oracle(Arc::new(Mutex::new(vec![
            None,
            tick(1, 7, 500 + BID_FROM),
            tick(2, 3, 400 + BID_FROM),
            tick(3, 1, 9 + BID_FROM),
        ])));
        let top = |symbol, bid: &str, size: &str| (schedule::name(symbol), (bid.to_owned(), size.to_owned()));
        let right = [top(0, "123", "0.5"), top(1, "500", "7"), top(2, "400", "3"), top(3, "9", "1")];
        assert_eq!(oracle.unlike(&right.clone().into()), 0);
        for (symbol, bid, size) in [(0, "123", "1"), (1, "500", "6"), (2, "399", "3")] {
            let mut tops = HashMap::from(right.clone());
            tops.extend([top(symbol, bid, size)]);
            assert_eq!(oracle.unlike(&tops), 1, "{symbol}");
            tops.remove(&schedule::name(3));
            assert_eq!(oracle.unlike(&tops), 2, "{symbol} is wrong and another missing");
        }
    }
}
