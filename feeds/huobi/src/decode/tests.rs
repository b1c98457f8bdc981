//! Single frames: each kind of message and each oddity.

use feed::Instruments;
use market::{Reason, Status, Symbol};
use testkit::proof::told;

use super::*;

struct Check {
    decoder: Htx,
    batch: Batch,
}

impl Check {
    fn new() -> Check {
        let mut instruments = Instruments::new("HTX", 4);
        for (native, name) in
            [("btcusdt", "BTC-USDT"), ("BTC-USD", "BTC-USD-PERP"), ("BTC-USDT", "BTC-USDT-PERP")]
        {
            instruments.add(native, Symbol::of_venue("HTX", name).unwrap());
        }
        instruments.close();
        Check { decoder: Htx::new(), batch: Batch::new(instruments) }
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn channel(&mut self, channel: &str, tick: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(r#"{{"ch":"market.btcusdt.{channel}","ts":1618678069870,"tick":{tick}}}"#))
    }

    fn bbo(&mut self, bid: &str, number: u64) -> Result<&'static str, DecodeError> {
        self.channel(
            "bbo",
            &format!(
                r#"{{"seqId":{number},"ask":31764.09,"askSize":0.794873,"bid":{bid},"bidSize":4.378544,"quoteTime":1654031600064,"symbol":"btcusdt"}}"#
            ),
        )
    }

    /// The updates as `field=number`, in one line each; a status is shown as such.
    fn told(&self) -> Vec<String> {
        told(&self.batch)
    }
}

const DETAIL: &str = r#"{"id":311070770838,"low":29326.15,"high":31899.51,"open":31666.3,"close":29952.31,"vol":8.181588598785326E8,"amount":26897.159881877742,"version":311070770838,"count":699452}"#;
const BOOK: &str = r#"{"bids":[[710.01,2.260165],[710.0,0.104328]],"asks":[[715.08,0.395453]],"version":326374035,"ts":1618678069722}"#;
const SWAP: &str = r#"{"ch":"market.BTC-USDT.detail","ts":1654164279373,"tick":{"id":1654164240,"mrid":108854811173,"open":30728.4,"close":29944.4,"high":30729.5,"low":29306.6,"amount":34473.406,"vol":34473406,"trade_turnover":1047364677.232,"count":203526,"ask":[29940.5,2138],"bid":[29940.4,3743]}}"#;

#[test]
fn bbo_tells_the_top_and_silences_book_and_ticker() {
    let mut check = Check::new();
    assert_eq!(check.bbo("31764.08", 10), Ok("bbo"));
    assert_eq!(check.told(), ["bid=31764.08 bid_size=4.378544 ask=31764.09 ask_size=0.794873"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!((update.source, update.venue_seq, update.snapshot), (Source::Direct, Some(10), true));
    assert_eq!(update.ts_event, Some(Micros(1_654_031_600_064_000)), "quoteTime");
    check.channel("depth.step0", BOOK).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    check.bbo("2", 11).unwrap();
    assert!(!check.batch.updates[0].1.snapshot);
    check.bbo("3", 4).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "restarted numbers, else it would be dropped as older");
    check.bbo("null", 12).unwrap();
    assert!(check.told()[0].starts_with("bid= bid_size= ask=31764.09"), "nobody bids");
}

#[test]
fn the_best_of_a_derivative_is_a_pair_of_price_and_contracts() {
    let mut check = Check::new();
    let text = r#"{"ch":"market.BTC-USD.bbo","ts":1654031818692,"tick":{"mrid":136465693726,"id":1654031818,"bid":[31753.2,2495],"ask":[31753.3,249],"ts":1654031818692,"version":136465693726,"ch":"market.BTC-USD.bbo"}}"#;
    assert_eq!(check.give(text), Ok("bbo"));
    assert_eq!(check.told(), ["bid=31753.2 bid_size=2495 ask=31753.3 ask_size=249"]);
    assert_eq!(check.batch.updates[0].1.venue_seq, Some(136_465_693_726));
}

#[test]
fn a_whole_book_tells_its_first_levels() {
    let mut check = Check::new();
    assert_eq!(check.channel("depth.step0", BOOK), Ok("depth.step0"));
    assert_eq!(check.told(), ["bid=710.01 bid_size=2.260165 ask=715.08 ask_size=0.395453"]);
    assert!(check.batch.updates[0].1.snapshot && check.batch.updates[0].1.source == Source::Book);
    check.channel("mbp.refresh.5", BOOK).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote], "one book is enough");
}

/// Messages of 2022 of contracts that hardly trade: `ANT-USD` has no sides at all, `GST-USDT` no bids, `DOT_CW` `null`.
#[test]
fn a_side_that_is_missing_or_null_or_empty_is_absent() {
    for tick in [
        r#"{"asks":[[7.5042,4218]],"ts":1}"#,
        r#"{"asks":[[7.5042,4218]],"bids":null,"ts":1}"#,
        r#"{"asks":[[7.5042,4218]],"bids":[],"ts":1}"#,
    ] {
        let mut check = Check::new();
        check.channel("depth.step0", tick).unwrap();
        assert_eq!(check.told(), ["bid= bid_size= ask=7.5042 ask_size=4218"]);
    }
    let mut check = Check::new();
    check.channel("depth.step6", r#"{"version":1653868800}"#).unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask= ask_size="]);
}

#[test]
fn merged_prices_are_no_quote() {
    let mut check = Check::new();
    for step in ["depth.step1", "depth.step5", "depth.step7", "depth.step14"] {
        assert_eq!(check.channel(step, BOOK), Ok(step));
        assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    }
}

/// Seen in the recording of 2021-04-17: 160 of 202 messages have numbers like `1.58E-4`.
#[test]
fn scientific_notation_is_read_without_a_float() {
    let mut check = Check::new();
    let tick = r#"{"bids":[[1.58E-4,92730.24],[9.12E-7,5.0E-4]],"asks":[[4.222e-5,1E+2]],"version":1}"#;
    check.channel("depth.step0", tick).unwrap();
    assert_eq!(check.told(), ["bid=0.000158 bid_size=92730.24 ask=0.00004222 ask_size=100"]);
}

/// Seen in the recording of 2021-04-17: `"id":100182534526255757567432481`.
#[test]
fn ids_of_27_digits_do_not_hurt() {
    let mut check = Check::new();
    let tick = r#"{"id":100182534526,"ts":1618678027940,"data":[{"id":100182534526255757567432481,"ts":1618678027940,"tradeId":100045088885,"amount":20995.88,"price":9.2E-7,"direction":"buy"}]}"#;
    assert_eq!(check.channel("trade.detail", tick), Ok("trade.detail"));
    assert_eq!(check.told(), ["last=0.00000092 last_size=20995.88 last_side=buy"]);
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_618_678_027_940_000)));
    let longer = "9".repeat(60);
    check.channel("trade.detail", &tick.replace("100182534526255757567432481", &longer)).unwrap();
    assert_eq!(check.told().len(), 1);
}

/// Seen in the recording of 2021-04-17: `fil3susdt`, eleven trades with falling ids. An option's message of 2021 has
/// rising ones.
#[test]
fn the_newest_of_several_trades_is_told_last_whichever_way_they_stand() {
    let trade = |id: u64, price: &str| {
        format!(r#"{{"tradeId":{id},"ts":1,"amount":1.0,"price":{price},"direction":"sell"}}"#)
    };
    for order in [[(7, "1.3262E-4"), (6, "1.3268E-4")], [(6, "1.3268E-4"), (7, "1.3262E-4")]] {
        let list: Vec<String> = order.iter().map(|&(id, price)| trade(id, price)).collect();
        let mut check = Check::new();
        check.channel("trade.detail", &format!(r#"{{"data":[{}]}}"#, list.join(","))).unwrap();
        let told = check.told();
        assert_eq!(told.len(), 2);
        assert!(told[1].starts_with("last=0.00013262 "), "{told:?}");
    }
}

#[test]
fn the_day_of_a_spot_symbol() {
    let mut check = Check::new();
    assert_eq!(check.channel("detail", DETAIL), Ok("detail"));
    assert_eq!(
        check.told(),
        ["last=29952.31 last_size= last_side= open_24h=31666.3 high_24h=31899.51 low_24h=29326.15 \
          volume_24h=26897.159881877742 quote_volume_24h=818158859.8785326"]
    );
    check
        .channel("trade.detail", r#"{"data":[{"tradeId":1,"amount":1,"price":2,"direction":"sell"}]}"#)
        .unwrap();
    check.channel("detail", DETAIL).unwrap();
    assert!(!check.told()[0].contains("last="), "a trade was heard");
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_618_678_069_870_000)));
}

/// In the recording of 2021-04-17 the first trades are up to a minute old: they must not look older than a ticker.
#[test]
fn a_last_trade_told_by_a_ticker_has_no_time_by_which_a_trade_could_look_old() {
    let mut check = Check::new();
    for channel in ["detail", "ticker"] {
        check.channel(channel, DETAIL).unwrap();
        assert!(check.told()[0].contains("open_24h"), "{:?}", check.told());
        assert_eq!(check.batch.updates[0].1.ts_event, None);
    }
}

#[test]
fn the_day_of_a_linear_swap_has_its_top_and_its_turnover() {
    let mut check = Check::new();
    assert_eq!(check.give(SWAP), Ok("detail"));
    let told = &check.told()[0];
    assert!(told.starts_with("bid=29940.4 bid_size=3743 ask=29940.5 ask_size=2138 last=29944.4"), "{told}");
    assert!(
        told.ends_with("volume_24h=34473.406 quote_volume_24h=1047364677.232"),
        "not the contracts: {told}"
    );
}

/// A message of 2022: the volume of an inverse swap has 42 digits.
#[test]
fn a_volume_of_42_digits_is_counted_and_not_rounded() {
    let mut check = Check::new();
    let text = SWAP.replace("34473.406,", "13439.9875087391570765718450164053828468124,");
    check.give(&text).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert!(!check.told()[0].contains("volume_24h=1343"), "{:?}", check.told());
}

#[test]
fn a_ticker_fills_what_better_channels_have_not_told() {
    let mut check = Check::new();
    let tick = r#"{"open":1.5,"high":2,"low":1,"close":1.6,"amount":10,"vol":16,"count":3,"bid":1.59,"bidSize":4,"ask":1.61,"askSize":5,"lastPrice":1.6,"lastSize":0.2}"#;
    assert_eq!(check.channel("ticker", tick), Ok("ticker"));
    let told = &check.told()[0];
    assert!(told.starts_with("bid=1.59 bid_size=4 ask=1.61 ask_size=5 last=1.6 last_size=0.2"), "{told}");
    check.bbo("1", 1).unwrap();
    check.channel("ticker", tick).unwrap();
    assert!(check.told()[0].starts_with("last=1.6"));
}

/// Seen in the recording of 2021-04-17: the answer to `{"ping":1618678073643}` is `{"pong":1618678073643}`.
#[test]
fn a_ping_shaped_as_data_gets_its_number_back() {
    let mut check = Check::new();
    assert_eq!(check.give(r#"{"ping":1618678073643}"#), Ok("ping"));
    assert_eq!(check.batch.replies, [r#"{"pong":1618678073643}"#]);
    assert_eq!(check.give(r#"{"op":"ping","ts":"1618678073643"}"#), Ok("ping"));
    assert_eq!(check.batch.replies, [r#"{"op":"pong","ts":"1618678073643"}"#]);
    for text in [
        r#"{"ping":"}{"}"#,
        r#"{"ping":[1]}"#,
        r#"{"ping":1618678073643161867807364316186780}"#,
        r#"{"ping":""}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
        assert!(check.batch.replies.is_empty());
    }
    assert_eq!(check.give(r#"{"pong":5}"#), Ok("pong"));
}

#[test]
fn changes_of_mbp_wait_for_the_book_that_was_asked_for() {
    let mut check = Check::new();
    let change = |before: u64, number: u64, bid: &str| {
        format!(r#"{{"seqNum":{number},"prevSeqNum":{before},"bids":[[{bid},1.0]]}}"#)
    };
    assert_eq!(check.channel("mbp.150", &change(9, 10, "3")), Ok("mbp.150"));
    assert_eq!(check.batch.replies, [r#"{"id":"market.btcusdt.mbp.150","req":"market.btcusdt.mbp.150"}"#]);
    check.channel("mbp.150", &change(10, 12, "5")).unwrap();
    assert_eq!(
        (check.batch.replies.len(), check.batch.ignored.as_slice()),
        (0, &[Ignored::BeforeSnapshot][..])
    );
    let answer = r#"{"id":"market.btcusdt.mbp.150","rep":"market.btcusdt.mbp.150","status":"ok","ts":5,"data":{"seqNum":10,"bids":[[3,1.0]],"asks":[[9,2.0]]}}"#;
    assert_eq!(check.give(answer), Ok("ack"));
    assert_eq!(check.told(), ["bid=5 bid_size=1.0 ask=9 ask_size=2.0"], "with what came meanwhile");
    check.channel("mbp.150", r#"{"seqNum":13,"prevSeqNum":12,"bids":[[5,0.0]]}"#).unwrap();
    assert_eq!(check.told(), ["bid=3 bid_size=1.0 ask=9 ask_size=2.0"], "zero removes");
    check.channel("mbp.150", &change(12, 13, "6")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::Duplicate]);
    check.channel("mbp.20", &change(13, 14, "6")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote], "another book of the same symbol");
    check.channel("mbp.150", &change(14, 15, "6")).unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    assert_eq!(check.batch.replies.len(), 1, "asked for again");
    check.give(&answer.replace("\"seqNum\":10", "\"seqNum\":14")).unwrap();
    assert_eq!(check.told(), ["bid=6 bid_size=1.0 ask=9 ask_size=2.0"]);
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
}

#[test]
fn counted_changes_follow_a_book_and_a_missing_one_is_a_gap() {
    let mut check = Check::new();
    let topic = "depth.size_20.high_freq";
    let tick = |event: &str, version: u64, bids: &str| {
        format!(r#"{{"asks":[[9,1]],"bids":{bids},"event":"{event}","version":{version},"ts":1}}"#)
    };
    assert_eq!(check.channel(topic, &tick("update", 4, "[[5,1]]")), Ok("depth.size_20.high_freq"));
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.channel(topic, &tick("snapshot", 5, "[[5,1]]")).unwrap();
    assert_eq!(check.told(), ["bid=5 bid_size=1 ask=9 ask_size=1"]);
    check.channel(topic, &tick("update", 6, "[]")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved], "legal, and counts");
    check.channel(topic, &tick("update", 8, "[[6,1]]")).unwrap();
    assert_eq!(check.batch.updates[0].1.status, Some((Status::Suspect, Reason::Gap)));
    assert_eq!(
        check.batch.replies,
        [
            r#"{"data_type":"incremental","id":"market.btcusdt.depth.size_20.high_freq","sub":"market.btcusdt.depth.size_20.high_freq"}"#
        ]
    );
    check.bbo("1", 1).unwrap();
    check.channel(topic, &tick("snapshot", 9, "[[5,1]]")).unwrap();
    check.channel(topic, &tick("update", 19, "[[5,1]]")).unwrap();
    assert_eq!((check.told().len(), check.batch.replies.len()), (0, 1), "repaired without a word behind bbo");
}

#[test]
fn a_book_that_never_fits_ends_the_connection() {
    let mut check = Check::new();
    for round in 0..=feed::book::LOSSES_MAX {
        let book = r#"{"asks":[[9,1]],"bids":[[5,1]],"event":"snapshot","version":5}"#;
        check.channel("depth.size_20.high_freq", book).unwrap();
        let lost = check.channel("depth.size_20.high_freq", &book.replace("snapshot", "update"));
        let last = round == feed::book::LOSSES_MAX;
        assert_eq!(lost.is_err(), last, "{lost:?}");
    }
}

#[test]
fn figures_of_a_contract() {
    let mut check = Check::new();
    let funding = r#"{"op":"notify","topic":"public.BTC-USD.funding_rate","ts":1617309842839,"data":[{"symbol":"BTC","contract_code":"BTC-USD","fee_asset":"BTC","funding_time":"1617309840000","funding_rate":"0.000624180443735412","estimated_rate":"0.000807076648698898","settlement_time":"1617321600000"}]}"#;
    assert_eq!(check.give(funding), Ok("funding_rate"));
    assert_eq!(check.told(), ["funding_rate=0.000624180443735412"]);
    let mark = r#"{"ch":"market.BTC-USDT.mark_price.1min","ts":1,"tick":{"id":1,"open":"1","close":"42310.6","high":"2","low":"1","amount":"0","vol":"0","count":"0"}}"#;
    assert_eq!(check.give(mark), Ok("mark_price"));
    assert_eq!(check.told(), ["mark=42310.6"]);
    assert_eq!(check.give(&mark.replace("mark_price", "index")), Ok("index"));
    assert_eq!(check.told(), ["index=42310.6"]);
    let basis = r#"{"ch":"market.BTC-USDT.basis.1min.open","ts":1,"tick":{"id":1,"index_price":"42300.1","contract_price":"42310"}}"#;
    assert_eq!(check.give(basis), Ok("basis"));
    assert_eq!(check.told(), ["index=42300.1"]);
}

#[test]
fn a_refusal_names_its_topic_by_our_id() {
    let mut check = Check::new();
    let text = r#"{"status":"error","ts":1,"id":"market.btcusdt.bbo","err-code":"bad-request","err-msg":"invalid topic market.btcusdt.bbo"}"#;
    assert_eq!(check.give(text), Ok("error"));
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(0)), "bad-request: invalid topic market.btcusdt.bbo".to_owned())]
    );
    check.give(r#"{"status":"error","id":"7","err-code":2002,"err-msg":"no"}"#).unwrap();
    assert_eq!(check.batch.refused, [(None, "2002: no".to_owned())]);
    assert_eq!(
        check.give(r#"{"id":1,"status":"ok","subbed":"market.trioeth.depth.step0","ts":1618678070653}"#),
        Ok("ack")
    );
    assert!(check.batch.ignored.is_empty());
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::new();
    let huge = "9".repeat(40);
    check.bbo(&huge, 1).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
    check.channel("depth.step0", r#"{"bids":[["x",1]],"asks":[],"version":1}"#).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
}

#[test]
fn what_is_not_ours_is_counted_and_what_is_garbage_refused() {
    let mut check = Check::new();
    check.give(r#"{"ch":"market.nopeusdt.bbo","ts":1,"tick":{"seqId":1,"bid":1}}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
    for (channel, kind) in [("kline.1min", "kline.1min"), ("brand.new", "other")] {
        assert_eq!(check.channel(channel, "{}"), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
    for text in [
        "",
        "ping",
        "[]",
        "{}",
        r#"{"ch":"btcusdt","tick":{}}"#,
        r#"{"ch":"market.btcusdt.trade.detail","tick":{}}"#,
        r#"{"ch":"market.btcusdt.trade.detail","tick":{"data":[{}]}}"#,
        r#"{"ch":"market.btcusdt.bbo","tick":[]}"#,
        r#"{"ch":"market.btcusdt.depth.step0","tick":{}}"#,
        r#"{"ch":"market.btcusdt.mbp.5","tick":{"seqNum":1}}"#,
        r#"{"ch":"market.btcusdt.depth.size_20.high_freq","tick":{"event":"snapshot"}}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for tick in [format!(r#"{{"bids":{deep},"version":1}}"#), format!(r#"{{"data":{deep}}}"#)] {
        for channel in ["depth.step0", "bbo", "trade.detail", "mbp.5"] {
            let _ = check.channel(channel, &tick);
            assert!(check.told().iter().all(|told| told == "bid= bid_size= ask= ask_size="), "{channel}");
        }
    }
    // 64 MiB of blanks in 64 kB.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut bomb, &vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let read = check.decoder.decode(Frame::Binary(&bomb), Micros(1), &mut check.batch);
    assert_eq!(read, Err(DecodeError::Garbage("a frame stands for too much text")));
    for bytes in [&b"{\"ping\":1}"[..], &[0x1f, 0x8b, 8, 0], b""] {
        let read = check.decoder.decode(Frame::Binary(bytes), Micros(1), &mut check.batch);
        assert!(matches!(read, Err(DecodeError::Garbage(_))), "{bytes:?}");
    }
}
