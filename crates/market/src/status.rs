//! Whether a quote can be believed, and why not.

/// The state of a quote or of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Status {
    /// Nothing is known of it.
    #[default]
    Unknown = 0,
    /// Subscribed, but the venue has not said anything yet in this epoch.
    Connecting = 1,
    /// The venue says this now.
    Live = 2,
    /// The feed has gone silent or lost its connection: the last known price, not the present one.
    Stale = 3,
    /// A gap or a wrong checksum: what is shown may be wrong until the feed has resynchronised.
    Suspect = 4,
    /// The venue has halted trading.
    Halted = 5,
    /// The venue's session is closed.
    Closed = 6,
    /// The venue has removed the symbol.
    Delisted = 7,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 8] = [
        Status::Unknown,
        Status::Connecting,
        Status::Live,
        Status::Stale,
        Status::Suspect,
        Status::Halted,
        Status::Closed,
        Status::Delisted,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Unknown => "unknown",
            Status::Connecting => "connecting",
            Status::Live => "live",
            Status::Stale => "stale",
            Status::Suspect => "suspect",
            Status::Halted => "halted",
            Status::Closed => "closed",
            Status::Delisted => "delisted",
        }
    }

    /// How bad this is for a feed of several parts: it is in the state of its worst one.
    pub const fn badness(self) -> u8 {
        match self {
            Status::Live => 0,
            Status::Connecting => 1,
            Status::Suspect => 2,
            Status::Stale => 3,
            Status::Unknown | Status::Halted | Status::Closed | Status::Delisted => 4,
        }
    }

    /// The status of that wire name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The status of that discriminant, [`Status::Unknown`] for any other number.
    pub fn from_u8(byte: u8) -> Status {
        Status::ALL.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

/// Why a status is what it is: a closed list, so that it can be a metric label and needs no escaping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Reason {
    /// Nothing to add.
    #[default]
    None = 0,
    /// The feed has not connected yet.
    NotConnected = 1,
    /// The feed is connected and subscribed, and the venue has not spoken of it yet.
    NotHeard = 2,
    /// The venue said it.
    Confirmed = 3,
    /// Nothing arrived within the silence limit.
    Silence = 4,
    /// The connection ended.
    Disconnected = 5,
    /// A sequence number is missing.
    Gap = 6,
    /// A checksum did not match.
    Checksum = 7,
    /// The venue restarted its sequence.
    Reset = 8,
    /// The venue said so.
    Venue = 9,
    /// The venue refused the subscription.
    Refused = 10,
    /// The venue does not know the symbol.
    NotListed = 11,
    /// The feed was stopped.
    Stopped = 12,
    /// The feed ended by a fault of our own.
    Fault = 13,
    /// The recording has come to its end.
    EndOfRecording = 14,
    /// A price moved further than this feed may without being asked again: held back until it is confirmed.
    Jump = 15,
    /// A composite of which no venue is live.
    NoLiveVenue = 16,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 17] = [
        Reason::None,
        Reason::NotConnected,
        Reason::NotHeard,
        Reason::Confirmed,
        Reason::Silence,
        Reason::Disconnected,
        Reason::Gap,
        Reason::Checksum,
        Reason::Reset,
        Reason::Venue,
        Reason::Refused,
        Reason::NotListed,
        Reason::Stopped,
        Reason::Fault,
        Reason::EndOfRecording,
        Reason::Jump,
        Reason::NoLiveVenue,
    ];

    /// The name on the wire; empty for [`Reason::None`].
    pub const fn name(self) -> &'static str {
        match self {
            Reason::None => "",
            Reason::NotConnected => "not_connected",
            Reason::NotHeard => "not_heard",
            Reason::Confirmed => "confirmed",
            Reason::Silence => "silence",
            Reason::Disconnected => "disconnected",
            Reason::Gap => "gap",
            Reason::Checksum => "checksum",
            Reason::Reset => "reset",
            Reason::Venue => "venue",
            Reason::Refused => "refused",
            Reason::NotListed => "not_listed",
            Reason::Stopped => "stopped",
            Reason::Fault => "fault",
            Reason::EndOfRecording => "end_of_recording",
            Reason::Jump => "jump",
            Reason::NoLiveVenue => "no_live_venue",
        }
    }

    /// The reason of that wire name.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|r| r.name() == name)
    }

    /// The reason of that discriminant, [`Reason::None`] for any other number.
    pub fn from_u8(byte: u8) -> Reason {
        Reason::ALL.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_find_their_way_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
            assert_eq!(Status::from_u8(status as u8), status);
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
            assert_eq!(Reason::from_u8(reason as u8), reason);
        }
        assert_eq!(Status::from_u8(200), Status::Unknown);
    }
}
