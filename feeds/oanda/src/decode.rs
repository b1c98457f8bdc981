//! Lines of the pricing stream to updates.

use feed::json::Exactly;
use feed::{Batch, DecodeError, Decoder, Frame, Ignored};
use market::{Decimal, Field, Micros, Reason, Source, Status, Update};

use crate::catalogue;

mod shapes;

use shapes::{Level, Line, Price};

/// Reads one connection's lines.
#[derive(Debug, Default)]
pub struct Pricing {
    /// By instrument, whether it could be traded when it was last spoken of on this connection.
    tradeable: Vec<Option<bool>>,
}

impl Pricing {
    /// A decoder that has heard nothing yet.
    pub const fn new() -> Pricing {
        Pricing { tradeable: Vec::new() }
    }

    fn price(&mut self, price: &Price<'_>, ts_recv: Micros, batch: &mut Batch) {
        let Some(id) = batch.instruments.resolve_as(&price.instrument, catalogue::symbol) else {
            return batch.ignore(Ignored::UnknownSymbol);
        };
        let mut update = Update::new(Source::Direct, ts_recv);
        update.ts_event = price.time.as_deref().and_then(Micros::parse_iso);
        // Without a valid price there is none on either side, whatever the lists hold.
        let valid = price.status.as_deref() != Some("invalid");
        let sides = [(Field::Bid, &price.bids), (Field::Ask, &price.asks)];
        for (field, levels) in sides {
            let level = levels.as_ref().and_then(|levels| levels.0.as_ref()).filter(|_| valid);
            match level.map_or(Ok((None, None)), numbers) {
                Ok((price, size)) => update.tell_side(field, price, size),
                Err(_) => batch.ignore(Ignored::BadNumber),
            }
        }
        let tradeable =
            valid && price.tradeable.unwrap_or(true) && price.status.as_deref() != Some("non-tradeable");
        let place = id.place();
        if self.tradeable.len() <= place {
            self.tradeable.resize(place + 1, None);
        }
        let before = self.tradeable[place].replace(tradeable);
        // The first price of a connection states the instrument afresh; a halt may have ended while nobody listened.
        update.snapshot = before.is_none();
        if before != Some(tradeable) {
            let told =
                if tradeable { (Status::Live, Reason::Confirmed) } else { (Status::Halted, Reason::Venue) };
            update.status = Some(told);
        }
        batch.push(id, update);
    }
}

impl Decoder for Pricing {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        let Frame::Text(text) = frame else { return Err(DecodeError::Garbage("a line that is no text")) };
        let line: Line<'_> =
            serde_json::from_str(text).map_err(|_| DecodeError::Garbage("a line that is no JSON object"))?;
        match &*line.kind {
            "PRICE" => {
                let price = serde_json::from_str(text)
                    .map_err(|_| DecodeError::Garbage("a price of another form"))?;
                self.price(&price, ts_recv, batch);
                Ok("PRICE")
            }
            "HEARTBEAT" => Ok("HEARTBEAT"),
            _ => {
                batch.ignore(Ignored::NotAQuote);
                Ok("other")
            }
        }
    }
}

fn numbers(level: &Level<'_>) -> Result<(Option<Decimal>, Option<Decimal>), market::NumberError> {
    let size: Exactly = level.liquidity.map_or(Ok(None), |liquidity| liquidity.decimal());
    Ok((level.price.decimal()?, size?))
}

#[cfg(test)]
mod tests;
