//! Feed adapter for Binance: spot, Binance US, USD-M and COIN-M futures, as settings of one adapter.
//!
//! # The venue's rules
//!
//! Sources: the venue's documents on spot WebSocket streams (Jul 2026), on USD-M and COIN-M WebSocket market streams
//! and the notice on the split of the USD-M base URL (Mar 2026), read in Nov 2026; recordings of 2021 and 2024 in
//! `fixtures/`.
//!
//! * **Endpoints.** `/stream` wraps every message as `{"stream":…,"data":…}`, `/ws` does not; both are read. Stream names
//!   are lower case, symbols in payloads upper case.
//! * **USD-M is split** since 2026-04-23: `/public` carries `bookTicker`, depth and the undocumented `trade`; `/market`
//!   carries `aggTrade`, `ticker`, `markPrice`. A stream on the wrong one, or on the bare host, is acknowledged and
//!   silent. One connection therefore gets [`Route::Public`] or [`Route::Market`]; with an overridden `ws_url` (an
//!   emulated or recorded venue) it gets everything.
//! * **Limits.** Spot: 5 messages a second to the venue (pings and pongs count), 1,024 streams a connection, 300
//!   connections in 5 minutes. Futures: 10 messages a second and 1,024 streams, 200 in other editions of the same page;
//!   the lower one is kept. A message to the venue of more than 4,096 bytes is never answered
//!   (binance-connector-rust issue 27), so SUBSCRIBE is cut into pieces.
//! * **Life.** The venue pings every 20 s (futures 3 minutes) and cuts a connection at 24 h; `serverShutdown` comes before
//!   a planned stop. Quiet markets are quiet, so our own pings prove that the connection lives.
//! * **Order.** `bookTicker`'s `u` only grows and is not consecutive; on spot it has no time at all. The first one comes with
//!   the next change and not with the subscription: until then the ticker gives the top of a quiet spot symbol.
//!
//! ```
//! use feed::Session;
//! use feed_binance::{Binance, Market, Settings};
//! let session = Binance::new(Settings::new(Market::CoinM));
//! assert_eq!(session.venue(), "BINANCE_COINM");
//! assert_eq!(session.catalogue_urls(), ["https://dapi.binance.com/dapi/v1/exchangeInfo"]);
//! ```

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};

mod catalogue;
pub mod decode;
mod messages;
mod scan;

pub use decode::BinanceDecoder;

/// Which of the venue's markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Market {
    /// binance.com spot.
    Spot,
    /// binance.us spot.
    Us,
    /// Futures margined in dollar coins.
    UsdM,
    /// Futures margined in the base coin; sizes are contracts.
    CoinM,
}

impl Market {
    /// Every market.
    pub const ALL: [Market; 4] = [Market::Spot, Market::Us, Market::UsdM, Market::CoinM];

    /// The name in configurations, and of the folder of its recordings.
    pub const fn name(self) -> &'static str {
        match self {
            Market::Spot => "binance",
            Market::Us => "binance_us",
            Market::UsdM => "binance_usdm",
            Market::CoinM => "binance_coinm",
        }
    }

    /// The market of that name.
    pub fn from_name(name: &str) -> Option<Market> {
        Market::ALL.into_iter().find(|market| market.name() == name)
    }

    /// The canonical venue name, unless it is overridden.
    pub const fn venue(self) -> &'static str {
        match self {
            Market::Spot => "BINANCE",
            Market::Us => "BINANCE_US",
            Market::UsdM => "BINANCE_USDM",
            Market::CoinM => "BINANCE_COINM",
        }
    }

    const fn ws_url(self) -> &'static str {
        match self {
            Market::Spot => "wss://stream.binance.com:9443",
            Market::Us => "wss://stream.binance.us:9443",
            Market::UsdM => "wss://fstream.binance.com",
            Market::CoinM => "wss://dstream.binance.com",
        }
    }

    const fn rest_url(self) -> &'static str {
        match self {
            Market::Spot => "https://api.binance.com",
            Market::Us => "https://api.binance.us",
            Market::UsdM => "https://fapi.binance.com",
            Market::CoinM => "https://dapi.binance.com",
        }
    }

    const fn catalogue_path(self) -> &'static str {
        match self {
            Market::Spot | Market::Us => "/api/v3/exchangeInfo",
            Market::UsdM => "/fapi/v1/exchangeInfo",
            Market::CoinM => "/dapi/v1/exchangeInfo",
        }
    }

    const fn is_spot(self) -> bool {
        matches!(self, Market::Spot | Market::Us)
    }
}

/// Which streams a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Everything on one connection: all markets but USD-M, and an overridden `ws_url`.
    All,
    /// USD-M `/public`: best bid and ask, and raw trades.
    Public,
    /// USD-M `/market`: aggregated trades, 24 h figures, mark price and funding.
    Market,
}

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The market.
    pub market: Market,
    /// The canonical venue name; [`Market::venue`] when `None`.
    pub venue: Option<String>,
    /// Where the WebSocket is. A bare host gets `/stream`; a URL with a path is taken as it stands.
    pub ws_url: Option<String>,
    /// Where the HTTP interface is, without a path.
    pub rest_url: Option<String>,
    /// Which streams; [`Route::Public`] on the real USD-M endpoint and [`Route::All`] elsewhere when `None`.
    pub route: Option<Route>,
}

impl Settings {
    /// The venue's own endpoints.
    pub const fn new(market: Market) -> Settings {
        Settings { market, venue: None, ws_url: None, rest_url: None, route: None }
    }

    /// The settings of every connection that it takes to hear all that these settings ask for: two on the real USD-M
    /// endpoint, otherwise one.
    pub fn routes(&self) -> Vec<Settings> {
        if self.market != Market::UsdM || self.ws_url.is_some() || self.route.is_some() {
            return vec![self.clone()];
        }
        [Route::Public, Route::Market]
            .into_iter()
            .map(|route| Settings { route: Some(route), ..self.clone() })
            .collect()
    }
}

/// The longest SUBSCRIBE message we send, in bytes. The venue goes silent past 4,088 and its frame's 8 bytes of header.
const SUBSCRIBE_BYTES_MAX: usize = 4_000;

/// One kind of connection to one market.
#[derive(Clone, Debug)]
pub struct Binance {
    market: Market,
    venue: String,
    endpoint: String,
    rest_url: String,
    route: Route,
}

impl Binance {
    /// A session with these settings.
    pub fn new(settings: Settings) -> Binance {
        let market = settings.market;
        let split = market == Market::UsdM && settings.ws_url.is_none();
        let route = settings.route.unwrap_or(if split { Route::Public } else { Route::All });
        let path = match route {
            Route::Public if split => "/public/stream",
            Route::Market if split => "/market/stream",
            _ => "/stream",
        };
        let base = settings.ws_url.unwrap_or_else(|| market.ws_url().to_owned());
        let base = base.trim_end_matches('/');
        let has_path = base.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        let rest_url = settings.rest_url.unwrap_or_else(|| market.rest_url().to_owned());
        Binance {
            market,
            venue: settings.venue.unwrap_or_else(|| market.venue().to_owned()),
            endpoint: if has_path { base.to_owned() } else { format!("{base}{path}") },
            rest_url: rest_url.trim_end_matches('/').to_owned(),
            route,
        }
    }

    /// The market.
    pub const fn market(&self) -> Market {
        self.market
    }

    /// The streams of one symbol, by the part behind the `@`.
    const fn streams(&self) -> &'static [&'static str] {
        match (self.market.is_spot(), self.route) {
            // Raw trades come from the undocumented stream, the only trades on this route.
            (false, Route::Public) => &["bookTicker", "trade"],
            (false, Route::Market) => &["aggTrade", "ticker", "markPrice@1s"],
            (false, Route::All) => &["bookTicker", "aggTrade", "ticker", "markPrice@1s"],
            (true, _) => &["bookTicker", "trade", "ticker"],
        }
    }
}

/// A session that hears all of a market on one connection, with what a configuration changes about it.
pub fn session(market: Market, overrides: &Overrides) -> Box<dyn Session> {
    Box::new(Binance::new(settings(market, overrides)))
}

/// The sessions that it takes to hear all of a market live: see [`Settings::routes`].
pub fn live_sessions(market: Market, overrides: &Overrides) -> Vec<Box<dyn Session>> {
    let routes = settings(market, overrides).routes().into_iter();
    routes.map(|settings| Box::new(Binance::new(settings)) as Box<dyn Session>).collect()
}

fn settings(market: Market, overrides: &Overrides) -> Settings {
    let Overrides { venue, ws_url, rest_url, .. } = overrides.clone();
    Settings { venue, ws_url, rest_url, ..Settings::new(market) }
}

impl Session for Binance {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        vec![format!("{}{}", self.rest_url, self.market.catalogue_path())]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.endpoint.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let mut texts = Vec::new();
        let mut streams = String::new();
        let mut flush = |streams: &mut String| {
            let id = texts.len() + 1;
            texts.push(format!(r#"{{"method":"SUBSCRIBE","params":[{streams}],"id":{id}}}"#));
            streams.clear();
        };
        // Method, id and brackets take less than 64 bytes.
        let room = SUBSCRIBE_BYTES_MAX - 64;
        for instrument in wanted.iter().filter_map(|&id| instruments.get(id)) {
            let native = instrument.native.to_lowercase();
            for stream in self.streams() {
                let name = serde_json::Value::String(format!("{native}@{stream}")).to_string();
                if !streams.is_empty() && streams.len() + 1 + name.len() > room {
                    flush(&mut streams);
                }
                if !streams.is_empty() {
                    streams.push(',');
                }
                streams.push_str(&name);
            }
        }
        if !streams.is_empty() {
            flush(&mut streams);
        }
        texts
    }

    fn keep_alive(&self) -> KeepAlive {
        // Less than half of the silence limit, so that one lost pong is not yet silence.
        KeepAlive { every: Duration::from_secs(2), text: None }
    }

    fn limits(&self) -> Limits {
        let (streams, between) = if self.market.is_spot() { (1_024, 250) } else { (200, 125) };
        Limits {
            instruments_per_connection: streams / self.streams().len(),
            // One message a second less than the venue takes, left for pings and pongs.
            between_sends: Duration::from_millis(between),
            max_age: Some(Duration::from_secs(23 * 3_600)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(BinanceDecoder::new(self.market))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::Symbol;

    fn instruments(count: usize) -> (Instruments, Vec<InstrumentId>) {
        let mut all = Instruments::new("BINANCE", count);
        let ids = (0..count)
            .map(|n| {
                let symbol = Symbol::parse(&format!("BINANCE:C{n}-USDT")).unwrap();
                all.add(&format!("C{n}USDT"), symbol).unwrap()
            })
            .collect();
        (all, ids)
    }

    #[test]
    fn endpoints_follow_the_market_and_can_be_overridden() {
        let endpoint = |settings: Settings| {
            let (all, ids) = instruments(1);
            Binance::new(settings).endpoint(&all, &ids)
        };
        assert_eq!(endpoint(Settings::new(Market::Spot)), "wss://stream.binance.com:9443/stream");
        assert_eq!(endpoint(Settings::new(Market::UsdM)), "wss://fstream.binance.com/public/stream");
        let routes = Settings::new(Market::UsdM).routes();
        assert_eq!(routes.len(), 2);
        assert_eq!(endpoint(routes[1].clone()), "wss://fstream.binance.com/market/stream");
        let own = |url: &str| Settings { ws_url: Some(url.to_owned()), ..Settings::new(Market::UsdM) };
        assert_eq!(endpoint(own("ws://127.0.0.1:9/")), "ws://127.0.0.1:9/stream");
        assert_eq!(endpoint(own("ws://127.0.0.1:9/ws")), "ws://127.0.0.1:9/ws");
        assert_eq!(own("ws://127.0.0.1:9").routes().len(), 1);
        for market in Market::ALL {
            assert_eq!(Market::from_name(market.name()), Some(market));
        }
    }

    #[test]
    fn subscriptions_are_cut_to_what_the_venue_reads() {
        let (all, ids) = instruments(341);
        let texts = Binance::new(Settings::new(Market::Spot)).subscribe(&all, &ids);
        assert!(texts.iter().all(|text| text.len() <= SUBSCRIBE_BYTES_MAX), "{:?}", texts[0].len());
        assert!(texts.len() > 4);
        #[derive(serde::Deserialize)]
        struct Sent {
            method: String,
            params: Vec<String>,
            id: usize,
        }
        let sent: Vec<Sent> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert!(sent.iter().enumerate().all(|(n, s)| s.method == "SUBSCRIBE" && s.id == n + 1));
        let streams: Vec<_> = sent.into_iter().flat_map(|s| s.params).collect();
        assert_eq!(streams.len(), 341 * 3);
        assert_eq!(streams[..3], ["c0usdt@bookTicker", "c0usdt@trade", "c0usdt@ticker"]);
        assert!(Binance::new(Settings::new(Market::Spot)).subscribe(&all, &[]).is_empty());
    }

    #[test]
    fn connections_stay_below_the_limit_of_streams() {
        for market in Market::ALL {
            for settings in Settings::new(market).routes() {
                let session = Binance::new(settings);
                let streams = session.limits().instruments_per_connection * session.streams().len();
                assert!(streams <= if market.is_spot() { 1_024 } else { 200 });
            }
        }
    }
}
