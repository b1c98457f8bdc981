//! A whole recording through the decoder, compared with an independent reader, also as a packet capture; and the session on a
//! group of loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test ends the test")]

use std::collections::BTreeMap;

use feed::capture::CaptureReader;
use feed::{FeedEnd, FeedSettings, FrameTap, Ignored, Instruments, Overrides, Session};
use feed_iex_tops::session;
use market::{Field, FieldSet, Group as FieldGroup, Reason, Status};
use serde_json::{Value, json};
use testkit::contract::check_decoder;
use testkit::datagrams::Group;
use testkit::naive::{NaiveSink, Played};
use testkit::proof::{Fixtures, Running, instruments, play, symbols};
use testkit::script::{Payload, Recorded};
use testkit::sink::CollectingSink;

const DAY: &str = "20170710-tops16-first-half";

fn iex() -> Box<dyn Session> {
    session(&Overrides::default())
}

fn fixtures() -> Fixtures {
    Fixtures::of(env!("CARGO_MANIFEST_DIR"))
}

fn segments(count: usize) -> Vec<Vec<u8>> {
    let bytes = |frame: Recorded| match frame.payload {
        Payload::Binary(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    fixtures().frames(DAY).into_iter().take(count).map(bytes).collect()
}

/// Everything that the independent reader knows of each symbol: the top, the last trade, and how often either was told.
fn check(played: &Played, want: &Value) {
    let mut checked = 0;
    for (native, symbol) in symbols(want) {
        played.check_top(native, &symbol["bbo"], "at the end");
        assert_eq!(Some(played.told(native, FieldGroup::Top).count), symbol["bbo"]["n"].as_u64(), "{native}");
        if let Some(trade) = symbol.get("trade") {
            played.check_last(native, trade, "at the end");
            assert_eq!(
                Some(played.told(native, FieldGroup::Trade).count),
                trade["n_trades"].as_u64(),
                "{native}"
            );
        }
        let nanos: i64 = symbol["bbo"]["exchange_ts"].as_str().and_then(|text| text.parse().ok()).unwrap();
        let told = played.told(native, FieldGroup::Top).ts_event;
        assert_eq!(told, Some(market::Micros::from_nanos(nanos)), "{native}");
        checked += 1;
    }
    assert_eq!(checked, 7_799);
}

#[test]
fn the_recorded_day_ends_as_the_independent_reader_says() {
    let (played, want) = play(&*iex(), &fixtures(), DAY, |_, _| {});
    check(&played, &want);
    let by_type = |kind: &str| want["by_type"][kind].as_u64().unwrap();
    let kinds = played.tap.stats().by_kind();
    // There a segment of no messages counts as a segment and as a heartbeat.
    let segments = by_type("segment") - by_type("heartbeat");
    assert_eq!(kinds, BTreeMap::from([("heartbeat", by_type("heartbeat")), ("segment", segments)]));
    // Auctions, short sales, the directory, the hours of the day, two trades that were taken back long after they were the
    // last; and of the trading statuses all but two halts of the market and one of IEX, which are told.
    let silent =
        ["msg:A", "msg:P", "msg:D", "msg:S", "msg:B", "msg:H", "msg:O"].map(by_type).iter().sum::<u64>() - 3;
    played.check_ignored(&[(Ignored::NotAQuote, silent)]);
    assert_eq!(played.tap.stats().updates, by_type("msg:Q") + by_type("msg:T") + 3);
    assert_eq!(played.tap.instruments().len(), 7_799);
}

#[test]
fn no_two_symbols_of_the_market_share_a_name() {
    let (played, _) = play(&*iex(), &fixtures(), DAY, |_, _| {});
    let names: std::collections::HashSet<&str> =
        played.tap.instruments().iter().map(|(_, instrument)| instrument.symbol.as_str()).collect();
    assert_eq!(names.len(), 7_799);
    assert!(names.contains("IEX:AAPL"));
}

#[test]
fn the_decoder_keeps_its_promises() {
    let session = iex();
    let make = || (session.decoder(), instruments(&*session, &[]));
    check_decoder(&make, &fixtures().frames(DAY), FieldSet::EMPTY);
}

/// The segments as a program that watches the wire would have written them.
fn as_pcap() -> Vec<u8> {
    let recorded = fixtures().frames(DAY);
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for frame in &recorded {
        let (Payload::Binary(segment), Some(at)) = (&frame.payload, frame.ts_recv) else {
            panic!("{frame:?}")
        };
        let length = segment.len() as u16;
        let mut packet = vec![0; 12];
        packet.extend_from_slice(&[8, 0, 0x45, 0]);
        packet.extend_from_slice(&(length + 28).to_be_bytes());
        packet.extend_from_slice(&[
            0, 0, 0x40, 0, 64, 17, 0, 0, 23, 226, 155, 131, 233, 215, 21, 4, 0x28, 0x8a, 0x28, 0x8a,
        ]);
        packet.extend_from_slice(&(length + 8).to_be_bytes());
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(segment);
        let (seconds, micros) = (at.get() / 1_000_000, at.get() % 1_000_000);
        for number in [seconds, micros, packet.len() as i64, packet.len() as i64] {
            file.extend_from_slice(&(number as u32).to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

#[test]
fn a_packet_capture_gives_the_same_quotes() {
    let session = iex();
    let mut reader = CaptureReader::from_bytes("day.pcap", as_pcap()).unwrap();
    let tap = FrameTap::new(session.decoder(), Instruments::new(session.venue(), 20_000));
    let mut played = Played { tap, sink: NaiveSink::default() };
    feed::pump::pump(&mut reader, &mut played.tap, &mut played.sink).unwrap();
    assert_eq!(played.tap.stats().messages, 6_511);
    check(&played, &fixtures().expected(DAY));
}

/// A segment that is lost is noticed with the next one, so from then on nothing that is live is wrong: tops are those of a
/// session without the loss, and a last trade is the right one or none.
#[test]
fn the_loss_of_any_segment_leaves_nothing_wrong_alive() {
    let all = segments(usize::MAX);
    let session = iex();
    let replayed = |lost: Option<usize>| {
        let tap = FrameTap::new(session.decoder(), Instruments::new(session.venue(), 20_000));
        let (mut tap, mut sink) = (tap, CollectingSink::new());
        for (place, segment) in all.iter().enumerate().filter(|(place, _)| Some(*place) != lost) {
            let at = market::Micros(1 + place as i64);
            tap.frame(feed::Frame::Binary(segment), at, &mut sink).unwrap();
        }
        sink
    };
    let whole = replayed(None);
    let mut doubted = 0;
    for lost in (0..all.len()).step_by(all.len() / 30) {
        let sink = replayed(Some(lost));
        sink.look(|seen| {
            for have in &seen.symbols {
                doubted += usize::from(have.history.contains(&(Status::Suspect, Reason::Gap)));
                if have.status != Status::Live {
                    continue;
                }
                let want = whole.look(|seen| seen.get(&have.symbol).unwrap().values);
                for field in [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize] {
                    assert_eq!(
                        have.values.number(field),
                        want.number(field),
                        "{} without {lost}",
                        have.symbol
                    );
                }
                let last = have.values.number(Field::Last);
                assert!(last.is_none() || last == want.number(Field::Last), "{} without {lost}", have.symbol);
            }
        });
    }
    assert!(doubted > 100_000, "{doubted}");
}

fn listening(group: &Group, symbols: &[&str], change: impl FnOnce(&mut FeedSettings)) -> Running {
    let at = Overrides {
        ws_url: Some("udp://233.215.21.4:10378?interface=127.0.0.1".to_owned()),
        ..Overrides::default()
    };
    Running::start_with(session(&at), symbols, |settings| {
        settings.network = group.network();
        change(settings);
    })
}

/// A heartbeat of the recorded session that says which message comes next.
fn heartbeat(next: i64) -> Vec<u8> {
    let mut bytes = segments(1).remove(0);
    bytes[24..32].copy_from_slice(&next.to_le_bytes());
    bytes
}

#[tokio::test]
async fn a_feed_that_takes_everything_learns_its_symbols_from_what_it_hears() {
    let group = Group::new();
    let running = listening(&group, &["*"], |_| {});
    group.wait_listener(1).await;
    // The first quotes of the day: every stock, without a price.
    group.send(segments(1_500)).await;
    running.sink.wait("thousands of stocks", |seen| seen.symbols.len() > 7_000).await;
    running.sink.wait_status("IEX:AAPL", Status::Live, Reason::Confirmed).await;
    running.stop().await;
}

#[tokio::test]
async fn wishes_of_either_spelling_are_heard_and_a_gap_makes_them_suspect() {
    let group = Group::new();
    let running = listening(&group, &["IEX:ZIEXT", "ZEXIT", "aig_ws", "OKX:BTC-USDT"], |_| {});
    group.wait_listener(1).await;
    group.send(segments(200)).await;
    running.sink.look(|seen| {
        let mut names: Vec<&str> = seen.symbols.iter().map(|latest| latest.symbol.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["IEX:AIG_WS", "IEX:ZEXIT", "IEX:ZIEXT", "OKX:BTC-USDT"]);
    });
    running.stop().await;
}

#[tokio::test]
async fn a_gap_is_told_and_the_next_quote_makes_it_good() {
    let group = Group::new();
    let running = listening(&group, &["ZEXIT"], |_| {});
    group.wait_listener(1).await;
    group.send([quote(1, 100)]).await;
    running.wait_top("IEX:ZEXIT", &json!({"bid": "10.0000", "bid_size": "100"})).await;
    group.send([heartbeat(5)]).await;
    running.sink.wait_status("IEX:ZEXIT", Status::Suspect, Reason::Gap).await;
    group.send([quote(5, 200)]).await;
    running.wait_top("IEX:ZEXIT", &json!({"bid": "10.0000", "bid_size": "200"})).await;
    assert!(running.went_through("IEX:ZEXIT", Status::Suspect, Reason::Gap));
    running.stop().await;
}

/// A segment of the recorded session with one quote of ZEXIT, which is the n-th message.
fn quote(number: i64, size: u32) -> Vec<u8> {
    let mut bytes = heartbeat(number);
    bytes[12..16].copy_from_slice(&[44, 0, 1, 0]);
    bytes.extend_from_slice(&[42, 0, b'Q', 0]);
    bytes.extend_from_slice(&1_499_697_138_000_000_000_i64.to_le_bytes());
    bytes.extend_from_slice(b"ZEXIT   ");
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&100_000_i64.to_le_bytes());
    bytes.extend_from_slice(&[0; 12]);
    bytes
}

#[tokio::test]
async fn silence_is_told_and_the_group_is_listened_to_again() {
    let group = Group::new();
    let quick = |settings: &mut FeedSettings| {
        settings.stale_after = Some(std::time::Duration::from_millis(300));
    };
    let running = listening(&group, &["*"], quick);
    group.wait_listener(1).await;
    group.send([quote(1, 100)]).await;
    running.sink.wait_status("IEX:ZEXIT", Status::Stale, Reason::Silence).await;
    group.wait_listener(2).await;
    running.stop().await;
}

#[tokio::test]
async fn a_feed_without_a_group_says_so_and_ends() {
    match Running::start(iex(), &["AAPL"]).end().await {
        FeedEnd::Refused(why) => assert!(why.contains("url"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_of_a_day_are_never_told() {
    let (played, _) = play(&*iex(), &fixtures(), DAY, |_, _| {});
    let told = played.sink.quotes.iter().any(|(_, values)| values.number(Field::Volume24h).is_some());
    assert!(!told);
}
