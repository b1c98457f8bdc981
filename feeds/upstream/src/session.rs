//! Where the upstream is, and what is asked of it.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, Instrument, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer,
    Secret, Session,
};

use crate::{Events, catalogue};

/// Where a Quotewire listens by default.
const URL: &str = "http://127.0.0.1:8080";

/// The rules of another Quotewire.
#[derive(Clone, Debug)]
pub struct Upstream {
    venue: String,
    streams: String,
    answers: String,
    token: Option<Secret>,
}

/// A session; `rest_url` (or `ws_url`, where streams are served elsewhere) is the upstream: `https://quotes.example.com`.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Upstream::new(overrides))
}

impl Upstream {
    /// A session with these overrides. Either address stands for both when only one is given.
    pub fn new(overrides: &Overrides) -> Upstream {
        let Overrides { venue, ws_url, rest_url, key, .. } = overrides.clone();
        let base = |first: &Option<String>, second: &Option<String>| {
            let url = first.as_deref().or(second.as_deref()).unwrap_or(URL);
            url.trim_end_matches('/').to_owned()
        };
        Upstream {
            venue: venue.unwrap_or_else(|| "UPSTREAM".to_owned()),
            streams: base(&ws_url, &rest_url),
            answers: base(&rest_url, &ws_url),
            token: key,
        }
    }
}

impl Session for Upstream {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![format!("{}{}?limit=1000", self.answers, catalogue::PATH)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn named(&self, wish: &str) -> Option<Instrument> {
        let symbol = catalogue::symbol(wish)?;
        Some(Instrument { native: symbol.as_str().into(), symbol })
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        let bearer = |token: &Secret| ("authorization", Secret::new(format!("Bearer {}", token.reveal())));
        self.token.iter().map(bearer).collect()
    }

    fn endpoint(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> String {
        let natives: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        format!("{}/v1/stream?mode=latest&named=false&format=sse&symbols={}", self.streams, natives.join(","))
    }

    fn subscribe(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> Vec<String> {
        Vec::new()
    }

    fn keep_alive(&self) -> KeepAlive {
        // A stream has no way back.
        KeepAlive { every: Duration::MAX, text: None }
    }

    fn limits(&self) -> Limits {
        Limits {
            // A symbol has at most 64 characters: a hundred of them and their commas are 6.5 KB.
            instruments_per_connection: 100,
            // Twice the longest time between two events.
            silence: Duration::from_secs(20),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Events::new())
    }
}
