//! Why a connection, or an attempt to connect, ended.

use std::fmt;
use std::time::Duration;

use market::{Reason, Status};

/// Most characters of why something ended.
const WORDS_MAX: usize = 500;

/// Why a connection, or an attempt to connect, ended. A closed list: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No connection came about: name look-up, TCP or TLS.
    DialFailed = 0,
    /// No connection and handshake within the limit.
    DialTimeout = 1,
    /// The venue answered the handshake with an HTTP status.
    HandshakeRefused = 2,
    /// A closing handshake of the venue.
    ClosedByVenue = 3,
    /// The line went dead: reset, end without goodbye, or a venue that reads nothing any more.
    Lost = 4,
    /// Nothing arrived within the silence limit.
    Silence = 5,
    /// A message longer than the limit.
    Oversized = 6,
    /// Not WebSocket as the standard has it, or text that is not UTF-8.
    Protocol = 7,
    /// As old as the venue lets a connection become: renewed by ourselves.
    Aged = 8,
    /// The decoder cannot trust the connection any more, or the venue asked for a new one.
    Resync = 9,
    /// A fault of our own: code of the adapter panicked.
    Fault = 10,
    /// The venue refused for good.
    Refused = 11,
    /// The configured address can never work.
    Misconfigured = 12,
    /// The feed was stopped.
    Stopped = 13,
}

impl Cause {
    /// Every cause, by discriminant.
    pub const ALL: [Cause; 14] = [
        Cause::DialFailed,
        Cause::DialTimeout,
        Cause::HandshakeRefused,
        Cause::ClosedByVenue,
        Cause::Lost,
        Cause::Silence,
        Cause::Oversized,
        Cause::Protocol,
        Cause::Aged,
        Cause::Resync,
        Cause::Fault,
        Cause::Refused,
        Cause::Misconfigured,
        Cause::Stopped,
    ];

    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::DialFailed => "dial_failed",
            Cause::DialTimeout => "dial_timeout",
            Cause::HandshakeRefused => "handshake_refused",
            Cause::ClosedByVenue => "closed_by_venue",
            Cause::Lost => "lost",
            Cause::Silence => "silence",
            Cause::Oversized => "oversized",
            Cause::Protocol => "protocol",
            Cause::Aged => "aged",
            Cause::Resync => "resync",
            Cause::Fault => "fault",
            Cause::Refused => "refused",
            Cause::Misconfigured => "misconfigured",
            Cause::Stopped => "stopped",
        }
    }

    /// Whether dialling again is of no use.
    pub const fn is_final(self) -> bool {
        matches!(self, Cause::Refused | Cause::Misconfigured | Cause::Stopped)
    }

    /// What the feed becomes.
    ///
    /// A fault of our own makes quotes stale and not suspect: what stands in the table was right when it was taken, and
    /// the restarted decoder confirms each symbol with its next update. Suspect would stay until a snapshot, which
    /// many channels never send.
    pub const fn status(self) -> (Status, Reason) {
        match self {
            Cause::Silence => (Status::Stale, Reason::Silence),
            Cause::Fault => (Status::Stale, Reason::Fault),
            Cause::Refused | Cause::Misconfigured => (Status::Closed, Reason::Refused),
            Cause::Stopped => (Status::Closed, Reason::Stopped),
            _ => (Status::Stale, Reason::Disconnected),
        }
    }
}

/// The end of a connection, or of an attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why, from the closed list.
    pub cause: Cause,
    /// Why, for people. It can hold the venue's words and never holds a query or credentials of ours.
    pub why: String,
    /// The least wait that the venue asks for before the next dial.
    pub retry_after: Option<Duration>,
}

impl End {
    /// An end without a wait that the venue asks for. A venue's words stay on one line of a log, and are not too many.
    pub fn of(cause: Cause, why: impl Into<String>) -> End {
        let mut why: String = why.into();
        if why.len() > WORDS_MAX || why.contains(char::is_control) {
            why = why.chars().take(WORDS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        }
        End { cause, why, retry_after: None }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause.name())?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

impl std::error::Error for End {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_at_their_discriminants() {
        for (at, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, at);
        }
    }

    #[test]
    fn a_venues_words_stay_on_one_line() {
        let end = End::of(Cause::ClosedByVenue, "code 1000: bye\n\u{1b}[2JINFO all is well");
        assert_eq!(end.to_string(), "closed_by_venue: code 1000: bye  [2JINFO all is well");
        assert_eq!(End::of(Cause::Refused, "é".repeat(1 << 20)).why.chars().count(), WORDS_MAX);
    }
}
