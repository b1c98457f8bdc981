//! Every kind of event and the odd ones.

use feed::Instruments;

use super::*;

struct Bench {
    events: Events,
    batch: Batch,
}

impl Bench {
    fn new() -> Bench {
        Bench { events: Events::new(), batch: Batch::new(Instruments::new("UPSTREAM", 4)) }
    }

    /// What a line says: `SYMBOL field=value .. status snapshot`.
    fn say(&mut self, line: &str) -> Vec<String> {
        self.batch.clear();
        self.events.decode(Frame::Text(line), Micros(1), &mut self.batch).unwrap();
        let texts = self.batch.updates.iter().map(|(id, update)| {
            let mut text = self.batch.instruments.get(*id).unwrap().symbol.as_str().to_owned();
            for field in update.told().iter() {
                let number = update.values().number(field).map(|number| number.to_string());
                let side = update.values().side().filter(|_| field == Field::LastSide);
                let value = number.or(side.map(|side| side.name().to_owned()));
                // Of a snapshot the values that are there will do.
                if value.is_some() || !update.snapshot {
                    text.push_str(&format!(" {}={}", field.name(), value.unwrap_or_default()));
                }
            }
            if let Some((status, reason)) = update.status {
                text.push_str(&format!(" {}:{}", status.name(), reason.name()));
            }
            if update.snapshot {
                text.push_str(" snapshot");
            }
            text
        });
        texts.collect()
    }

    fn quote(&mut self, kind: &str, seq: u64, more: &str) -> Vec<String> {
        self.say(&format!(r#"data: {{"type":"{kind}","symbol":"OKX:A-B","seq":{seq}{more}}}"#))
    }
}

const LIVE: &str = r#","status":"live","since":1,"reason":"confirmed""#;

#[test]
fn a_snapshot_says_of_every_field_whether_there_is_one() {
    let mut bench = Bench::new();
    let told = bench.quote("snapshot", 5, &format!(r#","bid":"1.50","mid":"2","ts_event":7{LIVE}"#));
    assert_eq!(told, ["OKX:A-B bid=1.50 live:confirmed snapshot"]);
    let update = bench.batch.updates[0].1;
    assert_eq!(
        (update.told().len(), update.ts_event),
        (15, Some(Micros(7))),
        "fourteen numbers and the side"
    );
    let empty = bench.quote("snapshot", 6, r#","status":"connecting","since":1,"reason":"not_heard""#);
    assert_eq!(empty, ["OKX:A-B connecting:not_heard snapshot"]);
}

#[test]
fn a_delta_tells_what_changed_and_null_is_absent() {
    let mut bench = Bench::new();
    bench.quote("snapshot", 5, &format!(r#","bid":"1","last":"3","last_side":"buy"{LIVE}"#));
    assert_eq!(bench.quote("quote", 6, r#","bid":null,"ask":"4.0","n":3"#), ["OKX:A-B bid= ask=4.0"]);
    let trade = bench.quote("quote", 7, r#","last":"5","last_side":"sell""#);
    assert_eq!(trade, ["OKX:A-B last=5 last_size= last_side=sell"], "the side with the trade it belongs to");
    assert_eq!(bench.quote("quote", 8, r#","last_side":null"#), ["OKX:A-B last=5 last_size= last_side="]);
    assert_eq!(bench.quote("quote", 9, r#","change_24h":"1""#), [""; 0], "a figure that is worked out here");
}

#[test]
fn a_status_of_the_upstream_is_ours_and_the_way_back_tells_the_whole_quote() {
    let mut bench = Bench::new();
    bench.quote("snapshot", 5, &format!(r#","bid":"1","ask":"2"{LIVE}"#));
    let stale = bench.quote("status", 6, r#","status":"stale","since":2,"reason":"silence""#);
    assert_eq!(stale, ["OKX:A-B stale:silence"]);
    let back = bench.quote("quote", 7, &format!(r#","ask":"3"{LIVE}"#));
    assert_eq!(back, ["OKX:A-B bid=1 ask=3 live:confirmed snapshot"]);
    assert_eq!(bench.quote("status", 8, LIVE), [""; 0], "nothing new");
    let odd = bench.quote("status", 9, r#","status":"asleep","reason":"night""#);
    assert_eq!(odd, [""; 0], "a word of a later version");
    let halted = bench.quote("quote", 10, r#","bid":"4","status":"halted","since":2,"reason":"night""#);
    assert_eq!(halted, ["OKX:A-B bid=4 halted:"], "with a reason of a later version");
}

#[test]
fn the_sequence_of_a_symbol_only_rises_until_a_reset() {
    let mut bench = Bench::new();
    assert_eq!(bench.quote("quote", 9, r#","bid":"1""#), [""; 0]);
    assert_eq!(bench.batch.ignored, [Ignored::BeforeSnapshot]);
    bench.quote("snapshot", 5, LIVE);
    for seq in [4, 5] {
        for kind in ["quote", "status", "snapshot"] {
            assert_eq!(bench.quote(kind, seq, r#","bid":"1""#), [""; 0]);
            assert_eq!(bench.batch.ignored, [Ignored::Duplicate]);
        }
    }
    assert_eq!(bench.say(r#"data: {"type":"reset","reason":"unknown_epoch"}"#), ["OKX:A-B suspect:reset"]);
    assert_eq!(bench.quote("quote", 6, r#","bid":"1""#), [""; 0], "waits for its snapshot");
    assert_eq!(bench.quote("snapshot", 1, LIVE), ["OKX:A-B live:confirmed snapshot"]);
}

#[test]
fn lagged_symbols_are_suspect_until_their_snapshots() {
    let mut bench = Bench::new();
    bench.quote("snapshot", 5, LIVE);
    let lagged = r#"{"type":"lagged","missed":null,"symbols":["OKX:A-B","OKX:C-D"]}"#;
    assert_eq!(bench.say(lagged), ["OKX:A-B suspect:gap"], "as NDJSON has it");
    assert_eq!(bench.say(lagged), [""; 0]);
    assert_eq!(bench.quote("snapshot", 5, LIVE), ["OKX:A-B live:confirmed snapshot"]);
}

#[test]
fn hello_names_what_is_not_streamed_and_how_times_are_written() {
    let mut bench = Bench::new();
    let id = bench.batch.instruments.add("OKX:X-Y", catalogue::symbol("OKX:X-Y").unwrap());
    let hello = r#"data: {"type":"hello","rejected":[{"symbol":"OKX:X-Y","reason":"unknown_symbol"},{"symbol":"*","reason":"pattern_too_wide"}],"effective":{"times":"TIMES"}}"#;
    for (times, time) in
        [("us", "1000000"), ("ns", "1000000999"), ("iso", r#""1970-01-01T00:00:01.000000Z""#)]
    {
        bench.say(&hello.replace("TIMES", times));
        let words = [(id, "unknown_symbol".to_owned()), (None, "pattern_too_wide".to_owned())];
        assert_eq!(bench.batch.refused, words);
        bench.say(r#"data: {"type":"reset"}"#);
        bench.quote("snapshot", 1, &format!(r#","ts_event":{time}{LIVE}"#));
        assert_eq!(bench.batch.updates[0].1.ts_event, Some(Micros(1_000_000)), "{times}");
    }
}

#[test]
fn other_lines_are_named_and_garbage_is_refused() {
    let mut bench = Bench::new();
    let mut kind = |line: &str| bench.events.decode(Frame::Text(line), Micros(1), &mut bench.batch);
    for (line, want) in [
        (": quotewire, wire version 1", "comment"),
        ("", "comment"),
        ("retry: 2417", "retry"),
        ("id: 1993e0f4a2c-17", "id"),
        ("event: quote", "event"),
        (r#"data:{"type":"heartbeat","server_time":1,"seq":2,"lag_us":3}"#, "heartbeat"),
        (r#"data: {"type":"goodbye","reason":"drain","retry_ms":2417}"#, "goodbye"),
        (r#"data: {"type":"refused","reason":"too_many_streams","retry_ms":1}"#, "refused"),
        (r#"data: {"type":"weather"}"#, "other"),
        (r#"data: {"type":"status","feed":"okx","seq":1,"status":"stale"}"#, "status"),
        (r#"data: {"type":"quote","symbol":"BTC-USD","seq":1,"bid":"1"}"#, "quote"),
    ] {
        assert_eq!(kind(line), Ok(want), "{line}");
    }
    let deep = format!(r#"data: {{"type":"quote","x":{}"#, "[".repeat(5_000));
    let wide = format!(r#"data: {{"type":"quote","symbol":"A:B","seq":{}}}"#, "9".repeat(27));
    for line in ["nothing", "data", "data: []", "data: {}", r#"data: {"type":1}"#, &deep, &wide] {
        assert!(matches!(kind(line), Err(DecodeError::Garbage(_))), "{line:.60}");
    }
    assert!(bench.events.decode(Frame::Binary(b"{}"), Micros(1), &mut bench.batch).is_err());
    assert!(bench.batch.updates.is_empty());
    // goodbye, refused, weather and the feed's state; the composite is made here.
    let mut expected = vec![Ignored::NotAQuote; 4];
    expected.push(Ignored::UnknownSymbol);
    assert_eq!(bench.batch.ignored, expected);
}

#[test]
fn a_number_that_cannot_be_kept_is_left_alone_and_counted() {
    let mut bench = Bench::new();
    let told = bench.quote("snapshot", 5, &format!(r#","bid":"{}","ask":"2"{LIVE}"#, "9".repeat(40)));
    assert_eq!(told, ["OKX:A-B ask=2 live:confirmed snapshot"]);
    assert_eq!(bench.batch.ignored, [Ignored::BadNumber]);
}
