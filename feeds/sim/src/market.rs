//! The market itself: a pure generator of updates.

use feed::{InstrumentId, Instruments};
use market::{Decimal, Field, Micros, Reason, Side, Source, Status, Symbol, Update};

use crate::random::{Popularity, Random};
use crate::settings::{Settings, SettingsError};

/// Digits after the point of sizes and volumes.
const SIZE_SCALE: u32 = 3;
/// Lowest and highest opening price, in ticks. The walk stays within a quarter and four times of the opening, so a
/// price always has room for the widest spread below it and never leaves 64 bits.
const OPEN_TICKS: (i64, i64) = (100_000, 10_000_000);
/// Most thousandths in one size: sizes are from 0.001 to 10.
const SIZE_MAX: i64 = 10_000;

/// A random market. The same settings and the same times give the same updates.
///
/// The first updates open every symbol in turn with a snapshot. After that each update belongs to a symbol chosen by
/// popularity and is either a trade at the touch or a step of the top of book by at most one tick, within a quarter and
/// four times of the opening price. Bid is below ask, and every price and size is positive.
#[derive(Clone, Debug)]
pub struct Market {
    instruments: Instruments,
    random: Random,
    popularity: Popularity,
    /// Per cent of updates that are trades.
    trades: u32,
    /// Widest spread, in ticks.
    spread_max: i64,
    tick: Decimal,
    states: Vec<State>,
    /// How many symbols are open.
    opened: usize,
    seq: u64,
}

/// One symbol; prices in ticks, sizes in thousandths.
#[derive(Clone, Debug)]
struct State {
    open: i64,
    high: i64,
    low: i64,
    bid: i64,
    ask: i64,
    volume: i64,
}

impl Market {
    /// A market that has not opened yet.
    ///
    /// # Errors
    /// When a setting is out of its range; the message names it.
    pub fn new(settings: &Settings) -> Result<Market, SettingsError> {
        settings.check()?;
        let names = settings.symbols.names();
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let mut instruments = Instruments::new(&settings.venue, names.len());
        for name in &names {
            let symbol = Symbol::of_venue(&settings.venue, name)
                .map_err(|error| SettingsError(format!("symbols: {name:?}: {error}")))?;
            instruments.add(name, symbol);
        }
        if instruments.len() != names.len() {
            return Err(SettingsError("symbols: a name stands twice".to_owned()));
        }
        instruments.close();
        let mut random = Random::new(settings.seed);
        let states = names
            .iter()
            .map(|_| {
                // Evenly over the decades: three digits times a power of ten.
                let digits = random.between(100, 999);
                let scale = [1_000, 10_000][random.below(2) as usize];
                let open = (digits * scale).clamp(OPEN_TICKS.0, OPEN_TICKS.1);
                State { open, high: open, low: open, bid: open, ask: open + 1, volume: 0 }
            })
            .collect();
        Ok(Market {
            instruments,
            random,
            popularity: Popularity::new(count, settings.zipf),
            trades: settings.trades,
            spread_max: i64::from(settings.spread),
            tick: settings.tick.decimal(),
            states,
            opened: 0,
            seq: 0,
        })
    }

    /// The symbols.
    pub const fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// How many symbols still have to open.
    pub fn to_open(&self) -> usize {
        self.states.len() - self.opened
    }

    /// The next update, said by the venue at `now` and received at once.
    pub fn next(&mut self, now: Micros) -> (InstrumentId, Update) {
        self.seq += 1;
        let mut update = Update::new(Source::Direct, now);
        update.ts_event = Some(now);
        update.venue_seq = Some(self.seq);
        if self.to_open() > 0 {
            let at = self.opened;
            self.opened += 1;
            self.open(at, &mut update);
            return (InstrumentId(at as u32), update);
        }
        let at = self.popularity.choose(&mut self.random);
        if self.random.below(100) < self.trades {
            self.trade(at as usize, &mut update);
        } else {
            self.step(at as usize, &mut update);
        }
        (InstrumentId(at), update)
    }

    fn open(&mut self, at: usize, update: &mut Update) {
        update.snapshot = true;
        update.status = Some((Status::Live, Reason::Confirmed));
        let open = self.states[at].open;
        for field in [Field::Open24h, Field::High24h, Field::Low24h] {
            update.tell(field, Some(self.price(open)));
        }
        update.tell(Field::Volume24h, Some(Decimal::new(0, SIZE_SCALE)));
        self.step(at, update);
    }

    /// The top of book moves by at most one tick, with a new spread and new sizes.
    fn step(&mut self, at: usize, update: &mut Update) {
        let spread = self.random.between(1, self.spread_max);
        let step = self.random.between(-1, 1);
        let state = &mut self.states[at];
        state.bid = (state.bid + step).clamp(state.open / 4, state.open * 4);
        state.ask = state.bid + spread;
        let (bid, ask) = (state.bid, state.ask);
        let (bid_size, ask_size) = (self.size(), self.size());
        update.tell_side(Field::Bid, Some(self.price(bid)), Some(Decimal::new(bid_size, SIZE_SCALE)));
        update.tell_side(Field::Ask, Some(self.price(ask)), Some(Decimal::new(ask_size, SIZE_SCALE)));
    }

    /// A trade at the touch, and what it does to the figures of the day.
    fn trade(&mut self, at: usize, update: &mut Update) {
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let size = self.size();
        let state = &mut self.states[at];
        let price = if side == Side::Buy { state.ask } else { state.bid };
        // A day's volume starts over where it would not fit its 64 bits.
        state.volume = state.volume.checked_add(size).unwrap_or(size);
        let (higher, lower, volume) = (price > state.high, price < state.low, state.volume);
        state.high = state.high.max(price);
        state.low = state.low.min(price);
        let price = self.price(price);
        update.tell_trade(Some(price), Some(Decimal::new(size, SIZE_SCALE)), Some(side));
        update.tell(Field::Volume24h, Some(Decimal::new(volume, SIZE_SCALE)));
        if higher {
            update.tell(Field::High24h, Some(price));
        }
        if lower {
            update.tell(Field::Low24h, Some(price));
        }
    }

    fn size(&mut self) -> i64 {
        self.random.between(1, SIZE_MAX)
    }

    /// Ticks as a price. The settings' bound on a tick's digits keeps the product within a decimal.
    fn price(&self, ticks: i64) -> Decimal {
        let mantissa = i128::from(ticks) * self.tick.mantissa();
        Decimal::from_i128_with_scale(mantissa, self.tick.scale())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Symbols;

    #[test]
    fn the_walk_turns_round_at_its_walls() {
        let settings = Settings { symbols: Symbols::Count(1), trades: 0, ..Settings::default() };
        let mut market = Market::new(&settings).unwrap();
        let open = market.states[0].open;
        for wall in [open / 4, open * 4] {
            market.states[0].bid = wall;
            for _ in 0..1_000 {
                market.next(Micros(1));
                let bid = market.states[0].bid;
                assert!((open / 4..=open * 4).contains(&bid), "{bid} of {open}");
            }
        }
    }
}
