//! The table through its front door: limits, feeds, and a writer that stands still.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use market::{Decimal, Field, Group, Micros, Reason, Source, Status, Symbol, Update};
use table::{Applied, Config, FeedInfo, FeedMode, Full, SymbolId, Table, TooManyWriters, Writer};

fn stage(config: Config) -> (Arc<Table>, Writer, SymbolId) {
    let table = Table::new(config);
    let id = table.intern(&Symbol::parse("KRAKEN:BTC-USD").unwrap()).unwrap();
    let writer = table.writer().unwrap();
    (table, writer, id)
}

fn bid(price: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_side(Field::Bid, Some(Decimal::new(price, 2)), Some(Decimal::ONE));
    update
}

fn shown(table: &Table, id: SymbolId) -> String {
    table.read(id).values.bid().map(|p| p.to_string()).unwrap_or_default()
}

#[test]
fn promise_3_a_writer_that_stands_still_holds_up_no_reader() {
    let (table, mut writer, id) = stage(Config::default());
    let other = table.intern(&Symbol::parse("KRAKEN:ETH-USD").unwrap()).unwrap();
    let mut second = table.writer().unwrap();
    writer.apply(id, &bid(100), Micros(1));
    let mut reached = false;
    writer.apply_with(id, &bid(200), Micros(2), || {
        // The writer is here, in mid-write, until this closure returns: what follows cannot wait for it.
        reached = true;
        assert_eq!((shown(&table, id), table.read(id).seq, table.changed_seq(id)), ("1.00".to_owned(), 1, 1));
        let did = second.apply(other, &bid(300), Micros(3));
        assert!(matches!(did, Applied::Changed { seq: 3, .. }), "other symbols go on: {did:?}");
        assert_eq!((table.safe_cut(), table.last_seq()), (1, 3), "and the cut stays below what is in flight");
    });
    assert!(reached);
    assert_eq!((shown(&table, id), table.changed_seq(id), table.safe_cut()), ("2.00".to_owned(), 2, 3));
}

#[test]
fn promise_9_a_writer_that_panics_in_mid_write_leaves_the_table_whole() {
    let (table, mut writer, id) = stage(Config { writers: 1, ..Config::default() });
    writer.apply(id, &bid(100), Micros(1));
    let (origin, heard) = (table.origin(id, Group::Top), table.heard(id));
    let fell = catch_unwind(AssertUnwindSafe(|| {
        let mut update = bid(200);
        (update.venue_seq, update.ts_event) = (Some(7), Some(Micros(7)));
        writer.apply_with(id, &update, Micros(2), || panic!("on purpose"))
    }));
    assert!(fell.is_err());
    assert_eq!((table.origin(id, Group::Top), table.heard(id)), (origin, heard), "as if never said");
    assert_eq!((shown(&table, id), table.changed_seq(id), table.safe_cut()), ("1.00".to_owned(), 1, 2));
    drop(writer);
    let mut next = table.writer().unwrap();
    assert!(matches!(next.apply(id, &bid(300), Micros(3)), Applied::Changed { seq: 3, .. }));
    let quote = table.read(id);
    assert_eq!((shown(&table, id), quote.changes, quote.ts_pub), ("3.00".to_owned(), 2, Micros(3)));
}

#[test]
fn writers_are_limited_and_come_back() {
    let (table, writer, _) = stage(Config { writers: 2, ..Config::default() });
    let second = table.writer().unwrap();
    assert_eq!(table.writer().unwrap_err(), TooManyWriters { limit: 2 });
    drop(second);
    assert!(table.writer().is_ok());
    drop(writer);
}

#[test]
fn ids_are_dense_and_lead_back_to_their_names() {
    let (table, _writer, id) = stage(Config { symbols: 2, epoch: 7, ..Config::default() });
    assert_eq!((table.epoch(), table.capacity(), table.len(), table.is_empty()), (7, 2, 1, false));
    assert_eq!((table.id(0), table.id(1)), (Some(id), None));
    assert_eq!(table.symbol(id).as_str(), "KRAKEN:BTC-USD");
    assert_eq!(table.find("KRAKEN:BTC-USD"), Some(id));
    assert_eq!(table.ids().collect::<Vec<_>>(), [id]);
}

#[test]
fn heard_moves_with_every_update_that_is_not_older() {
    let (table, mut writer, id) = stage(Config::default());
    assert_eq!(table.heard(id), None);
    let mut update = bid(100);
    update.venue_seq = Some(5);
    writer.apply(id, &update, Micros(1));
    assert_eq!(table.heard(id), Some(Micros(100)));
    (update.ts_recv, update.venue_seq) = (Micros(200), Some(6));
    assert_eq!(writer.apply(id, &update, Micros(2)), Applied::Unchanged);
    assert_eq!(
        (table.heard(id), table.last_seq()),
        (Some(Micros(200)), 1),
        "no number for what changes nothing"
    );
    update.ts_recv = Micros(300);
    assert_eq!(writer.apply(id, &update, Micros(3)), Applied::Older);
    assert_eq!(table.heard(id), Some(Micros(200)), "what is dropped confirms nothing");
}

#[test]
fn promise_10_a_status_is_remembered_by_its_own_sequence() {
    let (table, mut writer, id) = stage(Config::default());
    writer.apply(id, &bid(100), Micros(1));
    let stale = writer.set_status(id, Status::Stale, Reason::Silence, Micros(2)).unwrap();
    writer.set_status(id, Status::Halted, Reason::Venue, Micros(3)).unwrap();
    let halted = table.read(id).changed_at.get(Field::Status);
    for price in 200..210 {
        writer.apply(id, &bid(price), Micros(price));
    }
    let quote = table.read(id);
    assert_eq!((quote.status, quote.changed_at.get(Field::Status)), (Status::Halted, halted));
    assert!(halted > stale && quote.changed_since(stale).contains(Field::Status));
    assert!(!quote.changed_since(halted).contains(Field::Status));
}

#[test]
fn feeds_have_a_status_with_a_sequence_of_the_same_table() {
    let (table, mut writer, id) = stage(Config { feeds: 1, ..Config::default() });
    let info = FeedInfo {
        name: "kraken".to_owned(),
        venue: "KRAKEN".to_owned(),
        kind: "kraken".to_owned(),
        mode: FeedMode::Demo,
    };
    let feed = table.add_feed(info.clone()).unwrap();
    assert_eq!(table.add_feed(info.clone()), Err(Full { capacity: 1 }));
    let state = table.feed(feed);
    assert_eq!((state.status, state.seq, state.info.mode.name()), (Status::Unknown, 0, "demo"));
    writer.apply(id, &bid(100), Micros(1));
    let seq = writer.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(5));
    assert_eq!(seq, Some(2));
    assert_eq!(writer.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(6)), None);
    let state = table.feed(feed);
    assert_eq!(
        (state.status, state.reason, state.since, state.seq),
        (Status::Live, Reason::Confirmed, Micros(5), 2)
    );
    assert_eq!((table.feed_changed_seq(feed), table.safe_cut()), (2, 2));
    writer.set_feed_status(feed, Status::Live, Reason::Reset, Micros(7));
    assert_eq!(table.feed(feed).since, Micros(5), "another reason, the same status");
    assert_eq!(table.feeds().len(), 1);
    assert_eq!(*table.feeds()[0].1.info, info);
}

#[test]
fn a_feed_of_several_writers_is_as_bad_as_the_worst_of_them_says() {
    let table = Table::new(Config { feeds: 1, ..Config::default() });
    let info = FeedInfo {
        name: "binance".to_owned(),
        venue: "BINANCE".to_owned(),
        kind: "binance".to_owned(),
        mode: FeedMode::Live,
    };
    let feed = table.add_feed(info).unwrap();
    let (mut one, mut other) = (table.writer().unwrap(), table.writer().unwrap());
    let state = || (table.feed(feed).status, table.feed(feed).reason);
    one.set_feed_status(feed, Status::Connecting, Reason::NotConnected, Micros(1));
    other.set_feed_status(feed, Status::Connecting, Reason::NotConnected, Micros(1));
    assert_eq!(one.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(2)), None);
    assert_eq!(state(), (Status::Connecting, Reason::NotConnected));
    other.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(3));
    assert_eq!(state(), (Status::Live, Reason::Confirmed));
    one.set_feed_status(feed, Status::Stale, Reason::Silence, Micros(4)).unwrap();
    // What the other says of itself, and says again, does not bring the first one back.
    assert_eq!(other.set_feed_status(feed, Status::Connecting, Reason::NotHeard, Micros(5)), None);
    assert_eq!(other.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(6)), None);
    assert_eq!(state(), (Status::Stale, Reason::Silence));
    assert_eq!(table.feed(feed).since, Micros(4));
    // Gone for good, it is not forgotten, whoever has its place now.
    drop(one);
    let _third = table.writer().unwrap();
    assert_eq!(other.set_feed_status(feed, Status::Live, Reason::Confirmed, Micros(7)), None);
    other.set_feed_status(feed, Status::Stale, Reason::Disconnected, Micros(8)).unwrap();
    assert_eq!(state(), (Status::Stale, Reason::Disconnected), "of two the newer one is the news");
}

#[test]
fn the_parts_may_go_where_they_are_needed() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<Writer>();
    shared::<Table>();
}
