//! Who is at a writer loop, and who of them is written next.
//!
//! What a stream is owed is written at once when it was not written to for a while. While changes keep coming its writes are
//! a window apart, and what changes meanwhile leaves with the next one. A stream that its own rate holds is left alone until
//! its alarm, but for changes of status.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::line::Line;
use crate::prefetch;

/// A place, and who has it.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) client: Option<Arc<Client>>,
    /// There once the socket has been handed over.
    pub(crate) line: Option<Box<Line>>,
    /// Symbols that come into the table later may concern it.
    pub(crate) waits: bool,
    /// A symbol of it has changed since it last looked.
    pub(crate) owed: bool,
    /// Its alarm has gone off.
    pub(crate) rang: bool,
    /// A rate held it when it was last written.
    pub(crate) has_rate: bool,
    /// When it is to go off, in monotonic time.
    pub(crate) alarm: Option<Duration>,
    /// Not written before for a change, in monotonic time.
    next_write: Duration,
    /// In which of the lists it stands.
    listed: bool,
    deferred: bool,
    held: bool,
    unfinished: bool,
}

/// What marking goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marking {
    pub(crate) now: Duration,
    /// How many changes of status there have been.
    pub(crate) statuses: u64,
    /// Time between two writes of one stream.
    pub(crate) window: Duration,
}

/// All places of a loop. Each stands in each of the lists at most once.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    seats: Vec<Seat>,
    /// To be written in this turn.
    listed: Vec<u32>,
    /// To be written when its window is over; nearly in the order of that.
    deferred: VecDeque<(Duration, u32)>,
    /// Passed over because of its rate. A change of status may have been among what was passed over.
    held: Vec<u32>,
    /// What happened to it stands in the table and not in the ring yet: it looks again when the table has changed.
    unfinished: Vec<u32>,
    /// Streams that were woken, because their sockets are not ours.
    woken: usize,
}

impl Seats {
    pub(crate) fn get(&mut self, place: u32) -> Option<&mut Seat> {
        self.seats.get_mut(place as usize)
    }

    pub(crate) fn line(&self, place: u32) -> Option<&Line> {
        self.seats.get(place as usize)?.line.as_deref()
    }

    /// The memory of a stream will be needed: in `steps` streams from now.
    pub(crate) fn prefetch(&self, place: u32, steps: usize) {
        let Some(seat) = self.seats.get(place as usize) else { return };
        let (Some(client), Some(line)) = (&seat.client, &seat.line) else { return };
        // Each step needs what the one before has brought.
        match steps {
            1 => line.stream.prefetch(),
            2 => prefetch::value(&*line.stream.live),
            _ => {
                prefetch::value(&**client);
                prefetch::value(&**line);
            }
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Seat)> {
        self.seats.iter_mut().enumerate().map(|(place, seat)| (place as u32, seat))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter()
    }

    /// Bytes of the places themselves.
    pub(crate) fn memory(&self) -> usize {
        self.seats.capacity() * size_of::<Seat>()
    }

    /// Gives a place to a stream.
    pub(crate) fn take(&mut self, place: u32, client: Arc<Client>, waits: bool) {
        if place as usize >= self.seats.len() {
            self.seats.resize_with(place as usize + 1, Seat::default);
        }
        let seat = &mut self.seats[place as usize];
        seat.client = Some(client);
        seat.waits = waits;
    }

    /// Clears a place. The lists are not searched: whoever is found there and has gone is passed over.
    pub(crate) fn clear(&mut self, place: u32) {
        if let Some(seat) = self.seats.get_mut(place as usize) {
            let Seat { listed, deferred, held, unfinished, .. } = *seat;
            *seat = Seat { listed, deferred, held, unfinished, ..Seat::default() };
        }
    }

    /// Has a stream written in this turn, whatever its window.
    pub(crate) fn list(&mut self, place: u32) {
        if let Some(seat) = self.seats.get_mut(place as usize)
            && !std::mem::replace(&mut seat.listed, true)
        {
            self.listed.push(place);
        }
    }

    /// A stream looks for what it is owed, now.
    pub(crate) fn owe(&mut self, place: u32, now: Duration) {
        let Some(seat) = self.seats.get_mut(place as usize) else { return };
        if seat.line.is_some() {
            seat.owed = true;
            self.list(place);
        } else if let Some(client) = &seat.client {
            self.woken += usize::from(client.wake_owed(now));
        }
    }

    /// A stream may be owed something.
    #[inline]
    pub(crate) fn mark(&mut self, place: u32, marking: Marking) {
        let Some(seat) = self.seats.get_mut(place as usize) else { return };
        let Some(client) = &seat.client else { return };
        // Its turn comes anyhow.
        if seat.deferred {
            return;
        }
        // Most have no rate, and are not to be looked up elsewhere for it: this comes for every change and subscriber.
        if (seat.has_rate || seat.line.is_none()) && client.is_held(marking.statuses, marking.now) {
            if !std::mem::replace(&mut seat.held, true) {
                self.held.push(place);
            }
        } else if marking.now < seat.next_write {
            seat.deferred = true;
            self.deferred.push_back((seat.next_write, place));
        } else {
            seat.next_write = marking.now + marking.window;
            self.owe(place, marking.now);
        }
    }

    /// Marks whoever its rate has held back: there was a change of status since.
    pub(crate) fn mark_held(&mut self, marking: Marking) {
        for place in std::mem::take(&mut self.held) {
            if let Some(seat) = self.seats.get_mut(place as usize) {
                seat.held = false;
            }
            self.mark(place, marking);
        }
    }

    /// It looks again when the table has changed.
    pub(crate) fn is_unfinished(&mut self, place: u32) -> bool {
        let Some(seat) = self.seats.get_mut(place as usize) else { return false };
        let news = !std::mem::replace(&mut seat.unfinished, true);
        if news {
            self.unfinished.push(place);
        }
        news
    }

    pub(crate) fn mark_unfinished(&mut self, marking: Marking) {
        for place in std::mem::take(&mut self.unfinished) {
            if let Some(seat) = self.seats.get_mut(place as usize) {
                seat.unfinished = false;
            }
            self.mark(place, marking);
        }
    }

    /// Marks everybody whom it concerns.
    pub(crate) fn mark_all(&mut self, marking: Marking, concerned: impl Fn(&Seat) -> bool) {
        for place in 0..self.seats.len() {
            if concerned(&self.seats[place]) {
                self.mark(place as u32, marking);
            }
        }
    }

    /// Lists whose window is over.
    pub(crate) fn list_deferred(&mut self, now: Duration, window: Duration) {
        while let Some((_, place)) = self.deferred.pop_front_if(|(due, _)| *due <= now) {
            if let Some(seat) = self.seats.get_mut(place as usize) {
                seat.deferred = false;
                seat.next_write = now + window;
                self.owe(place, now);
            }
        }
    }

    /// When the next window is over.
    pub(crate) fn next_deferred(&self) -> Option<Duration> {
        self.deferred.front().map(|(due, _)| *due)
    }

    pub(crate) fn has_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// Everybody to be written in this turn; whoever is listed from now on is written in the next one.
    pub(crate) fn take_listed(&mut self) -> Vec<u32> {
        for &place in &self.listed {
            self.seats[place as usize].listed = false;
        }
        std::mem::take(&mut self.listed)
    }

    /// Keeps the memory of a list, unless others have been listed meanwhile.
    pub(crate) fn recycle(&mut self, mut list: Vec<u32>) {
        list.clear();
        list.append(&mut self.listed);
        self.listed = list;
    }

    /// How many were woken since this was asked last.
    pub(crate) fn take_woken(&mut self) -> usize {
        std::mem::take(&mut self.woken)
    }
}

impl Seat {
    /// Everything has been written: the connection ends in good order.
    pub(crate) fn close(&mut self) {
        if let (Some(client), Some(mut line)) = (&self.client, self.line.take()) {
            // What is not read would make the system answer with a reset, which may overtake our last words.
            line.listen(client);
            line.shut(client);
        }
    }
}
