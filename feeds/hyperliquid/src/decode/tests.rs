//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;
use testkit::proof::told;

use super::*;

struct Check {
    decoder: HyperliquidDecoder,
    batch: Batch,
}

const BTC: InstrumentId = InstrumentId(0);

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("HYPERLIQUID", 3);
        for (native, name) in [("BTC", "BTC-USDC-PERP"), ("kPEPE", "KPEPE-USDC-PERP"), ("@107", "HYPE-USDC")]
        {
            instruments.add(native, Symbol::of_venue("HYPERLIQUID", name).unwrap());
        }
        instruments.close();
        Check { decoder: HyperliquidDecoder::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn channel(&mut self, channel: &str, data: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(r#"{{"channel":"{channel}","data":{data}}}"#))
    }

    fn bbo(&mut self, bid: &str) -> Result<&'static str, DecodeError> {
        let ask = r#"{"px":"84144.0","sz":"50.66422","n":18}"#;
        self.channel("bbo", &format!(r#"{{"coin":"BTC","time":1790232237145,"bbo":[{bid},{ask}]}}"#))
    }

    fn book(&mut self, bids: &str) -> Result<&'static str, DecodeError> {
        let asks = r#"{"px":"84144.0","sz":"50.66449","n":18},{"px":"84150.0","sz":"0.00711","n":2}"#;
        self.channel(
            "l2Book",
            &format!(r#"{{"coin":"BTC","time":1790232236546,"levels":[[{bids}],[{asks}]]}}"#),
        )
    }

    /// The updates as `field=number`, in one line each.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

const BID: &str = r#"{"px":"84143.0","sz":"10.25923","n":36}"#;
const BIDS: &str = r#"{"px":"84143.0","sz":"10.25923","n":36},{"px":"84142.0","sz":"1.65875","n":7}"#;

fn trade(px: &str, time: i64) -> String {
    format!(
        r#"{{"coin":"BTC","side":"A","px":"{px}","sz":"0.00036","time":{time},"hash":"0x7a","tid":1045359869404765,"users":["0x9a","0x82"]}}"#
    )
}

#[test]
fn bbo_tells_the_top_and_silences_the_book() {
    let mut check = Check::new();
    assert_eq!(check.book(BIDS), Ok("l2Book"));
    assert_eq!(check.told(), ["bid=84143.0 bid_size=10.25923 ask=84144.0 ask_size=50.66449"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    assert_eq!(check.bbo(BID), Ok("bbo"));
    assert_eq!(check.told(), ["bid=84143.0 bid_size=10.25923 ask=84144.0 ask_size=50.66422"]);
    let update = check.batch.updates[0].1;
    assert!(update.snapshot && update.source == Source::Direct);
    assert_eq!(update.ts_event, Some(Micros(1_790_232_237_145_000)));
    check.book(BIDS).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    assert_eq!(check.batch.heard, [BTC], "a sign of life all the same");
    check.bbo("null").unwrap();
    assert!(check.told()[0].starts_with("bid= bid_size= ask=84144.0"), "a side without orders");
    assert!(!check.batch.updates[0].1.snapshot);
}

#[test]
fn a_book_is_whole_each_time() {
    let mut check = Check::new();
    check.book(BIDS).unwrap();
    check.book(BIDS).unwrap();
    assert_eq!(
        (check.batch.ignored.as_slice(), check.batch.heard.as_slice()),
        (&[Ignored::TopUnmoved][..], &[BTC][..])
    );
    check.book(r#"{"px":"84142.0","sz":"1.65875","n":7}"#).unwrap();
    assert!(check.told()[0].starts_with("bid=84142.0 "), "what is not in it is gone");
    assert!(!check.batch.updates[0].1.snapshot, "it continues");
    check.channel("l2Book", r#"{"coin":"BTC","time":1,"levels":[[],[]]}"#).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size="], "delisted coins have such books");
}

#[test]
fn a_book_of_another_form_is_read_as_well() {
    let mut check = Check::new();
    let data = format!(r#"{{"coin":"BTC","time":1,"levels":[[{BIDS}],[]]}}"#);
    for text in [
        format!(r#"{{"channel":"l2Book","data":{data}}}"#),
        format!(r#"{{"channel":"l2Book","data":{data},"more":{{}}}}"#),
        format!(r#"{{ "data": {data}, "channel": "l2Book" }}"#),
    ] {
        check = Check::new();
        assert_eq!(check.give(&text), Ok("l2Book"), "{text}");
        assert_eq!(check.told(), ["bid=84143.0 bid_size=10.25923 ask= ask_size="]);
    }
    let cut = format!(r#"{{"channel":"l2Book","data":{data}"#);
    assert!(matches!(check.give(&cut), Err(DecodeError::Garbage(_))));
}

/// Seen in the recording of 2025-01-26: its first message of trades holds 30 of the 50 seconds before it.
#[test]
fn trades_of_the_first_message_are_history_and_only_the_newest_is_told() {
    let mut check = Check::new();
    let first = format!("[{},{},{}]", trade("1.0", 5), trade("2.0", 7), trade("3.0", 6));
    assert_eq!(check.channel("trades", &first), Ok("trades"));
    assert_eq!(check.told(), ["last=2.0 last_size=0.00036 last_side=sell"]);
    assert_eq!(check.batch.updates[0].1.source, Source::History);
    let next = format!("[{},{}]", trade("4.0", 8), trade("5.0", 8).replace(r#""A""#, r#""B""#));
    check.channel("trades", &next).unwrap();
    assert_eq!(
        check.told(),
        ["last=4.0 last_size=0.00036 last_side=sell", "last=5.0 last_size=0.00036 last_side=buy"]
    );
    assert_eq!(check.batch.updates[0].1.source, Source::Direct);
    check.channel("trades", "[]").unwrap();
    assert!(check.told().is_empty());
}

#[test]
fn a_context_tells_figures_and_a_spot_pair_has_no_mark() {
    let mut check = Check::new();
    let context = r#"{"coin":"BTC","ctx":{"funding":"0.0000018952","openInterest":"36585.31848","prevDayPx":"86627.0","dayNtlVlm":"4161029539.6949653625","premium":"-0.0006413454","oraclePx":"84198.0","markPx":"84148.0","midPx":"84143.5","impactPxs":["84143.0","84144.0"],"dayBaseVlm":"49116.08533"}}"#;
    assert_eq!(check.channel("activeAssetCtx", context), Ok("activeAssetCtx"));
    assert_eq!(
        check.told(),
        ["open_24h=86627.0 volume_24h=49116.08533 quote_volume_24h=4161029539.6949653625 mark=84148.0 \
          index=84198.0 funding_rate=0.0000018952"]
    );
    let spot = r#"{"coin":"@107","ctx":{"prevDayPx":"40.1","dayNtlVlm":"0.0","markPx":"41.0","midPx":null,"circulatingSupply":"1.0"}}"#;
    assert_eq!(check.channel("activeSpotAssetCtx", spot), Ok("activeSpotAssetCtx"));
    assert_eq!(check.told(), ["open_24h=40.1 quote_volume_24h=0.0"], "zero is a volume, not absence");
    check.channel("activeAssetCtx", r#"{"coin":"BTC","ctx":{"oraclePx":null,"funding":""}}"#).unwrap();
    assert_eq!(check.told(), ["index= funding_rate="]);
}

#[test]
fn thousands_of_a_coin_keep_their_name() {
    let mut check = Check::new();
    let bbo = r#"{"coin":"kPEPE","time":1,"bbo":[{"px":"0.004411","sz":"2058973.0","n":5},null]}"#;
    check.channel("bbo", bbo).unwrap();
    assert_eq!(
        check.told(),
        ["bid=0.004411 bid_size=2058973.0 ask= ask_size="],
        "price and size per thousand"
    );
    let id = check.batch.updates[0].0;
    let symbol = check.batch.instruments.get(id).unwrap().symbol.to_string();
    assert_eq!(symbol, "HYPERLIQUID:KPEPE-USDC-PERP");
}

#[test]
fn answers_are_named_and_refusals_told() {
    let mut check = Check::new();
    let answer = r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":null}}"#;
    assert_eq!(check.channel("subscriptionResponse", answer), Ok("subscriptionResponse"));
    assert_eq!(check.give(r#"{"channel":"pong"}"#), Ok("pong"));
    let words = r#"Error parsing JSON into valid websocket request: {"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}"#;
    let data = serde_json::Value::from(words).to_string();
    assert_eq!(check.channel("error", &data), Ok("error"));
    assert_eq!(check.batch.refused, [(Some(BTC), words.to_owned())]);
    check.channel("error", r#""Too many subscriptions""#).unwrap();
    assert_eq!(check.batch.refused, [(None, "Too many subscriptions".to_owned())]);
    check.channel("error", r#""Already subscribed: {\"type\":\"l2Book\",\"coin\":\"SOL\"}""#).unwrap();
    assert_eq!((check.batch.refused.len(), check.batch.ignored.as_slice()), (0, &[Ignored::Duplicate][..]));
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    check.bbo(r#"{"px":"1_0","sz":"1","n":1}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert_eq!(check.told(), ["ask=84144.0 ask_size=50.66422"]);
    let mut check = Check::new();
    check.book(&BID.replace("84143.0", &"9".repeat(40))).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
    check.channel("trades", &format!("[{}]", trade("1e400", 5))).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    check.channel("activeAssetCtx", r#"{"coin":"BTC","ctx":{"markPx":"x","oraclePx":"1.0"}}"#).unwrap();
    assert_eq!(check.told(), ["index=1.0"]);
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.channel("bbo", r#"{"coin":"btc","time":1,"bbo":[null,null]}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol], "the case counts");
    for (channel, kind) in [("allMids", "allMids"), ("candle", "candle"), ("userFills", "other")] {
        assert_eq!(check.channel(channel, "{}"), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    let deep = format!(r#"{{"channel":"l2Book","data":{}"#, "[".repeat(100_000));
    for text in [
        "",
        "pong",
        "[]",
        "{}",
        r#"{"coin":"BTC","levels":[[],[]],"time":1703875200000}"#,
        r#"{"channel":"bbo"}"#,
        r#"{"channel":"bbo","data":{"coin":"BTC","bbo":[null]}}"#,
        r#"{"channel":"l2Book","data":{"coin":"BTC","levels":[[]]}}"#,
        r#"{"channel":"trades","data":{}}"#,
        r#"{"channel":"trades","data":[{"coin":"BTC","px":"1","sz":"1","time":123456789012345678901234567}]}"#,
        r#"{"channel":"error","data":{}}"#,
        deep.as_str(),
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text:.200}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    assert_eq!(check.bbo(BID), Ok("bbo"), "and the next one is read");
}
