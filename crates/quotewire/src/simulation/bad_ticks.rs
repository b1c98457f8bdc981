//! Bad ticks: what a venue says now and then and nobody may see, thrown in between the feeds and the screen.
//!
//! Two kinds, as the screen has them. What no market can mean is refused for good. What lies far from the price before is held
//! back until the venue goes back to where it was; none is confirmed here, because no two in a row are near each other.

use std::time::Duration;

use market::{Clock, Decimal, Field, Update};
use testkit::simulation::Dice;
use testkit::simulation::clock::BEGINNING;

use super::{TROUBLE, World};
use crate::sink::screen::Moves;

/// One update in so many is followed by a bad tick.
const ONE_IN: u64 = 25;

/// Where bad ticks come from, of one sink.
#[derive(Debug)]
pub(super) struct BadTicks {
    dice: Dice,
    thrown: u32,
}

impl BadTicks {
    pub(super) fn new(world: &World, number: u64) -> BadTicks {
        BadTicks { dice: world.dice.of("bad ticks", number), thrown: 0 }
    }

    /// What is held back, for longer than a world lasts: time lets no bad tick go.
    pub(super) fn moves() -> Option<Moves> {
        Some(Moves { max_move: Decimal::new(2, 1), confirmations: 3, hold_max: Duration::from_secs(3_600) })
    }

    /// What is thrown in after an update, of the fields that it told: nearly always nothing, and nothing when trouble is over.
    pub(super) fn after(&mut self, world: &World, update: &Update) -> Option<Update> {
        let prices = [Field::Bid, Field::Ask, Field::Last];
        let told: Vec<Field> =
            prices.into_iter().filter(|&field| update.values().number(field).is_some()).collect();
        let over = world.clock.now().since(BEGINNING) >= TROUBLE;
        if over || told.is_empty() || update.status.is_some() || !self.dice.once_in(ONE_IN) {
            return None;
        }
        let field = *self.dice.one_of(&told);
        self.thrown += 1;
        // Far from any price, and from the one before it.
        let far = Decimal::from(10_i64.pow(7 + 3 * (self.thrown % 3)));
        let price = match self.dice.below(5) {
            0 => -Decimal::ONE,
            1 => Decimal::ZERO,
            2 => Decimal::from(10_i64.pow(16)),
            _ => far,
        };
        let mut bad = Update::new(update.source, update.ts_recv);
        bad.tell(field, Some(price));
        Some(bad)
    }
}
