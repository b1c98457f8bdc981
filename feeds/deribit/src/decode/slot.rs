//! What is remembered of one instrument on one connection.

use feed::book::Rebuilt;
use market::{Reason, Status};

/// One instrument.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) rebuilt: Rebuilt,
    /// The channel that the book is rebuilt from, and its latest `change_id`.
    pub(super) channel: Option<Box<str>>,
    pub(super) change: Option<u64>,
    /// `quote` told the top, the ticker did, a trade came.
    pub(super) quoted: bool,
    pub(super) tickered: bool,
    pub(super) traded: bool,
    /// What the ticker says of trading.
    pub(super) state: Status,
    /// The index is locked.
    pub(super) locked: bool,
    /// The status that was told last.
    told: Option<Status>,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot {
            rebuilt: Rebuilt::default(),
            channel: None,
            change: None,
            quoted: false,
            tickered: false,
            traded: false,
            state: Status::Live,
            locked: false,
            told: None,
        }
    }
}

impl Slot {
    /// Whether anything came of it.
    pub(super) const fn is_heard(&self) -> bool {
        self.quoted || self.tickered || self.traded || self.channel.is_some()
    }

    /// The status, if it is another one than was told before. The first one on a connection is always told: a halt of an
    /// earlier connection ends by the venue's word only.
    pub(super) fn new_status(&mut self, maintenance: bool) -> Option<(Status, Reason)> {
        let stopped = self.state == Status::Live && (self.locked || maintenance);
        let status = if stopped { Status::Halted } else { self.state };
        if self.told.replace(status) == Some(status) {
            return None;
        }
        Some((status, if status == Status::Live { Reason::Confirmed } else { Reason::Venue }))
    }
}

/// What a ticker's `state` means. `open` and `closed` are documented for the ticker; the catalogue knows more words.
pub(super) fn of_ticker(state: &str) -> Status {
    match state {
        "open" => Status::Live,
        "closed" | "inactive" | "settlement" | "delivered" | "archivized" => Status::Closed,
        _ => Status::Halted,
    }
}
