//! What a stream is owed, held against the table.

use market::{Decimal, Field, FieldSet, Micros, Reason, Source, Status, Update};
use proptest::prelude::*;
use wire::{Event, EventId, Mode, Parser, Pattern, Settings, Style, View};

use super::*;
use crate::desk::Desk;
use crate::pace::Moment;
use crate::tally::Told;

const SYMBOLS: usize = 1_000;

fn market(symbols: usize) -> (std::sync::Arc<Table>, Vec<SymbolId>) {
    let table = Table::new(table::Config { symbols, ..table::Config::default() });
    let ids =
        (0..symbols).map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap()).collect();
    (table, ids)
}

fn asked(settings: Settings) -> Asked {
    Asked::new(settings, Style::default(), SYMBOLS, None)
}

fn opened(table: &Table, ids: &[SymbolId], settings: Settings, start: Start) -> Outbox {
    Outbox::new(asked(settings), ids.to_vec(), &[], table.len(), table, start, Duration::ZERO)
}

fn top(field: Field, price: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_side(field, Some(Decimal::from(price)), Some(Decimal::ONE));
    update
}

fn trade(price: i64) -> Update {
    let mut update = Update::new(Source::Direct, Micros(price));
    update.tell_trade(Some(Decimal::from(price)), None, None);
    update
}

fn at(secs: u64) -> Moment {
    Moment { now: Duration::from_secs(secs), wall: Micros(secs as i64 * 1_000_000) }
}

fn tell(
    outbox: &mut Outbox,
    table: &Table,
    desk: &mut Desk,
    most: usize,
    moment: Moment,
) -> (Told, Vec<Event>, Vec<u8>) {
    let mut out = Vec::new();
    let told = outbox.compose(desk, table, most, moment, &mut out);
    (told, events(&out).into_iter().map(|(_, event)| event).collect(), out)
}

/// Events with the id that stands before each.
fn events(bytes: &[u8]) -> Vec<(String, Event)> {
    let mut raw = Vec::new();
    Parser::default().push(bytes, &mut raw).unwrap();
    raw.into_iter().map(|e| (e.id, Event::parse(&e.data).unwrap())).collect()
}

/// However long a stream does not read and however much changes meanwhile: what it is owed stays a set.
#[test]
fn promise_6_a_stream_that_does_not_read_takes_no_more_memory() {
    let (table, ids) = market(SYMBOLS);
    let mut writer = table.writer().unwrap();
    let mut desk = Desk::default();
    let mut stream = None;
    let opening = allocation_counter::measure(|| {
        stream = Some(opened(&table, &ids, Settings::default(), Start::Snapshots));
    });
    let mut outbox = stream.unwrap();
    // A little more than a kilobyte for the stream, and for each symbol its id and what was sent of it.
    assert!(opening.bytes_current < 2_500 + 32 * SYMBOLS as i64, "{} bytes", opening.bytes_current);
    let stalled = allocation_counter::measure(|| {
        for round in 0..50 {
            for &id in &ids {
                writer.apply(id, &top(Field::Bid, round + 1), Micros(round));
            }
            outbox.begin(&mut desk, &table, Look::All, Duration::ZERO);
        }
    });
    assert!(stalled.bytes_max < 48 * SYMBOLS as u64 + 20_000, "{} bytes", stalled.bytes_max);
    // Taking one buffer is bounded too, whatever is owed.
    let (told, _, out) = tell(&mut outbox, &table, &mut desk, BUFFER, at(0));
    assert!(out.len() < BUFFER + 1_024 && told.snapshots > 10 && outbox.in_round());
}

#[test]
fn a_round_tells_every_symbol_once_and_then_nothing_is_owed() {
    let (table, ids) = market(SYMBOLS);
    let mut writer = table.writer().unwrap();
    let mut desk = Desk::default();
    let mut outbox = opened(&table, &ids, Settings::default(), Start::Deltas);
    assert!(!outbox.begin(&mut desk, &table, Look::All, Duration::ZERO), "nothing has changed since");
    for n in 1..=3 {
        for &id in &ids {
            writer.apply(id, &top(Field::Ask, n), Micros(n));
        }
    }
    assert!(outbox.begin(&mut desk, &table, Look::All, Duration::ZERO));
    let (mut quotes, mut conflated) = (0, 0);
    while outbox.in_round() {
        let (told, ..) = tell(&mut outbox, &table, &mut desk, BUFFER, at(0));
        quotes += told.quotes;
        conflated += told.conflated;
    }
    assert_eq!((quotes, conflated), (SYMBOLS as u64, 2 * SYMBOLS as u64));
    assert!(!outbox.begin(&mut desk, &table, Look::All, Duration::ZERO));
    assert_eq!(outbox.told_up_to(), table.last_seq());
}

#[test]
fn focused_symbols_go_first_and_again_between_two_buffers() {
    let (table, ids) = market(100);
    let mut writer = table.writer().unwrap();
    let mut desk = Desk::default();
    let focus = table.symbol(ids[90]).clone();
    let settings = Settings { priority: vec![focus.clone()], ..Settings::default() };
    let mut outbox = opened(&table, &ids, settings, Start::Deltas);
    for &id in &ids {
        writer.apply(id, &top(Field::Bid, 5), Micros(1));
    }
    outbox.begin(&mut desk, &table, Look::All, Duration::ZERO);
    let (_, first, _) = tell(&mut outbox, &table, &mut desk, 1_000, at(0));
    assert!(matches!(&first[0], Event::Quote(quote) if quote.symbol == focus));
    assert!(outbox.in_round());
    writer.apply(ids[90], &top(Field::Bid, 6), Micros(2));
    let (_, second, _) = tell(&mut outbox, &table, &mut desk, 1_000, at(0));
    assert!(matches!(&second[0], Event::Quote(quote) if quote.symbol == focus));
    assert!(matches!(&second[1], Event::Quote(quote) if quote.symbol != focus), "the others are not starved");
}

#[test]
fn promise_10_a_rate_holds_prices_back_and_never_a_status() {
    let (table, ids) = market(2);
    let mut writer = table.writer().unwrap();
    let mut desk = Desk::default();
    let slow = table.symbol(ids[0]).clone();
    let rate = Rate::parse("0.1").unwrap();
    let settings = Settings { symbol_rates: vec![(slow, rate)], ..Settings::default() };
    let mut outbox = opened(&table, &ids, settings, Start::Deltas);
    let mut look = |writer: &mut table::Writer, outbox: &mut Outbox, secs, price| {
        if price > 0 {
            for &id in &ids {
                writer.apply(id, &top(Field::Bid, price), Micros(price));
            }
        }
        outbox.begin(&mut desk, &table, Look::All, Duration::from_secs(secs));
        let mut out = Vec::new();
        outbox.compose(&mut desk, &table, BUFFER, at(secs), &mut out);
        events(&out)
    };
    assert_eq!(look(&mut writer, &mut outbox, 1, 1).len(), 2, "the first change after quiet leaves at once");
    let told = look(&mut writer, &mut outbox, 2, 2);
    assert_eq!(told.len(), 1);
    assert_eq!(outbox.due(), Some(Duration::from_secs(11)));
    // The id does not vouch for what is held back: a resume tells it again.
    let id = EventId::parse(&told[0].0).unwrap();
    assert!(id.seq < table.changed_seq(ids[0]), "{id}");
    writer.set_status(ids[0], Status::Stale, Reason::Silence, Micros(9));
    let told = look(&mut writer, &mut outbox, 3, 0);
    assert!(matches!(&told[0].1, Event::Quote(quote) if quote.status.is_some()), "with what was held back");
    assert_eq!(look(&mut writer, &mut outbox, 13, 3).len(), 2);
    // The stream as a whole may not speak: only a status goes.
    writer.apply(ids[1], &top(Field::Bid, 9), Micros(9));
    writer.set_status(ids[0], Status::Suspect, Reason::Gap, Micros(9));
    assert!(outbox.begin(&mut desk, &table, Look::Statuses, Duration::from_secs(14)) && outbox.is_urgent());
    let (told, ..) = tell(&mut outbox, &table, &mut desk, BUFFER, at(14));
    assert_eq!((told.statuses, told.quotes), (1, 0));
}

#[test]
fn a_limit_ends_in_the_middle_of_a_round() {
    let (table, ids) = market(10);
    let mut desk = Desk::default();
    let wanted = Asked::new(Settings::default(), Style::default(), SYMBOLS, Some(3));
    let mut outbox = Outbox::new(wanted, ids, &[], 10, &table, Start::Snapshots, Duration::ZERO);
    outbox.begin(&mut desk, &table, Look::All, Duration::ZERO);
    let (_, events, _) = tell(&mut outbox, &table, &mut desk, BUFFER, at(0));
    assert_eq!((events.len(), outbox.is_done()), (3, true));
}

#[test]
fn a_symbol_that_appears_later_joins_by_its_pattern() {
    let table = Table::new(table::Config { symbols: 20, ..table::Config::default() });
    let intern = |name: &str| table.intern(&Symbol::parse(name).unwrap()).unwrap();
    let first = intern("V:A");
    let mut wanted = Asked::new(Settings::default(), Style::default(), 2, None);
    wanted.await_symbols(Pattern::parse("v:*"), []);
    let mut outbox = Outbox::new(wanted, vec![first], &[], 1, &table, Start::Deltas, Duration::ZERO);
    let ring = Ring::new(4, 20);
    assert!(!outbox.grow(&table, &ring), "nothing new");
    intern("W:A");
    assert!(outbox.grow(&table, &ring) && outbox.symbols.len() == 1);
    intern("V:B");
    intern("V:C");
    assert!(outbox.grow(&table, &ring));
    let names: Vec<_> = outbox.symbols.iter().map(|&id| table.symbol(id).as_str()).collect();
    assert_eq!(names, ["V:A", "V:B"], "as many as it may have");
    assert!(outbox.sent[1].is_whole());
}

/// A table, its ring, and a stream that follows it.
struct Followed {
    table: std::sync::Arc<Table>,
    ids: Vec<SymbolId>,
    ring: Ring,
    desk: std::cell::RefCell<Desk>,
    writer: table::Writer,
    price: i64,
}

impl Followed {
    fn new(symbols: usize, changes: usize) -> Followed {
        let (table, ids) = market(symbols);
        let ring = Ring::new(changes, symbols);
        ring.starts_after(0);
        let writer = table.writer().unwrap();
        Followed { table, ids, ring, desk: std::cell::RefCell::default(), writer, price: 0 }
    }

    fn apply(&mut self, symbol: usize, trades: bool) {
        self.price += 1;
        let update = if trades { trade(self.price) } else { top(Field::Bid, self.price) };
        let id = self.ids[symbol];
        if let table::Applied::Changed { fields, .. } = self.writer.apply(id, &update, Micros(self.price)) {
            self.ring.push(id, fields, &self.table.read(id));
        }
    }

    fn open(&self, mode: Mode, start: Start) -> Outbox {
        let settings = Settings { mode, ..Settings::default() };
        let mut outbox = opened(&self.table, &self.ids, settings, start);
        let resume = if let Start::Resume(seq) = start { Some(seq) } else { None };
        outbox.follow_mode(&self.ring, &self.table, resume);
        outbox
    }

    /// Everything that is due, as a connection would take it.
    fn take(&self, outbox: &mut Outbox) -> Vec<(String, Event)> {
        let mut out = Vec::new();
        let mut desk = self.desk.borrow_mut();
        loop {
            let before = out.len();
            outbox.drain(&mut desk, &self.ring, &self.table, BUFFER, &mut out);
            outbox.begin(&mut desk, &self.table, Look::All, Duration::ZERO);
            while outbox.in_round() {
                outbox.compose(&mut desk, &self.table, usize::MAX, at(0), &mut out);
            }
            if out.len() == before {
                return events(&out);
            }
        }
    }
}

fn bids(events: &[(String, Event)]) -> Vec<String> {
    let bid = |event: &Event| match event {
        Event::Quote(quote) => quote.figures.get(Field::Bid).map(|bid| bid.to_string()),
        _ => None,
    };
    events.iter().filter_map(|(_, event)| bid(event)).collect()
}

#[test]
fn every_tells_each_change_and_says_what_was_lost_between_two_streams() {
    let mut market = Followed::new(2, 64);
    let mut outbox = market.open(Mode::Every, Start::Snapshots);
    assert_eq!(market.take(&mut outbox).len(), 2, "snapshots");
    for _ in 0..5 {
        market.apply(0, false);
        market.apply(1, false);
    }
    let told = market.take(&mut outbox);
    assert_eq!(bids(&told), (1..=10).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(told.iter().all(|(_, e)| matches!(e, Event::Quote(q) if q.merged == 1)));
    assert_eq!(told.last().unwrap().0, format!("1-{}", market.table.last_seq()), "nothing is left untold");
    // Cut after the tenth: another stream says how much came in between, and goes on with the state.
    let id = EventId::parse(&told[9].0).unwrap();
    market.apply(0, false);
    market.apply(0, false);
    let mut resumed = market.open(Mode::Every, Start::Resume(id.seq));
    let told = market.take(&mut resumed);
    assert!(
        matches!(&told[0].1, Event::Lagged(l) if l.missed == Some(2) && l.symbols == ["V:S0"]),
        "{told:?}"
    );
    assert!(matches!(&told[1].1, Event::Snapshot(_)) && told.len() == 2);
    let mut resumed = market.open(Mode::Every, Start::Resume(market.table.last_seq()));
    assert!(market.take(&mut resumed).is_empty(), "nothing was lost");
}

#[test]
fn every_that_falls_behind_is_told_how_much_it_lost_and_then_the_whole() {
    let mut market = Followed::new(3, 8);
    let mut outbox = market.open(Mode::Every, Start::Deltas);
    for _ in 0..10 {
        market.apply(0, false);
        market.apply(1, false);
    }
    let told = market.take(&mut outbox);
    let Event::Lagged(lagged) = &told[0].1 else { panic!("{told:?}") };
    assert_eq!((lagged.missed, lagged.symbols.len()), (Some(20), 2));
    assert!(matches!(&told[1].1, Event::Snapshot(_)) && matches!(&told[2].1, Event::Snapshot(_)));
    assert_eq!(told.len(), 3);
    market.apply(0, false);
    assert_eq!(bids(&market.take(&mut outbox)), ["21"]);
    // What was lost before a connection is said as well, though nobody can count it.
    let mut resumed = market.open(Mode::Every, Start::Resume(2));
    let told = market.take(&mut resumed);
    assert!(
        matches!(&told[0].1, Event::Lagged(lagged) if lagged.missed.is_none() && lagged.symbols.len() == 2)
    );
}

#[test]
fn trades_merges_quotes_and_no_trade() {
    let mut market = Followed::new(2, 64);
    let mut outbox = market.open(Mode::Trades, Start::Snapshots);
    market.take(&mut outbox);
    for _ in 0..4 {
        market.apply(0, false);
        market.apply(0, true);
        market.apply(1, false);
    }
    let told = market.take(&mut outbox);
    let lasts: Vec<_> = told
        .iter()
        .filter_map(|(_, e)| match e {
            Event::Quote(quote) => quote.figures.get(Field::Last),
            _ => None,
        })
        .collect();
    assert_eq!(lasts, [2, 5, 8, 11].map(Decimal::from), "each of the four trades");
    assert_eq!(told.len(), 5, "and one event for the four quotes of the other symbol");
    let seen: Vec<u64> =
        told.iter().filter_map(|(_, e)| if let Event::Quote(q) = e { Some(q.seq) } else { None }).collect();
    assert_eq!(seen, [2, 5, 8, 11, 12]);
    // Lost trades are counted, lost quotes are nobody's loss.
    for _ in 0..50 {
        market.apply(1, false);
        market.apply(1, false);
    }
    assert!(market.take(&mut outbox).iter().all(|(_, e)| !matches!(e, Event::Lagged(_))));
    for _ in 0..50 {
        market.apply(0, true);
        market.apply(1, false);
    }
    let told = market.take(&mut outbox);
    assert!(
        matches!(&told[0].1, Event::Lagged(l) if l.missed == Some(50) && l.symbols == ["V:S0"]),
        "{:?}",
        told[0]
    );
}

/// One step of a random life of a table and a stream.
#[derive(Clone, Debug)]
enum Step {
    Quote {
        symbol: usize,
        writer: usize,
    },
    Trade {
        symbol: usize,
        writer: usize,
    },
    Status {
        symbol: usize,
        stale: bool,
    },
    /// The client reads: at most so many bytes a buffer.
    Read {
        most: usize,
    },
    /// The connection is cut after so many bytes of what it reads next, and comes back with its last id.
    Cut {
        bytes: usize,
    },
    Wait {
        secs: u64,
    },
    Add {
        symbol: usize,
    },
    Remove {
        symbol: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..8_usize, 0..3_usize).prop_map(|(symbol, writer)| Step::Quote { symbol, writer }),
        3 => (0..8_usize, 0..3_usize).prop_map(|(symbol, writer)| Step::Trade { symbol, writer }),
        1 => (0..8_usize, any::<bool>()).prop_map(|(symbol, stale)| Step::Status { symbol, stale }),
        3 => (1..2_000_usize).prop_map(|most| Step::Read { most }),
        2 => (0..3_000_usize).prop_map(|bytes| Step::Cut { bytes }),
        1 => (1..20_u64).prop_map(|secs| Step::Wait { secs }),
        1 => (0..8_usize).prop_map(|symbol| Step::Add { symbol }),
        1 => (0..8_usize).prop_map(|symbol| Step::Remove { symbol }),
    ];
    prop::collection::vec(step, 1..120)
}

/// A client as PROTOCOL.md tells it to be: it merges events, keeps the last id, and comes back with it; without it while a
/// symbol that it has added was not told of.
struct Reader {
    view: View,
    last_id: Option<String>,
    subscribed: Vec<SymbolId>,
    untold: Vec<SymbolId>,
    outbox: Outbox,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Resuming, exact: whatever happens and wherever the connection is cut, in the middle of an event too, the client's
    /// view equals the table when everybody is quiet, and no sequence ever falls.
    #[test]
    fn a_cut_at_any_byte_loses_nothing(life in steps(), mode in 0..3_usize, rated in any::<bool>(), changes in 4..64_usize) {
        let (table, ids) = market(8);
        let ring = Ring::new(changes, 8);
        ring.starts_after(0);
        let mut desk = Desk::default();
        let mut writers: Vec<_> = (0..3).map(|_| table.writer().unwrap()).collect();
        let rates = if rated { vec![(table.symbol(ids[1]).clone(), Rate::parse("0.2").unwrap())] } else { Vec::new() };
        let settings = Settings {
            mode: Mode::ALL[mode],
            symbol_rates: rates,
            priority: if rated { vec![table.symbol(ids[2]).clone()] } else { Vec::new() },
            ..Settings::default()
        };
        let open = |subscribed: &[SymbolId], last_id: Option<&str>| {
            let start = match last_id {
                None => Start::Snapshots,
                Some(id) => Start::Resume(EventId::parse(id).unwrap().seq),
            };
            let mut outbox = Outbox::new(asked(settings.clone()), subscribed.to_vec(), &[], 8, &table, start, Duration::ZERO);
            outbox.follow_mode(&ring, &table, if let Start::Resume(seq) = start { Some(seq) } else { None });
            outbox
        };
        let subscribed = ids[..4].to_vec();
        let mut reader = Reader {
            view: View::new(),
            last_id: None,
            outbox: open(&subscribed, None),
            untold: subscribed.clone(),
            subscribed,
        };
        let (mut secs, mut price) = (1, 0);
        let mut buffer = |reader: &mut Reader, most: usize, secs: u64| {
            let mut out = Vec::new();
            if !reader.outbox.in_round() {
                reader.outbox.drain(&mut desk, &ring, &table, most, &mut out);
                reader.outbox.begin(&mut desk, &table, Look::All, Duration::from_secs(secs));
            }
            if out.is_empty() {
                reader.outbox.compose(&mut desk, &table, most, at(secs), &mut out);
            }
            out
        };
        let take = |reader: &mut Reader, bytes: &[u8]| {
            for (id, event) in events(bytes) {
                if let Event::Snapshot(quote) = &event {
                    reader.untold.retain(|&id| *table.symbol(id) != quote.symbol);
                }
                reader.view.apply(&event).unwrap();
                reader.last_id = Some(id).filter(|id| !id.is_empty());
            }
        };
        for step in life {
            let mut publish = |symbol: usize, writer: usize, update: &Update| {
                if let table::Applied::Changed { fields, .. } = writers[writer].apply(ids[symbol], update, Micros(1)) {
                    ring.push(ids[symbol], fields, &table.read(ids[symbol]));
                }
            };
            price += 1;
            match step {
                Step::Quote { symbol, writer } => publish(symbol, writer, &top(Field::Bid, price % 7)),
                Step::Trade { symbol, writer } => publish(symbol, writer, &trade(price)),
                Step::Status { symbol, stale } => {
                    let status = if stale { Status::Stale } else { Status::Suspect };
                    if writers[0].set_status(ids[symbol], status, Reason::Gap, Micros(price)).is_some() {
                        ring.push(ids[symbol], FieldSet::EMPTY.with(Field::Status), &table.read(ids[symbol]));
                    }
                }
                Step::Read { most } => {
                    let bytes = buffer(&mut reader, most, secs);
                    take(&mut reader, &bytes);
                }
                Step::Cut { bytes } => {
                    let mut out = Vec::new();
                    for _ in 0..4 {
                        out.extend(buffer(&mut reader, BUFFER, secs));
                    }
                    out.truncate(bytes);
                    take(&mut reader, &out);
                    if !reader.untold.is_empty() {
                        reader.last_id = None;
                    }
                    reader.outbox = open(&reader.subscribed, reader.last_id.as_deref());
                }
                Step::Wait { secs: more } => secs += more,
                Step::Add { symbol } => {
                    if !reader.subscribed.contains(&ids[symbol]) {
                        reader.subscribed.push(ids[symbol]);
                        reader.untold.push(ids[symbol]);
                        reader.outbox.add(ids[symbol], &ring);
                        reader.outbox.place_settings(&table);
                    }
                }
                Step::Remove { symbol } => {
                    reader.subscribed.retain(|&id| id != ids[symbol]);
                    reader.untold.retain(|&id| id != ids[symbol]);
                    reader.outbox.retain(|id| id != ids[symbol]);
                    reader.outbox.place_settings(&table);
                }
            }
        }
        // Quiet. Every rate's window passes, everything is read.
        for _ in 0..200 {
            secs += 10;
            let bytes = buffer(&mut reader, BUFFER, secs);
            take(&mut reader, &bytes);
        }
        for &id in &reader.subscribed {
            let (symbol, quote) = (table.symbol(id), table.read(id));
            prop_assert_eq!(reader.view.differences(symbol, &quote, FieldSet::DEFAULT), FieldSet::EMPTY, "{}", symbol);
        }
        // Who has read everything and comes back is told nothing.
        for &id in &reader.subscribed {
            price += 1;
            if let table::Applied::Changed { fields, .. } = writers[0].apply(id, &trade(price), Micros(1)) {
                ring.push(id, fields, &table.read(id));
            }
        }
        for _ in 0..200 {
            secs += 10;
            let bytes = buffer(&mut reader, BUFFER, secs);
            take(&mut reader, &bytes);
        }
        if let Some(id) = reader.last_id.clone().filter(|_| !reader.subscribed.is_empty()) {
            reader.outbox = open(&reader.subscribed, Some(&id));
            let bytes = buffer(&mut reader, BUFFER, secs + 10);
            prop_assert_eq!(String::from_utf8_lossy(&bytes), "", "after {}", id);
        }
    }
}
