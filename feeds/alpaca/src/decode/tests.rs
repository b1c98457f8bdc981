//! One test for each kind of message, over the examples of the venue's documents.

use feed::Instruments;

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

fn read_with(decoder: &mut AlpacaV2, text: &str) -> Read {
    let mut batch = Batch::new(Instruments::new("ALPACA", 10));
    let kind = decoder.decode(Frame::Text(text), Micros(7), &mut batch);
    Read { kind, batch }
}

fn read_one(text: &str) -> Read {
    read_with(&mut AlpacaV2::new(), text)
}

const QUOTE: &str = r#"[{"T":"q","S":"AMD","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z","c":["R"],"z":"C"}]"#;
const TRADE: &str = r#"[{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@"],"z":"C"}]"#;

#[test]
fn a_quote_tells_the_top_in_shares() {
    let read = read_one(QUOTE);
    assert_eq!(read.kind, Ok("q"));
    assert_eq!(read.told(), "bid=87.66 bid_size=1 ask=87.68 ask_size=4");
    assert_eq!(read.only().ts_event, Micros::parse_iso("2021-02-22T15:51:45.335689Z"));
    let empty = read_one(&QUOTE.replace("87.66", "0").replace(r#""bs":1"#, r#""bs":0"#));
    assert_eq!(empty.told(), "bid=- bid_size=- ask=87.68 ask_size=4", "zero is no quote on that side");
    let odd = read_one(&QUOTE.replace("87.66", "0"));
    assert_eq!(odd.told(), "bid=- bid_size=- ask=87.68 ask_size=4", "whatever its size");
    let half = read_one(r#"[{"T":"q","S":"AMD","bp":1,"bs":2}]"#);
    assert_eq!(half.told(), "bid=1 bid_size=2", "what is missing tells nothing");
}

#[test]
fn a_trade_tells_the_last_without_a_side() {
    let read = read_one(TRADE);
    assert_eq!(read.kind, Ok("t"));
    assert_eq!(read.told(), "last=126.55 last_size=1");
    assert_eq!(read.only().values().side(), None);
}

/// Each of these would have been the last price while conditions were not read.
#[test]
fn a_trade_that_does_not_make_the_last_price_tells_nothing() {
    let with = |conditions: &str, tape: &str| {
        read_one(&TRADE.replace(r#"["@"]"#, conditions).replace(r#""z":"C""#, &format!(r#""z":"{tape}""#)))
    };
    for (conditions, tape) in [
        (r#"["@","I"]"#, "C"),
        (r#"["@","F","T","I"]"#, "C"),
        (r#"["@","W"]"#, "C"),
        (r#"[" ","B"]"#, "A"),
        (r#"[" ","U"]"#, "B"),
        ("[7]", "C"),
    ] {
        let read = with(conditions, tape);
        assert_eq!((read.kind, read.batch.updates.len()), (Ok("t"), 0), "{conditions}");
        assert_eq!(read.batch.ignored, [Ignored::NotAQuote], "{conditions}");
    }
    assert_eq!(with(r#"["@","B"]"#, "C").told(), "last=126.55 last_size=1", "bunched, on this tape");
    for conditions in [r#"["@","Z"]"#, r#"["@","4"]"#, r#"["@","P"]"#] {
        assert_eq!(
            with(conditions, "C").batch.ignored,
            [Ignored::NotAQuote],
            "the first of the day or none: {conditions}"
        );
    }
}

/// Sold last: only the exchange that made the last price may go on with it.
#[test]
fn a_late_report_is_the_last_of_its_own_exchange_only() {
    let mut decoder = AlpacaV2::new();
    let late = TRADE.replace(r#"["@"]"#, r#"[" ","L"]"#).replace(r#""z":"C""#, r#""z":"A""#);
    assert_eq!(read_with(&mut decoder, &late).batch.updates.len(), 0, "there is no last");
    read_with(&mut decoder, TRADE);
    assert_eq!(read_with(&mut decoder, &late).only().source, Source::Direct, "the same exchange");
    let other = late.replace(r#""x":"D""#, r#""x":"N""#);
    assert_eq!(read_with(&mut decoder, &other).batch.updates.len(), 0);
}

#[test]
fn a_correction_into_what_makes_no_last_price_takes_the_trade_back() {
    let mut decoder = AlpacaV2::new();
    read_with(&mut decoder, TRADE);
    read_with(&mut decoder, &TRADE.replace("96921", "96922").replace("126.55", "130"));
    let fix = r#"[{"T":"c","S":"AAPL","x":"D","oi":96922,"op":130,"os":1,"oc":["@"],"ci":96930,"cp":131,"cs":2,"cc":["@","I"],"z":"C"}]"#;
    assert_eq!(read_with(&mut decoder, fix).told(), "last=126.55 last_size=1");
}

#[test]
fn a_correction_of_the_last_trade_changes_it() {
    let mut decoder = AlpacaV2::new();
    read_with(&mut decoder, TRADE);
    let fix = r#"[{"T":"c","S":"AAPL","x":"D","oi":96921,"op":126.55,"os":1,"oc":["@"],"ci":96930,"cp":126.5,"cs":2,"cc":["@"],"z":"C","t":"2023-04-06T14:25:06.542305024Z"}]"#;
    let read = read_with(&mut decoder, fix);
    assert_eq!((read.kind.clone(), read.told()), (Ok("c"), "last=126.5 last_size=2".to_owned()));
    let twice = read_with(&mut decoder, fix);
    assert_eq!(twice.batch.ignored, [Ignored::NotAQuote], "that number is gone");
    let other = fix.replace(r#""x":"D""#, r#""x":"M""#).replace("96921", "96930");
    assert_eq!(read_with(&mut decoder, &other).batch.ignored, [Ignored::NotAQuote], "another exchange");
}

#[test]
fn a_cancelled_trade_gives_way_to_the_one_before() {
    let mut decoder = AlpacaV2::new();
    read_with(&mut decoder, TRADE);
    read_with(&mut decoder, &TRADE.replace("96921", "96922").replace("126.55", "130"));
    let cancel = r#"[{"T":"x","S":"AAPL","i":96922,"x":"D","p":130,"s":1,"a":"C","z":"C","t":"2023-04-06T13:15:42.83540958Z"}]"#;
    let read = read_with(&mut decoder, cancel);
    assert_eq!((read.kind.clone(), read.told()), (Ok("x"), "last=126.55 last_size=1".to_owned()));
    let read = read_with(&mut decoder, &cancel.replace("96922", "96921"));
    assert_eq!(read.told(), "last=- last_size=-", "none is left");
    assert_eq!(read_with(&mut decoder, cancel).batch.ignored, [Ignored::NotAQuote]);
}

#[test]
fn an_earlier_trade_that_is_taken_back_leaves_the_last_one() {
    let mut decoder = AlpacaV2::new();
    read_with(&mut decoder, TRADE);
    read_with(&mut decoder, &TRADE.replace("96921", "96922").replace("126.55", "130"));
    let cancel = r#"[{"T":"x","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"a":"E"}]"#;
    let read = read_with(&mut decoder, cancel);
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::NotAQuote]));
}

#[test]
fn halts_are_told_and_ended_by_a_word() {
    let status = r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"Trading Halted; For information requested by NASDAQ","t":"2021-02-22T19:15:00Z","z":"C"}]"#;
    let told = |code: &str| {
        let read = read_one(&status.replace(r#""sc":"H""#, &format!(r#""sc":"{code}""#)));
        read.batch.updates.first().and_then(|(_, update)| update.status)
    };
    for code in ["2", "H", "P"] {
        assert_eq!(told(code), Some((Status::Halted, Reason::Venue)), "{code}");
    }
    for code in ["3", "T"] {
        assert_eq!(told(code), Some((Status::Live, Reason::Venue)), "{code}");
    }
    for code in ["Q", "5", "7", "E", "F", "A"] {
        assert_eq!(told(code), None, "{code}");
    }
}

#[test]
fn several_messages_of_a_frame_are_told_in_order() {
    let both = format!("[{},{}]", &QUOTE[1..QUOTE.len() - 1], &TRADE[1..TRADE.len() - 1]);
    let read = read_one(&both);
    assert_eq!((read.kind, read.batch.updates.len()), (Ok("q"), 2));
}

#[test]
fn logins_and_errors_are_understood() {
    let mut decoder = AlpacaV2::new();
    let mut read = |text: &str| read_with(&mut decoder, text);
    assert!(!read(r#"[{"T":"success","msg":"connected"}]"#).batch.ready);
    let plan = r#"[{"T":"error","code":409,"msg":"insufficient subscription"}]"#;
    assert_eq!(read(plan).kind, Err(DecodeError::GiveUp("409 insufficient subscription".into())));
    assert!(read(r#"[{"T":"success","msg":"authenticated"}]"#).batch.ready);
    assert_eq!(read(plan).batch.refused, [(None, "409 insufficient subscription".to_owned())]);
    let failed = r#"[{"T":"error","code":402,"msg":"auth failed"}]"#;
    assert_eq!(read(failed).kind, Err(DecodeError::GiveUp("402 auth failed".into())));
    let crowded = r#"[{"T":"error","code":406,"msg":"connection limit exceeded"}]"#;
    assert_eq!(read(crowded).kind, Err(DecodeError::Reconnect(Reason::Venue)));
    let many = read(r#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#);
    assert_eq!((many.kind, many.batch.refused.len()), (Ok("error"), 1));
    let set = r#"[{"T":"subscription","trades":["AAPL"],"quotes":["AMD"],"bars":["*"],"lulds":[],"corrections":["AAPL"],"cancelErrors":["AAPL"]}]"#;
    assert_eq!(read(set).kind, Ok("subscription"));
}

#[test]
fn bands_bars_and_new_types_fill_no_field() {
    for (text, kind) in [
        (
            r#"[{"T":"l","S":"IONM","u":3.24,"d":2.65,"i":"B","t":"2023-04-06T13:34:45.565004401Z","z":"C"}]"#,
            "l",
        ),
        (
            r#"[{"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.062639,"t":"2021-02-22T19:15:00Z"}]"#,
            "bar",
        ),
        (r#"[{"T":"i","S":"INAQU","p":9.12,"z":"C"}]"#, "other"),
    ] {
        let read = read_one(text);
        assert_eq!((read.kind, read.batch.ignored), (Ok(kind), vec![Ignored::NotAQuote]));
    }
}

#[test]
fn broken_frames_are_garbage_and_bad_numbers_counted() {
    for text in ["", "{}", "[]", "[1]", r#"[{"T":"q"}]"#, r#"[{"T":7}]"#, r#"{"T":"q"}"#] {
        assert!(read_one(text).kind.is_err(), "{text}");
    }
    let read = read_one(&TRADE.replace("126.55", &"9".repeat(40)));
    assert_eq!((read.batch.updates.len(), read.batch.ignored), (0, vec![Ignored::BadNumber]));
    let read = read_one(&TRADE.replace("96921", &"9".repeat(27)));
    assert_eq!(read.batch.updates.len(), 1, "a number of 27 digits only cannot be corrected");
    let binary = AlpacaV2::new().decode(Frame::Binary(b"[]"), Micros(1), &mut read_one("[]").batch);
    assert!(binary.is_err());
    assert!(read_one(&"[".repeat(5_000)).kind.is_err());
}

#[test]
fn the_first_trade_of_a_connection_ends_a_halt_whose_end_was_not_heard() {
    let mut decoder = AlpacaV2::new();
    let live = Some((Status::Live, Reason::Confirmed));
    assert_eq!(read_with(&mut decoder, TRADE).only().status, live);
    assert_eq!(read_with(&mut decoder, TRADE).only().status, None, "once");

    let mut decoder = AlpacaV2::new();
    let halt = r#"[{"T":"s","S":"AAPL","sc":"H","t":"2021-02-22T19:15:00Z","z":"C"}]"#;
    assert_eq!(read_with(&mut decoder, halt).only().status, Some((Status::Halted, Reason::Venue)));
    assert_eq!(read_with(&mut decoder, TRADE).only().status, None, "a late print ends no halt of this one");
}
