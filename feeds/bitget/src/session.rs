//! Where to connect, what to say, how to stay connected.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feed::halts::Suspended;
use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer, Session,
};
use serde_json::Value;

use crate::catalogue::Recorded;
use crate::decode::{argument, operation};
use crate::{Bitget, catalogue};

/// Where v2 is served, all markets on one socket (the venue's documents, Sep 2026).
const WS_URL: &str = "wss://ws.bitget.com/v2/ws/public";

/// What is subscribed of every symbol.
const CHANNELS: [&str; 3] = ["books1", "trade", "ticker"];

/// Arguments in one text. The venue reads 4,096 bytes; forty-five of at most 80 bytes stay below.
const ARGUMENTS_PER_TEXT: usize = 45;

/// Which of the venue's markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Contracts settled in USDT.
    UsdtM,
    /// Contracts settled in the base coin.
    CoinM,
}

impl Market {
    const fn venue(self) -> &'static str {
        match self {
            Market::Spot => "BITGET",
            Market::UsdtM => "BITGET_USDTM",
            Market::CoinM => "BITGET_COINM",
        }
    }

    /// The venue's word for it.
    const fn inst_type(self) -> &'static str {
        match self {
            Market::Spot => "SPOT",
            Market::UsdtM => "USDT-FUTURES",
            Market::CoinM => "COIN-FUTURES",
        }
    }
}

/// A connection to Bitget.
#[derive(Debug)]
pub struct BitgetSession {
    market: Market,
    venue: String,
    ws_url: String,
    rest_url: String,
    /// What a recorded catalogue leaves open, for the decoders to come.
    recorded: Mutex<Arc<Recorded>>,
    suspended: Arc<Suspended>,
}

impl BitgetSession {
    /// A session of that market; what the overrides do not say is the venue's own.
    pub fn new(market: Market, overrides: &Overrides) -> BitgetSession {
        let or = |own: &Option<String>, venue_s: &str| own.clone().unwrap_or_else(|| venue_s.to_owned());
        BitgetSession {
            market,
            venue: or(&overrides.venue, market.venue()),
            ws_url: or(&overrides.ws_url, WS_URL),
            rest_url: or(&overrides.rest_url, "https://api.bitget.com").trim_end_matches('/').to_owned(),
            recorded: Mutex::default(),
            suspended: Arc::default(),
        }
    }
}

impl Session for BitgetSession {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let path = match self.market {
            Market::Spot => catalogue::SPOT_PATH.to_owned(),
            market => format!("{}?productType={}", catalogue::CONTRACTS_PATH, market.inst_type()),
        };
        vec![format!("{}{path}", self.rest_url)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        let (recorded, suspended) = catalogue::read(answers, self.market != Market::Spot, instruments)?;
        self.suspended.replace(suspended);
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(recorded);
        Ok(())
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.ws_url.clone()
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives = wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native);
        let inst_type = self.market.inst_type();
        let args: Vec<Value> =
            natives.flat_map(|native| CHANNELS.map(|channel| argument(inst_type, channel, native))).collect();
        args.chunks(ARGUMENTS_PER_TEXT).map(|args| operation("subscribe", args)).collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Bitget ends a connection that has not sent `ping` for 2 minutes, however much data flows. Its pong also has to prove
        // life within the 5 s after which a feed is stale.
        KeepAlive { every: Duration::from_secs(2), text: Some("ping".to_owned()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // 150 channels were seen to flow on one connection; the venue takes 1,000 and advises fewer than 50.
            instruments_per_connection: 150 / CHANNELS.len(),
            // Ten messages a second count pings too.
            between_sends: Duration::from_millis(150),
            // Connections end at 24 h.
            max_age: Some(Duration::from_secs(23 * 3_600)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        let recorded = Arc::clone(&self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
        Box::new(Bitget::of_catalogue(recorded, self.suspended.watch()))
    }
}

#[cfg(test)]
mod tests {
    use market::Symbol;

    use super::*;

    #[test]
    fn subscriptions_are_cut_to_what_the_venue_reads() {
        let session = BitgetSession::new(Market::UsdtM, &Overrides::default());
        let mut all = Instruments::new("BITGET", 60);
        let ids: Vec<_> = (0..50)
            .map(|n| {
                let symbol = Symbol::of_venue("BITGET", &format!("1000000C{n}-USDT-PERP")).unwrap();
                all.add(&format!("1000000C{n}USDT"), symbol).unwrap()
            })
            .collect();
        let texts = session.subscribe(&all, &ids);
        assert_eq!((texts.len(), session.limits().instruments_per_connection), (4, 50));
        assert!(texts.iter().all(|text| text.len() < 4_096));
    }
}
