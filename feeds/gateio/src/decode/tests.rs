//! Single messages: each kind and each oddity.

use feed::Instruments;
use market::Symbol;

use super::*;

struct Check {
    decoder: Gate4,
    batch: Batch,
}

impl Check {
    fn of(names: &[(&str, &str)]) -> Check {
        let mut instruments = Instruments::new("GATE", 8);
        for (native, name) in names {
            instruments.add(native, Symbol::of_venue("GATE", name).unwrap());
        }
        instruments.close();
        Check { decoder: Gate4::new(), batch: Batch::new(instruments) }
    }

    fn spot() -> Check {
        Check::of(&[("BTC_USDT", "BTC-USDT"), ("DIS_USDT", "DIS-USDT")])
    }

    fn futures() -> Check {
        Check::of(&[("BTC_USDT", "BTC-USDT-PERP"), ("BTC_USD", "BTC-USD-PERP")])
    }

    fn give(&mut self, text: &str) -> Result<&'static str, DecodeError> {
        self.batch.clear();
        self.decoder.decode(Frame::Text(text), Micros(9), &mut self.batch)
    }

    fn update(&mut self, channel: &str, result: &str) -> Result<&'static str, DecodeError> {
        self.give(&format!(
            r#"{{"time":1654161931,"channel":"{channel}","event":"update","error":null,"result":{result}}}"#
        ))
    }

    /// A message of `spot.order_book_update` with these bids.
    fn changes(&mut self, first: u64, end: u64, bids: &str) -> Result<&'static str, DecodeError> {
        let result = format!(
            r#"{{"t":1631836142325,"e":"depthUpdate","E":1631836142,"s":"BTC_USDT","U":{first},"u":{end},"b":[{bids}],"a":[]}}"#
        );
        self.update("spot.order_book_update", &result)
    }

    fn rest(&mut self, id: u64) {
        self.batch.clear();
        let url =
            "https://api.gateio.ws/api/v4/spot/order_book?currency_pair=BTC_USDT&limit=100&with_id=true";
        let body = format!(
            r#"{{"id":{id},"current":1654249533113,"update":1654249526591,"asks":[["11","2"]],"bids":[["10","1"]]}}"#
        );
        self.decoder.rest(url, &body, Micros(9), &mut self.batch);
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

const TICKER: &str = r#"{"currency_pair":"BTC_USDT","last":"29968.31","lowest_ask":"29968.31","highest_bid":"29968.3","change_percentage":"-5.3731","base_volume":"10676.32785905","quote_volume":"324419781.600232","high_24h":"32399.99","low_24h":"29324.36"}"#;
const BEST: &str = r#"{"t":1654029559473,"u":6765708346,"s":"BTC_USDT","b":"31738.93","B":"2.3039","a":"31738.94","A":"0.335"}"#;

#[test]
fn a_spot_ticker_has_no_sizes() {
    let mut check = Check::spot();
    assert_eq!(check.update("spot.tickers", TICKER), Ok("spot.tickers:update"));
    assert_eq!(
        check.told(),
        ["bid=29968.3 bid_size= ask=29968.31 ask_size= last=29968.31 last_size= last_side= \
          high_24h=32399.99 low_24h=29324.36 volume_24h=10676.32785905 quote_volume_24h=324419781.600232"]
    );
    assert_eq!(check.batch.updates[0].1.ts_event, None, "a trade from before the message may come after it");
    let trade = r#"{"id":1,"create_time":1654161930,"create_time_ms":"1654161930999.5","side":"buy","currency_pair":"BTC_USDT","amount":"1","price":"29970"}"#;
    check.update("spot.trades", trade).unwrap();
    check.update("spot.tickers", TICKER).unwrap();
    let told = check.batch.updates[0].1.ts_event;
    assert_eq!(told, Some(Micros(1_654_161_931_000_000)), "the second of the message");
}

/// Seen in the recording of 2021: a trade says `121.5800000000`, the ticker after it `121.58`, and its time has a fraction.
#[test]
fn a_trade_silences_the_ticker_s_last_which_has_other_zeros() {
    let mut check = Check::spot();
    let trade = r#"{"id":816995772,"create_time":1619093543,"create_time_ms":"1619093543708.2642","side":"sell","currency_pair":"BTC_USDT","amount":"0.2010000000","price":"121.5800000000"}"#;
    assert_eq!(check.update("spot.trades", trade), Ok("spot.trades:update"));
    assert_eq!(check.told(), ["last=121.5800000000 last_size=0.2010000000 last_side=sell"]);
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_619_093_543_708_264)));
    check.update("spot.tickers", TICKER).unwrap();
    assert!(!check.told()[0].contains("last="));
}

#[test]
fn book_ticker_tells_the_top_and_silences_ticker_and_book() {
    let mut check = Check::spot();
    assert_eq!(check.update("spot.book_ticker", BEST), Ok("spot.book_ticker:update"));
    assert_eq!(check.told(), ["bid=31738.93 bid_size=2.3039 ask=31738.94 ask_size=0.335"]);
    let (_, update) = &check.batch.updates[0];
    assert_eq!(
        (update.source, update.venue_seq, update.snapshot),
        (Source::Direct, Some(6_765_708_346), true)
    );
    check.update("spot.tickers", TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="));
    check.rest(10);
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    assert_eq!(check.changes(12, 12, ""), Ok("spot.order_book_update:update"), "nothing shown is in doubt");
    check.update("spot.book_ticker", &BEST.replace("6765708346", "5")).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "the numbers were restarted");
    check
        .update("spot.book_ticker", &BEST.replace("\"31738.93\"", "\"\"").replace("6765708346", "6"))
        .unwrap();
    assert_eq!(check.told(), ["bid= bid_size= ask=31738.94 ask_size=0.335"], "no price: nobody bids");
}

/// Seen in the single messages of 2022: prices are texts and sizes whole numbers.
#[test]
fn futures_mix_texts_and_numbers() {
    let mut check = Check::futures();
    let best = r#"{"t":1654030293769,"u":13980118150,"s":"BTC_USDT","b":"31709.2","B":119926,"a":"31709.3","A":56231}"#;
    assert_eq!(check.update("futures.book_ticker", best), Ok("futures.book_ticker:update"));
    assert_eq!(check.told(), ["bid=31709.2 bid_size=119926 ask=31709.3 ask_size=56231"]);
    let trades = r#"[{"size":-19,"id":48081,"create_time":1615253386,"price":"53560.5","contract":"BTC_USDT"},{"size":7,"id":1,"create_time":1616327545,"create_time_ms":1616327545436,"price":"56155.2","contract":"BTC_USD"}]"#;
    assert_eq!(check.update("futures.trades", trades), Ok("futures.trades:update"));
    assert_eq!(
        check.told(),
        ["last=53560.5 last_size=19 last_side=sell", "last=56155.2 last_size=7 last_side=buy"]
    );
    assert_eq!(check.batch.updates[0].1.ts_event, Some(Micros(1_615_253_386_000_000)));
    let ticker = r#"[{"contract":"BTC_USDT","last":"29885.9","funding_rate":"-0.00004","mark_price":"29908","index_price":"29908.95","total_size":"754413619","volume_24h":"337595135","low_24h":"29280","high_24h":"31880","volume_24h_quote":"1008933444","volume_24h_base":"33759"}]"#;
    assert_eq!(check.update("futures.tickers", ticker), Ok("futures.tickers:update"));
    assert_eq!(
        check.told(),
        [
            "high_24h=31880 low_24h=29280 volume_24h=337595135 quote_volume_24h=1008933444 mark=29908 index=29908.95 \
          funding_rate=-0.00004"
        ]
    );
}

#[test]
fn a_contract_s_messages_are_not_those_of_the_spot_pair_of_that_name() {
    let mut check = Check::spot();
    check.update("futures.book_ticker", BEST).unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::UnknownSymbol][..]));
    check.update("spot.book_ticker", &BEST.replace("BTC_USDT", "FOO_BAR")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::UnknownSymbol]);
}

#[test]
fn obu_begins_with_a_book_and_is_subscribed_again_after_a_gap() {
    let mut check = Check::futures();
    let full =
        r#"{"t":1,"full":true,"s":"ob.BTC_USDT.50","u":100,"b":[["99","2"],["100","1"]],"a":[["101","1"]]}"#;
    assert_eq!(check.update("futures.obu", full), Ok("futures.obu:update"));
    assert_eq!(check.told(), ["bid=100 bid_size=1 ask=101 ask_size=1"]);
    check.update("futures.obu", r#"{"t":2,"s":"ob.BTC_USDT.50","U":101,"u":104}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::TopUnmoved], "only the number moves");
    check.update("futures.obu", r#"{"t":2,"s":"ob.BTC_USDT.50","U":105,"u":105,"b":[["100","0"]]}"#).unwrap();
    assert_eq!(check.told(), ["bid=99 bid_size=2 ask=101 ask_size=1"]);
    check.update("futures.obu", r#"{"t":2,"s":"ob.BTC_USDT.50","U":107,"u":108,"b":[["100","1"]]}"#).unwrap();
    assert_eq!(check.told(), ["suspect/gap"]);
    assert_eq!(
        check.batch.replies,
        ["unsubscribe", "subscribe"].map(|event| format!(
            r#"{{"channel":"futures.obu","event":"{event}","payload":["ob.BTC_USDT.50"]}}"#
        ))
    );
    check.update("futures.obu", r#"{"t":2,"s":"ob.BTC_USDT.50","U":109,"u":109,"b":[["98","1"]]}"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.update("futures.obu", full).unwrap();
    assert!(check.batch.updates[0].1.snapshot, "clears the suspicion");
    for loss in 1..feed::book::LOSSES_MAX {
        let gap = check.update("futures.obu", r#"{"s":"ob.BTC_USDT.50","U":900,"u":900}"#);
        assert!(gap.is_ok(), "{loss}");
        check.update("futures.obu", full).unwrap();
    }
    let last = check.update("futures.obu", r#"{"s":"ob.BTC_USDT.50","U":900,"u":900}"#);
    assert_eq!(last, Err(DecodeError::Reconnect(Reason::Gap)), "a book that never fits ends the connection");
}

#[test]
fn a_fetched_book_is_met_by_the_changes_that_waited() {
    let mut check = Check::spot();
    check.changes(4, 6, r#"["10.5","1"]"#).unwrap();
    check.changes(7, 9, r#"["10.6","1"]"#).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot]);
    check.rest(6);
    assert_eq!(check.told(), ["bid=10.6 bid_size=1 ask=11 ask_size=2"], "6 is in the snapshot, 9 is not");
    check.changes(10, 10, r#"["10.6","0"]"#).unwrap();
    assert_eq!(check.told(), ["bid=10 bid_size=1 ask=11 ask_size=2"]);
    check.update("spot.tickers", TICKER).unwrap();
    assert!(!check.told()[0].contains("bid="), "the ticker has no sizes");
    assert_eq!(check.changes(12, 12, ""), Err(DecodeError::Reconnect(Reason::Gap)));
    assert_eq!(check.told(), ["suspect/gap"]);
    check.rest(11);
    assert!(check.batch.updates[0].1.snapshot);
    let unreadable = check.changes(12, 12, r#"["x","1"]"#);
    assert_eq!(
        (unreadable, check.told()),
        (Err(DecodeError::Reconnect(Reason::Gap)), vec!["suspect/gap".to_owned()])
    );
}

#[test]
fn a_second_book_channel_does_not_disturb_the_first() {
    let mut check = Check::spot();
    check.rest(10);
    let full = r#"{"t":1,"full":true,"s":"ob.BTC_USDT.50","u":100,"b":[["9","2"]],"a":[["12","1"]]}"#;
    assert_eq!(check.update("spot.obu", full), Ok("spot.obu:update"));
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::NotAQuote][..]));
    let few = r#"{"t":1662630117190,"lastUpdateId":8093065166,"s":"BTC_USDT","bids":[["9","1"]],"asks":[["12","1"]]}"#;
    assert_eq!(check.update("spot.order_book", few), Ok("spot.order_book:update"));
    assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
}

#[test]
fn a_few_levels_are_whole_each_time() {
    let mut check = Check::futures();
    let all = |asks: &str| {
        format!(
            r#"{{"time":1653810275,"channel":"futures.order_book","event":"all","error":null,"result":{{"t":1653810274815,"id":79619326,"contract":"BTC_USDT","asks":[{asks}],"bids":[{{"p":"28941.5","s":564}}]}}}}"#
        )
    };
    assert_eq!(
        check.give(&all(r#"{"p":"28988.9","s":620},{"s":535,"p":"28991.8"}"#)),
        Ok("futures.order_book:all")
    );
    assert_eq!(check.told(), ["bid=28941.5 bid_size=564 ask=28988.9 ask_size=620"]);
    assert!(check.batch.updates[0].1.snapshot);
    check.give(&all(r#"{"p":"28991.8","s":535}"#)).unwrap();
    assert_eq!(check.told(), ["bid=28941.5 bid_size=564 ask=28991.8 ask_size=535"]);
    assert!(!check.batch.updates[0].1.snapshot, "a whole book continues");
    let signed = r#"[{"p":"28990","s":-5,"c":"BTC_USDT","id":90062644},{"p":"28941.5","s":0,"c":"BTC_USDT","id":90062645},{"p":"28940","s":7,"c":"BTC_USDT","id":90062646}]"#;
    assert_eq!(check.update("futures.order_book", signed), Ok("futures.order_book:update"));
    assert_eq!(check.told(), ["bid=28940 bid_size=7 ask=28990 ask_size=5"]);
    check.update("futures.order_book", &signed.replace("BTC_USDT", "BTC_USD")).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BeforeSnapshot; 3]);
}

#[test]
fn refusals_name_their_symbol_and_the_others_are_asked_for_again() {
    let mut check = Check::spot();
    let old =
        r#"{"time":1619093532,"channel":"spot.trades","event":"subscribe","result":{"status":"success"}}"#;
    assert_eq!(check.give(old), Ok("spot.trades:subscribe"));
    assert!(check.batch.refused.is_empty());
    let refused = r#"{"time":1,"time_ms":1,"conn_id":"c","channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT","DIS_USDT"],"error":{"code":2,"message":"unknown currency pair: DIS_USDT"},"result":{"status":"fail"}}"#;
    assert_eq!(check.give(refused), Ok("spot.tickers:subscribe"));
    assert_eq!(
        check.batch.refused,
        [(Some(InstrumentId(1)), "2 unknown currency pair: DIS_USDT".to_owned())]
    );
    assert_eq!(
        check.batch.replies,
        [r#"{"channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT"]}"#]
    );
    let alone = r#"{"channel":"spot.tickers","event":"subscribe","payload":["DIS_USDT"],"error":{"code":2,"message":"no"},"result":null}"#;
    check.give(alone).unwrap();
    assert_eq!((check.batch.refused[0].0, check.batch.replies.len()), (Some(InstrumentId(1)), 0));
    check.give(r#"{"channel":"spot.nope","event":"subscribe","error":{"code":2,"message":"Unknown channel spot.nope"}}"#).unwrap();
    assert_eq!(check.batch.refused[0].0, None);
}

#[test]
fn pongs_upgrades_and_what_is_no_quote() {
    let mut check = Check::futures();
    let pong = r#"{"time":1,"time_ms":1,"conn_id":"c","channel":"futures.pong","event":"","result":null}"#;
    assert_eq!(check.give(pong), Ok("futures.pong"));
    assert!(check.batch.ignored.is_empty());
    let upgrade =
        r#"{"time":1,"channel":"futures.system","event":"update","result":{"type":"upgrade","msg":"x"}}"#;
    assert_eq!(check.give(upgrade), Err(DecodeError::Reconnect(Reason::Venue)));
    assert_eq!(check.give(&upgrade.replace("upgrade", "other")), Ok("system"));
    assert_eq!(
        check.give(r#"{"channel":"spot.trades","event":"unsubscribe","result":{"status":"success"}}"#),
        Ok("unsubscribe")
    );
    for (channel, kind) in [("spot.candlesticks", "spot.candlesticks:update"), ("futures.new_thing", "other")]
    {
        assert_eq!(check.update(channel, r#"{"n":"1m_BTC_USDT"}"#), Ok(kind));
        assert_eq!(check.batch.ignored, [Ignored::NotAQuote]);
    }
}

#[test]
fn bad_numbers_are_counted_and_tell_nothing() {
    let mut check = Check::spot();
    let odd = TICKER
        .replace("\"29968.3\"", "\"2_9\"")
        .replace("\"32399.99\"", "null")
        .replace("\"29324.36\"", "2.9E+4");
    check.update("spot.tickers", &odd).unwrap();
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert!(check.told()[0].starts_with("ask=29968.31"), "{:?}", check.told());
    assert!(check.told()[0].contains("high_24h= low_24h=29000 "), "{:?}", check.told());
    check.update("spot.tickers", &TICKER.replace("\"29968.3\"", "\"0\"")).unwrap();
    assert!(check.told()[0].starts_with("bid= bid_size= ask="), "a price of zero is no bid");
    check
        .update(
            "spot.trades",
            &format!(r#"{{"currency_pair":"BTC_USDT","price":"{}","amount":"1"}}"#, "9".repeat(60)),
        )
        .unwrap();
    assert_eq!((check.told().len(), check.batch.ignored.as_slice()), (0, &[Ignored::BadNumber][..]));
}

#[test]
fn garbage_is_refused_and_the_next_message_taken() {
    let mut check = Check::spot();
    for text in [
        "",
        "[]",
        "{}",
        r#"{"channel":5}"#,
        r#"{"method":"trades.update","params":["BTC_USDT",[]],"id":null}"#,
        r#"{"channel":"spot.trades","event":"update"}"#,
        r#"{"channel":"spot.trades","event":"update","result":{"status":"success"}}"#,
        r#"{"channel":"spot.obu","event":"update","result":{"s":"BTC_USDT","u":5}}"#,
        r#"{"channel":"spot.obu","event":"update","result":{"s":"ob.BTC_USDT.50","u":123456789012345678901234567}}"#,
        r#"{"channel":"spot.order_book_update","event":"update","result":{"s":"BTC_USDT","u":5,"b":[["1"]]}}"#,
        r#"{"channel":"spot.order_book_update","event":"update","result":{"s":"BTC_USDT","u":5,"b":[{"p":"1"}]}}"#,
    ] {
        assert!(matches!(check.give(text), Err(DecodeError::Garbage(_))), "{text}");
    }
    let binary = check.decoder.decode(Frame::Binary(b"{}"), Micros(1), &mut check.batch);
    assert_eq!(binary, Err(DecodeError::Garbage("binary frame")));
    check.batch.clear();
    check.decoder.rest(
        "https://x/api/v4/spot/order_book?currency_pair=BTC_USDT",
        "<html>",
        Micros(1),
        &mut check.batch,
    );
    check.decoder.rest("https://x/api/v4/spot/currency_pairs", "<html>", Micros(1), &mut check.batch);
    assert_eq!(check.batch.ignored, [Ignored::BadNumber]);
    assert_eq!(check.update("spot.tickers", TICKER), Ok("spot.tickers:update"));
}
