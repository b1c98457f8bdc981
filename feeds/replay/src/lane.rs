//! What one track is played through: a decoder that starts afresh with each connection of the recording.

use std::sync::Arc;

use feed::capture::{Payload, Record};
use feed::{FrameTap, Instruments, Session, Sink};
use market::{Micros, Reason, Status};

/// The path of one track into a sink.
#[derive(Debug)]
pub struct Lane {
    session: Arc<dyn Session>,
    tap: FrameTap,
    /// When the present connection was opened, and its URL.
    opened: Option<(i64, String)>,
    /// Whether anything was heard on it.
    heard: bool,
    /// Whether the connection before was told lost, and nothing was heard since.
    lost: bool,
}

impl Lane {
    /// A path by this venue's rules.
    pub fn new(session: Arc<dyn Session>, instruments: Instruments) -> Lane {
        let tap = FrameTap::new(session.decoder(), instruments);
        Lane { session, tap, opened: None, heard: false, lost: false }
    }

    /// The decoder, the instruments and the counts.
    pub const fn tap(&self) -> &FrameTap {
        &self.tap
    }

    pub(crate) const fn tap_mut(&mut self) -> &mut FrameTap {
        &mut self.tap
    }

    /// The recording starts over: with a fresh decoder, and without a word of the end of the last connection.
    pub fn begin_round(&mut self) {
        self.tap.renew(self.session.decoder());
        (self.opened, self.heard, self.lost) = (None, false, false);
    }

    /// Takes a record as if it had arrived at `ts_recv`.
    ///
    /// Another connection ends the one before, as in service: its symbols are stale until they are heard again, and what
    /// the decoder has built is gone. A part of a recording that goes on with the same connection changes nothing.
    pub fn play(&mut self, record: &Record<'_>, ts_recv: Micros, sink: &mut dyn Sink) {
        match record.payload {
            Payload::Opened(url) => {
                let same = |(at, known): &(i64, String)| *at == record.recv_ns && known == url;
                if self.opened.as_ref().is_some_and(same) {
                    return;
                }
                if self.heard {
                    sink.feed_status(Status::Stale, Reason::Disconnected, self.tap.symbols());
                    self.tap.renew(self.session.decoder());
                    (self.heard, self.lost) = (false, true);
                }
                self.opened = Some((record.recv_ns, url.to_owned()));
            }
            Payload::Sent(_) => {}
            Payload::Text(_) | Payload::Binary(_) | Payload::Rest { .. } => {
                let before = self.tap.stats().applied();
                // The tap has counted the error; a recording has only one way to go on.
                let _counted = self.tap.record_at(record, ts_recv, sink);
                self.heard |= record.frame().is_some();
                if self.lost && self.tap.stats().applied() > before {
                    self.lost = false;
                    sink.feed_status(Status::Live, Reason::Confirmed, &[]);
                }
            }
        }
    }
}
