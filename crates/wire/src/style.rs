//! How a stream's events are written: format, names, numbers, times.

/// The form of a whole stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Server-sent events.
    #[default]
    Sse,
    /// One JSON object a line.
    Ndjson,
    /// A header line, then one row an event that concerns a symbol or the whole stream.
    Csv,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 3] = [Format::Sse, Format::Ndjson, Format::Csv];

    /// The name in requests and in `hello`.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Sse => "sse",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.name() == name)
    }

    /// What stands in `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Sse => "text/event-stream",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// How prices and sizes are written in JSON. CSV has no such difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// As JSON strings: no reader makes a float of them by accident.
    #[default]
    String,
    /// As JSON numbers, with the same digits.
    Json,
}

impl Numbers {
    /// Both.
    pub const ALL: [Numbers; 2] = [Numbers::String, Numbers::Json];

    /// The name in requests and in `hello`.
    pub const fn name(self) -> &'static str {
        match self {
            Numbers::String => "string",
            Numbers::Json => "json",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Numbers> {
        Numbers::ALL.into_iter().find(|n| n.name() == name)
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Times {
    /// Integers, microseconds since 1970: what the table holds.
    #[default]
    Us,
    /// Integers, nanoseconds since 1970.
    Ns,
    /// Text as in `2026-11-21T13:37:18.250000Z`.
    Iso,
}

impl Times {
    /// All three.
    pub const ALL: [Times; 3] = [Times::Us, Times::Ns, Times::Iso];

    /// The name in requests and in `hello`.
    pub const fn name(self) -> &'static str {
        match self {
            Times::Us => "us",
            Times::Ns => "ns",
            Times::Iso => "iso",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Times> {
        Times::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// How the events of one stream are written. Two streams of one style that are owed the same get the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// The form of the whole.
    pub format: Format,
    /// Whether server-sent events have an `event` line.
    pub named: bool,
    /// How prices and sizes are written.
    pub numbers: Numbers,
    /// How times are written.
    pub times: Times,
}

impl Style {
    /// Whether the state of a feed can be told: CSV has no row for it, so leave out the event and its
    /// [`crate::encode::id_line`].
    pub const fn tells_feeds(self) -> bool {
        !matches!(self.format, Format::Csv)
    }
}

impl Default for Style {
    fn default() -> Style {
        Style { format: Format::Sse, named: true, numbers: Numbers::String, times: Times::Us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        for numbers in Numbers::ALL {
            assert_eq!(Numbers::from_name(numbers.name()), Some(numbers));
        }
        for times in Times::ALL {
            assert_eq!(Times::from_name(times.name()), Some(times));
        }
        assert_eq!(Format::from_name("SSE"), None);
        assert_eq!(Style::default().format.media_type(), "text/event-stream");
    }
}
