//! One test for each kind of message, over the examples of the venue's documents.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Read {
    kind: Result<&'static str, DecodeError>,
    batch: Batch,
}

impl Read {
    fn only(&self) -> &Update {
        assert_eq!(self.batch.updates.len(), 1, "{:?}", self.batch);
        &self.batch.updates[0].1
    }

    /// The told numbers in the order of the fields, absent ones as `-`.
    fn told(&self) -> String {
        let update = self.only();
        let fields = Field::NUMBER_FIELDS.into_iter().filter(|field| update.told().contains(*field));
        let text = |field: Field| update.values().number(field).map_or("-".to_owned(), |n| n.to_string());
        fields.map(|field| format!("{}={}", field.name(), text(field))).collect::<Vec<_>>().join(" ")
    }
}

fn read_one(text: &str) -> Read {
    let mut instruments = Instruments::new("MASSIVE", 10);
    for ticker in ["MSFT", "BRK.B"] {
        instruments.add(ticker, Symbol::of_venue("MASSIVE", ticker).unwrap());
    }
    instruments.close();
    let mut batch = Batch::new(instruments);
    let kind = Stocks::new().decode(Frame::Text(text), Micros(7), &mut batch);
    Read { kind, batch }
}

const QUOTE: &str = r#"[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3}]"#;
const TRADE: &str = r#"[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0],"t":1536036818784,"q":3681328}]"#;
const BANDS: &str =
    r#"[{"ev":"LULD","T":"MSFT","h":218.96,"l":198.11,"i":[21],"z":3,"t":1601316752683746,"q":290317}]"#;

#[test]
fn a_quote_tells_the_top_in_shares() {
    let read = read_one(QUOTE);
    assert_eq!(read.kind, Ok("Q"));
    assert_eq!(read.told(), "bid=114.125 bid_size=100 ask=114.128 ask_size=160");
    assert_eq!(read.only().ts_event, Some(Micros::from_millis(1_536_036_818_784)));
    assert_eq!(read.only().venue_seq, None, "it starts over each session");
    let empty = read_one(&QUOTE.replace("\"bp\":114.125,\"bs\":100", "\"bp\":0,\"bs\":0"));
    assert_eq!(empty.told(), "bid=- bid_size=- ask=114.128 ask_size=160", "zero is no quote on that side");
}

#[test]
fn a_trade_tells_the_last_without_a_side() {
    let read = read_one(TRADE);
    assert_eq!((read.kind.clone(), read.told()), (Ok("T"), "last=114.125 last_size=100".to_owned()));
    assert_eq!(read.only().values().side(), None);
    assert_eq!(
        read_one(&TRADE.replace(r#""c":[0],"#, "")).told(),
        "last=114.125 last_size=100",
        "a regular one"
    );
}

/// Each of these would have been the last price while conditions were not read; the first is the documents' own example.
#[test]
fn a_trade_that_does_not_make_the_last_price_tells_nothing() {
    let with = |conditions: &str| read_one(&TRADE.replace("[0]", conditions));
    for conditions in ["[0,12]", "[37]", "[14,37,41]", "[2]", "[52]", "[53,41]", "[15]", r#"["I"]"#] {
        let read = with(conditions);
        assert_eq!((read.kind, read.batch.updates.len()), (Ok("T"), 0), "{conditions}");
        assert_eq!(read.batch.ignored, [Ignored::NotAQuote], "{conditions}");
    }
    for conditions in ["[10]", "[22,41]", "[30]", "[33]", "[5]"] {
        assert_eq!(
            with(conditions).batch.ignored,
            [Ignored::NotAQuote],
            "the first of the day or none: {conditions}"
        );
    }
    assert_eq!(with("[14,41]").only().source, Source::Direct);
}

#[test]
fn indicators_halt_and_resume() {
    let read = read_one(BANDS);
    assert_eq!((read.kind, read.batch.ignored), (Ok("LULD"), vec![Ignored::NotAQuote]), "bands alone");
    let read = read_one(&BANDS.replace("[21]", "[17]"));
    assert_eq!(read.only().status, Some((Status::Halted, Reason::Venue)));
    let read = read_one(&BANDS.replace("[21]", "[21,18]"));
    assert_eq!(read.only().status, Some((Status::Live, Reason::Venue)));
    let read = read_one(&BANDS.replace("[21]", "\"17\""));
    assert_eq!(read.batch.ignored, [Ignored::NotAQuote], "not as documented");
}

#[test]
fn answers_are_understood() {
    let status = |status: &str, message: &str| {
        read_one(&format!(r#"[{{"ev":"status","status":"{status}","message":"{message}"}}]"#))
    };
    assert!(!status("connected", "Connected Successfully").batch.ready);
    assert!(status("auth_success", "authenticated").batch.ready);
    let failed = DecodeError::GiveUp("auth_failed authentication failed".into());
    assert_eq!(status("auth_failed", "authentication failed").kind, Err(failed));
    let crowded = status("max_connections", "Maximum number of websocket connections exceeded.");
    assert_eq!(crowded.kind, Err(DecodeError::Reconnect(Reason::Venue)));
    assert_eq!(status("success", "subscribed to: Q.MSFT").batch.refused, []);
    let refused = status("error", "not authorized for: Q.BRK.B");
    let id = refused.batch.instruments.find("BRK.B");
    assert_eq!(refused.batch.refused, [(id, "error not authorized for: Q.BRK.B".to_owned())]);
    let refused = status("error", "invalid params");
    assert_eq!(refused.batch.refused, [(None, "error invalid params".to_owned())]);
}

#[test]
fn several_events_of_a_frame_are_told_in_order() {
    let both = format!("[{},{}]", &TRADE[1..TRADE.len() - 1], &QUOTE[1..QUOTE.len() - 1]);
    let read = read_one(&both);
    assert_eq!((read.kind, read.batch.updates.len()), (Ok("T"), 2));
}

#[test]
fn bars_and_unknown_tickers_are_counted() {
    let read = read_one(
        r#"[{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,"z":685,"s":1610144640000,"e":1610144700000}]"#,
    );
    assert_eq!((read.kind, read.batch.ignored), (Ok("AM"), vec![Ignored::NotAQuote]));
    let read = read_one(&QUOTE.replace("MSFT", "NOPE"));
    assert_eq!(read.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn broken_frames_are_garbage_and_bad_numbers_counted() {
    for text in ["", "{}", "[]", "[1]", r#"[{"ev":"Q"}]"#, r#"[{"ev":7}]"#, r#"{"ev":"Q"}"#] {
        assert!(read_one(text).kind.is_err(), "{text}");
    }
    let read = read_one(&TRADE.replace("114.125", &"9".repeat(40)));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BadNumber]));
    assert_eq!(read_one(&TRADE.replace("3681328", &"3".repeat(27))).batch.updates.len(), 1);
    let binary = Stocks::new().decode(Frame::Binary(b"[]"), Micros(1), &mut read_one("[]").batch);
    assert!(binary.is_err());
    assert!(read_one(&"[".repeat(5_000)).kind.is_err());
}

#[test]
fn the_first_trade_of_a_connection_ends_a_halt_whose_end_was_not_heard() {
    assert_eq!(read_one(TRADE).only().status, Some((Status::Live, Reason::Confirmed)));
    let halt = BANDS.replace("[21]", "[17]");
    let both = format!("[{},{}]", &halt[1..halt.len() - 1], &TRADE[1..TRADE.len() - 1]);
    let told: Vec<_> = read_one(&both).batch.updates.iter().map(|(_, update)| update.status).collect();
    assert_eq!(told, [Some((Status::Halted, Reason::Venue)), None], "a late print ends no halt of this one");
}
