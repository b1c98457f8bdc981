//! Streams that stand exactly where another one stood are told the same bytes.
//!
//! Many clients watch the same list, by one page's default or one desk's. In a turn of a loop the first of them is composed
//! for; whoever comes right after it with the same symbols, told as far, by the same settings, gets a copy of the bytes
//! and of where they leave a stream. That is as if it had been composed for at that earlier moment of the turn. Nothing is
//! missed by it: what the turn looked at had happened before, and what happens later is for the next look.

use std::sync::Arc;
use std::time::Duration;

use table::{FeedId, SymbolId};
use wire::{Settings, Style};

use super::Outbox;
use crate::sent::Sent;
use crate::tally::Told;

/// Longer lists are not compared: what they cost is told by other figures.
const SYMBOLS_MAX: usize = 1_024;
/// Longer ago is not repeated: where thousands have one list a turn takes its time, and what changes meanwhile is to reach the
/// later ones with it.
const FRESH: Duration = Duration::from_millis(1);

/// What the last stream of a turn was told, if others may be told the same.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// Within a turn of a loop.
    open: bool,
    /// Of the stream that spoke last.
    symbols: Vec<SymbolId>,
    /// The stream that speaks now has the same symbols: it is worth noting what it is told.
    listens: bool,
    /// There is something to repeat, told at that time (monotonic).
    heard: Option<Duration>,
    before: Stand,
    after: Stand,
    bytes: Vec<u8>,
    told: Told,
}

/// Where a stream stands.
#[derive(Debug, Default, PartialEq)]
struct Stand {
    style: Style,
    settings: Option<Arc<Settings>>,
    sent: Vec<Sent>,
    feeds: Vec<(FeedId, u64)>,
    last_id: u64,
    /// In the ring, for those who follow it.
    cursor: Option<u64>,
    cut: u64,
    held_back: u64,
}

impl Stand {
    /// Notes where it stands.
    fn take(&mut self, outbox: &Outbox) {
        self.style = outbox.asked.style;
        self.settings = Some(Arc::clone(&outbox.asked.settings));
        self.sent.clone_from(&outbox.sent);
        self.feeds.clone_from(&outbox.feeds);
        self.last_id = outbox.last_id;
        self.cursor = outbox.follow.as_ref().map(|follow| follow.cursor());
        (self.cut, self.held_back) = (outbox.cut, outbox.held_back);
    }

    /// Whether it stands here, as far as what it is told next depends on it.
    fn is(&self, outbox: &Outbox) -> bool {
        self.last_id == outbox.last_id
            && self.style == outbox.asked.style
            && self.cursor == outbox.follow.as_ref().map(|follow| follow.cursor())
            && self.settings.as_ref().is_some_and(|settings| *settings == outbox.asked.settings)
            && self.sent == outbox.sent
            && self.feeds == outbox.feeds
    }
}

impl Echo {
    /// A turn begins: what was said in an earlier one has passed.
    pub(crate) fn begin(&mut self) {
        (self.open, self.listens, self.heard) = (true, false, None);
    }

    /// What was told to the stream that it listens to, if it does: it stands there now.
    pub(crate) fn hear(&mut self, outbox: &Outbox, bytes: &[u8], told: Told, now: Duration) {
        let listens = std::mem::take(&mut self.listens);
        if listens && !bytes.is_empty() && outbox.is_plain() && !outbox.has_more() {
            self.after.take(outbox);
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.told = told.as_shared();
            self.heard = Some(now);
        }
    }
}

impl Outbox {
    /// Whether what it is told depends on nothing but where it stands.
    fn is_plain(&self) -> bool {
        !self.in_round()
            && !self.pace.is_kept()
            && self.named.is_none()
            && self.asked.limit.is_none()
            && !self.asked.waits_for_symbols()
            && self.symbols.len() <= SYMBOLS_MAX
            && self.follow.as_ref().is_none_or(|follow| follow.is_plain())
    }

    /// Tells what another stream was told that stood where this one stands; or nothing, and then its own telling is listened
    /// to if it is likely that others will stand there.
    pub(crate) fn repeat(&mut self, echo: &mut Echo, now: Duration, out: &mut Vec<u8>) -> Option<Told> {
        echo.listens = false;
        if !echo.open || !self.is_plain() {
            return None;
        }
        if echo.symbols != self.symbols {
            echo.symbols.clone_from(&self.symbols);
            echo.heard = None;
            return None;
        }
        let is_fresh = echo.heard.is_some_and(|heard| now.saturating_sub(heard) <= FRESH);
        if !is_fresh || !echo.before.is(self) {
            echo.before.take(self);
            (echo.listens, echo.heard) = (true, None);
            return None;
        }
        let Stand { sent, feeds, last_id, cursor, cut, held_back, .. } = &echo.after;
        self.sent.copy_from_slice(sent);
        self.feeds.copy_from_slice(feeds);
        (self.last_id, self.cut, self.held_back, self.due) = (*last_id, *cut, *held_back, None);
        if let (Some(follow), Some(cursor)) = (&mut self.follow, *cursor) {
            follow.skip_to(cursor);
        }
        self.told += echo.told.events();
        out.extend_from_slice(&echo.bytes);
        Some(echo.told)
    }
}

#[cfg(test)]
mod tests {
    use market::{Decimal, Field, Micros, Source, Symbol, Update};
    use table::{Applied, Table, Writer};
    use wire::{Mode, Parser, View};

    use super::*;
    use crate::asked::Asked;
    use crate::desk::Desk;
    use crate::outbox::{BUFFER, Look, Start};
    use crate::pace::Moment;
    use crate::ring::Ring;

    struct Market {
        table: Arc<Table>,
        ids: Vec<SymbolId>,
        ring: Ring,
        writer: Writer,
        price: i64,
        now: Duration,
    }

    impl Market {
        fn new(symbols: usize) -> Market {
            let table = Table::new(table::Config { symbols, ..table::Config::default() });
            let intern = |n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap();
            let ids = (0..symbols).map(intern).collect();
            let ring = Ring::new(1_024, symbols);
            ring.starts_after(0);
            let writer = table.writer().unwrap();
            Market { table, ids, ring, writer, price: 0, now: Duration::ZERO }
        }

        fn change(&mut self, symbol: usize) {
            self.price += 1;
            let mut update = Update::new(Source::Direct, Micros(self.price));
            update.tell_side(Field::Bid, Some(Decimal::from(self.price)), Some(Decimal::ONE));
            let id = self.ids[symbol];
            let Applied::Changed { fields, .. } = self.writer.apply(id, &update, Micros(self.price)) else {
                panic!("each price is another one");
            };
            self.ring.push(id, fields, &self.table.read(id));
        }

        fn open(&self, mode: Mode) -> Outbox {
            let asked = Asked::new(Settings { mode, ..Settings::default() }, Style::default(), 100, None);
            let len = self.ids.len();
            let mut outbox =
                Outbox::new(asked, self.ids.clone(), &[], len, &self.table, Start::Snapshots, Duration::ZERO);
            outbox.follow_mode(&self.ring, &self.table, None);
            outbox
        }

        /// One turn of a stream, as its voice has it. And whether it was another's bytes.
        fn turn(&self, outbox: &mut Outbox, desk: &mut Desk) -> (Vec<u8>, Told, bool) {
            let mut out = Vec::new();
            if let Some(told) = outbox.repeat(&mut desk.echo, self.now, &mut out) {
                return (out, told, true);
            }
            let mut told = outbox.drain(desk, &self.ring, &self.table, BUFFER, &mut out);
            outbox.begin(desk, &self.table, Look::All, Duration::ZERO);
            while outbox.in_round() {
                told = told.and(outbox.compose(desk, &self.table, BUFFER, Moment::default(), &mut out));
            }
            desk.echo.hear(outbox, &out, told, self.now);
            (out, told, false)
        }
    }

    #[test]
    fn whoever_stands_where_another_stood_is_told_what_it_would_have_been_told() {
        for (mode, seed) in [(Mode::Latest, 7_u64), (Mode::Every, 8), (Mode::Latest, 9), (Mode::Every, 10)] {
            let mut market = Market::new(6);
            let mut desk = Desk::default();
            // Each beside a control that nobody shares anything with.
            let mut twins: Vec<_> =
                (0..5).map(|_| (market.open(mode), market.open(mode), Desk::default())).collect();
            let mut dice = seed;
            let mut roll = |sides: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 33) % sides
            };
            let mut repeated = 0;
            for round in 0..300 {
                for _ in 0..roll(5) {
                    market.change(roll(6) as usize);
                }
                desk.echo.begin();
                for (twin, control, apart) in &mut twins {
                    // Now and then one is passed over, and stands elsewhere from then on.
                    if roll(8) == 0 {
                        continue;
                    }
                    let (bytes, told, was_repeated) = market.turn(twin, &mut desk);
                    let (expected, expected_told, _) = market.turn(control, apart);
                    let texts = [&bytes, &expected].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                    assert_eq!(texts[0], texts[1], "{mode:?}, seed {seed}, round {round}");
                    let counts = |told: Told| (told.snapshots, told.quotes, told.conflated, told.newest);
                    assert_eq!(counts(told), counts(expected_told));
                    repeated += usize::from(was_repeated);
                }
            }
            assert!(repeated > 100, "{repeated} turns were repeated in mode {mode:?}");
        }
    }

    #[test]
    fn a_change_in_the_middle_of_a_turn_is_told_in_the_next() {
        for mode in [Mode::Latest, Mode::Every] {
            let mut market = Market::new(2);
            let mut desk = Desk::default();
            let mut streams: Vec<_> = (0..3).map(|_| market.open(mode)).collect();
            let mut views = vec![View::new(); 3];
            let mut last_ids = Vec::new();
            for round in 0..3 {
                market.change(0);
                desk.echo.begin();
                for (at, (stream, view)) in streams.iter_mut().zip(&mut views).enumerate() {
                    let (bytes, _, repeated) = market.turn(stream, &mut desk);
                    assert_eq!(repeated, at == 2 || (round > 0 && at > 0), "{mode:?}, {round}, {at}");
                    let mut events = Vec::new();
                    Parser::default().push(&bytes, &mut events).unwrap();
                    for event in events {
                        view.apply(&wire::Event::parse(&event.data).unwrap()).unwrap();
                    }
                    if at == 1 && round < 2 {
                        market.change(1);
                    }
                }
                last_ids.push(streams[2].last_id);
            }
            // The change in the middle of the second turn lies above what the last of them was told up to.
            assert!(last_ids[1] < market.table.changed_seq(market.ids[1]));
            for view in &views {
                for id in &market.ids {
                    let seen = view.get(market.table.symbol(*id)).unwrap().seq;
                    assert_eq!(seen, market.table.read(*id).seq, "{mode:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_told_a_while_ago_in_the_same_turn_is_not_repeated() {
        let mut market = Market::new(2);
        let mut desk = Desk::default();
        let mut streams: Vec<_> = (0..4).map(|_| market.open(Mode::Latest)).collect();
        market.change(0);
        desk.echo.begin();
        let mut repeated = Vec::new();
        for stream in &mut streams {
            repeated.push(market.turn(stream, &mut desk).2);
            if repeated.len() == 2 {
                market.change(1);
                market.now += 2 * FRESH;
            }
        }
        assert_eq!(
            repeated,
            [false, false, false, true],
            "the third is told what has changed, the fourth with it"
        );
        let latest = market.table.changed_seq(market.ids[1]);
        assert!(streams[2..].iter().all(|stream| stream.last_id >= latest));
    }
}
