//! Where to connect, what to say, how to stay connected.

use std::time::Duration;

use feed::json::Text;
use feed::{
    CatalogueError, Decoder, InstrumentId, Instruments, KeepAlive, Limits, Overrides, Request, RestAnswer,
    Session,
};
use serde::Deserialize;
use serde_json::json;

use crate::{KucoinClassic, catalogue};

/// What every dial asks first: the answer names the endpoint and holds a token for it.
const DOOR: &str = "/api/v1/bullet-public";

/// Symbols in one topic, the most that KuCoin takes (the venue's API guide, request limits, 2026).
const SYMBOLS_PER_TEXT: usize = 100;

/// Which of the venue's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Perpetual and dated futures; sizes are lots.
    Futures,
}

impl Market {
    const fn venue(self) -> &'static str {
        match self {
            Market::Spot => "KUCOIN",
            Market::Futures => "KUCOIN_FUTURES",
        }
    }

    const fn rest_url(self) -> &'static str {
        match self {
            Market::Spot => "https://api.kucoin.com",
            Market::Futures => "https://api-futures.kucoin.com",
        }
    }

    const fn topics(self) -> &'static [&'static str] {
        match self {
            Market::Spot => &["/spotMarket/level1", "/market/match", "/market/ticker", "/market/snapshot"],
            Market::Futures => &[
                "/contractMarket/tickerV2",
                "/contractMarket/execution",
                "/contractMarket/snapshot",
                "/contract/instrument",
            ],
        }
    }
}

/// A connection to KuCoin.
#[derive(Debug)]
pub struct Kucoin {
    market: Market,
    venue: String,
    ws_url: Option<String>,
    rest_url: String,
}

impl Kucoin {
    /// A session of that market; what the overrides do not say is the venue's own.
    pub fn new(market: Market, overrides: &Overrides) -> Kucoin {
        let rest_url = overrides.rest_url.as_deref().unwrap_or(market.rest_url());
        Kucoin {
            market,
            venue: overrides.venue.clone().unwrap_or_else(|| market.venue().to_owned()),
            ws_url: overrides.ws_url.clone(),
            rest_url: rest_url.trim_end_matches('/').to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Bullet<'a> {
    #[serde(borrow)]
    data: Ticket<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticket<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    instance_servers: Vec<Server<'a>>,
}

#[derive(Deserialize)]
struct Server<'a> {
    #[serde(borrow)]
    endpoint: Text<'a>,
}

impl Session for Kucoin {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        let path = match self.market {
            Market::Spot => catalogue::SPOT_PATH,
            Market::Futures => catalogue::FUTURES_PATH,
        };
        vec![format!("{}{path}", self.rest_url)]
    }

    fn catalogue(&self, answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
        catalogue::read(answers, instruments)
    }

    fn door(&self) -> Option<Request> {
        Some(Request::post(format!("{}{DOOR}", self.rest_url), ""))
    }

    fn endpoint_by(
        &self,
        answer: &str,
        _instruments: &Instruments,
        _wanted: &[InstrumentId],
    ) -> Result<String, CatalogueError> {
        let odd =
            || CatalogueError("the answer that should name the endpoint is not as documented".to_owned());
        // The words of the parser could quote the token.
        let Bullet { data } = serde_json::from_str(answer).map_err(|_| odd())?;
        let named = data.instance_servers.first().ok_or_else(odd)?;
        let endpoint = self.ws_url.as_deref().unwrap_or(&named.endpoint);
        let has_path = endpoint.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        let slash = if has_path { "" } else { "/" };
        Ok(format!("{endpoint}{slash}?token={}", in_query(&data.token)))
    }

    /// The endpoint without a token, which the venue refuses: [`Session::endpoint_by`] has the true one.
    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        self.ws_url.clone().unwrap_or_default()
    }

    fn waits_for_ready(&self) -> bool {
        true
    }

    fn subscribe(&self, instruments: &Instruments, wanted: &[InstrumentId]) -> Vec<String> {
        let natives: Vec<&str> =
            wanted.iter().filter_map(|&id| instruments.get(id)).map(|i| &*i.native).collect();
        let topics = self.market.topics();
        let texts =
            topics.iter().flat_map(|topic| natives.chunks(SYMBOLS_PER_TEXT).map(move |few| (topic, few)));
        texts
            .enumerate()
            .map(|(at, (topic, few))| {
                let topic = format!("{topic}:{}", few.join(","));
                json!({"id": (at + 1).to_string(), "type": "subscribe", "topic": topic, "response": true})
                    .to_string()
            })
            .collect()
    }

    fn keep_alive(&self) -> KeepAlive {
        // The venue wants a ping every 18 s and ends what has been silent for 60 s, however much it sends itself. Its pong
        // also has to prove life within the 5 s after which a feed is stale. 5 of the 100 texts it takes in 10 s.
        KeepAlive { every: Duration::from_secs(2), text: Some(r#"{"id":"0","type":"ping"}"#.to_owned()) }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Four topics of a hundred symbols are the 400 topics that a spot connection may have.
            instruments_per_connection: 400 / self.market.topics().len(),
            // 100 texts in 10 s, with room for the pings.
            between_sends: Duration::from_millis(150),
            // The token is good for 24 h.
            max_age: Some(Duration::from_secs(23 * 3_600)),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(KucoinClassic::new())
    }
}

/// The text as a value in a query. Tokens are base 64, of which `+` and `/` may not stand there as they are.
fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'=' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use market::Symbol;

    use super::*;

    fn answer(token: &str) -> String {
        format!(
            r#"{{"code":"200000","data":{{"token":"{token}","instanceServers":[{{"endpoint":"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}}]}}}}"#
        )
    }

    #[test]
    fn the_door_names_the_endpoint_and_its_token() {
        let session = Kucoin::new(Market::Spot, &Overrides::default());
        let none = Instruments::new("KUCOIN", 1);
        let door = session.door().unwrap();
        assert_eq!(
            (door.url.as_str(), door.body.as_deref()),
            ("https://api.kucoin.com/api/v1/bullet-public", Some(""))
        );
        let endpoint = session.endpoint_by(&answer("a+b/c=="), &none, &[]).unwrap();
        assert_eq!(endpoint, "wss://ws-api-spot.kucoin.com/?token=a%2Bb%2Fc==");
        let own = Overrides { ws_url: Some("ws://127.0.0.1:9".into()), ..Overrides::default() };
        let endpoint = Kucoin::new(Market::Futures, &own).endpoint_by(&answer("x"), &none, &[]).unwrap();
        assert_eq!(endpoint, "ws://127.0.0.1:9/?token=x");
        for odd in ["", "{}", r#"{"code":"200000","data":{"token":"secret","instanceServers":[]}}"#] {
            let said = session.endpoint_by(odd, &none, &[]).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn subscriptions_are_cut_to_a_hundred_symbols() {
        let mut all = Instruments::new("KUCOIN", 500);
        let ids: Vec<_> = (0..101)
            .map(|n| {
                all.add(&format!("C{n}-USDT"), Symbol::of_venue("KUCOIN", &format!("C{n}-USDT")).unwrap())
                    .unwrap()
            })
            .collect();
        let session = Kucoin::new(Market::Spot, &Overrides::default());
        let texts = session.subscribe(&all, &ids);
        assert_eq!(texts.len(), 8);
        assert!(texts[1].contains(r#""topic":"/spotMarket/level1:C100-USDT""#), "{}", texts[1]);
        assert_eq!(session.limits().instruments_per_connection, 100);
    }
}
