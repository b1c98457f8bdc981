//! What a connection tells of single symbols: refused, never heard of, silent, in doubt for too long, to blame.

use market::{Reason, Status, Update};
use tokio::time::Instant;

use super::Line;
use crate::InstrumentId;
use crate::connection::{Cause, End};

/// Refused subscriptions that are logged in one life; the metric counts all of them.
const REFUSALS_LOGGED: usize = 20;
/// Said in place of a venue's words where it has none.
const CULPRIT: &str = "the venue ends every connection that asks for this symbol";
/// Most characters of a venue's words in the log and in the answer about feeds.
const WORDS_MAX: usize = 200;

impl Line {
    /// Says of the symbols that were asked for on this connection and not heard of on it that it is so: of those that never
    /// spoke on any, once.
    pub(super) fn tell_unheard(&mut self) {
        let quiet =
            |&id: &InstrumentId| !self.tap.is_told(id) && !self.tap.is_held(id) && !self.refused[id.place()];
        let quiet: Vec<InstrumentId> = self.asked.iter().copied().filter(quiet).collect();
        let (mut never, lately): (Vec<_>, Vec<_>) =
            quiet.into_iter().partition(|&id| self.tap.stats().applied_to(id) == 0);
        never.retain(|id| !std::mem::replace(&mut self.told_unheard[id.place()], true));
        if let Some(first) = never.first().or(lately.first()) {
            tracing::warn!(
                feed = self.feed.settings.name,
                connection = self.number,
                count = never.len() + lately.len(),
                first = self.native(*first),
                "subscribed and not heard of"
            );
        }
        self.tell_each(&never, Status::Connecting, Reason::NotHeard);
        // They were heard of on an earlier connection: what stood then is still shown as stale.
        self.tell_each(&lately, Status::Stale, Reason::NotHeard);
    }

    /// Tells those that were never heard of on any connection.
    pub(super) fn tell_never_heard(&self, status: Status, reason: Reason) {
        let never = self.wanted.iter().copied().filter(|&id| self.tap.stats().applied_to(id) == 0);
        self.tell_each(&never.collect::<Vec<_>>(), status, reason);
    }

    fn tell_each(&self, instruments: &[InstrumentId], status: Status, reason: Reason) {
        let update = Update::of_status(status, reason, self.feed.clock.now());
        self.feed.outlet.with(|sink| {
            for symbol in instruments.iter().filter_map(|&id| self.tap.symbol(id)) {
                sink.update(symbol, &update);
            }
        });
    }

    /// Subscriptions that the venue refused: the symbol is not coming, and says so.
    pub(super) fn tell_refused(&mut self, logged: &mut usize) {
        for (id, why) in self.tap.refused() {
            if *logged < REFUSALS_LOGGED {
                *logged += 1;
                let symbol = id.and_then(|id| self.native(id));
                tracing::warn!(feed = self.feed.settings.name, symbol, why = %words(why), "subscription refused");
            }
        }
        let refused = self.tap.refused().iter().filter_map(|(id, why)| Some(((*id)?, words(why))));
        for (id, why) in refused.collect::<Vec<_>>() {
            self.refuse(id, &why);
        }
    }

    fn refuse(&mut self, id: InstrumentId, words: &str) {
        if let Some(refused) = self.refused.get_mut(id.place()) {
            *refused = true;
        }
        if let Some(symbol) = self.tap.symbol(id) {
            self.feed.outlet.with(|sink| sink.refused(symbol, words));
        }
        let heard = self.tap.stats().applied_to(id) > 0;
        self.tell_each(&[id], if heard { Status::Stale } else { Status::Unknown }, Reason::Refused);
    }

    /// The venue ended the connection soon after it was subscribed to.
    pub(super) fn judge(&mut self) {
        let feed = self.feed.settings.name.as_str();
        let was_on = self.trial.is_on();
        if let Some(id) = self.trial.closed(Instant::now(), self.texts) {
            let (symbol, connection) = (self.native(id), self.number);
            tracing::warn!(feed, connection, symbol, "{CULPRIT}");
            self.feed.metrics.refused();
            self.refuse(id, CULPRIT);
        } else if self.trial.is_on() && !was_on {
            let connection = self.number;
            tracing::warn!(
                feed,
                connection,
                "the venue ends connections early: looking for a symbol to blame"
            );
        }
    }

    /// What was subscribed so far lives. Returns the texts that subscribe what is to be added.
    pub(super) fn lived(&mut self) -> Vec<String> {
        let part = self.trial.lived();
        self.on_trial = part.is_some();
        let part = part.unwrap_or_default();
        self.asked.extend(&part);
        if part.is_empty() { Vec::new() } else { self.feed.session.subscribe(self.tap.instruments(), &part) }
    }

    /// Tells who was not heard of for too long.
    ///
    /// # Errors
    /// When a symbol is in doubt for so long that whatever was asked for to make it good is not coming.
    pub(super) fn sweep(&mut self, now: Instant) -> Result<(), End> {
        let found = self.vigil.sweep(now);
        let (tap, feed) = (&mut self.tap, &self.feed);
        if !found.silent.is_empty() {
            let silent = feed.outlet.with(|sink| {
                found.silent.iter().filter(|(id, last)| tap.fall_silent(*id, *last, sink)).count()
            });
            feed.metrics.fell_silent(silent);
            tracing::debug!(
                feed = feed.settings.name,
                connection = self.number,
                silent,
                "symbols fell silent"
            );
        }
        let Some(id) = found.doubted else { return Ok(()) };
        self.resync = Some(Reason::Gap);
        let symbol = self.native(id).unwrap_or_default();
        Err(End::of(
            Cause::Resync,
            format!("{symbol} is in doubt for {:?}", feed.settings.timing.doubt_limit),
        ))
    }

    fn native(&self, id: InstrumentId) -> Option<&str> {
        self.tap.instruments().get(id).map(|instrument| &*instrument.native)
    }
}

/// A venue's words as they may stand in a log: one line of them, and not too much.
fn words(why: &str) -> String {
    why.chars().take(WORDS_MAX).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venues_words_stay_on_their_line() {
        assert_eq!(
            words("no such coin: \u{1b}[2J\nINFO all is well"),
            "no such coin: \\u{1b}[2J\\nINFO all is well"
        );
        assert_eq!(words(&"x".repeat(1 << 20)).len(), WORDS_MAX);
    }
}
