//! Messages to updates.
//!
//! | message | what it tells |
//! |---|---|
//! | `trade` | last prices, several in a message |
//! | `ping`, `error` | life, refusals |

#[cfg(test)]
mod tests;

use feed::json::{Number, Text};
use feed::{Batch, DecodeError, Decoder, Frame, Ignored};
use market::{Decimal, Micros, Source, Update};
use serde::Deserialize;

/// Any message.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    data: Vec<Trade<'a>>,
    #[serde(borrow, default)]
    msg: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow, default)]
    s: Option<Text<'a>>,
    #[serde(borrow, default)]
    p: Option<Number<'a>>,
    #[serde(borrow, default)]
    v: Option<Number<'a>>,
    #[serde(borrow, default)]
    t: Option<Number<'a>>,
}

/// Reads messages of the trade stream.
#[derive(Debug, Default)]
pub struct Trades {}

impl Trades {
    /// A decoder for a new connection.
    pub const fn new() -> Trades {
        Trades {}
    }
}

impl Decoder for Trades {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("binary frame")) };
        let message: Said<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("not a message with a type"))?;
        match &*message.kind {
            "trade" => {
                for trade in &message.data {
                    tell(trade, ts_recv, batch);
                }
                Ok("trade")
            }
            "ping" => Ok("ping"),
            "error" => {
                let words = message.msg.as_deref().unwrap_or_default();
                // The words name the symbol, if anything.
                let id = words.split([' ', ',', '\'', '"']).find_map(|word| batch.instruments.find(word));
                batch.refused.push((id, words.to_owned()));
                Ok("error")
            }
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

/// A number of a message: absent, exact, or (counted) unreadable, which tells nothing.
fn read(number: Option<Number<'_>>, batch: &mut Batch) -> Option<Option<Decimal>> {
    let read = number?.decimal();
    if read.is_err() {
        batch.ignore(Ignored::BadNumber);
    }
    read.ok()
}

fn tell(trade: &Trade<'_>, ts_recv: Micros, batch: &mut Batch) {
    let id = trade.s.as_deref().and_then(|symbol| batch.instruments.resolve(symbol));
    let Some(id) = id else { return batch.ignore(Ignored::UnknownSymbol) };
    let (Some(Some(price)), Some(size)) = (read(trade.p, batch), read(trade.v, batch)) else { return };
    let mut update = Update::new(Source::Direct, ts_recv);
    let millis = trade.t.and_then(|t| i64::try_from(t.decimal().ok()??.trunc()).ok());
    update.ts_event = millis.filter(|&millis| millis > 0).map(Micros::from_millis);
    update.tell_trade(Some(price), size.filter(|size| !size.is_zero()), None);
    batch.push(id, update);
}
