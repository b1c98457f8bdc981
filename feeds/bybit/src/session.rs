//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, Request, RestAnswer,
    Session,
};

use crate::decode::request;
use crate::{Bybit5, catalogue};

/// Which of the venue's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Contracts settled in USDT or USDC; sizes are in the base coin.
    Linear,
    /// Contracts settled in the base coin; sizes are US dollars.
    Inverse,
}

impl Market {
    /// The venue's word for it, in URLs.
    const fn name(self) -> &'static str {
        match self {
            Market::Spot => "spot",
            Market::Linear => "linear",
            Market::Inverse => "inverse",
        }
    }

    const fn venue(self) -> &'static str {
        match self {
            Market::Spot => "BYBIT",
            Market::Linear => "BYBIT_LINEAR",
            Market::Inverse => "BYBIT_INVERSE",
        }
    }
}

/// A connection to Bybit.
#[derive(Clone, Debug)]
pub struct Bybit {
    market: Market,
    venue: String,
    ws_url: String,
    rest_url: String,
}

impl Bybit {
    /// A session of that market; what the overrides do not say is the venue's own.
    pub fn new(market: Market, overrides: &Overrides) -> Bybit {
        let own = format!("wss://stream.bybit.com/v5/public/{}", market.name());
        let rest_url = overrides.rest_url.as_deref().unwrap_or("https://api.bybit.com");
        Bybit {
            market,
            venue: overrides.venue.clone().unwrap_or_else(|| market.venue().to_owned()),
            ws_url: overrides.ws_url.clone().unwrap_or(own),
            rest_url: rest_url.trim_end_matches('/').to_owned(),
        }
    }
}

impl Session for Bybit {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        // Spot has no pages.
        let limit = if self.market == Market::Spot { "" } else { "&limit=1000" };
        vec![format!("{}{}?category={}{limit}", self.rest_url, catalogue::PATH, self.market.name())]
    }

    fn catalogue_more(&self, answers: &[RestAnswer], _wishes: &[String]) -> Vec<Request> {
        let next = catalogue::next_page(answers);
        let url = |cursor: String| format!("{}&cursor={cursor}", self.catalogue_urls().concat());
        next.map(url).map(Request::get).into_iter().collect()
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.ws_url.clone()
    }

    /// One text a symbol, with the symbol as its id: a refused topic refuses its whole text, and then the answer says whose
    /// text it was. Spot takes at most ten topics in a text.
    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        natives
            .map(|native| {
                let topics =
                    ["orderbook.1", "publicTrade", "tickers"].map(|topic| format!("{topic}.{native}"));
                request("subscribe", native, &topics)
            })
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Bybit wants a ping every 20 s. Its pong also has to prove life within the 5 s after which a feed is stale.
        KeepAlive { every: Duration::from_secs(2), text: Some(r#"{"op":"ping"}"#.to_owned()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // The topics of a connection may have 21,000 characters; a hundred symbols have less than half of that.
            instruments_per_connection: 100,
            between_sends: Duration::from_millis(50),
            // The top is repeated after 3 s without a change, of spot pairs as of contracts.
            symbol_silence: Some(Duration::from_secs(10)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Bybit5::new(self.market))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The venue's documents of v5 (orderbook, 2026) promise it of USDT, USDC and inverse contracts and of spot.
    #[test]
    fn a_symbol_of_any_market_that_is_not_repeated_falls_silent() {
        for market in [Market::Spot, Market::Linear, Market::Inverse] {
            let limits = Bybit::new(market, &Overrides::default()).limits();
            assert_eq!(limits.symbol_silence, Some(Duration::from_secs(10)), "{market:?}");
        }
    }
}
