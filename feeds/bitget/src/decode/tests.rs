//! Single messages of both versions: each kind and each oddity.

use feed::Instruments;
use market::{Reason, Symbol};

use super::*;

struct Check {
    decoder: Bitget,
    batch: Batch,
}

impl Check {
    fn of(names: &[(&str, &str)]) -> Check {
        let mut instruments = Instruments::new("BITGET", 8);
        for (native, name) in names {
            instruments.add(native, Symbol::of_venue("BITGET", name).unwrap());
        }
        instruments.close();
        Check { decoder: Bitget::new(), batch: Batch::new(instruments) }
    }

    fn spot() -> Check {
        Check::of(&[("BTCUSDT", "BTC-USDT"), ("CULTUSDT", "CULT-USDT")])
    }

    fn contracts() -> Check {
        Check::of(&[("BTCUSDT", "BTC-USDT-PERP")])
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn message(
        &mut self,
        kind: &str,
        channel: &str,
        action: &str,
        data: &str,
    ) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"action":"{action}","arg":{{"instType":"{kind}","channel":"{channel}","instId":"BTCUSDT"}},"data":[{data}],"ts":1789456511968}}"#
        ))
    }

    fn book(
        &mut self,
        action: &str,
        bids: &str,
        asks: &str,
        more: &str,
    ) -> Result<&'static str, DecodeError> {
        let data = format!(r#"{{"asks":[{asks}],"bids":[{bids}],"ts":"1789456510736"{more}}}"#);
        self.message("SPOT", "books", action, &data)
    }

    fn told(&self) -> Vec<String> {
        let show = |update: &Update| {
            let status = update.status.map(|(status, reason)| format!("{}/{}", status.name(), reason.name()));
            let fields = update.told().iter().map(|field| {
                let value = match field {
                    Field::LastSide => update.values().side().map(|side| side.name().to_owned()),
                    number => update.values().number(number).map(|number| number.to_string()),
                };
                format!("{}={}", field.name(), value.unwrap_or_default())
            });
            status.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
        };
        self.batch.updates.iter().map(|(_, update)| show(update)).collect()
    }
}

const V1: &str = r#"{"instId":"BTCUSDT","last":"29948.21","open24h":"30726.18","high24h":"30741.06","low24h":"29336.95","bestBid":"29944.390000","bestAsk":"29944.550000","baseVolume":"24658.6272","quoteVolume":"749224809.9118","ts":1654160360101,"labeId":0}"#;
const V1_CONTRACT: &str = r#"{"instId":"BTCUSDT","last":"29905.50","bestAsk":"29905.5","bestBid":"29904.5","high24h":"30731.50","low24h":"29293.00","priceChangePercent":"-0.02","capitalRate":"0.000100","nextSettleTime":1654182000000,"systemTime":1654160847314,"markPrice":"29906.42","indexPrice":"29928.32","holding":"87338.493","baseVolume":"214176.417","quoteVolume":"6536325903.110"}"#;
const V2_CONTRACT: &str = r#"{"instId":"BTCUSDT","lastPr":"109822.5","bidPr":"109815.8","askPr":"109815.9","bidSz":"2.469","askSz":"3.321","open24h":"112171.9","high24h":"113271.5","low24h":"108660","change24h":"-0.03045","fundingRate":"0.0001","nextFundingTime":"1756195200000","markPrice":"109822.7","indexPrice":"109867.6857822380165048","holdingAmount":"21425.2578","baseVolume":"4075.2916","quoteVolume":"451366093.334","openUtc":"110104.2","symbolType":"1","symbol":"BTCUSDT","deliveryPrice":"0","ts":"1756180111636"}"#;
const BID: &str = r#"["1.50","2"]"#;
const ASK: &str = r#"["1.60","3.0"]"#;

fn crc(text: &str) -> String {
    format!(r#","checksum":{}"#, crc32fast::hash(text.as_bytes()).cast_signed())
}

#[test]
fn tickers_of_v1_have_no_sizes() {
    let mut check = Check::spot();
    assert_eq!(check.message("sp", "ticker", "snapshot", V1), Ok("ticker:snapshot"));
    assert_eq!(
        check.told(),
        ["bid=29944.390000 bid_size= ask=29944.550000 ask_size= last=29948.21 last_size= last_side= \
          open_24h=30726.18 high_24h=30741.06 low_24h=29336.95 volume_24h=24658.6272 quote_volume_24h=749224809.9118"]
    );
    assert_eq!(check.batch.updates[0].1.ts_event, None, "a trade from before it may come after it");
    let mut check = Check::contracts();
    check.message("mc", "ticker", "snapshot", V1_CONTRACT).unwrap();
    assert!(
        check.told()[0].ends_with(
            "high_24h=30731.50 low_24h=29293.00 volume_24h=214176.417 quote_volume_24h=6536325903.110 \
             mark=29906.42 index=29928.32 funding_rate=0.000100"
        ),
        "{:?}",
        check.told()
    );
}

#[test]
fn tickers_of_v2_have_sizes_and_other_names() {
    let mut check = Check::contracts();
    assert_eq!(check.message("USDT-FUTURES", "ticker", "snapshot", V2_CONTRACT), Ok("ticker:snapshot"));
    assert_eq!(
        check.told(),
        ["bid=109815.8 bid_size=2.469 ask=109815.9 ask_size=3.321 last=109822.5 last_size= last_side= \
          open_24h=112171.9 high_24h=113271.5 low_24h=108660 volume_24h=4075.2916 quote_volume_24h=451366093.334 \
          mark=109822.7 index=109867.6857822380165048 funding_rate=0.0001"]
    );
}

/// Seen in the recording of 2022: bid and ask of `CULTUSDT` are 0.000036, and the last trade 0.00003511.
#[test]
fn a_rounded_locked_ticker_does_not_stand_where_the_book_speaks() {
    let mut check = Check::spot();
    let book = r#"{"action":"snapshot","arg":{"instType":"sp","channel":"books","instId":"CULTUSDT"},"data":[{"asks":[["0.00003530","145214"]],"bids":[["0.00003507","5"]],"ts":"1"}]}"#;
    let ticker = r#"{"action":"snapshot","arg":{"instType":"sp","channel":"ticker","instId":"CULTUSDT"},"data":[{"instId":"CULTUSDT","last":"0.00003511","bestBid":"0.000036","bestAsk":"0.000036","ts":1649290076193}]}"#;
    check.give(ticker).unwrap();
    assert!(check.told()[0].starts_with("bid=0.000036 "), "there is nothing better yet");
    check.give(book).unwrap();
    assert_eq!(check.told(), ["bid=0.00003507 bid_size=5 ask=0.00003530 ask_size=145214"]);
    check.give(ticker).unwrap();
    assert_eq!(check.told(), ["last=0.00003511 last_size= last_side="]);
}

/// Seen in the recordings of 2022: `trade` begins with fifty old trades, newest first.
#[test]
fn old_trades_never_stand_over_a_new_one() {
    let mut check = Check::spot();
    let old = r#"["1649290076333","0.3507","271967","sell"],["1649290070329","0.3511","196500","buy"]"#;
    assert_eq!(check.message("sp", "trade", "snapshot", old), Ok("trade:snapshot"));
    assert_eq!(check.told(), ["last=0.3507 last_size=271967 last_side=sell"], "the newest of them");
    assert_eq!(check.batch.updates[0].1.source, Source::History);
    check
        .message(
            "sp",
            "trade",
            "update",
            r#"["1653882567817","30322.5","1.117","buy"],["1653882567817","30322","1.566","buy"]"#,
        )
        .unwrap();
    assert_eq!(
        check.told(),
        ["last=30322.5 last_size=1.117 last_side=buy", "last=30322 last_size=1.566 last_side=buy"]
    );
    check.message("sp", "trade", "snapshot", old).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::Duplicate][..]));
    check.message("sp", "ticker", "snapshot", V1).unwrap();
    assert!(!check.told()[0].contains("last="), "trades tell the last");
    let v2 = r#"{"ts":"1695709835823","price":"26293.5","size":"0.1","side":"sell","tradeId":"2"},{"ts":"1695709835822","price":"26293.4","size":"0.0013","side":"buy","tradeId":"1"}"#;
    assert_eq!(check.message("SPOT", "trade", "update", v2), Ok("trade:update"));
    assert_eq!(
        check.told(),
        ["last=26293.4 last_size=0.0013 last_side=buy", "last=26293.5 last_size=0.1 last_side=sell"],
        "in the order in which they happened"
    );
}

#[test]
fn books1_tells_the_top_and_silences_ticker_and_books() {
    let mut check = Check::spot();
    let top = r#"{"asks":[["27001","1.0"]],"bids":[["27000.0","2.71"]],"ts":"1695715829481","seq":"9"}"#;
    assert_eq!(check.message("SPOT", "books1", "snapshot", top), Ok("books1:snapshot"));
    assert_eq!(check.told(), ["bid=27000.0 bid_size=2.71 ask=27001 ask_size=1.0"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Direct);
    check
        .message("SPOT", "books1", "snapshot", r#"{"asks":[],"bids":[["27000.0","2.71"]],"ts":"1"}"#)
        .unwrap();
    assert_eq!(check.told(), ["bid=27000.0 bid_size=2.71 ask= ask_size="]);
    check.message("SPOT", "ticker", "snapshot", V1).unwrap();
    assert!(!check.told()[0].contains("bid="));
    check.book("snapshot", BID, ASK, "").unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.book("update", BID, ASK, r#","checksum":5"#).unwrap();
    assert_eq!((check.told().len(), check.batch.replies.len()), (0, 2), "repaired without a word");
    check.message("SPOT", "books5", "snapshot", top).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
}

#[test]
fn five_levels_are_whole_each_time() {
    let mut check = Check::spot();
    let five = r#"{"asks":[["30682.29","0.0119"],["30682.33","0.0127"]],"bids":[["30682.15","0.0122"],["30682.11","0.0132"]],"ts":"1653936946292"}"#;
    assert_eq!(check.message("sp", "books5", "snapshot", five), Ok("books5:snapshot"));
    assert_eq!(check.told(), ["bid=30682.15 bid_size=0.0122 ask=30682.29 ask_size=0.0119"]);
}

#[test]
fn one_flipped_digit_makes_the_symbol_suspect_before_anything_else_and_asks_again() {
    let mut check = Check::spot();
    let more = crc("1.50:2:1.60:3.0");
    assert_eq!(check.book("snapshot", BID, ASK, &more), Ok("books:snapshot"));
    assert!(check.batch.updates[0].1.snapshot);
    check.book("update", r#"["1.4","7"]"#, "", &crc("1.50:2:1.60:3.0:1.4:7")).unwrap();
    assert_eq!(
        (check.batch.ignored.as_slice(), check.decoder.checksums_matched()),
        (&[Ignored::TopUnmoved][..], 2)
    );
    check.book("update", r#"["1.51","2"]"#, "", &more).unwrap();
    assert_eq!(check.told(), ["suspect/checksum"]);
    assert_eq!(
        check.batch.replies,
        ["unsubscribe", "subscribe"].map(|op| format!(
            r#"{{"args":[{{"channel":"books","instId":"BTCUSDT","instType":"SPOT"}}],"op":"{op}"}}"#
        ))
    );
    check.book("update", BID, "", &more).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.book("snapshot", BID, ASK, &more).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

/// In the shape of v2: numbers beyond 2^53, and no checksum or one of 0.
#[test]
fn a_missing_number_is_a_gap() {
    let mut check = Check::spot();
    let seq = |pseq: u64, seq: u64| format!(r#","checksum":0,"seq":{seq},"pseq":{pseq}"#);
    let first = 1_483_653_649_371_725_838;
    check.book("snapshot", BID, ASK, &seq(0, first)).unwrap();
    check.book("update", r#"["1.51","2"]"#, "", &seq(first, first + 7)).unwrap();
    assert!(check.told()[0].starts_with("bid=1.51"));
    check.book("update", "", "", &seq(first + 8, first + 9)).unwrap();
    assert_eq!((check.told(), check.batch.replies.len()), (vec!["suspect/gap".to_owned()], 2));
    check.book("snapshot", BID, ASK, &seq(0, 5)).unwrap();
    check.book("update", "", "", &seq(0, 6)).unwrap();
    assert_eq!(check.told(), ["suspect/gap"], "the numbers were restarted");
    check.book("snapshot", BID, ASK, &seq(0, 5)).unwrap();
    check.book("update", r#"["","2"]"#, "", &seq(5, 6)).unwrap();
    assert_eq!(
        (check.told(), check.batch.ignored.as_slice()),
        (vec!["suspect/gap".to_owned()], &[Ignored::BadNumber][..])
    );
    check.book("snapshot", BID, ASK, &seq(0, 5)).unwrap();
    assert_eq!(check.book("update", "", "", &seq(9, 10)), Err(DecodeError::Reconnect(Reason::Gap)));
}

#[test]
fn a_contract_s_messages_are_not_those_of_the_spot_pair_of_that_name() {
    let mut check = Check::spot();
    check.message("USDT-FUTURES", "ticker", "snapshot", V2_CONTRACT).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::UnknownSymbol][..]));
    check.give(r#"{"action":"snapshot","arg":{"instType":"SPOT","channel":"ticker","instId":"FOOBAR"},"data":[{}]}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn answers_refusals_and_what_is_no_quote() {
    let mut check = Check::spot();
    assert_eq!(check.give("pong"), Ok("pong"));
    assert_eq!(
        check.give(r#"{"event":"subscribe","arg":{"instType":"sp","channel":"books","instId":"BTCUSDT"}}"#),
        Ok("event:subscribe")
    );
    let refused = r#"{"event":"error","arg":{"instType":"SPOT","channel":"books1","instId":"CULTUSDT"},"code":30001,"msg":"instType:SPOT,channel:books1,instId:CULTUSDT doesn't exist","op":"subscribe"}"#;
    assert_eq!(check.give(refused), Ok("event:error"));
    assert_eq!(
        check.batch.refused,
        [(
            Some(InstrumentId(1)),
            "30001 instType:SPOT,channel:books1,instId:CULTUSDT doesn't exist".to_owned()
        )]
    );
    check.give(r#"{"event":"error","code":30006,"msg":"request too many"}"#).unwrap();
    assert_eq!(check.batch.refused, [(None, "30006 request too many".to_owned())]);
    for (channel, kind) in [("candle1m", "candle1m:update"), ("liquidation", "other")] {
        assert_eq!(check.message("SPOT", channel, "update", "[]"), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::spot();
    let odd = V1
        .replace("\"29944.390000\"", "\"2_9\"")
        .replace("\"30741.06\"", "\"\"")
        .replace("\"29336.95\"", "2.9E+4");
    check.message("sp", "ticker", "snapshot", &odd).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    let told = &check.told()[0];
    assert!(told.starts_with("ask=29944.550000") && told.contains("high_24h= low_24h=29000 "), "{told}");
    check.message("sp", "ticker", "snapshot", &V1.replace("29944.390000", "0")).unwrap();
    assert!(check.told()[0].starts_with("bid= bid_size= ask="), "a price of zero is no bid");
    let long = format!(r#"["1","{}","1","buy"]"#, "9".repeat(60));
    check.message("sp", "trade", "update", &long).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
}

#[test]
fn garbage_is_refused_and_the_next_message_taken() {
    let mut check = Check::spot();
    for text in [
        "",
        "ping",
        "[]",
        "{}",
        r#"{"code":"00000","msg":"success","data":{}}"#,
        r#"{"action":"partial","data":[{}],"table":"swap/depth"}"#,
        r#"{"action":"partial","arg":{"instType":"sp","channel":"books","instId":"BTCUSDT"},"data":[]}"#,
        r#"{"action":"update","arg":{"instType":"sp","channel":"trade","instId":"BTCUSDT"},"data":[["1","2","3"]]}"#,
        r#"{"action":"update","arg":{"instType":"sp","channel":"trade","instId":"BTCUSDT"},"data":[{"ts":"1"}]}"#,
        r#"{"action":"update","arg":{"instType":"sp","channel":"books","instId":"BTCUSDT"},"data":[{"asks":[["1"]],"bids":[]}]}"#,
        r#"{"action":"update","arg":{"instType":"sp","channel":"books","instId":"BTCUSDT"},"data":[{"asks":[],"bids":[],"checksum":123456789012345678901234567}]}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.message("sp", "ticker", "snapshot", V1), Ok("ticker:snapshot"));
}
