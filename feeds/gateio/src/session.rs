//! Where to connect, what to say, how to stay connected.

use std::sync::Arc;
use std::time::Duration;

use feed::halts::Suspended;
use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};

use crate::decode::request;
use crate::{Gate4, catalogue};

/// Symbols in one subscription text. Gate names no limit; fifty keep a text under a kilobyte.
const SYMBOLS_PER_TEXT: usize = 50;

/// Which of the venue's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Perpetuals settled in USDT; sizes are contracts.
    UsdtM,
}

impl Market {
    const fn venue(self) -> &'static str {
        match self {
            Market::Spot => "GATE",
            Market::UsdtM => "GATE_USDTM",
        }
    }

    const fn ws_url(self) -> &'static str {
        match self {
            Market::Spot => "wss://api.gateio.ws/ws/v4/",
            Market::UsdtM => "wss://fx-ws.gateio.ws/v4/ws/usdt",
        }
    }

    /// What it subscribes of every symbol.
    const fn channels(self) -> [&'static str; 3] {
        match self {
            Market::Spot => ["spot.book_ticker", "spot.trades", "spot.tickers"],
            Market::UsdtM => ["futures.book_ticker", "futures.trades", "futures.tickers"],
        }
    }
}

/// A connection to Gate.
#[derive(Debug)]
pub struct Gate {
    market: Market,
    venue: String,
    ws_url: String,
    rest_url: String,
    suspended: Arc<Suspended>,
}

impl Gate {
    /// A session of that market; what the overrides do not say is the venue's own.
    pub fn new(market: Market, overrides: &Overrides) -> Gate {
        let or = |own: &Option<String>, venue_s: &str| own.clone().unwrap_or_else(|| venue_s.to_owned());
        Gate {
            market,
            venue: or(&overrides.venue, market.venue()),
            ws_url: or(&overrides.ws_url, market.ws_url()),
            rest_url: or(&overrides.rest_url, "https://api.gateio.ws").trim_end_matches('/').to_owned(),
            suspended: Arc::default(),
        }
    }
}

impl Session for Gate {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let path = match self.market {
            Market::Spot => catalogue::SPOT_PATH,
            Market::UsdtM => catalogue::FUTURES_PATH,
        };
        vec![format!("{}{path}", self.rest_url)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        let suspended = catalogue::read(answers, self.market == Market::UsdtM, instruments)?;
        self.suspended.replace(suspended);
        Ok(())
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.ws_url.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        let texts = self.market.channels().into_iter().flat_map(|channel| {
            natives.chunks(SYMBOLS_PER_TEXT).map(move |few| request(channel, "subscribe", few))
        });
        texts.collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Gate ends only what neither subscribes nor speaks for 30 s. The pong has to prove life within the 5 s after which a
        // feed is stale.
        let channel = match self.market {
            Market::Spot => "spot.ping",
            Market::UsdtM => "futures.ping",
        };
        KeepAlive { every: Duration::from_secs(2), text: Some(format!(r#"{{"channel":"{channel}"}}"#)) }
    }

    fn limits(&self) -> Limits {
        // A connection was seen to take 150 streams at once; fifty symbols have as many.
        Limits {
            instruments_per_connection: 50,
            between_sends: Duration::from_millis(100),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Gate4::with_halts(self.suspended.watch()))
    }
}
