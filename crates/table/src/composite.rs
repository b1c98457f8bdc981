//! Composites: the best bid and offer over several venues' quotes of one thing, worked out by whoever changes one of them.
//!
//! A composite is a symbol like any other to whoever reads. Its *members* are symbols of venues. Only members that are
//! `live` count; of those
//!
//! * the bid is the highest, with its size and its venue. Where several stand at that price it is that of the largest size, and
//!   of equal sizes that of the first name. A consolidated tape does the same, and a size can be had at the venue beside it,
//!   which a sum over venues cannot;
//! * the ask is the lowest, in the same way. The two are told as they are, also when they meet or overlap;
//! * the last trade is the newest one: by the venues' clocks where both tell the time, otherwise by arrival ([`Traded`]). A
//!   trade like the one before it is a newer one all the same;
//! * there are no 24 h figures, because venues count them apart, and none of a contract.
//!
//! It is `live` while a member is, `connecting` while none was heard of yet, and `stale` otherwise: then, like every stale quote,
//! it keeps what was known last.
//!
//! # Why it ends right
//!
//! Two feeds may change two members, or one, at the same time. Each writer first publishes its member's change, then takes the
//! composite's lock, reads that member's slot *afresh*, keeps what it needs of it, and writes the composite from what is kept of
//! all, before it gives the lock back.
//!
//! * *What is kept of a member is its last state in the end.* Let C be the last change of the member, by writer W. W's turn with
//!   the lock comes after C was published, so it reads C (a slot's reader never sees less than what happened before). Any other
//!   turn that reads this member after W's has W's unlock before its lock, and so reads C too; what one reads of a slot
//!   only moves forward.
//! * *The composite is what follows from all that is kept*, because each turn writes it from the whole, and turns exclude each
//!   other.
//!
//! So after the last turn the composite equals what follows from the members' last states: no order of turns can lose one.
//! `tests/composite.rs` compares the two after every quiet, with several writers a member.
//!
//! *At once:* the turn belongs to the step in which the writer changed the member, before it takes its next update. Between the
//! two a reader can see a member stale and its composite not yet, as it can see one of two symbols of a lost feed before
//! the other.
//!
//! No reader takes that lock: what readers see are slots. A writer that is descheduled while it has it holds up writers of *this*
//! composite's members, in the way of a slot's lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use market::{Decimal, Field, FieldSet, Group, Micros, Quote, Reason, Side, Sides, Source, Status, Symbol};
use market::{Update, Venue};

use crate::{Full, SymbolId, Table, Writer};

/// The fields of a member that its composite follows.
const FOLLOWED: FieldSet = Group::Top.fields().union(Group::Trade.fields()).with(Field::Status);

/// All composites of a table.
#[derive(Debug)]
pub struct Composites {
    table: Arc<Table>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    composites: HashMap<SymbolId, Arc<Composite>>,
    members: HashMap<SymbolId, Member>,
}

/// A symbol's place in its composite. Cheap to clone; every writer of the symbol has one.
#[derive(Clone, Debug)]
pub struct Member {
    composite: Arc<Composite>,
    place: usize,
}

#[derive(Debug)]
struct Composite {
    id: SymbolId,
    state: Mutex<State>,
}

/// What a composite is made of. Under the lock.
#[derive(Debug, Default)]
struct State {
    members: Vec<Kept>,
    /// Times of the update behind the composite's last change.
    ts_event: Option<Micros>,
    ts_recv: Micros,
}

/// What is kept of a member.
#[derive(Debug)]
struct Kept {
    id: SymbolId,
    symbol: Symbol,
    venue: Option<Venue>,
    status: Status,
    /// Prices and sizes, by side.
    bid: Option<(Decimal, Option<Decimal>)>,
    ask: Option<(Decimal, Option<Decimal>)>,
    /// The latest trade that any writer told of.
    traded: Option<Traded>,
    trade: Option<Trade>,
}

/// When a trade was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traded {
    /// By the venue's clock, if it tells it.
    pub ts_event: Option<Micros>,
    /// When it arrived.
    pub ts_recv: Micros,
}

impl Traded {
    /// Of an update that may be no trade: a word on the last trade is one when it is the venue's own on exactly that, or when it
    /// has `changed` what stood there. A summary that repeats an old trade with each message does not make it a new one.
    pub fn by(update: &Update, changed: FieldSet) -> Option<Traded> {
        let trade = Group::Trade.fields();
        let is_direct = update.source == Source::Direct && update.told().contains(Field::Last);
        (is_direct || !changed.intersection(trade).is_empty())
            // Nothing is traded after it is heard of: a venue's clock that is ahead must not win for that.
            .then_some(Traded {
                ts_event: update.ts_event.map(|at| at.min(update.ts_recv)),
                ts_recv: update.ts_recv,
            })
    }

    /// Whether this was later; of two at one time neither was.
    fn is_after(self, other: Traded) -> bool {
        match (self.ts_event, other.ts_event) {
            (Some(one), Some(other)) => one > other,
            _ => self.ts_recv > other.ts_recv,
        }
    }
}

/// A member's last trade, and the number of its coming.
#[derive(Clone, Copy, Debug)]
struct Trade {
    /// `None` where only values are known: whatever has a time is newer.
    at: Option<Traded>,
    seq: u64,
    price: Decimal,
    size: Option<Decimal>,
    side: Option<Side>,
}

impl Composites {
    /// No composite yet.
    pub fn new(table: &Arc<Table>) -> Composites {
        Composites { table: Arc::clone(table), known: Mutex::default() }
    }

    /// Makes a symbol a member of the composite of that name, which comes into the table with its first one. A symbol that is
    /// a member already stays where it is. Who joins it must [`Member::follow`] it from then on, and once at first.
    ///
    /// # Errors
    /// When the table has no room for the composite.
    pub fn join(&self, member: SymbolId, composite: &Symbol) -> Result<Member, Full> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = known.members.get(&member) {
            return Ok(member.clone());
        }
        let id = self.table.intern(composite)?;
        let new = || Arc::new(Composite { id, state: Mutex::default() });
        let composite = Arc::clone(known.composites.entry(id).or_insert_with(new));
        let symbol = self.table.symbol(member).clone();
        let kept = Kept {
            id: member,
            venue: symbol.venue().and_then(Venue::intern),
            symbol,
            status: Status::Unknown,
            bid: None,
            ask: None,
            traded: None,
            trade: None,
        };
        let mut state = composite.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.members.push(kept);
        let place = state.members.len() - 1;
        drop(state);
        let joined = Member { composite, place };
        known.members.insert(member, joined.clone());
        Ok(joined)
    }

    /// How many composites there are.
    pub fn len(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).composites.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Member {
    /// The composite.
    pub fn composite(&self) -> SymbolId {
        self.composite.id
    }

    /// Brings the composite up to a change of these fields of its member, which stands in the table already, and to a trade that
    /// may have changed nothing. `told` is called with what changed of the composite, before anybody else can change it again.
    pub fn follow(
        &self,
        writer: &mut Writer,
        (changed, traded): (FieldSet, Option<Traded>),
        now: Micros,
        told: impl FnOnce(SymbolId, FieldSet),
    ) {
        if changed.intersection(FOLLOWED).is_empty() && traded.is_none() {
            return;
        }
        // The writer's own room to read a member into: one of each composite would push quotes out of the caches.
        let mut quote = writer.scratch.take().unwrap_or_default();
        self.bring_up(writer, (changed, traded), now, &mut quote, told);
        writer.scratch = Some(quote);
    }

    /// Begins to load what [`Member::follow`] will need, for who has other work to do before.
    #[inline]
    pub fn glance(&self, table: &Table) {
        table.glance(self.composite.id);
    }

    /// [`Member::follow`], with room for a quote.
    fn bring_up(
        &self,
        writer: &mut Writer,
        (changed, traded): (FieldSet, Option<Traded>),
        now: Micros,
        quote: &mut Quote,
        told: impl FnOnce(SymbolId, FieldSet),
    ) {
        let id = self.composite.id;
        let mut state = self.composite.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { members, ts_event, ts_recv } = &mut *state;
        let member = &mut members[self.place];
        writer.table().read_into(member.id, quote);
        let counted = member.status == Status::Live || quote.status == Status::Live;
        // Writers may come in another order than their trades; the latest is the same in any order.
        if member.traded.is_none_or(|before| traded.is_some_and(|traded| traded.is_after(before))) {
            member.traded = traded;
        }
        member.keep(quote);
        // A status from outside the venue's words has no times of its own; what was known last keeps those it has.
        if let (true, Some(traded), Status::Live) = (changed.is_empty(), traded, quote.status) {
            (*ts_event, *ts_recv) = (traded.ts_event, traded.ts_recv);
        } else if changed != FieldSet::EMPTY.with(Field::Status) && quote.status == Status::Live {
            (*ts_event, *ts_recv) = (quote.ts_event, quote.ts_recv.unwrap_or_default());
        }
        let is_live = members.iter().any(|member| member.status == Status::Live);
        let changed = if is_live {
            if !counted {
                return;
            }
            let mut update = Update::new(Source::Direct, *ts_recv);
            update.ts_event = *ts_event;
            update.status = Some((Status::Live, Reason::Confirmed));
            let sides = best(members, &mut update);
            writer.compose(id, &update, sides, now)
        } else {
            let unheard = |member: &Kept| matches!(member.status, Status::Unknown | Status::Connecting);
            let (status, reason) = if members.iter().all(unheard) {
                (Status::Connecting, Reason::NotConnected)
            } else {
                (Status::Stale, Reason::NoLiveVenue)
            };
            writer.set_status(id, status, reason, now).map(|_| FieldSet::EMPTY.with(Field::Status))
        };
        if let Some(changed) = changed {
            told(id, changed);
        }
    }
}

impl Kept {
    fn keep(&mut self, quote: &Quote) {
        let Quote { values, changed_at, .. } = quote;
        self.status = quote.status;
        self.bid = values.number(Field::Bid).map(|price| (price, values.number(Field::BidSize)));
        self.ask = values.number(Field::Ask).map(|price| (price, values.number(Field::AskSize)));
        let fields = [Field::Last, Field::LastSize, Field::LastSide];
        let seq = fields.into_iter().map(|field| changed_at.get(field)).max().unwrap_or(0);
        let at = self.traded;
        let trade =
            |price| Trade { at, seq, price, size: values.number(Field::LastSize), side: values.side() };
        self.trade = values.number(Field::Last).map(trade);
    }
}

impl Trade {
    /// Whether it is the newer one; of two at one time the one that came later.
    fn is_newer(&self, other: &Trade) -> bool {
        match (self.at, other.at) {
            (Some(one), Some(two)) if one.is_after(two) => true,
            (Some(one), Some(two)) if two.is_after(one) => false,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => self.seq > other.seq,
        }
    }
}

/// Tells what is best among the live members, and says whose it is.
fn best(members: &[Kept], update: &mut Update) -> Sides {
    let mut bid: Option<(&Kept, Decimal, Option<Decimal>)> = None;
    let mut ask: Option<(&Kept, Decimal, Option<Decimal>)> = None;
    let mut last: Option<Trade> = None;
    // Of equal prices the larger size, of equal sizes the first name.
    let wins = |one: &Kept, size: Option<Decimal>, other: &Kept, other_size: Option<Decimal>| {
        (size, &other.symbol) > (other_size, &one.symbol)
    };
    for member in members.iter().filter(|member| member.status == Status::Live) {
        if let Some((price, size)) = member.bid
            && bid.is_none_or(|(other, best, there)| {
                price > best || price == best && wins(member, size, other, there)
            })
        {
            bid = Some((member, price, size));
        }
        if let Some((price, size)) = member.ask
            && ask.is_none_or(|(other, best, there)| {
                price < best || price == best && wins(member, size, other, there)
            })
        {
            ask = Some((member, price, size));
        }
        last = last.filter(|last| member.trade.is_none_or(|trade| !trade.is_newer(last))).or(member.trade);
    }
    update.tell(Field::Bid, bid.map(|(_, price, _)| price));
    update.tell(Field::BidSize, bid.and_then(|(_, _, size)| size));
    update.tell(Field::Ask, ask.map(|(_, price, _)| price));
    update.tell(Field::AskSize, ask.and_then(|(_, _, size)| size));
    let side = last.and_then(|trade| trade.side);
    update.tell_trade(last.map(|trade| trade.price), last.and_then(|trade| trade.size), side);
    Sides::of(bid.and_then(|(member, ..)| member.venue), ask.and_then(|(member, ..)| member.venue))
}
