//! What a client reads: a response head, chunks or not, and event blocks by the rules of `text/event-stream`.
//!
//! Light on purpose: the reader shares the machine with the server. Lines end with LF, as all the servers here end
//! them; of a block only its `data:` line is looked at, and of that three values.

use memchr::memmem::Finder;

use crate::schedule;

/// Longest piece of a block that may wait for its rest, and longest head.
pub(crate) const CARRY_MAX: usize = 128 << 10;

/// What an event said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A quote: place of the symbol, time due, number of the update (0 when the stream has none).
    Quote { symbol: u32, due: u64, counter: u32 },
    /// The server says that this client lost something.
    Lagged,
    /// Anything else: heartbeats, greetings, quotes without a bid yet.
    Other,
}

/// Where the three values stand in a line of JSON.
#[derive(Debug)]
pub(crate) struct Keys {
    symbol: Finder<'static>,
    due: Finder<'static>,
    counter: Option<Finder<'static>>,
    /// What is added to the number read.
    due_from: u64,
    /// Where the last line had them. Lines of one server are alike, so most searches end here.
    symbol_hint: usize,
    due_hint: usize,
}

impl Keys {
    /// The bid is the time due, its size the number.
    pub(crate) fn bids() -> Keys {
        Keys {
            symbol: Finder::new(b"\"symbol\":\""),
            due: Finder::new(b"\"bid\":\""),
            counter: Some(Finder::new(b"\"bid_size\":\"")),
            due_from: schedule::BID_FROM,
            symbol_hint: 0,
            due_hint: 0,
        }
    }

    /// A time of the quote is when it was made, and there are no numbers.
    pub(crate) fn event_times() -> Keys {
        Keys { due: Finder::new(b"\"ts_event\":"), counter: None, due_from: 0, ..Keys::bids() }
    }

    /// Reads one line of JSON.
    pub(crate) fn read(&mut self, line: &[u8]) -> Said {
        let Some(at) = find(&self.symbol, line, &mut self.symbol_hint) else {
            return other(line);
        };
        let name = &line[at..];
        let Some(due_at) = find(&self.due, line, &mut self.due_hint) else {
            return other(line);
        };
        let (due, end) = number(line, due_at);
        let due = due + self.due_from;
        let Some(finder) = &self.counter else {
            return Said::Quote { symbol: 0, due, counter: 0 };
        };
        // The size follows the bid as `","bid_size":"`, nearly always.
        let key = finder.needle();
        let beside = end + 2;
        let counter_at = if line.get(beside..beside + key.len()) == Some(key) {
            beside + key.len()
        } else {
            match finder.find(line) {
                Some(at) => at + key.len(),
                None => return other(line),
            }
        };
        let (counter, _) = number(line, counter_at);
        // BENCH:S00017-USDT
        let Some(digits) = name.get(7..12) else { return Said::Other };
        let symbol = digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit.wrapping_sub(b'0')));
        Said::Quote { symbol, due, counter: counter as u32 }
    }
}

fn other(line: &[u8]) -> Said {
    if line.starts_with(b"{\"type\":\"lagged\"") { Said::Lagged } else { Said::Other }
}

fn find(finder: &Finder<'static>, line: &[u8], hint: &mut usize) -> Option<usize> {
    let key = finder.needle();
    if line.get(*hint..*hint + key.len()) == Some(key) {
        return Some(*hint + key.len());
    }
    let at = finder.find(line)?;
    *hint = at;
    Some(at + key.len())
}

/// The whole number at a place, and where it ends.
fn number(line: &[u8], at: usize) -> (u64, usize) {
    let mut end = at;
    let mut n = 0_u64;
    while let Some(digit) = line.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        n = n.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    (n, end)
}

/// How the body of a response is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// The head has not ended.
    Head,
    /// Bytes until the end.
    Plain,
    /// So many bytes of a chunk are to come, its line end included.
    InChunk(usize),
    /// In the line of a chunk's size: what was read of it, and whether its digits are over.
    Size(usize, bool),
    /// The last chunk has come.
    Over,
}

/// One response, as far as it was read.
#[derive(Debug)]
pub(crate) struct Response {
    framing: Framing,
    carry: Vec<u8>,
}

/// What ended a response early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Not 200: the first line.
    Refused(String),
    /// A block or head without an end.
    TooLong,
}

impl Response {
    /// Nothing read yet.
    pub(crate) const fn new() -> Response {
        Response { framing: Framing::Head, carry: Vec::new() }
    }

    /// Whether the head has been read.
    pub(crate) fn begun(&self) -> bool {
        self.framing != Framing::Head
    }

    /// Whether the server has ended the body.
    pub(crate) fn over(&self) -> bool {
        self.framing == Framing::Over
    }

    /// Whether an event, or the head, has begun and not ended.
    pub(crate) fn is_within(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Reads on. `buffer` has room for what was carried over in front of the new bytes, which begin at [`CARRY_MAX`].
    /// Hands over the text of every `data:` line of a whole block.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        end: usize,
        mut hand: impl FnMut(&[u8]),
    ) -> Result<(), Broken> {
        let mut start = CARRY_MAX;
        if self.framing == Framing::Head {
            start -= self.carry.len();
            buffer[start..CARRY_MAX].copy_from_slice(&self.carry);
            self.carry.clear();
            match memchr::memmem::find(&buffer[start..end], b"\r\n\r\n") {
                Some(at) => {
                    self.framing = framing(&buffer[start..start + at])?;
                    start += at + 4;
                }
                None => return self.keep(&buffer[start..end]),
            }
        }
        // What comes behind a head may begin anywhere; what is carried over stands before it.
        let end = self.unchunk(buffer, start, end);
        if !self.carry.is_empty() {
            start -= self.carry.len();
            buffer[start..start + self.carry.len()].copy_from_slice(&self.carry);
            self.carry.clear();
        }
        let rest = blocks(&buffer[start..end], &mut hand);
        self.keep(&buffer[start + rest..end])
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), Broken> {
        if rest.len() > CARRY_MAX {
            return Err(Broken::TooLong);
        }
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    /// Takes the chunks' sizes out, in place; where the bytes then end.
    fn unchunk(&mut self, buffer: &mut [u8], start: usize, end: usize) -> usize {
        let (mut from, mut to) = (start, start);
        loop {
            match self.framing {
                Framing::Head | Framing::Plain => return end,
                Framing::Over => return to,
                Framing::InChunk(left) => {
                    let here = left.min(end - from);
                    // The last two bytes of a chunk are its line end.
                    let text = here.min(left.saturating_sub(2));
                    buffer.copy_within(from..from + text, to);
                    to += text;
                    from += here;
                    self.framing =
                        if here == left { Framing::Size(0, false) } else { Framing::InChunk(left - here) };
                    if here < left {
                        return to;
                    }
                }
                Framing::Size(mut size, mut over) => {
                    let mut ended = false;
                    while from < end && !ended {
                        match char::from(buffer[from]) {
                            '\n' => ended = true,
                            letter => match letter.to_digit(16).filter(|_| !over) {
                                Some(digit) => size = size * 16 + digit as usize,
                                // The rest of the line are extensions, or its end.
                                None => over = true,
                            },
                        }
                        from += 1;
                    }
                    self.framing = match (ended, size) {
                        (false, _) => Framing::Size(size, over),
                        (true, 0) => Framing::Over,
                        (true, size) => Framing::InChunk(size + 2),
                    };
                    if !ended {
                        return to;
                    }
                }
            }
        }
    }
}

fn framing(head: &[u8]) -> Result<Framing, Broken> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some("200") {
        return Err(Broken::Refused(line.to_owned()));
    }
    let chunked = head.lines().any(|line| line.replace(' ', "") == "transfer-encoding:chunked");
    Ok(if chunked { Framing::Size(0, false) } else { Framing::Plain })
}

/// Hands over the data of every whole block; where the first unfinished block begins.
fn blocks(bytes: &[u8], hand: &mut impl FnMut(&[u8])) -> usize {
    let (mut block, mut line) = (0, 0);
    let mut data: Option<(usize, usize)> = None;
    while let Some(length) = memchr::memchr(b'\n', &bytes[line..]) {
        let end = line + length;
        if length == 0 {
            if let Some((from, to)) = data.take() {
                hand(&bytes[from..to]);
            }
            block = end + 1;
        } else if bytes[line..end].starts_with(b"data:") {
            let from = line + 5 + usize::from(bytes.get(line + 5) == Some(&b' '));
            data = Some((from, end));
        }
        line = end + 1;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the bytes in pieces of that size.
    fn read(bytes: &[u8], piece: usize) -> (Vec<Said>, Response) {
        let mut keys = Keys::bids();
        let mut response = Response::new();
        let mut said = Vec::new();
        let mut buffer = vec![0; CARRY_MAX + piece];
        for part in bytes.chunks(piece) {
            buffer[CARRY_MAX..CARRY_MAX + part.len()].copy_from_slice(part);
            response.read(&mut buffer, CARRY_MAX + part.len(), |line| said.push(keys.read(line))).unwrap();
        }
        (said, response)
    }

    const BLOCKS: &str = "retry: 1\n\nid: a-1\ndata: {\"type\":\"quote\",\"symbol\":\"BENCH:S00017-USDT\",\"seq\":1,\
        \"bid\":\"795280000000000\",\"bid_size\":\"12\"}\n\n: hush\n\ndata:{\"type\":\"lagged\",\"missed\":3}\n\n\
        data: {\"symbol\":\"BENCH:S00003-USDT\",\"status\":\"live\"}\n\n\
        event: quote\ndata: {\"symbol\":\"BENCH:S12345-USDT\",\"bid_size\":\"7\",\"bid\":\"5\"}\n\ndata: half";

    fn expected() -> Vec<Said> {
        vec![
            Said::Quote { symbol: 17, due: 1_795_280_000_000_000, counter: 12 },
            Said::Lagged,
            Said::Other,
            Said::Quote { symbol: 12_345, due: 1_000_000_000_000_005, counter: 7 },
        ]
    }

    #[test]
    fn events_are_read_whatever_the_pieces() {
        let plain = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{BLOCKS}");
        for piece in (1..200).chain([plain.len()]) {
            assert_eq!(read(plain.as_bytes(), piece).0, expected(), "pieces of {piece}");
        }
    }

    #[test]
    fn chunks_are_taken_out_whatever_their_size() {
        for size in [1, 2, 7, 16, 100, 300] {
            let mut text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            for chunk in BLOCKS.as_bytes().chunks(size) {
                text.push_str(&format!("{:X}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
            }
            for piece in (1..120).chain([text.len()]) {
                let (said, response) = read(text.as_bytes(), piece);
                assert_eq!(said, expected(), "chunks of {size}, pieces of {piece}");
                assert!(response.begun() && !response.over());
            }
            text.push_str("0\r\n\r\n");
            assert!(read(text.as_bytes(), 33).1.over());
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_line() {
        let head = b"HTTP/1.1 403 Forbidden\r\n\r\n";
        let mut buffer = vec![0; CARRY_MAX + head.len()];
        buffer[CARRY_MAX..].copy_from_slice(head);
        let end = buffer.len();
        let broken = Response::new().read(&mut buffer, end, |_| {}).unwrap_err();
        assert_eq!(broken, Broken::Refused("http/1.1 403 forbidden".to_owned()));
    }
}
