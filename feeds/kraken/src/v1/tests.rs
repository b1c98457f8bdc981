//! Single v1 frames: each kind of message and each oddity.

use feed::Instruments;
use market::{Status, Symbol};

use super::*;

/// The checksum of the book in the venue's guide: ten levels a side around 0.05 of size 0.00000500 each.
const GUIDE: u32 = 974_947_235;

struct Check {
    decoder: V1,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("KRAKEN", 4);
        instruments.add("XBT/USD", Symbol::parse("KRAKEN:BTC-USD").unwrap());
        instruments.close();
        Check { decoder: V1::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        let show = |update: &Update| {
            let mut parts: Vec<String> = Vec::new();
            if let Some((status, reason)) = update.status {
                parts.push(format!("{}/{}", status.name(), reason.name()));
            }
            for field in update.told().iter() {
                let value = match (field, update.values().number(field)) {
                    (Field::LastSide, _) => update.values().side().map(|side| side.name().to_owned()),
                    (_, number) => number.map(|number| number.to_string()),
                };
                parts.push(format!("{}={}", field.name(), value.unwrap_or_default()));
            }
            parts.join(" ")
        };
        self.batch.updates.iter().map(|(_, update)| show(update)).collect()
    }

    /// The book of the guide as a snapshot, with another price for the best ask if wanted.
    fn snapshot(&mut self) {
        let level = |price: i64| format!(r#"["0.0{price}","0.00000500","1582905486.493008"]"#);
        let asks: Vec<String> = (5005..=5050).step_by(5).map(level).collect();
        let bids: Vec<String> =
            [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950].map(level).into_iter().collect();
        let text =
            format!(r#"[0,{{"as":[{}],"bs":[{}]}},"book-10","XBT/USD"]"#, asks.join(","), bids.join(","));
        assert_eq!(self.give(&text), Ok("book"));
    }

    /// Sets the best ask to the size it has; the checksum is what is given.
    fn update(&mut self, checksum: u32) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"[0,{{"a":[["0.05005","0.00000500","1582905487.5"]],"c":"{checksum}"}},"book-10","XBT/USD"]"#
        ))
    }
}

const TICKER: &str = r#"[340,{"a":["29938.60000",12,"12.41074632"],"b":["29938.50000",0,"0.08410000"],"c":["29938.60000","0.10146338"],"v":["735.06931643","5243.60824494"],"p":["1","2"],"t":[6120,30832],"l":["29581.10000","29328.60000"],"h":["30085.80000","31869.30000"],"o":["29790.00000","31614.50000"]},"ticker","XBT/USD"]"#;
const TRADES: &str = r#"[337,[["5541.20000","0.15850568","1534614057.321597","s","l",""],["6060.00000","0.02455000","1534614057.324998","b","l",""]],"trade","XBT/USD"]"#;

#[test]
fn a_ticker_tells_top_last_and_the_rolling_figures() {
    let mut check = Check::new();
    assert_eq!(check.give(TICKER), Ok("ticker"));
    assert_eq!(
        check.told(),
        ["bid=29938.50000 bid_size=0.08410000 ask=29938.60000 ask_size=12.41074632 last=29938.60000 \
          last_size=0.10146338 last_side= open_24h=31614.50000 high_24h=31869.30000 low_24h=29328.60000 \
          volume_24h=5243.60824494"]
    );
    assert_eq!(check.batch.updates[0].1.source, Source::Ticker);
}

#[test]
fn trades_are_told_one_by_one_oldest_first_and_silence_the_ticker_s_last() {
    let mut check = Check::new();
    assert_eq!(check.give(TRADES), Ok("trade"));
    assert_eq!(
        check.told(),
        [
            "last=5541.20000 last_size=0.15850568 last_side=sell",
            "last=6060.00000 last_size=0.02455000 last_side=buy"
        ]
    );
    assert_eq!(check.batch.updates[1].1.ts_event, Some(Micros(1_534_614_057_324_998)));
    check.give(TICKER).unwrap();
    assert!(!check.told()[0].contains("last="), "{:?}", check.told());
}

#[test]
fn the_book_tells_the_top_and_silences_the_ticker_s() {
    let mut check = Check::new();
    check.snapshot();
    let top = "bid=0.05000 bid_size=0.00000500 ask=0.05005 ask_size=0.00000500";
    assert_eq!(check.told(), [top]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    assert_eq!(check.update(GUIDE), Ok("book"));
    assert_eq!(
        (check.batch.ignored.as_slice(), check.decoder.checksums_matched()),
        (&[Ignored::TopUnmoved][..], 1)
    );
    check.give(TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="), "{:?}", check.told());
}

#[test]
fn one_flipped_digit_makes_the_symbol_suspect_before_anything_else_and_asks_again() {
    let mut check = Check::new();
    check.snapshot();
    assert_eq!(check.update(GUIDE + 1), Ok("book"));
    assert_eq!(check.told(), ["suspect/checksum"]);
    assert_eq!(
        check.batch.replies,
        [
            r#"{"event":"unsubscribe","pair":["XBT/USD"],"subscription":{"depth":10,"name":"book"}}"#,
            r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"depth":10,"name":"book"}}"#
        ]
    );
    check.update(GUIDE).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BeforeSnapshot][..]));
    check.give(TICKER).unwrap();
    assert!(check.told()[0].contains("bid=29938.50000"), "meanwhile the ticker tells the top");
    check.snapshot();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
    assert_eq!(check.update(GUIDE), Ok("book"));
    assert_eq!(check.told(), [""; 0]);
}

#[test]
fn a_book_that_never_matches_ends_the_connection() {
    let mut check = Check::new();
    for _ in 0..feed::book::LOSSES_MAX {
        check.snapshot();
        assert_eq!(check.update(1), Ok("book"));
    }
    check.snapshot();
    assert_eq!(check.update(1), Err(DecodeError::Reconnect(Reason::Checksum)));
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Checksum)));
}

#[test]
fn two_halves_of_one_frame_are_one_change() {
    let mut check = Check::new();
    check.snapshot();
    let text = r#"[0,{"a":[["0.05005","0","1582905487.1"],["0.05005","0.00000500","1582905487.2"]]},{"b":[["0.05000","0.00000500","1582905487.3"]],"c":"974947235"},"book-10","XBT/USD"]"#;
    assert_eq!(check.give(text), Ok("book"));
    assert_eq!(check.decoder.checksums_matched(), 1);
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved]);
}

#[test]
fn a_republished_level_does_not_move_the_time() {
    let mut check = Check::new();
    check.snapshot();
    // The best bid goes, the eleventh comes back with the time of its order.
    let text = r#"[0,{"b":[["0.05000","0.00000000","1582905490.000001"],["0.04900","1.00000000","1582905999.0","r"]]},"book-10","XBT/USD"]"#;
    assert_eq!(check.give(text), Ok("book"));
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_582_905_490_000_001)));
    assert!(check.told()[0].starts_with("bid=0.04995 "));
}

#[test]
fn an_unreadable_level_is_a_gap() {
    let mut check = Check::new();
    check.snapshot();
    for level in [r#"["x","1","1"]"#, r#"["","1","1"]"#, r#"[null,"1","1"]"#, r#"[true,"1","1"]"#] {
        check.give(&format!(r#"[0,{{"a":[{level}]}},"book-10","XBT/USD"]"#)).unwrap();
        assert_eq!((check.told(), check.batch.ignored.len()), (vec!["suspect/gap".to_owned()], 1), "{level}");
        check.snapshot();
        check.update(GUIDE).unwrap();
    }
}

#[test]
fn an_empty_book_has_no_sides() {
    let mut check = Check::new();
    check.give(r#"[6304,{"as":[],"bs":[]},"book-25","XBT/USD"]"#).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size="]);
}

#[test]
fn zeros_and_empty_text_are_absent_and_bad_numbers_are_counted() {
    let mut check = Check::new();
    let text = r#"[1,{"a":["0.00000",0,"0.00000000"],"b":["",0,""],"c":["0.00000","0.0"],"h":["0","0.000"],"o":["1",null],"l":["1","1_0"],"v":["1","0.00000000"]},"ticker","XBT/USD"]"#;
    assert_eq!(check.give(text), Ok("ticker"));
    assert_eq!(
        check.told(),
        [
            "bid= bid_size= ask= ask_size= last= last_size= last_side= open_24h= high_24h= volume_24h=0.00000000"
        ]
    );
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
}

#[test]
fn spread_tells_the_top_while_no_book_does() {
    let mut check = Check::new();
    let text = r#"[341,["31760.00000","31760.10000","1654031976.197239","0.02167307","6.46761464"],"spread","XBT/USD"]"#;
    assert_eq!(check.give(text), Ok("spread"));
    assert_eq!(check.told(), ["bid=31760.00000 bid_size=0.02167307 ask=31760.10000 ask_size=6.46761464"]);
    check.snapshot();
    check.give(text).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
}

#[test]
fn events_are_named_and_refusals_told() {
    let mut check = Check::new();
    assert_eq!(check.give(r#"{"event":"heartbeat"}"#), Ok("event:heartbeat"));
    assert_eq!(check.give(r#"{"event":"pong","reqid":42}"#), Ok("event:pong"));
    let system =
        r#"{"connectionID":17843232920108168701,"event":"systemStatus","status":"online","version":"1.8.3"}"#;
    assert_eq!(check.give(system), Ok("event:systemStatus"));
    let refused = r#"{"errorMessage":"Currency pair not supported XBT/USD","event":"subscriptionStatus","pair":"XBT/USD","status":"error","subscription":{"name":"ticker"}}"#;
    assert_eq!(check.give(refused), Ok("event:subscriptionStatus"));
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(0)), "Currency pair not supported XBT/USD".to_owned())]
    );
    assert_eq!(check.give(r#"{"event":"error","errorMessage":"Malformed request"}"#), Ok("event:error"));
    assert_eq!(check.batch.refused, [(None, "Malformed request".to_owned())]);
    assert_eq!(check.give(r#"{"event":"news"}"#), Ok("event:other"));
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.give(&TICKER.replace("XBT/USD", "FOO/BAR")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    check.give(&TICKER.replace("\"ticker\"", "\"ohlc-5\"")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    for text in [
        "",
        "{",
        "[]",
        "[1,2,3]",
        r#"[1,{},"ticker"]"#,
        r#"[1,{},7,"XBT/USD"]"#,
        r#"[1,[1],"ticker","XBT/USD"]"#,
        r#"[1,{},{},"ticker","XBT/USD"]"#,
        r#"[1,{},{},{},"book-10","XBT/USD"]"#,
        r#"[1,{"a":5},"book-10","XBT/USD"]"#,
        r#"[1,[["1","2"]],"trade","XBT/USD"]"#,
        r#"{"event":5}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(9), &mut check.batch);
    assert!(matches!(binary, Err(DecodeError::Garbage(_))));
    assert_eq!(check.give(TICKER), Ok("ticker"), "the next frame is read as if nothing had happened");
}

#[test]
fn a_level_pushed_out_of_the_depth_does_not_come_back() {
    let mut check = Check::new();
    check.snapshot();
    let mut change = |levels: &str| {
        check.give(&format!(r#"[0,{{"a":[{levels}]}},"book-10","XBT/USD"]"#)).unwrap();
        check.told().join("")
    };
    assert!(
        change(r#"["0.05001","1","1582905490.0"]"#).contains("ask=0.05001 "),
        "the eleventh, so 0.05050 goes"
    );
    let gone = |price: i64| format!(r#"["0.0{price}","0","1582905491.0"]"#);
    let nine: Vec<String> = (5005..=5045).step_by(5).chain([5001]).map(gone).collect();
    assert!(change(&nine.join(",")).ends_with("ask= ask_size="), "nothing is left");
}
