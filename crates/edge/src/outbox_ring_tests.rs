//! An outbox between the table and the ring: what is told when a change has come to one of them and not yet to the other.

use std::sync::Arc;
use std::time::Duration;

use market::{Decimal, Field, FieldSet, Micros, Reason, Source, Status, Symbol, Update};
use table::{Applied, SymbolId, Table, Writer};
use wire::{Event, Mode, Parser, Settings, Style};

use crate::asked::Asked;
use crate::desk::Desk;
use crate::outbox::{BUFFER, Look, Outbox, Start};
use crate::pace::Moment;
use crate::ring::Ring;

fn market(symbols: usize) -> (Arc<Table>, Vec<SymbolId>) {
    let table = Table::new(table::Config { symbols, ..table::Config::default() });
    let ids =
        (0..symbols).map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap()).collect();
    (table, ids)
}
fn events(bytes: &[u8]) -> Vec<Event> {
    let mut raw = Vec::new();
    Parser::default().push(bytes, &mut raw).unwrap();
    raw.into_iter().map(|e| Event::parse(&e.data).unwrap()).collect()
}
fn asked(mode: Mode) -> Asked {
    Asked::new(Settings { mode, ..Settings::default() }, Style::default(), 1_000, None)
}
fn trade(writer: &mut Writer, table: &Table, ring: &Ring, id: SymbolId, price: i64) {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_trade(Some(Decimal::from(price)), None, None);
    let Applied::Changed { fields, .. } = writer.apply(id, &update, Micros(price)) else { panic!() };
    ring.push(id, fields, &table.read(id));
}
fn bid(writer: &mut Writer, table: &Table, ring: &Ring, id: SymbolId, price: i64) {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_side(Field::Bid, Some(Decimal::from(price)), Some(Decimal::ONE));
    let Applied::Changed { fields, .. } = writer.apply(id, &update, Micros(price)) else { panic!() };
    ring.push(id, fields, &table.read(id));
}
fn all(outbox: &mut Outbox, ring: &Ring, table: &Table, desk: &mut Desk) -> Vec<Event> {
    let mut out = Vec::new();
    for _ in 0..10 {
        outbox.drain(desk, ring, table, BUFFER, &mut out);
        outbox.begin(desk, table, Look::All, Duration::from_secs(1));
        while outbox.in_round() {
            outbox.compose(desk, table, usize::MAX, Moment::default(), &mut out);
        }
    }
    events(&out)
}

/// `open` makes the outbox, which reads the table, and then takes its place in the ring.
#[test]
fn a_change_between_the_table_and_the_ring_is_told() {
    for mode in [Mode::Trades, Mode::Every] {
        let (table, ids) = market(1);
        let ring = Ring::new(64, 1);
        ring.starts_after(0);
        let mut desk = Desk::default();
        let mut writer = table.writer().unwrap();
        trade(&mut writer, &table, &ring, ids[0], 1);
        let mut outbox = Outbox::new(
            asked(mode),
            ids.clone(),
            &[],
            1,
            &table,
            Start::Resume(table.last_seq()),
            Duration::ZERO,
        );
        trade(&mut writer, &table, &ring, ids[0], 2);
        outbox.follow_mode(&ring, &table, Some(1));
        let told = all(&mut outbox, &ring, &table, &mut desk);
        assert!(told.iter().any(|event| matches!(event, Event::Snapshot(_))), "{mode:?}: {told:?}");
    }
}

#[test]
fn after_such_a_change_stale_is_told_too() {
    let (table, ids) = market(1);
    let ring = Ring::new(64, 1);
    ring.starts_after(0);
    let mut desk = Desk::default();
    let mut writer = table.writer().unwrap();
    trade(&mut writer, &table, &ring, ids[0], 1);
    let mut outbox =
        Outbox::new(asked(Mode::Trades), ids.clone(), &[], 1, &table, Start::Deltas, Duration::ZERO);
    trade(&mut writer, &table, &ring, ids[0], 2);
    outbox.follow_mode(&ring, &table, None);
    writer.set_status(ids[0], Status::Stale, Reason::Silence, Micros(9)).unwrap();
    ring.push(ids[0], FieldSet::EMPTY.with(Field::Status), &table.read(ids[0]));
    let told = all(&mut outbox, &ring, &table, &mut desk);
    assert_eq!(told.len(), 1, "stale is never told");
}

#[test]
fn trades_during_a_long_round_are_not_merged() {
    let (table, ids) = market(100);
    let ring = Ring::new(1_000, 100);
    ring.starts_after(0);
    let mut desk = Desk::default();
    let mut writer = table.writer().unwrap();
    let mut outbox =
        Outbox::new(asked(Mode::Trades), ids.clone(), &[], 100, &table, Start::Deltas, Duration::ZERO);
    outbox.follow_mode(&ring, &table, None);
    for &id in &ids {
        bid(&mut writer, &table, &ring, id, 1);
    }
    let mut out = Vec::new();
    outbox.drain(&mut desk, &ring, &table, BUFFER, &mut out);
    outbox.begin(&mut desk, &table, Look::All, Duration::ZERO);
    outbox.compose(&mut desk, &table, 1_000, Moment::default(), &mut out);
    assert!(outbox.in_round());
    // The client reads slowly; meanwhile three trades of the last symbol of the round.
    for price in 10..13 {
        trade(&mut writer, &table, &ring, ids[99], price);
    }
    while outbox.in_round() {
        outbox.compose(&mut desk, &table, usize::MAX, Moment::default(), &mut out);
    }
    let mut told = events(&out);
    told.extend(all(&mut outbox, &ring, &table, &mut desk));
    let lasts: Vec<_> = told
        .iter()
        .filter_map(|e| match e {
            Event::Quote(q) => q.figures.get(Field::Last),
            _ => None,
        })
        .collect();
    assert_eq!(lasts, [10, 11, 12].map(Decimal::from), "and nothing was said to be lost");
}

#[test]
fn an_added_symbol_has_not_lost_the_trades_before_it() {
    let (table, ids) = market(2);
    let ring = Ring::new(8, 2);
    ring.starts_after(0);
    let mut desk = Desk::default();
    let mut writer = table.writer().unwrap();
    for price in 1..=500 {
        trade(&mut writer, &table, &ring, ids[1], price);
    }
    let mut outbox =
        Outbox::new(asked(Mode::Trades), vec![ids[0]], &[], 2, &table, Start::Snapshots, Duration::ZERO);
    outbox.follow_mode(&ring, &table, None);
    all(&mut outbox, &ring, &table, &mut desk);
    outbox.add(ids[1], &ring);
    all(&mut outbox, &ring, &table, &mut desk);
    for price in 1..=20 {
        bid(&mut writer, &table, &ring, ids[0], price);
    }
    let told = all(&mut outbox, &ring, &table, &mut desk);
    assert!(told.iter().all(|e| !matches!(e, Event::Lagged(_))), "{told:?}");
}

#[test]
fn stale_is_told_of_a_symbol_that_awaits_its_snapshot() {
    let (table, ids) = market(1);
    let ring = Ring::new(4, 1);
    ring.starts_after(0);
    let mut desk = Desk::default();
    let mut writer = table.writer().unwrap();
    bid(&mut writer, &table, &ring, ids[0], 1);
    let mut outbox =
        Outbox::new(asked(Mode::Every), ids.clone(), &[], 1, &table, Start::Snapshots, Duration::ZERO);
    outbox.follow_mode(&ring, &table, None);
    all(&mut outbox, &ring, &table, &mut desk);
    for price in 2..20 {
        bid(&mut writer, &table, &ring, ids[0], price);
    }
    let mut out = Vec::new();
    // Any change of status has it look although its rate is closed: it finds that it lags.
    outbox.drain(&mut desk, &ring, &table, BUFFER, &mut out);
    assert!(!outbox.begin(&mut desk, &table, Look::Statuses, Duration::ZERO));
    writer.set_status(ids[0], Status::Stale, Reason::Silence, Micros(9)).unwrap();
    ring.push(ids[0], FieldSet::EMPTY.with(Field::Status), &table.read(ids[0]));
    outbox.drain(&mut desk, &ring, &table, BUFFER, &mut out);
    assert!(
        outbox.begin(&mut desk, &table, Look::Statuses, Duration::ZERO),
        "stale waits for the rate, up to 100 s"
    );
}

/// A loop forgets what nobody has asked for in a while; the ring has it still.
#[test]
fn a_follower_that_pauses_loses_nothing_that_the_ring_has() {
    for other_desk in [false, true] {
        let (table, ids) = market(1);
        let ring = Ring::new(1_000, 1);
        ring.starts_after(0);
        let mut desk = Desk::default();
        let mut writer = table.writer().unwrap();
        let mut outbox =
            Outbox::new(asked(Mode::Every), ids.clone(), &[], 1, &table, Start::Deltas, Duration::ZERO);
        outbox.follow_mode(&ring, &table, None);
        for price in 1..=100 {
            bid(&mut writer, &table, &ring, ids[0], price);
        }
        let mut out = Vec::new();
        outbox.drain(&mut desk, &ring, &table, 1, &mut out);
        if other_desk {
            // It was another thread's before, and has rested.
            desk = Desk::default();
            desk.tape.catch_up(&ring, u64::MAX);
        }
        desk.tape.rest();
        desk.tape.rest();
        let mut told = events(&out);
        told.extend(all(&mut outbox, &ring, &table, &mut desk));
        assert_eq!(told.len(), 100, "{:?}", told.iter().find(|e| matches!(e, Event::Lagged(_))));
    }
}

/// The dense array of sequences may lie behind the slot for a moment.
#[test]
fn promise_1_a_shared_event_that_is_older_than_what_was_told_is_not_told() {
    let (table, ids) = market(1);
    let ring = Ring::new(4, 1);
    let mut writer = table.writer().unwrap();
    let mut desk = Desk::default();
    let mut first =
        Outbox::new(asked(Mode::Latest), ids.clone(), &[], 1, &table, Start::Snapshots, Duration::ZERO);
    let mut second =
        Outbox::new(asked(Mode::Latest), ids.clone(), &[], 1, &table, Start::Snapshots, Duration::ZERO);
    bid(&mut writer, &table, &ring, ids[0], 1);
    // Leaves the event of the first change where the others find it.
    assert_eq!(all(&mut first, &ring, &table, &mut desk).len(), 1);
    // This one has been told of a second change, whose sequence has not come to the array yet.
    let mut quote = table.read(ids[0]);
    quote.seq += 1;
    second.sent[0] = crate::sent::Sent::of(&quote);
    second.tell_all_anew();
    assert!(second.begin(&mut desk, &table, Look::All, Duration::ZERO));
    let told = second.compose(&mut desk, &table, BUFFER, Moment::default(), &mut Vec::new());
    assert_eq!((told.snapshots, told.shared), (1, 0), "an old event was taken from the shelf");
}

/// What is left of an earlier turn may hold nothing for a stream, and what came after it does.
#[test]
fn a_turn_that_leaves_nothing_to_tell_does_not_end_the_look() {
    for rate in [None, wire::Rate::parse("5")] {
        let (table, ids) = market(2);
        let ring = Ring::new(100, 2);
        ring.starts_after(0);
        let mut desk = Desk::default();
        let mut writer = table.writer().unwrap();
        let mut wanted = asked(Mode::Every);
        wanted.set(Settings { max_rate: rate, ..Settings::clone(&wanted.settings) });
        let mut outbox = Outbox::new(wanted, vec![ids[0]], &[], 2, &table, Start::Deltas, Duration::ZERO);
        outbox.follow_mode(&ring, &table, None);
        bid(&mut writer, &table, &ring, ids[0], 1);
        for price in 1..=5 {
            bid(&mut writer, &table, &ring, ids[1], price);
        }
        let mut out = Vec::new();
        outbox.drain(&mut desk, &ring, &table, 1, &mut out);
        assert_eq!(events(&out).len(), 1);
        bid(&mut writer, &table, &ring, ids[0], 2);
        outbox.drain(&mut desk, &ring, &table, BUFFER, &mut out);
        assert_eq!(events(&out).len(), 2);
    }
}
