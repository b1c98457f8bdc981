//! NautilusTrader's adapters. Two ways from a frame to its events for each kind:
//!
//! * `*_handler`: the steps of the adapter's own handler of incoming texts, which most read into a tree of JSON values first;
//! * `*_lean`: the shortest way that the public types allow: the text straight into the adapter's struct of this kind
//!   (inside an envelope of ours where theirs holds a tree), then the same `parse_*`. Nobody runs it so; it is the bound.

use std::cell::RefCell;

use ahash::AHashMap;
use nautilus_core::UnixNanos;
use nautilus_model::data::Data;
use nautilus_model::identifiers::{InstrumentId, Symbol, Venue};
use nautilus_model::instruments::{CryptoPerpetual, Instrument, InstrumentAny};
use nautilus_model::types::{Currency, Price, Quantity};
use serde::Deserialize;
use ustr::Ustr;

use crate::told::Told;

mod binance;
mod bybit;
mod coinbase;
mod deribit;
mod hyperliquid;
mod kraken;
mod okx;

pub(crate) use binance::*;
pub(crate) use bybit::*;
pub(crate) use coinbase::*;
pub(crate) use deribit::*;
pub(crate) use hyperliquid::*;
pub(crate) use kraken::*;
pub(crate) use okx::*;

/// From a frame to its events.
pub(crate) type Read = fn(&Desk, &str) -> anyhow::Result<Told>;

/// What an adapter's client holds: its instruments by the venue's names.
#[derive(Default)]
pub(crate) struct Desk {
    instruments: AHashMap<Ustr, InstrumentAny>,
    funding: RefCell<AHashMap<Ustr, (Ustr, u64)>>,
}

/// `{"data": ...}` of a frame, and nothing else of it.
#[derive(Deserialize)]
struct Enveloped<T> {
    data: T,
}

impl Desk {
    /// A desk that knows these instruments, each with twelve places for prices and sizes: no recording here has more.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Desk {
        let instruments = names.map(|name| (Ustr::from(name), instrument(name))).collect();
        Desk { instruments, funding: RefCell::default() }
    }

    fn find(&self, name: &Ustr) -> anyhow::Result<&InstrumentAny> {
        self.instruments.get(name).ok_or_else(|| anyhow::anyhow!("no instrument {name}"))
    }
}

/// The receive time, which a handler takes from its clock.
fn now() -> UnixNanos {
    nautilus_core::time::get_atomic_clock_realtime().get_time_ns()
}

fn instrument(name: &str) -> InstrumentAny {
    const PLACES: u8 = 12;
    let crypto = |code: &str| Currency::get_or_create_crypto(code);
    let id = InstrumentId::new(Symbol::new(name), Venue::new("BENCH"));
    InstrumentAny::CryptoPerpetual(CryptoPerpetual::new(
        id,
        Symbol::new(name),
        crypto("BTC"),
        crypto("USDT"),
        crypto("USDT"),
        false,
        PLACES,
        PLACES,
        Price::new(0.000_000_000_001, PLACES),
        Quantity::new(0.000_000_000_001, PLACES),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        UnixNanos::default(),
        UnixNanos::default(),
    ))
}

fn of_one(event: Data) -> Told {
    Told::Data(vec![event])
}

/// The id and the places of an instrument, as parsers without `InstrumentAny` want them.
fn places(instrument: &InstrumentAny) -> (InstrumentId, u8, u8) {
    (instrument.id(), instrument.price_precision(), instrument.size_precision())
}
