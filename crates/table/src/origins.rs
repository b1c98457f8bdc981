//! Where the values of each group came from, as writers note it.

use market::{Group, Micros, Source, Update};

use crate::layout::{Notes, ORIGINS, micros, seq_note, time_note};

const _: () = {
    assert!(Source::History as u8 == 1 && Source::Ticker as u8 == 2);
    assert!(Source::Book as u8 == 3 && Source::Direct as u8 == 4 && Group::COUNT == 4);
};

/// What writers know of the groups' origins, in one note.
///
/// | bits | what |
/// |---|---|
/// | 0 to 19 | [`OriginBits`] of each group |
/// | 20 to 35 | how many writers met a gap that has not been made good by a snapshot yet |
/// | 36 to 51 | how many hold a price back, because it is not known yet whether it is true |
/// | 52 to 55 | by group: history was told since the feed was lost |
/// | 56 | a connection was lost, and no value has come since |
///
/// Writers are counted, because one's recovery says nothing of another's gap. Which of them they are each knows for itself,
/// see [`Raised`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Origins(pub(crate) u64);

const UNSYNCED: u32 = 20;
const DOUBTED: u32 = 36;
const COUNT: u64 = 0xffff;
const HISTORY: u32 = 52;
const LOST: u64 = 1 << 56;

/// What one writer has said against a symbol and not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Raised {
    /// A gap that its snapshot has not made good.
    pub(crate) unsynced: bool,
    /// A price that it holds back.
    pub(crate) doubted: bool,
}

impl Raised {
    /// Itself, unless it is so already.
    pub(crate) fn unless(self, already: Raised) -> Option<Raised> {
        (self != already).then_some(self)
    }
}

impl Origins {
    /// Whether anybody's gap has not been made good yet.
    #[inline]
    pub(crate) fn unsynced(self) -> bool {
        self.0 >> UNSYNCED & COUNT != 0
    }

    /// Counts one writer's gap, or counts it out. There are fewer writers than the count has room for.
    #[inline]
    pub(crate) fn set_unsynced(&mut self, raised: &mut Raised, on: bool) {
        match (raised.unsynced, on) {
            (false, true) => self.0 += 1 << UNSYNCED,
            (true, false) => self.0 -= 1 << UNSYNCED,
            (false, false) | (true, true) => {}
        }
        raised.unsynced = on;
    }

    /// Whether anybody holds a price back.
    #[inline]
    pub(crate) fn doubted(self) -> bool {
        self.0 >> DOUBTED & COUNT != 0
    }

    /// Counts that one writer holds a price back, or counts it out.
    #[inline]
    pub(crate) fn set_doubted(&mut self, raised: &mut Raised, on: bool) {
        match (raised.doubted, on) {
            (false, true) => self.0 += 1 << DOUBTED,
            (true, false) => self.0 -= 1 << DOUBTED,
            (false, false) | (true, true) => {}
        }
        raised.doubted = on;
    }

    /// Whether a connection was lost and no value has come since: whatever the status says, the values are from before.
    #[inline]
    pub(crate) fn lost(self) -> bool {
        self.0 & LOST != 0
    }

    #[inline]
    pub(crate) fn set_lost(&mut self, lost: bool) {
        self.0 = self.0 & !LOST | if lost { LOST } else { 0 };
    }

    /// Whether history was told of a group since the feed was lost.
    #[inline]
    pub(crate) fn has_history(self, group: usize) -> bool {
        self.0 >> (HISTORY + group as u32) & 1 != 0
    }

    #[inline]
    pub(crate) fn set_history(&mut self, group: usize) {
        self.0 |= 1 << (HISTORY + group as u32);
    }

    /// The feed was lost, or is back.
    #[inline]
    pub(crate) fn clear_history(&mut self) {
        self.0 &= !(((1 << Group::COUNT) - 1) << HISTORY);
    }

    /// What is known of a group's origin.
    #[inline]
    pub(crate) fn group(self, group: usize) -> OriginBits {
        OriginBits(self.0 >> (OriginBits::WIDTH * group as u32) & OriginBits::MASK)
    }

    #[inline]
    pub(crate) fn set_group(&mut self, group: usize, origin: OriginBits) {
        let at = OriginBits::WIDTH * group as u32;
        self.0 = self.0 & !(OriginBits::MASK << at) | origin.0 << at;
    }

    /// Forgets the venue sequence of every group.
    pub(crate) fn clear_venue_seqs(&mut self) {
        for group in 0..Group::COUNT {
            self.set_group(group, OriginBits(self.group(group).0 & !OriginBits::SEQ));
        }
    }
}

/// What is known of a group's origin: three bits for the source (0 for none), one each for a venue time and a venue
/// sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OriginBits(u64);

impl OriginBits {
    /// Of a group that was never told, or not in this life of its feed.
    pub(crate) const NONE: OriginBits = OriginBits(0);
    const WIDTH: u32 = 5;
    const MASK: u64 = 0b1_1111;
    const TIME: u64 = 0b0_1000;
    const SEQ: u64 = 0b1_0000;

    /// Of a group that this update tells.
    #[inline]
    pub(crate) fn of(update: &Update) -> OriginBits {
        let (has_time, has_seq) = (update.ts_event.is_some(), update.venue_seq.is_some());
        OriginBits(update.source as u64 | u64::from(has_time) << 3 | u64::from(has_seq) << 4)
    }

    #[inline]
    pub(crate) fn source(self) -> Option<Source> {
        match self.0 & 0b111 {
            1 => Some(Source::History),
            2 => Some(Source::Ticker),
            3 => Some(Source::Book),
            4 => Some(Source::Direct),
            _ => None,
        }
    }

    /// The venue's clock of the group, out of its note.
    #[inline]
    pub(crate) fn time(self, notes: &impl Notes, group: usize) -> Option<Micros> {
        (self.0 & OriginBits::TIME != 0).then(|| micros(notes.note(time_note(group))))
    }

    /// The venue's sequence of the group, out of its note.
    #[inline]
    pub(crate) fn seq(self, notes: &impl Notes, group: usize) -> Option<u64> {
        (self.0 & OriginBits::SEQ != 0).then(|| notes.note(seq_note(group)))
    }
}

/// Where the values of one group came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The kind of message; `None` until the group was told, and again after its feed was lost.
    pub source: Option<Source>,
    /// Venue's clock of the latest update that was taken, if it sends one.
    pub ts_event: Option<Micros>,
    /// Venue's own sequence number of that update, if it sends one.
    pub venue_seq: Option<u64>,
}

/// The origin of a group, out of the notes.
pub(crate) fn origin(notes: &impl Notes, group: Group) -> Origin {
    let group = group as usize;
    let bits = Origins(notes.note(ORIGINS)).group(group);
    Origin { source: bits.source(), ts_event: bits.time(notes, group), venue_seq: bits.seq(notes, group) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_origins_do_not_touch_each_other() {
        let mut origins = Origins::default();
        let sources = [Source::History, Source::Ticker, Source::Book, Source::Direct];
        let told = |source| {
            let mut update = Update::new(source, Micros(1));
            (update.ts_event, update.venue_seq) = (Some(Micros(1)), Some(1));
            update
        };
        for (group, source) in sources.into_iter().enumerate() {
            origins.set_group(group, OriginBits::of(&told(source)));
        }
        let (mut one, mut other) = (Raised::default(), Raised::default());
        origins.set_unsynced(&mut one, true);
        origins.set_unsynced(&mut one, true);
        origins.set_unsynced(&mut other, true);
        origins.set_doubted(&mut other, true);
        origins.set_history(3);
        origins.clear_venue_seqs();
        for (group, source) in sources.into_iter().enumerate() {
            let mut without = told(source);
            without.venue_seq = None;
            assert_eq!(origins.group(group), OriginBits::of(&without));
            assert_eq!(origins.group(group).source(), Some(source));
        }
        assert!(origins.unsynced() && origins.doubted() && origins.has_history(3) && !origins.has_history(0));
        origins.set_unsynced(&mut one, false);
        origins.set_unsynced(&mut one, false);
        assert!(origins.unsynced(), "the other one's is not made good");
        origins.set_unsynced(&mut other, false);
        assert!(!origins.unsynced() && origins.doubted());
        origins.set_doubted(&mut other, false);
        origins.clear_history();
        assert!(!origins.doubted() && origins.group(3).source() == Some(Source::Direct));
        assert_eq!(origins.0 >> 20, 0);
    }
}
