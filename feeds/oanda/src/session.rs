//! Where to ask, with which account and token.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Secret,
    Session,
};

use crate::{Pricing, catalogue};

/// Which of OANDA's two worlds an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Real money.
    Trade,
    /// Play money, real prices.
    Practice,
}

impl Environment {
    const fn streams(self) -> &'static str {
        match self {
            Environment::Trade => "https://stream-fxtrade.oanda.com",
            Environment::Practice => "https://stream-fxpractice.oanda.com",
        }
    }

    const fn answers(self) -> &'static str {
        match self {
            Environment::Trade => "https://api-fxtrade.oanda.com",
            Environment::Practice => "https://api-fxpractice.oanda.com",
        }
    }
}

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which hosts, where none are named.
    pub environment: Environment,
    /// Venue name, hosts, account and token.
    pub overrides: Overrides,
}

/// The rules of one account's pricing stream.
#[derive(Clone, Debug)]
pub struct Oanda {
    venue: String,
    streams: String,
    answers: String,
    account: Option<String>,
    token: Option<Secret>,
}

/// A session of a trading account.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    let overrides = overrides.clone();
    Box::new(Oanda::new(Settings { environment: Environment::Trade, overrides }))
}

/// A session of a practice account.
pub fn practice(overrides: &Overrides) -> Box<dyn Session> {
    let overrides = overrides.clone();
    Box::new(Oanda::new(Settings { environment: Environment::Practice, overrides }))
}

impl Oanda {
    /// A session with these settings.
    pub fn new(settings: Settings) -> Oanda {
        let Settings { environment, overrides } = settings;
        let Overrides { venue, ws_url, rest_url, account, key, .. } = overrides;
        let base =
            |url: Option<String>, own: &str| url.as_deref().unwrap_or(own).trim_end_matches('/').to_owned();
        Oanda {
            venue: venue.unwrap_or_else(|| "OANDA".to_owned()),
            streams: base(ws_url, environment.streams()),
            answers: base(rest_url, environment.answers()),
            account,
            token: key,
        }
    }
}

impl Session for Oanda {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        match (&self.account, &self.token) {
            (Some(account), Some(_)) => {
                vec![format!("{}/v3/accounts/{account}{}", self.answers, catalogue::PATH)]
            }
            // No address: what is not configured will not come by asking again, and this is how the feed ends with it.
            (None, _) => vec!["the account of this feed is not configured".to_owned()],
            (_, None) => vec!["the key of this feed is not configured".to_owned()],
        }
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn headers(&self) -> Vec<(&'static str, Secret)> {
        let bearer = |token: &Secret| Secret::new(format!("Bearer {}", token.reveal()));
        self.token.iter().map(|token| ("authorization", bearer(token))).collect()
    }

    fn endpoint(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> String {
        let natives: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        let account = self.account.as_deref().unwrap_or_default();
        format!("{}/v3/accounts/{account}/pricing/stream?instruments={}", self.streams, natives.join("%2C"))
    }

    fn subscribe(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> Vec<String> {
        Vec::new()
    }

    fn keep_alive(&self) -> KeepAlive {
        // A stream of lines has no way back.
        KeepAlive { every: Duration::MAX, text: None }
    }

    fn limits(&self) -> Limits {
        Limits {
            // An account has about 120 instruments; two hundred names keep the address below 3 KB.
            instruments_per_connection: 200,
            // A price with ten levels a side has 1 KB.
            message_bytes_max: 64 << 10,
            // Heartbeats come each 5 s; the venue's own advice is to reconnect after ten without one.
            silence: Duration::from_secs(10),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Pricing::new())
    }
}
