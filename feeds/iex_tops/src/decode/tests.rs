//! Every kind of message, and what numbering, halts and the day make of them.

use feed::Instruments;

use super::*;

const NANOS: i64 = 1_499_697_138_000_001_999;

fn head(kind: u8, flags: u8, symbol: &str) -> Vec<u8> {
    let mut bytes = vec![kind, flags];
    bytes.extend_from_slice(&NANOS.to_le_bytes());
    bytes.extend_from_slice(format!("{symbol:<8}").as_bytes());
    bytes
}

fn quote(symbol: &str, flags: u8, bid: (u32, i64), ask: (u32, i64)) -> Vec<u8> {
    let mut bytes = head(b'Q', flags, symbol);
    bytes.extend_from_slice(&bid.0.to_le_bytes());
    bytes.extend_from_slice(&bid.1.to_le_bytes());
    bytes.extend_from_slice(&ask.1.to_le_bytes());
    bytes.extend_from_slice(&ask.0.to_le_bytes());
    bytes
}

fn trade(kind: u8, symbol: &str, size: u32, price: i64, id: i64) -> Vec<u8> {
    let mut bytes = head(kind, 0, symbol);
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&price.to_le_bytes());
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes
}

fn status(kind: u8, status: u8, symbol: &str) -> Vec<u8> {
    let mut bytes = head(kind, status, symbol);
    bytes.extend_from_slice(b"NA  ");
    bytes
}

fn system(event: u8) -> Vec<u8> {
    head(b'S', event, "")[..10].to_vec()
}

fn segment_of(session: u32, first: i64, messages: &[Vec<u8>]) -> Vec<u8> {
    let body: Vec<u8> =
        messages.iter().flat_map(|m| [&(m.len() as u16).to_le_bytes(), m.as_slice()].concat()).collect();
    let mut bytes = vec![1, 0, 0x03, 0x80];
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&session.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(messages.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&0_i64.to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&NANOS.to_le_bytes());
    [bytes, body].concat()
}

/// A decoder with its batch, and what each segment says: `SYMBOL bid size ask size | last size | status`.
struct Bench {
    decoder: Tops,
    batch: Batch,
    now: Micros,
    next: i64,
}

impl Bench {
    fn new() -> Bench {
        let batch = Batch::new(Instruments::new("IEX", 10));
        Bench { decoder: Tops::new(), batch, now: Micros(1), next: 1 }
    }

    fn raw(&mut self, bytes: &[u8]) -> Vec<String> {
        self.batch.clear();
        self.decoder.decode(Frame::Binary(bytes), self.now, &mut self.batch).unwrap();
        self.batch.updates.iter().map(|(id, update)| self.text(*id, update)).collect()
    }

    fn text(&self, id: InstrumentId, update: &Update) -> String {
        let number =
            |field| update.values().number(field).map_or("-".to_owned(), |number| number.to_string());
        let mut text = self.batch.instruments.get(id).unwrap().symbol.name().to_owned();
        let groups =
            [&[Field::Bid, Field::BidSize, Field::Ask, Field::AskSize][..], &[Field::Last, Field::LastSize]];
        for fields in groups {
            if update.told().contains(fields[0]) {
                let numbers: Vec<String> = fields.iter().map(|&field| number(field)).collect();
                text.push_str(&format!(" {}", numbers.join(" ")));
            }
        }
        if let Some((status, reason)) = update.status {
            text.push_str(&format!(" {}:{}", status.name(), reason.name()));
        }
        if update.snapshot {
            text.push_str(" snapshot");
        }
        text
    }

    /// The next messages of session 7.
    fn say(&mut self, messages: &[Vec<u8>]) -> Vec<String> {
        let bytes = segment_of(7, self.next, messages);
        self.next += messages.len() as i64;
        self.raw(&bytes)
    }
}

const AAPL: &str = "AAPL";

fn top(symbol: &str) -> Vec<u8> {
    quote(symbol, 0, (100, 1_234_500), (200, 1_234_600))
}

#[test]
fn a_quote_is_the_whole_top_with_four_decimals() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[top(AAPL)]), ["AAPL 123.4500 100 123.4600 200 live:confirmed snapshot"]);
    assert_eq!(bench.batch.updates[0].1.ts_event, Some(Micros(NANOS / 1_000)));
    assert_eq!(
        bench.say(&[quote(AAPL, 0x40, (1, 1), (2, 3))]),
        ["AAPL 0.0001 1 0.0003 2"],
        "outside regular hours"
    );
}

#[test]
fn a_side_without_price_and_size_is_no_quote_as_the_recording_of_2017_has_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[quote(AAPL, 0, (0, 0), (2, 3))]), ["AAPL - - 0.0003 2 live:confirmed snapshot"]);
    assert_eq!(bench.say(&[quote(AAPL, 0, (5, -3), (0, 0))]), ["AAPL - - - -"], "no price is below zero");
    assert_eq!(
        bench.say(&[quote(AAPL, 0, (0, 70_000), (0, 0))]),
        ["AAPL 7.0000 0 - -"],
        "a price without size stands"
    );
}

#[test]
fn trades_are_told_and_taken_back() {
    let mut bench = Bench::new();
    let print = |size, id| trade(b'T', AAPL, size, 99_500, id);
    let lost = |id| trade(b'B', AAPL, 1, 1, id);
    assert_eq!(bench.say(&[print(1, 11), print(2, 12), print(3, 13)]).last().unwrap(), "AAPL 9.9500 3");
    assert_eq!(bench.say(&[lost(11)]), [""; 0], "older than those that can be shown");
    assert_eq!(bench.batch.ignored, [Ignored::NotAQuote]);
    assert_eq!(bench.say(&[lost(13)]), ["AAPL 9.9500 2"], "the one before stands again");
    assert_eq!(bench.say(&[lost(12)]), ["AAPL - -"], "and without one nothing does");
    assert_eq!(bench.say(&[print(4, 14), print(5, 15), lost(14), lost(15)]).last().unwrap(), "AAPL - -");
}

#[test]
fn halts_of_the_market_and_of_iex_are_halts_until_both_have_ended() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[status(b'H', b'T', AAPL), status(b'O', b'N', AAPL)]), [""; 0], "not quoted yet");
    bench.say(&[top(AAPL)]);
    assert_eq!(bench.say(&[status(b'H', b'H', AAPL)]), ["AAPL halted:venue"]);
    assert_eq!(bench.say(&[status(b'O', b'O', AAPL), status(b'H', b'P', AAPL)]), [""; 0]);
    assert_eq!(bench.say(&[quote(AAPL, 0x80, (0, 0), (0, 0))]), ["AAPL - - - -"]);
    assert_eq!(
        bench.say(&[status(b'H', b'T', AAPL), status(b'O', b'N', AAPL)]),
        [""; 0],
        "the quote says no"
    );
    assert_eq!(bench.say(&[top(AAPL)]), ["AAPL 123.4500 100 123.4600 200 live:confirmed"]);
    assert_eq!(
        bench.say(&[status(b'H', b'O', "NEW")]),
        ["NEW halted:venue"],
        "halted before it was ever quoted"
    );
    assert_eq!(bench.say(&[status(b'H', b'T', "NEW")]), [""; 0]);
    assert_eq!(bench.say(&[top("NEW")]), ["NEW 123.4500 100 123.4600 200 live:confirmed snapshot"]);
}

#[test]
fn the_day_closes_and_opens() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(&[system(b'O'), system(b'S'), top(AAPL), system(b'R'), system(b'M')]).len(), 1);
    assert_eq!(bench.say(&[system(b'E')]), ["AAPL closed:venue"]);
    assert_eq!(
        bench.say(&[quote(AAPL, 0x80, (0, 0), (0, 0)), status(b'H', b'T', AAPL), system(b'C')]),
        ["AAPL - - - -"]
    );
    // The next day is another session, heard from its beginning.
    let bytes = segment_of(8, 1, &[system(b'O'), top(AAPL)]);
    let opened = ["AAPL connecting:not_heard", "AAPL 123.4500 100 123.4600 200 live:confirmed snapshot"];
    assert_eq!(bench.raw(&bytes), opened);
}

#[test]
fn a_missed_segment_makes_every_quoted_symbol_suspect_before_the_next_message() {
    let mut bench = Bench::new();
    bench.say(&[top(AAPL), top("IBM"), status(b'H', b'H', "IBM"), trade(b'T', "XOM", 1, 1, 1)]);
    bench.next += 1;
    let told = bench.say(&[top(AAPL)]);
    let live = "AAPL 123.4500 100 123.4600 200 live:confirmed snapshot";
    assert_eq!(told, ["AAPL suspect:gap", "IBM suspect:gap", "XOM - - suspect:gap", live]);
    assert_eq!(bench.say(&[status(b'H', b'T', "IBM")]), [""; 0], "a status is no quote");
    assert_eq!(bench.say(&[top("IBM")]), ["IBM 123.4500 100 123.4600 200 live:confirmed snapshot"]);
    assert_eq!(bench.say(&[trade(b'T', "XOM", 1, 1, 2)]), ["XOM 0.0001 1"], "a trade is no quote either");
    bench.next += 5;
    let heartbeat = bench.say(&[]);
    assert_eq!(
        heartbeat,
        ["AAPL suspect:gap", "IBM suspect:gap", "XOM - - suspect:gap"],
        "a heartbeat shows it as well"
    );
    assert_eq!(bench.say(&[status(b'H', b'H', AAPL)]), ["AAPL halted:venue"]);
    let halted = "AAPL 123.4500 100 123.4600 200 snapshot";
    assert_eq!(bench.say(&[quote(AAPL, 0x80, (100, 1_234_500), (200, 1_234_600))]), [halted]);
}

#[test]
fn what_was_said_before_is_a_duplicate_however_it_is_cut() {
    let mut bench = Bench::new();
    bench.say(&[top(AAPL), top("IBM")]);
    let again = segment_of(7, 2, &[top("IBM"), top("XOM")]);
    assert_eq!(bench.raw(&again), ["XOM 123.4500 100 123.4600 200 live:confirmed snapshot"]);
    assert_eq!(bench.batch.ignored, [Ignored::Duplicate]);
    assert_eq!(bench.raw(&again), [""; 0]);
    assert_eq!(bench.raw(&segment_of(7, 1, &[])), [""; 0], "an old heartbeat");
    bench.next = 4;
    assert_eq!(bench.say(&[top(AAPL)]), ["AAPL 123.4500 100 123.4600 200"]);
}

#[test]
fn another_session_empties_everything() {
    let mut bench = Bench::new();
    bench.say(&[top(AAPL)]);
    let told = bench.raw(&segment_of(8, 1, &[top("IBM"), top(AAPL)]));
    let live = "123.4500 100 123.4600 200 live:confirmed snapshot";
    assert_eq!(
        told,
        ["AAPL - - - - suspect:reset".to_owned(), format!("IBM {live}"), format!("AAPL {live}")]
    );
}

#[test]
fn one_garbled_number_does_not_silence_the_feed_for_ever() {
    let mut bench = Bench::new();
    bench.say(&[top(AAPL)]);
    assert_eq!(bench.raw(&segment_of(7, i64::MAX, &[])), ["AAPL suspect:gap"]);
    assert_eq!(bench.say(&[top(AAPL)]), [""; 0], "old numbers");
    bench.now = Micros(11_000_000);
    let told = bench.say(&[top(AAPL)]);
    assert_eq!(
        told,
        ["AAPL - - - - suspect:reset", "AAPL 123.4500 100 123.4600 200 live:confirmed snapshot"]
    );
    assert_eq!(bench.say(&[top(AAPL)]), ["AAPL 123.4500 100 123.4600 200"]);
}

#[test]
fn messages_may_be_longer_than_they_are_today_and_new_ones_may_come() {
    let mut bench = Bench::new();
    let mut long = top(AAPL);
    long.extend_from_slice(b"of a later version");
    let told = bench.say(&[long, head(b'Z', 0, AAPL), vec![b'I'], head(b'D', 0, "XOM")]);
    assert_eq!(told.len(), 1);
    // A directory entry that is cut short is no entry.
    assert_eq!(bench.batch.ignored, [Ignored::NotAQuote, Ignored::NotAQuote, Ignored::BadNumber]);
    let short = top(AAPL)[..41].to_vec();
    let nameless = quote("", 0, (1, 1), (1, 1));
    assert_eq!(bench.say(&[short, nameless, vec![], top(" A")]), [""; 0]);
    assert_eq!(bench.batch.ignored, [Ignored::BadNumber; 4]);
    let mut directory = head(b'D', 0x80, "XOM");
    directory.resize(31, 0);
    assert_eq!(bench.say(&[directory]), [""; 0]);
    assert!(bench.batch.instruments.find("XOM").is_some(), "its name is known");
}

#[test]
fn what_is_no_segment_is_garbage_and_changes_nothing() {
    let mut bench = Bench::new();
    bench.say(&[top(AAPL)]);
    let good = segment_of(7, 2, &[top(AAPL), top("IBM")]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases = [
        (good[..39].to_vec(), "shorter than the head of a segment"),
        (good[..good.len() - 1].to_vec(), "a segment that is cut short"),
        (with(0, 2), "not TOPS 1.6 in IEX-TP 1"),
        (with(2, 4), "not TOPS 1.6 in IEX-TP 1"),
        (with(14, 3), "messages that do not fill their segment"),
        (with(40, 43), "messages that do not fill their segment"),
        (with(31, 0x80), "a negative sequence"),
        (Vec::new(), "shorter than the head of a segment"),
    ];
    for (bytes, why) in cases {
        let read = bench.decoder.decode(Frame::Binary(&bytes), Micros(1), &mut bench.batch);
        assert_eq!(read, Err(DecodeError::Garbage(why)));
    }
    let text = bench.decoder.decode(Frame::Text("{}"), Micros(1), &mut bench.batch);
    assert_eq!(text, Err(DecodeError::Garbage("text where segments are due")));
    assert_eq!(bench.raw(&good).len(), 2, "and the next one is read as if nothing had happened");
    // What follows a segment in its datagram is not looked at.
    let padded = [segment_of(7, 4, &[top(AAPL)]), vec![0; 6]].concat();
    assert_eq!(bench.raw(&padded).len(), 1);
}

#[test]
fn symbols_that_are_not_wanted_are_counted() {
    let mut instruments = Instruments::new("IEX", 2);
    instruments.close();
    let mut bench = Bench { batch: Batch::new(instruments), ..Bench::new() };
    assert_eq!(bench.say(&[top(AAPL), trade(b'T', AAPL, 1, 1, 1), status(b'H', b'H', AAPL)]), [""; 0]);
    assert_eq!(bench.batch.ignored, [Ignored::UnknownSymbol; 3]);
}
