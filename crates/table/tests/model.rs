//! The table against a plain map and the rules written down a second time, step by step, over `Quote` itself.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use market::{
    Decimal, Delta, Field, FieldSet, Group, Micros, Quote, Reason, Side, Source, Status, Symbol, Update,
};
use proptest::prelude::*;
use table::{Applied, Config, Origin, SymbolId, Table, Writer};

const SYMBOLS: usize = 3;
const WRITERS: usize = 3;

/// Nothing is heard then.
const LOST: [Status; 2] = [Status::Stale, Status::Connecting];

/// One step of any writer on any symbol.
#[derive(Clone, Debug)]
enum Step {
    Update(Box<Update>),
    Status(Status, Reason),
}

/// The rules without words, masks or lanes.
#[derive(Default)]
struct Model {
    quotes: HashMap<usize, Known>,
    seq: u64,
}

#[derive(Clone, Default)]
struct Known {
    quote: Quote,
    /// By group, where its values came from.
    origins: [Origin; Group::COUNT],
    /// By writer, whether it met a gap.
    gaps: [bool; WRITERS],
    /// By group, whether history was told while nothing else is heard.
    history: [bool; Group::COUNT],
    /// Whether a connection was lost and no value has come since.
    lost: bool,
    heard: Option<Micros>,
}

impl Model {
    fn older(origin: &Origin, status: Status, history: bool, update: &Update) -> bool {
        let Some(source) = origin.source else { return false };
        let lost = LOST.contains(&status);
        let same = source == update.source;
        let seqs = origin.venue_seq.zip(update.venue_seq);
        let times = origin.ts_event.zip(update.ts_event);
        match () {
            () if update.source == Source::History => {
                !lost || history || times.is_some_and(|(old, new)| new < old)
            }
            () if update.snapshot => false,
            () if same => seqs.is_some_and(|(old, new)| new <= old),
            () if times.is_some() => times.is_some_and(|(old, new)| new < old),
            () => update.source < source && status == Status::Live,
        }
    }

    fn apply(&mut self, writer: usize, symbol: usize, update: &Update, ts_pub: Micros) -> Applied {
        let known = self.quotes.entry(symbol).or_default();
        let old = known.quote;
        let (origins, history) = (known.origins, known.history);
        let is_history = update.source == Source::History;
        let older = |group: Group| {
            Model::older(&origins[group as usize], old.status, history[group as usize], update)
        };
        let mut new = old;
        let mut taken = 0;
        let mut told = 0;
        for group in Group::ALL {
            let fields = group.fields().intersection(update.told());
            if fields.is_empty() {
                continue;
            }
            told += 1;
            if older(group) {
                continue;
            }
            taken += 1;
            known.history[group as usize] |= is_history && LOST.contains(&old.status);
            for field in fields.iter() {
                if field == Field::LastSide {
                    new.values.set_side(update.values().side());
                } else if old.values.number(field) != update.values().number(field) {
                    new.values.set_number(field, update.values().number(field));
                }
            }
            known.origins[group as usize] = Origin {
                source: Some(update.source),
                ts_event: update.ts_event,
                venue_seq: update.venue_seq,
            };
        }
        if told > 0 && taken == 0 {
            return Applied::Older;
        }
        known.heard = known.heard.max(Some(update.ts_recv));
        known.gaps[writer] &= !update.snapshot || is_history;
        let mut wanted = update.status;
        let waiting = [Status::Unknown, Status::Connecting, Status::Stale, Status::Suspect];
        if wanted.is_none() && taken > 0 && !is_history && waiting.contains(&old.status) {
            wanted = Some((Status::Live, Reason::Confirmed));
        }
        if known.lost && taken == 0 && wanted.is_some_and(|(status, _)| status == Status::Live) {
            let waits = LOST.contains(&old.status);
            wanted = (!waits).then_some((Status::Stale, Reason::NotHeard));
        }
        Model::status(known, writer, &mut new, wanted, ts_pub);
        let back = (LOST.contains(&old.status) || known.lost) && !LOST.contains(&new.status);
        if taken > 0 && back {
            known.lost = false;
            for group in Group::ALL {
                if known.history[group as usize] {
                    continue;
                }
                let fresh = !group.fields().intersection(update.told()).is_empty() && !older(group);
                for field in group.fields().iter().filter(|f| !fresh || !update.told().contains(*f)) {
                    new.values.set_number(field, None);
                    if field == Field::LastSide {
                        new.values.set_side(None);
                    }
                }
                if !fresh {
                    known.origins[group as usize] = Origin::default();
                }
            }
        }
        if back {
            known.history = [false; Group::COUNT];
        }
        let fields = Delta::between(&old, &new).changed;
        if !fields.is_empty() {
            self.seq += 1;
            number(&mut new, fields, self.seq, ts_pub);
            (new.ts_event, new.ts_recv) = (update.ts_event, Some(update.ts_recv));
        }
        known.quote = new;
        if fields.is_empty() { Applied::Unchanged } else { Applied::Changed { seq: self.seq, fields } }
    }

    fn status(
        known: &mut Known,
        writer: usize,
        new: &mut Quote,
        wanted: Option<(Status, Reason)>,
        ts_pub: Micros,
    ) {
        let old = (new.status, new.reason);
        let Some(mut wanted) = wanted else { return };
        known.gaps[writer] |= wanted.0 == Status::Suspect;
        if wanted.0 == Status::Live && known.gaps.contains(&true) {
            wanted = if old.0 == Status::Suspect { old } else { (Status::Suspect, Reason::Gap) };
        }
        (new.status, new.reason) = wanted;
        if wanted.0 != old.0 {
            new.status_since = ts_pub;
        }
    }

    fn set_status(
        &mut self,
        writer: usize,
        symbol: usize,
        (status, reason): (Status, Reason),
        now: Micros,
    ) -> Option<u64> {
        let known = self.quotes.entry(symbol).or_default();
        let old = known.quote;
        let mut new = old;
        let interrupted = [Status::Stale, Status::Connecting, Status::Suspect].contains(&status);
        let kept = interrupted && [Status::Halted, Status::Closed, Status::Delisted].contains(&old.status);
        if interrupted {
            known.history = [false; Group::COUNT];
            for origin in &mut known.origins {
                origin.venue_seq = None;
            }
        }
        known.lost = match status {
            Status::Stale | Status::Connecting => true,
            Status::Live => false,
            _ => known.lost,
        };
        known.gaps[writer] = match status {
            Status::Connecting => false,
            Status::Stale if !kept => false,
            Status::Suspect => true,
            _ => known.gaps[writer],
        };
        if !kept {
            Model::status(known, writer, &mut new, Some((status, reason)), now);
        }
        let fields = Delta::between(&old, &new).changed;
        if !fields.is_empty() {
            self.seq += 1;
            number(&mut new, fields, self.seq, now);
        }
        known.quote = new;
        (!fields.is_empty()).then_some(self.seq)
    }
}

fn number(new: &mut Quote, fields: FieldSet, seq: u64, ts_pub: Micros) {
    (new.seq, new.ts_pub) = (seq, ts_pub);
    new.changes += 1;
    for field in fields.iter() {
        new.changed_at.set(field, seq);
    }
}

/// Every part of a quote that anyone can see, digits and all.
fn picture(quote: &Quote) -> String {
    let numbers: Vec<_> =
        Field::NUMBER_FIELDS.iter().map(|f| quote.values.number(*f).map(|n| n.to_string())).collect();
    let values = (quote.values.present(), quote.values.side(), numbers);
    let rest = Quote { values: market::Values::default(), ..*quote };
    format!("{values:?} {rest:?}")
}

fn a_number() -> impl Strategy<Value = Option<Decimal>> {
    // Few values in several spellings, so that equal ones meet often.
    prop_oneof![
        1 => Just(None),
        6 => (0_i64..4, 0_u32..3).prop_map(|(n, zeros)| Some(Decimal::new(n * 10_i64.pow(zeros), zeros))),
        1 => (any::<i64>(), 0_u32..28).prop_map(|(n, scale)| Some(Decimal::new(n, scale))),
        1 => (any::<[u32; 3]>(), any::<bool>(), 0_u32..28)
            .prop_map(|([low, middle, high], minus, scale)| Some(Decimal::from_parts(low, middle, high, minus, scale))),
    ]
}

fn a_status() -> impl Strategy<Value = (Status, Reason)> {
    (prop::sample::select(&Status::ALL[..]), prop::sample::select(&Reason::ALL[..4]))
}

prop_compose! {
    fn an_update()(
        source in prop::sample::select(&[Source::History, Source::Ticker, Source::Book, Source::Direct][..]),
        ts_recv in 0_i64..50,
        ts_event in prop::option::of(0_i64..6),
        venue_seq in prop::option::of(0_u64..6),
        status in prop::option::weighted(0.1, a_status()),
        snapshot in prop::bool::weighted(0.2),
        numbers in prop::collection::vec((prop::sample::select(&Field::NUMBER_FIELDS[..]), a_number()), 0..4),
        trade in prop::option::weighted(0.3, (a_number(), prop::sample::select(&[None, Some(Side::Buy), Some(Side::Sell)][..]))),
    ) -> Update {
        let mut update = Update::new(source, Micros(ts_recv));
        for (field, number) in numbers {
            update.tell(field, number);
        }
        if let Some((price, side)) = trade {
            update.tell_trade(price, price, side);
        }
        update.ts_event = ts_event.map(Micros);
        update.venue_seq = venue_seq;
        update.status = status;
        update.snapshot = snapshot;
        update
    }
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => an_update().prop_map(|update| Step::Update(Box::new(update))),
        1 => a_status().prop_map(|(status, reason)| Step::Status(status, reason)),
    ]
}

fn step(writer: &mut Writer, id: SymbolId, step: &Step, now: Micros) -> Result<Applied, Option<u64>> {
    match step {
        Step::Update(update) => Ok(writer.apply(id, update, now)),
        Step::Status(status, reason) => Err(writer.set_status(id, *status, *reason, now)),
    }
}

/// What a delta since an old state must be: everything that differs, and nothing that does not lead to the new state.
fn check_delta(old: &Quote, new: &Quote) {
    let between = Delta::between(old, new);
    let since = Delta::since(new, old.seq, old.changes);
    assert_eq!(since.merged, between.merged);
    assert!(
        between.changed.minus(since.changed).is_empty(),
        "missed {:?}",
        between.changed.minus(since.changed)
    );
    if since.merged <= 1 {
        assert_eq!(since.changed, between.changed, "one change: exactly what differs");
    }
    let mut view = *old;
    since.apply(&mut view);
    assert!(Delta::between(&view, new).changed.is_empty());
    assert_eq!((view.seq, view.changes, view.status_since), (new.seq, new.changes, new.status_since));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promise_1_and_13_the_table_does_what_the_rules_say(
        steps in prop::collection::vec((0..WRITERS, 0..SYMBOLS, a_step()), 1..60)
    ) {
        let table = Table::new(Config { symbols: SYMBOLS, writers: WRITERS, ..Config::default() });
        let name = |n: usize| Symbol::parse(&format!("V:S{n}")).unwrap();
        let ids: Vec<SymbolId> = (0..SYMBOLS).map(|n| table.intern(&name(n)).unwrap()).collect();
        let mut writers: Vec<Writer> = (0..WRITERS).map(|_| table.writer().unwrap()).collect();
        let mut model = Model::default();
        // One quote is reused for all reads, so that leftovers would show.
        let mut quote = Quote::default();
        let mut history: Vec<Vec<Quote>> = vec![vec![Quote::default()]; SYMBOLS];
        for (at, (writer, symbol, what)) in steps.iter().enumerate() {
            let now = Micros(1_000 + at as i64);
            let did = step(&mut writers[*writer], ids[*symbol], what, now);
            let expected = match what {
                Step::Update(update) => Ok(model.apply(*writer, *symbol, update, now)),
                Step::Status(status, reason) => {
                    Err(model.set_status(*writer, *symbol, (*status, *reason), now))
                }
            };
            prop_assert_eq!(did, expected, "step {} {:?}", at, what);
            let known = model.quotes.get(symbol).cloned().unwrap_or_default();
            table.read_into(ids[*symbol], &mut quote);
            prop_assert_eq!(picture(&quote), picture(&known.quote), "step {} {:?}", at, what);
            prop_assert_eq!(picture(&table.read(ids[*symbol])), picture(&quote));
            prop_assert_eq!(table.changed_seq(ids[*symbol]), quote.seq);
            prop_assert_eq!(table.heard(ids[*symbol]), known.heard);
            prop_assert_eq!(Group::ALL.map(|group| table.origin(ids[*symbol], group)), known.origins);
            prop_assert_eq!((table.last_seq(), table.safe_cut()), (model.seq, model.seq), "a number for each change only");
            for old in &history[*symbol] {
                check_delta(old, &quote);
            }
            history[*symbol].push(quote);
        }
    }
}
