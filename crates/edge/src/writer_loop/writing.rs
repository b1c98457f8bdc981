//! Writing: what streams are owed is composed for several of them, then sent, then each is told how far that came.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{SENT_AT, WriterLoop};
use crate::client::EndReason;
use crate::desk::Desk;
use crate::line::{Line, Written};
use crate::outbox::BUFFER;
use crate::pace::Moment;
use crate::stream::{Next, Occasion};

/// Bytes of one stream that are to be sent.
#[derive(Debug)]
pub(super) struct Parcel {
    place: u32,
    /// Where they lie.
    bytes: Range<usize>,
    next: Next,
}

impl WriterLoop {
    /// Does something with a stream, whatever happens in it: a fault ends that stream alone (promise 9).
    pub(super) fn guarded(&mut self, place: u32, step: impl FnOnce(&mut WriterLoop, u32)) {
        let (bytes, parcels) = (self.out.len(), self.parcels.len());
        if catch_unwind(AssertUnwindSafe(|| step(self, place))).is_err() {
            tracing::error!("a fault of our own in a stream; it ends");
            // It may have left these in any state, but for the counts, which are the others' as well.
            let tally = std::mem::take(&mut self.desk.tally);
            self.desk = Desk { tally, ..Desk::default() };
            self.out.truncate(bytes);
            self.parcels.truncate(parcels);
            if let Some(seat) = self.seats.get(place) {
                if let Some(client) = &seat.client {
                    client.end_with(EndReason::Fault);
                }
                seat.line = None;
            }
        }
    }

    /// Composes what a stream is owed, up to a buffer, to be sent with what others are.
    pub(super) fn compose(&mut self, place: u32) {
        let Some(seat) = self.seats.get(place) else { return };
        let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
        if client.is_killed() || (client.take_socket() && !line.listen(client)) {
            seat.line = None;
            return;
        }
        let moment = Moment::of(&*self.core.clock);
        let waited = client.waiting_for(moment.now);
        if line.is_blocked() && line.has_begun() {
            let before = line.progress();
            match line.write_unsent(client) {
                Written::Gone => return seat.line = None,
                Written::Blocked => {
                    if line.progress() > before {
                        client.waits_no_more();
                    }
                    return client.waits_from(moment.now);
                }
                Written::All if line.over => return seat.close(),
                Written::All => {}
            }
        }
        client.waits_no_more();
        let chunk = Line::begin_chunk(&mut self.out);
        let next = loop {
            let wake = client.take_flags().and_owed(std::mem::take(&mut seat.owed));
            let rang = std::mem::take(&mut seat.rang);
            let before = self.out.len();
            let occasion = Occasion { wake, rang, waited, moment };
            let next = line.stream.turn(occasion, &mut self.desk, &mut self.out);
            line.over = next.over;
            if next.is_done || self.out.len() == before || chunk.len(&self.out) >= BUFFER {
                break next;
            }
        };
        seat.has_rate = client.has_rate();
        if chunk.len(&self.out) == 0 {
            chunk.take_back(&mut self.out);
            return self.has_told(place, next);
        }
        let from = line.end_chunk(chunk, &mut self.out);
        let bytes = from..self.out.len();
        if line.open_socket().is_some() {
            self.parcels.push(Parcel { place, bytes, next });
            return;
        }
        let written = line.write(client, &self.out[bytes]);
        chunk.take_back(&mut self.out);
        self.has_written(place, written, next);
    }

    /// Sends everything that has been composed.
    pub(super) fn send(&mut self) {
        let (seats, out) = (&self.seats, &self.out);
        // Nothing can have happened to a stream between composing and this.
        let sends = self.parcels.iter().map(|parcel| {
            let line = seats.line(parcel.place).expect("what was composed has a socket");
            (line.open_socket().expect("and it is not blocked"), &out[parcel.bytes.clone()])
        });
        self.sends.send_all(sends, &mut self.sent);
        let mut parcels = std::mem::take(&mut self.parcels);
        let mut sent = std::mem::take(&mut self.sent);
        for (Parcel { place, bytes, next }, sent) in parcels.drain(..).zip(sent.drain(..)) {
            self.guarded(place, |this, place| {
                let Some(seat) = this.seats.get(place) else { return };
                let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
                let written = line.sent(sent, client, &this.out[bytes]);
                this.has_written(place, written, next);
            });
        }
        self.out.clear();
        // A greeting of ten thousand symbols is rare.
        self.out.shrink_to(2 * SENT_AT);
        (self.parcels, self.sent) = (parcels, sent);
    }

    /// Bytes of a stream have been written, as far as its socket took them.
    fn has_written(&mut self, place: u32, written: Written, next: Next) {
        let Some(seat) = self.seats.get(place) else { return };
        let (Some(client), Some(line)) = (&seat.client, &mut seat.line) else { return };
        match written {
            Written::Gone => seat.line = None,
            Written::Blocked => {
                // When it is to be asked again has not been arranged: it looks again when there is room.
                seat.owed = true;
                client.waits_from(self.core.clock.monotonic());
            }
            Written::All if line.over => seat.close(),
            Written::All => self.has_told(place, next),
        }
    }

    /// A stream has said what it has to say for now, or there is more of it.
    fn has_told(&mut self, place: u32, next: Next) {
        let Some(seat) = self.seats.get(place) else { return };
        if !next.is_done {
            // After the others.
            seat.owed = true;
            self.seats.list(place);
            return;
        }
        if seat.alarm != next.again {
            if let Some(alarm) = seat.alarm.take() {
                self.alarms.remove(&(alarm, place));
            }
            self.alarms.extend(next.again.map(|alarm| (alarm, place)));
            seat.alarm = next.again;
        }
        if next.unfinished {
            self.seats.is_unfinished(place);
        }
    }
}
