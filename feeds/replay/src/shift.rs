//! A sink in front of the sink that makes a recording look like now.

use std::collections::HashMap;

use feed::{Outcome, Sink, SymbolRef};
use market::{Group, Micros, Reason, Status, Symbol, Update};

/// By how much the venue's times of the current record are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VenueTimes {
    /// Not at all: a computation over the recording.
    Recorded,
    /// By that many microseconds, as the receive time of the record.
    Moved(i64),
    /// Not known yet: no record of the round had a receive time, and no update a venue time.
    Unknown,
}

/// Moves venue times, and makes the first updates of a round snapshots.
pub(crate) struct ShiftedSink<'a> {
    sink: &'a mut dyn Sink,
    times: VenueTimes,
    /// From the second round on: by symbol, one bit for each field group that was told in this round.
    told: Option<HashMap<SymbolRef, u8>>,
}

impl<'a> ShiftedSink<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, times: VenueTimes) -> ShiftedSink<'a> {
        ShiftedSink { sink, times, told: None }
    }

    /// The recording starts over.
    pub(crate) fn begin_round(&mut self) {
        self.told.get_or_insert_default().clear();
        if self.times != VenueTimes::Recorded {
            self.times = VenueTimes::Unknown;
        }
    }

    /// A record arrives; returns its receive time. `recv_ns` is 0 when the recording does not say.
    pub(crate) fn arrive(&mut self, recv_ns: i64, now: Micros) -> Micros {
        let recorded = Micros::from_nanos(recv_ns);
        if self.times == VenueTimes::Recorded {
            return recorded;
        }
        if recv_ns != 0 {
            self.times = VenueTimes::Moved(now.get().saturating_sub(recorded.get()));
        }
        now
    }

    fn moved(&mut self, ts_event: Micros, ts_recv: Micros) -> Micros {
        match self.times {
            VenueTimes::Recorded => ts_event,
            VenueTimes::Moved(by) => Micros(ts_event.get().saturating_add(by)),
            VenueTimes::Unknown => {
                self.times = VenueTimes::Moved(ts_recv.get().saturating_sub(ts_event.get()));
                ts_recv
            }
        }
    }
}

impl Sink for ShiftedSink<'_> {
    fn intern(&mut self, symbol: &Symbol) -> Option<SymbolRef> {
        self.sink.intern(symbol)
    }

    fn update(&mut self, symbol: SymbolRef, update: &Update) -> Outcome {
        let mut update = *update;
        update.ts_event = update.ts_event.map(|ts_event| self.moved(ts_event, update.ts_recv));
        if let Some(told) = &mut self.told {
            let groups = groups_of(&update);
            let before = told.get(&symbol).copied();
            if groups & !before.unwrap_or(0) != 0 {
                told.insert(symbol, before.unwrap_or(0) | groups);
                update.snapshot = true;
                // A halt at the end of the last round ends by an explicit word only.
                if before.is_none() && update.status.is_none() {
                    update.status = Some((Status::Live, Reason::Confirmed));
                }
            }
        }
        self.sink.update(symbol, &update)
    }

    fn feed_status(&mut self, status: Status, reason: Reason, symbols: &[SymbolRef]) {
        self.sink.feed_status(status, reason, symbols);
    }
}

/// One bit for each field group that the update speaks of.
fn groups_of(update: &Update) -> u8 {
    Group::ALL
        .into_iter()
        .filter(|group| !update.told().intersection(group.fields()).is_empty())
        .fold(0, |bits, group| bits | 1 << group as u8)
}
