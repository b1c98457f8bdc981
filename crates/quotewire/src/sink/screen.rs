//! Bad ticks: what a venue says and nobody should show as its price.
//!
//! Pure: time comes in, and what is to be applied comes out. Each sink has one, over the symbols that it knows.
//!
//! **Refused for good** is what no market can mean: a group of fields (the top of the book, the trade, ...) with a number in it
//! that is negative or zero where that is not legal, or off any sane scale. The other groups of the update are taken. A snapshot
//! that lost a group that way makes no gap good and confirms no price: what it should have told of that group stands as it was.
//!
//! **Held back** is an update in which bid, ask or last lies further from the one accepted before than the feed's `max_move`. The
//! symbol is `suspect` meanwhile, so that neither the new price is shown nor the old one passed off as live. It is accepted
//!
//! * when `confirmations` updates in a row, itself among them, say about the same (within `max_move` of the first), or
//! * when `hold_max` is over since the first one was held, whatever was said meanwhile: a real trend is never frozen for longer,
//!   and it takes no further update to end it ([`Screen::expire`]).
//!
//! It is dropped when the venue goes back to where it was; what the same update told beside it is applied then. A price is not compared with one that is older than
//! [`REFERENCE_MAX`], nor with one from before a reconnect, a snapshot or a halt.

use std::hint::black_box;
use std::time::Duration;

use market::{Decimal, Field, FieldSet, Group, Reason, Source, Status, Update};

/// A price that has not been told for this long says nothing about the next one: quiet symbols trade some times an hour.
pub(crate) const REFERENCE_MAX: Duration = Duration::from_secs(60);

/// No price of anything is higher: a bitcoin in the smallest currency that is quoted takes twelve digits.
const PRICE_DIGITS_MAX: u32 = 15;
/// No price is lower than 10 to the minus this: the smallest tick of a recording is 10 to the minus 12.
const PRICE_PLACES_MAX: u32 = 18;
/// No size or volume is higher: coins with fifteen digits in circulation, counted in a quote of ten more.
const SIZE_DIGITS_MAX: u32 = 25;

/// The fields whose moves are watched.
const WATCHED: [Field; 3] = [Field::Bid, Field::Ask, Field::Last];

/// Why something was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    /// A price below zero of something that cannot have one.
    NegativePrice,
    /// A price of zero.
    ZeroPrice,
    /// A size or a volume below zero.
    NegativeSize,
    /// A number of a size that nothing has.
    OffScale,
    /// Too far from the price before: held back.
    Jump,
}

impl Reject {
    pub(crate) const ALL: [Reject; 5] =
        [Reject::NegativePrice, Reject::ZeroPrice, Reject::NegativeSize, Reject::OffScale, Reject::Jump];

    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Reject::NegativePrice => "negative_price",
            Reject::ZeroPrice => "zero_price",
            Reject::NegativeSize => "negative_size",
            Reject::OffScale => "off_scale",
            Reject::Jump => "jump",
        }
    }
}

/// When a move is held back, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moves {
    /// The largest move that is taken at once, as a ratio of the price before.
    pub(crate) max_move: Decimal,
    /// Updates in a row that confirm a price, the first among them.
    pub(crate) confirmations: u32,
    /// Longest time for which a price is held.
    pub(crate) hold_max: Duration,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Apply the update as it is.
    AsIs,
    /// Apply what [`Screen::instead`] holds, which may be nothing; then, if there is a word on it, doubt the symbol or end that.
    Instead(Option<bool>),
    /// The same with a part of a snapshot that makes no gap good, because the rest of it was refused.
    Partly(Option<bool>),
}

/// What one sink believes.
#[derive(Debug)]
pub(crate) struct Screen {
    moves: Option<Moves>,
    /// By the sink's own number of a symbol.
    states: Vec<State>,
    /// The symbols with a price held back.
    held: Vec<usize>,
    instead: Vec<Update>,
    rejects: Vec<Reject>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a price of it may be zero or below: options have bids of zero, dated futures and spreads fell below it.
    lenient: bool,
    /// The feed lost track, and no whole snapshot came since.
    gap: Option<Reason>,
    /// By watched field the price accepted last, and when.
    accepted: [Option<(Decimal, Duration)>; WATCHED.len()],
    hold: Option<Box<Hold>>,
}

#[derive(Debug)]
struct Hold {
    since: Duration,
    /// Updates in a row that agree.
    count: u32,
    /// By watched field the first price of those, where it is too far from the one accepted.
    first: [Option<Decimal>; WATCHED.len()],
    /// By group what would be applied, the newest of each field.
    pieces: [Option<Update>; Group::COUNT],
}

impl Screen {
    /// Begins to load what is believed of a symbol, for who has other work to do before.
    #[inline]
    pub(crate) fn glance(&self, symbol: usize) {
        if let Some(state) = self.states.get(symbol) {
            black_box((state.lenient, state.hold.is_some()));
        }
    }

    /// A screen that knows no symbol. Without `moves` nothing is held back.
    pub(crate) fn new(moves: Option<Moves>) -> Screen {
        Screen { moves, states: Vec::new(), held: Vec::new(), instead: Vec::new(), rejects: Vec::new() }
    }

    /// The next symbol, by its name after the venue.
    pub(crate) fn add(&mut self, name: &str) {
        self.states.push(State { lenient: is_lenient(name), ..State::default() });
    }

    /// Looks at an update before it is applied.
    pub(crate) fn judge(&mut self, symbol: usize, update: &Update, now: Duration) -> Verdict {
        self.instead.clear();
        self.rejects.clear();
        let Some(state) = self.states.get_mut(symbol) else { return Verdict::AsIs };
        let bad = faults(update, state.lenient, &mut self.rejects);
        let partly = update.snapshot && !bad.is_empty();
        state.gap = match update.status {
            Some((Status::Suspect, reason)) => Some(reason),
            _ if update.snapshot && !partly && update.source != Source::History => None,
            _ => state.gap,
        };
        let mut sifted;
        let update = if bad.is_empty() {
            update
        } else {
            sifted = *update;
            sifted.untell(bad);
            if sifted.told().is_empty() && sifted.status.is_none() {
                return Verdict::Instead(None);
            }
            // As a snapshot it is never older, and would end the gap; so it opens it again.
            if let (true, Some(reason)) = (partly, state.gap) {
                match sifted.status {
                    None | Some((Status::Live, _)) => sifted.status = Some((Status::Suspect, reason)),
                    Some(_) => sifted.snapshot = false,
                }
            }
            &sifted
        };
        let open = partly && state.gap.is_some();
        let instead = |doubt| if open { Verdict::Partly(doubt) } else { Verdict::Instead(doubt) };
        let doubt = match &self.moves {
            None => None,
            Some(moves) => match state.weigh(moves, update, partly, now, &mut self.instead) {
                Weighed::Taken => None,
                Weighed::Settled => Some(false),
                Weighed::Held { is_new } => {
                    self.rejects.push(Reject::Jump);
                    // A status that came with the price is no price: the end of a halt is told once.
                    if let Some((status, reason)) = update.status {
                        self.instead.push(Update::of_status(status, reason, update.ts_recv));
                    }
                    if is_new {
                        self.held.push(symbol);
                    }
                    return Verdict::Instead(is_new.then_some(true));
                }
            },
        };
        if doubt == Some(false) {
            self.held.retain(|&held| held != symbol);
        }
        if bad.is_empty() && doubt.is_none() {
            return Verdict::AsIs;
        }
        if self.instead.is_empty() {
            self.instead.push(*update);
        }
        instead(doubt)
    }

    /// What is to be applied in place of the update, or of the price whose time is over.
    pub(crate) fn instead(&self) -> &[Update] {
        &self.instead
    }

    /// What was not taken of it, by reason.
    pub(crate) fn rejects(&self) -> &[Reject] {
        &self.rejects
    }

    /// Forgets a symbol's prices: whatever comes next is the first of a new connection.
    pub(crate) fn forget(&mut self, symbol: usize) {
        if let Some(state) = self.states.get_mut(symbol) {
            state.begin();
            self.held.retain(|&held| held != symbol);
        }
    }

    /// Until when the first of the held prices is held.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let moves = self.moves.as_ref()?;
        let since = |&symbol: &usize| self.states[symbol].hold.as_ref().map(|hold| hold.since);
        self.held.iter().filter_map(since).min().map(|since| since + moves.hold_max)
    }

    /// Ends the hold of a symbol whose time is over: what [`Screen::instead`] holds then is accepted, and the doubt ends.
    pub(crate) fn expire(&mut self, now: Duration) -> Option<usize> {
        let hold_max = self.moves.as_ref()?.hold_max;
        self.instead.clear();
        let is_over = |symbol: usize| {
            self.states[symbol].hold.as_ref().is_none_or(|hold| now.saturating_sub(hold.since) >= hold_max)
        };
        let at = self.held.iter().position(|&symbol| is_over(symbol))?;
        let symbol = self.held.swap_remove(at);
        let state = &mut self.states[symbol];
        if let Some(hold) = state.hold.take() {
            state.accept(&hold, now, &mut self.instead);
        }
        Some(symbol)
    }
}

/// What became of an update by its prices alone.
enum Weighed {
    /// Nothing is held back, or it is about something else.
    Taken,
    /// What was held back is accepted or dropped. What is to be applied has been said, or is the update.
    Settled,
    /// It is held back; for the first time, or with others.
    Held { is_new: bool },
}

impl State {
    /// Its connection is another one.
    fn begin(&mut self) {
        self.gap = None;
        self.forget();
    }

    fn forget(&mut self) {
        self.accepted = [None; WATCHED.len()];
        self.hold = None;
    }

    /// Looks at the prices alone. Of a snapshot that is told only `partly` they are taken as they are, but what it does not tell
    /// is not settled by it.
    fn weigh(
        &mut self,
        moves: &Moves,
        update: &Update,
        partly: bool,
        now: Duration,
        instead: &mut Vec<Update>,
    ) -> Weighed {
        // A part of a snapshot may say `suspect` only because it is one.
        let stops = |(status, _)| status != Status::Live && !(partly && status == Status::Suspect);
        let afresh = update.snapshot && !partly || update.status.is_some_and(stops);
        if afresh {
            let was_held = self.hold.is_some();
            self.forget();
            self.remember(update, now);
            return if was_held { Weighed::Settled } else { Weighed::Taken };
        }
        let mut far = [None; WATCHED.len()];
        for (far, (field, accepted)) in far.iter_mut().zip(WATCHED.into_iter().zip(self.accepted)) {
            let Some(price) = told(update, field) else { continue };
            let before = accepted.filter(|(_, at)| now.saturating_sub(*at) <= REFERENCE_MAX);
            *far =
                Some(price).filter(|price| before.is_some_and(|(before, _)| is_far(*price, before, moves)));
        }
        let is_far_off = !partly && far.iter().any(Option::is_some);
        let Some(hold) = &mut self.hold else {
            if !is_far_off {
                self.remember(update, now);
                return Weighed::Taken;
            }
            let mut hold = Hold { since: now, count: 1, first: far, pieces: [None; Group::COUNT] };
            hold.keep(update);
            self.hold = Some(Box::new(hold));
            return Weighed::Held { is_new: true };
        };
        if !is_far_off {
            hold.pass(update);
            if hold.first.iter().all(Option::is_none) {
                // What was told beside the wrong price and not again since is still what the venue says.
                if let Some(hold) = self.hold.take() {
                    self.accept(&hold, now, instead);
                }
                self.remember(update, now);
                instead.push(*update);
                return Weighed::Settled;
            }
            self.remember(update, now);
            return Weighed::Taken;
        }
        let agrees = far.iter().zip(hold.first).all(|(far, first)| match (far, first) {
            (Some(price), Some(first)) => !is_far(*price, first, moves),
            (Some(_), None) => false,
            (None, _) => true,
        });
        hold.count = if agrees { hold.count + 1 } else { 1 };
        for ((first, far), field) in hold.first.iter_mut().zip(far).zip(WATCHED) {
            // A price that this update does not tell is neither confirmed nor taken back by it.
            if update.told().contains(field) {
                *first = if agrees { first.filter(|_| far.is_some()) } else { far };
            }
        }
        hold.keep(update);
        if hold.count < moves.confirmations && now.saturating_sub(hold.since) < moves.hold_max {
            return Weighed::Held { is_new: false };
        }
        if let Some(hold) = self.hold.take() {
            self.accept(&hold, now, instead);
        }
        Weighed::Settled
    }

    /// Takes the prices of an update as the true ones.
    fn remember(&mut self, update: &Update, now: Duration) {
        for (accepted, field) in self.accepted.iter_mut().zip(WATCHED) {
            if update.told().contains(field) {
                *accepted = told(update, field).map(|price| (price, now));
            }
        }
    }

    /// Takes what was held back.
    fn accept(&mut self, hold: &Hold, now: Duration, instead: &mut Vec<Update>) {
        for piece in hold.pieces.iter().flatten().filter(|piece| !piece.told().is_empty()) {
            self.remember(piece, now);
            instead.push(*piece);
        }
    }
}

impl Hold {
    /// Keeps an update group by group: groups have sequences of their own.
    fn keep(&mut self, update: &Update) {
        for (piece, group) in self.pieces.iter_mut().zip(Group::ALL) {
            let mut new = *update;
            new.untell(FieldSet::STORED.minus(group.fields()));
            if new.told().is_empty() {
                continue;
            }
            if let Some(old) = piece {
                new.fill_from(old);
            }
            *piece = Some(new);
        }
    }

    /// An update goes past what is held: what it tells is newer than that.
    fn pass(&mut self, update: &Update) {
        for (first, field) in self.first.iter_mut().zip(WATCHED) {
            if update.told().contains(field) {
                *first = None;
            }
        }
        for (piece, group) in self.pieces.iter_mut().zip(Group::ALL) {
            let Some(piece) = piece.as_mut() else { continue };
            if update.told().intersection(group.fields()).is_empty() {
                continue;
            }
            piece.untell(update.told());
            // What is left of it is not older than what passed, and must not be taken for it.
            (piece.source, piece.venue_seq) = (update.source, None);
            piece.ts_event = piece.ts_event.max(update.ts_event);
        }
    }
}

/// A told number that is not absent.
fn told(update: &Update, field: Field) -> Option<Decimal> {
    update.told().contains(field).then(|| update.values().number(field)).flatten()
}

/// Whether a price is too far from another. What cannot be multiplied is far from everything.
fn is_far(price: Decimal, from: Decimal, moves: &Moves) -> bool {
    let (Some(moved), Some(limit)) = (price.checked_sub(from), from.checked_mul(moves.max_move)) else {
        return true;
    };
    moved.abs() > limit.abs()
}

/// Whether a price of that name may be zero or below. Spot, stocks and perpetuals have none such; what has a date may.
fn is_lenient(name: &str) -> bool {
    let mut parts = name.split('-');
    let (third, more) = (parts.nth(2), parts.next());
    more.is_some() || third.is_some_and(|third| third != "PERP")
}

/// The fields of every group with a number that cannot be, and why.
fn faults(update: &Update, lenient: bool, rejects: &mut Vec<Reject>) -> FieldSet {
    let mut bad = FieldSet::EMPTY;
    let told = update.told();
    for group in Group::ALL {
        let numbers = told.intersection(group.fields()).intersection(FieldSet::NUMBERS);
        if numbers.is_empty() {
            continue;
        }
        let fault = numbers.iter().find_map(|field| fault(field, update.values().number(field)?, lenient));
        if let Some(fault) = fault {
            rejects.push(fault);
            bad = bad.union(group.fields());
        }
    }
    bad
}

/// What is wrong with a number.
fn fault(field: Field, number: Decimal, lenient: bool) -> Option<Reject> {
    let (digits_max, places_max) = match field {
        Field::BidSize | Field::AskSize | Field::LastSize | Field::Volume24h | Field::QuoteVolume24h => {
            if is_negative(number) {
                return Some(Reject::NegativeSize);
            }
            (SIZE_DIGITS_MAX, u32::MAX)
        }
        Field::FundingRate => (PRICE_DIGITS_MAX, u32::MAX),
        price => {
            if is_negative(number) && !lenient {
                return Some(Reject::NegativePrice);
            }
            if WATCHED.contains(&price) && number.is_zero() && !lenient {
                return Some(Reject::ZeroPrice);
            }
            (PRICE_DIGITS_MAX, PRICE_PLACES_MAX)
        }
    };
    let (mantissa, scale) = (number.mantissa().unsigned_abs(), number.scale());
    // A mantissa has at most 29 digits, so higher powers are not reached.
    let too_large = digits_max + scale < 29 && mantissa > 10_u128.pow(digits_max + scale);
    let too_small = mantissa != 0 && scale > places_max && mantissa < 10_u128.pow(scale - places_max);
    (too_large || too_small).then_some(Reject::OffScale)
}

fn is_negative(number: Decimal) -> bool {
    number.is_sign_negative() && !number.is_zero()
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
