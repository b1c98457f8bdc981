//! Which part of a recording is played: from a moment on, and up to one.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use market::Micros;

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this time, in nanoseconds since 1970.
    At(i64),
    /// So long after the first message.
    After(Duration),
}

/// Why a text is not a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MomentError;

impl fmt::Display for MomentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a moment is a time in UTC, as in \"2024-08-08T23:55:00Z\", or a plus and how long after the first message, \
             as in \"+1m 30s\"",
        )
    }
}

impl std::error::Error for MomentError {}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Moment, MomentError> {
        if let Some(duration) = text.strip_prefix('+') {
            return humantime::parse_duration(duration).map(Moment::After).map_err(|_| MomentError);
        }
        let at = Micros::parse_iso(text).ok_or(MomentError)?;
        Ok(Moment::At(at.get().checked_mul(1_000).ok_or(MomentError)?))
    }
}

/// The part of a recording that is played: what was received at `from` or later, and before `to`. What came before `from`
/// still goes through the decoders, at once: a book that is played from the middle is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment of it; none for the beginning.
    pub from: Option<Moment>,
    /// The first moment behind it; none for no end.
    pub to: Option<Moment>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Before the window: take it at once.
    Before,
    /// In it.
    Within,
    /// Behind it, as all that follow.
    After,
}

/// Tells of one message after the other, in the order of their times, where it is.
#[derive(Clone, Debug)]
pub struct Seek {
    window: Window,
    first_ns: Option<i64>,
    last_ns: i64,
    within: u64,
}

impl Seek {
    /// At the beginning.
    pub const fn new(window: Window) -> Seek {
        Seek::since(window, None)
    }

    /// At the beginning of a recording that is part of something which began at that time.
    pub const fn since(window: Window, first_ns: Option<i64>) -> Seek {
        Seek { window, first_ns, last_ns: 0, within: 0 }
    }

    /// Where the next message is. One without a time (0) is where the one before it was.
    pub fn turn(&mut self, recv_ns: i64) -> Turn {
        if recv_ns != 0 {
            self.first_ns.get_or_insert(recv_ns);
            self.last_ns = recv_ns;
        }
        let first = self.first_ns.unwrap_or(0);
        let ns = |moment| resolved(moment, first);
        if self.window.from.is_some_and(|from| self.first_ns.is_none() || self.last_ns < ns(from)) {
            return Turn::Before;
        }
        if self.window.to.is_some_and(|to| self.first_ns.is_some() && self.last_ns >= ns(to)) {
            return Turn::After;
        }
        self.within += 1;
        Turn::Within
    }

    /// When the window begins: at `from`, or where the recording does when that is later. None before the first message.
    pub fn origin_ns(&self) -> Option<i64> {
        let first = self.first_ns?;
        Some(self.window.from.map_or(first, |from| resolved(from, first).max(first)))
    }

    /// When the window ends, if it does before the recording. None before the first message.
    pub fn end_ns(&self) -> Option<i64> {
        Some(resolved(self.window.to?, self.first_ns?))
    }

    /// Why there was nothing in the window, if so.
    pub fn missed(&self) -> Option<String> {
        if self.within > 0 || self.window == Window::default() {
            return None;
        }
        let shown = |ns: i64| {
            let at = UNIX_EPOCH + Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
            humantime::format_rfc3339_micros(at).to_string()
        };
        Some(match self.first_ns {
            Some(first) => format!(
                "no message was received in that time; the first one came at {}, the last one read at {}",
                shown(first),
                shown(self.last_ns)
            ),
            None => "its messages have no receive times, so no moment of it can be found".to_owned(),
        })
    }
}

/// The moment as a time, in a recording that begins at `first`.
fn resolved(moment: Moment, first: i64) -> i64 {
    match moment {
        Moment::At(at) => at,
        Moment::After(duration) => {
            first.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_others_refused() {
        let minute = Duration::from_secs(60);
        assert_eq!("+1m".parse(), Ok(Moment::After(minute)));
        assert_eq!("+0s".parse(), Ok(Moment::After(Duration::ZERO)));
        assert_eq!("1970-01-01T00:01:00.5Z".parse(), Ok(Moment::At(60_500_000_000)));
        for text in ["", "+", "1m", "+1", "+-1s", "2024-08-08", "2024-08-08T23:55:00", "12:00", "9999999999"]
        {
            assert_eq!(text.parse::<Moment>(), Err(MomentError), "{text:?}");
        }
    }

    fn turns(from: Option<Moment>, to: Option<Moment>, times: &[i64]) -> Vec<Turn> {
        let mut seek = Seek::new(Window { from, to });
        times.iter().map(|&at| seek.turn(at)).collect()
    }

    #[test]
    fn a_window_begins_at_its_first_moment_and_ends_before_its_last() {
        use Turn::{After, Before, Within};
        let times = [10, 11, 12, 12, 13, 14];
        let after = |nanos| Some(Moment::After(Duration::from_nanos(nanos)));
        let at = |ns| Some(Moment::At(ns));
        let middle = [Before, Before, Within, Within, After, After];
        assert_eq!(turns(at(12), at(13), &times), middle);
        assert_eq!(turns(after(2), after(3), &times), middle, "counted from the first message");
        assert_eq!(turns(None, None, &times), [Within; 6]);
        assert_eq!(turns(at(0), None, &times), [Within; 6]);
        assert_eq!(turns(after(0), None, &times), [Within; 6]);
        assert_eq!(turns(at(15), None, &times), [Before; 6]);
        assert_eq!(turns(None, at(10), &times), [After; 6]);
        // What has no time belongs to what came before it.
        assert_eq!(
            turns(at(12), at(13), &[0, 11, 0, 12, 0, 13, 0]),
            [Before, Before, Before, Within, Within, After, After]
        );
    }

    #[test]
    fn an_empty_window_says_what_there_was() {
        let mut seek = Seek::new(Window { from: Some(Moment::At(1)), to: Some(Moment::At(2)) });
        assert_eq!(seek.turn(1_000_000_000), Turn::After);
        let missed = seek.missed().unwrap();
        assert!(
            missed.ends_with(
                "came at 1970-01-01T00:00:01.000000Z, the last one read at 1970-01-01T00:00:01.000000Z"
            ),
            "{missed}"
        );
        let mut seek = Seek::new(Window { from: Some(Moment::After(Duration::ZERO)), to: None });
        assert_eq!(seek.turn(0), Turn::Before);
        assert!(seek.missed().unwrap().contains("no receive times"));
        assert_eq!(Seek::new(Window::default()).missed(), None);
    }
}
