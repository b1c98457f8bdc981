//! `barter-data`: the venue's type, its subscription id, the instrument of that id, then the normalised events:
//! the steps of its `StatelessTransformer`.

use std::marker::PhantomData;

use barter_data::Identifier;
use barter_data::event::MarketIter;
use barter_data::subscription::Map;
use barter_instrument::exchange::ExchangeId;
use barter_integration::subscription::SubscriptionId;
use serde::de::DeserializeOwned;

use crate::told::Told;

/// Reads one kind of message.
pub(crate) trait Reader {
    /// Adds the instrument of this frame to the map; before anything is measured.
    fn learn(&mut self, text: &str);
    /// From the frame to its events.
    fn read(&self, text: &str) -> Option<Told>;
}

struct Stateless<I, E> {
    exchange: ExchangeId,
    map: Map<u32>,
    kinds: PhantomData<(I, E)>,
}

/// A reader of frames `I` that makes events `E`.
pub(crate) fn reader<I, E>(exchange: ExchangeId) -> Box<dyn Reader>
where
    I: Identifier<Option<SubscriptionId>> + DeserializeOwned + 'static,
    E: 'static,
    MarketIter<u32, E>: From<(ExchangeId, u32, I)>,
    Told: From<MarketIter<u32, E>>,
{
    Box::new(Stateless::<I, E> { exchange, map: Map::from_iter([]), kinds: PhantomData })
}

impl<I, E> Reader for Stateless<I, E>
where
    I: Identifier<Option<SubscriptionId>> + DeserializeOwned,
    MarketIter<u32, E>: From<(ExchangeId, u32, I)>,
    Told: From<MarketIter<u32, E>>,
{
    fn learn(&mut self, text: &str) {
        let input = serde_json::from_str::<I>(text);
        if let Ok(Some(id)) = input.map(|input| input.id()) {
            let next = u32::try_from(self.map.0.len()).unwrap_or(u32::MAX);
            self.map.0.entry(id).or_insert(next);
        }
    }

    fn read(&self, text: &str) -> Option<Told> {
        let input = serde_json::from_str::<I>(text).ok()?;
        let id = input.id()?;
        let instrument = *self.map.find(&id).ok()?;
        Some(Told::from(MarketIter::<u32, E>::from((self.exchange, instrument, input))))
    }
}
