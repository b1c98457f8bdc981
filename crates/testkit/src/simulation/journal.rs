//! What a venue said when, and how it can be told from any one number of it.
//!
//! Every number that the emulated venue tells of a pair follows from a *step*, which only rises. So whoever sees a quote
//! can say which moment of the venue each part of it belongs to, whether the parts belong together (no torn quote), and
//! whether a part may still be shown as live: the journal knows on which connection, and after which snapshot of the book
//! (its *era*), each step was told.

use std::collections::BTreeMap;

use market::{Decimal, Field, Micros, Side, Values};

/// Steps of the price between best bid and best ask.
pub const SPREAD_STEPS: u64 = 3;
/// Steps from the price to the day's high and low, and down to its opening price.
pub const DAY_STEPS: u64 = 20;
const OPEN_STEPS: u64 = 2;

/// The price at a step: from 100, half a unit each.
pub fn price(step: u64) -> Decimal {
    Decimal::new(1_000 + 5 * step as i64, 1)
}

/// The step of a price.
pub fn step_of(price: Decimal) -> Option<u64> {
    let fives = price.checked_mul(Decimal::from(2))?.checked_sub(Decimal::from(200))?;
    if !fives.is_integer() { None } else { u64::try_from(fives).ok() }
}

/// What stands in the book on a side at a step: eight places, never zero, another number at every step.
pub fn size(side: Side, step: u64) -> Decimal {
    let factor = if side == Side::Buy { 7_919 } else { 104_729 };
    Decimal::new((step * factor % 99_999_989) as i64 + 1, 8)
}

/// The size of the trade at a step.
pub fn trade_size(step: u64) -> Decimal {
    Decimal::new((step * 15_485_863 % 99_999_989) as i64 + 1, 8)
}

/// Which side took liquidity in the trade at a step.
pub const fn trade_side(step: u64) -> Side {
    if step.is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

/// The day's volume at a step.
pub fn volume(step: u64) -> Decimal {
    Decimal::new(50_000 + step as i64, 2)
}

/// The opening price of the day at a step.
pub fn open(step: u64) -> Decimal {
    price(step - OPEN_STEPS)
}

/// A part of a quote that one message tells as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Best bid and ask with their sizes.
    Top,
    /// The last trade.
    Trade,
    /// The figures of the day.
    Day,
}

/// The steps that the parts of a quote belong to; `None` where a part is absent or was not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Of the top.
    pub top: Option<u64>,
    /// Of the last trade.
    pub trade: Option<u64>,
    /// Of the day's figures.
    pub day: Option<u64>,
}

/// Reads the steps off what a reader believes, and says what does not belong together. `chosen` are the fields that the
/// reader asked for; the others are not looked at.
///
/// # Errors
/// With what is torn (promise 3).
pub fn steps(
    number: impl Fn(Field) -> Option<Decimal>,
    side: Option<Side>,
    chosen: impl Fn(Field) -> bool,
) -> Result<Steps, String> {
    type Rule = (Field, fn(u64) -> Decimal);
    let group = |name: &str, key: Field, step: fn(Decimal) -> Option<u64>, rules: &[Rule]| {
        if !chosen(key) {
            return Ok(None);
        }
        let step = match number(key) {
            None => None,
            Some(value) => Some(step(value).ok_or_else(|| format!("no venue says {} {value}", key.name()))?),
        };
        for (field, rule) in rules {
            let expected = step.map(rule);
            if chosen(*field) && number(*field) != expected {
                let found = number(*field);
                return Err(format!(
                    "{name} is torn: at step {step:?} {} is {expected:?} and not {found:?}",
                    field.name()
                ));
            }
        }
        Ok(step)
    };
    let top = group(
        "the top",
        Field::Bid,
        step_of,
        &[
            (Field::BidSize, |s| size(Side::Buy, s)),
            (Field::Ask, |s| price(s + SPREAD_STEPS)),
            (Field::AskSize, |s| size(Side::Sell, s + SPREAD_STEPS)),
            (Field::Mid, |s| price(s) + Decimal::new(75, 2)),
            (Field::Spread, |_| Decimal::new(15, 1)),
        ],
    )?;
    let day = group(
        "the day",
        Field::High24h,
        |high| step_of(high)?.checked_sub(DAY_STEPS),
        &[(Field::Low24h, |s| price(s - DAY_STEPS)), (Field::Volume24h, volume), (Field::Open24h, open)],
    )?;
    let trade = group("the last trade", Field::Last, step_of, &[])?;
    if let Some(step) = trade {
        // A ticker tells the price alone, as long as no trade came on its connection.
        let told = (number(Field::LastSize), side);
        let whole = (Some(trade_size(step)), Some(trade_side(step)));
        let both = chosen(Field::LastSize) && chosen(Field::LastSide);
        if both && told != whole && told != (None, None) {
            return Err(format!("the last trade is torn: at step {step} it is {whole:?} and not {told:?}"));
        }
    }
    Ok(Steps { top, trade, day })
}

/// [`steps`] of a whole quote.
///
/// # Errors
/// With what is torn.
pub fn steps_of(values: &Values) -> Result<Steps, String> {
    steps(|field| values.figure(field), values.side(), |_| true)
}

/// One telling of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// On which connection.
    pub connection: u64,
    /// After which request for a book.
    pub era: u64,
    /// The message cannot be taken: one before it was lost.
    pub in_vain: bool,
}

/// What was said of one pair.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// When each era's book was asked for, and on which connection. Eras count from 1 and never go back.
    requests: Vec<(Micros, u64)>,
    said: BTreeMap<(Part, u64), Vec<Said>>,
}

impl Journal {
    /// A book was asked for. Returns the era that begins. None does where the request was stuck in a connection that has
    /// been given up for a later one: whoever asked has long asked anew.
    pub fn request(&mut self, at: Micros, connection: u64) -> u64 {
        if self.requests.last().is_none_or(|(_, latest)| *latest <= connection) {
            self.requests.push((at, connection));
        }
        self.requests.len() as u64
    }

    /// A part was told.
    pub fn say(&mut self, part: Part, step: u64, said: Said) {
        let sayings = self.said.entry((part, step)).or_default();
        if !sayings.contains(&said) {
            sayings.push(said);
        }
    }

    /// The latest request before a moment: when, its era, and its connection. The very first one may have been answered
    /// in the moment in which it came; of later ones it cannot be said which was first.
    pub fn latest_request(&self, before: Micros) -> Option<(Micros, u64, u64)> {
        let first = self.requests.first().is_some_and(|(at, _)| *at <= before);
        let era = self.requests.partition_point(|(at, _)| *at < before).max(usize::from(first));
        era.checked_sub(1).map(|place| (self.requests[place].0, era as u64, self.requests[place].1))
    }

    /// Whether a quote that was published at `published`, live since `since`, may show these steps. Whoever asks for a
    /// book has lost the one before, and has said so before asking.
    ///
    /// # Errors
    /// With the old price that is shown as live (promise 5).
    pub fn may_be_live(&self, steps: Steps, since: Micros, published: Micros) -> Result<(), String> {
        let Some((asked, era, connection)) = self.latest_request(published) else {
            return Err("live before the venue was asked for anything".to_owned());
        };
        if since < asked {
            return Err(format!(
                "live since {} and published at {} as if nothing had happened, but at {} era {era} was asked for",
                since.get(),
                published.get(),
                asked.get()
            ));
        }
        let parts = [(Part::Top, steps.top), (Part::Trade, steps.trade), (Part::Day, steps.day)];
        for (part, step) in parts {
            let Some(step) = step else { continue };
            let sayings = self.said.get(&(part, step)).map_or(&[][..], Vec::as_slice);
            let fresh = |said: &Said| match part {
                Part::Top => said.era >= era && !said.in_vain,
                Part::Trade | Part::Day => said.connection >= connection,
            };
            if !sayings.iter().any(fresh) {
                return Err(format!(
                    "an old price is live: {part:?} of step {step} was told as {sayings:?}, published at {}, and at {} \
                     era {era} was asked for on connection {connection}",
                    published.get(),
                    asked.get()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_off_any_number_and_what_is_torn_is_named() {
        for step in [1_000, 1_001, 7_777] {
            assert_eq!(step_of(price(step)), Some(step));
        }
        assert_eq!(step_of(Decimal::new(12_345, 2)), None);
        let mut values = Values::default();
        assert_eq!(steps_of(&values), Ok(Steps::default()));
        for (field, value) in [
            (Field::Bid, price(1_000)),
            (Field::BidSize, size(Side::Buy, 1_000)),
            (Field::Ask, price(1_003)),
            (Field::AskSize, size(Side::Sell, 1_003)),
        ] {
            values.set_number(field, Some(value));
        }
        assert_eq!(steps_of(&values), Ok(Steps { top: Some(1_000), ..Steps::default() }));
        values.set_number(Field::AskSize, Some(size(Side::Sell, 1_004)));
        assert!(steps_of(&values).unwrap_err().contains("top is torn"));
    }

    #[test]
    fn an_old_price_is_known_by_its_era() {
        let mut journal = Journal::default();
        let said = |era, in_vain| Said { connection: era, era, in_vain };
        let at = |step| Steps { top: Some(step), ..Steps::default() };
        assert!(journal.may_be_live(at(1), Micros(5), Micros(5)).is_err());
        assert_eq!(journal.request(Micros(10), 1), 1);
        journal.say(Part::Top, 1, said(1, false));
        journal.say(Part::Top, 2, said(1, true));
        assert_eq!(journal.may_be_live(at(1), Micros(11), Micros(12)), Ok(()));
        assert!(journal.may_be_live(at(2), Micros(11), Micros(12)).is_err(), "told in vain");
        assert_eq!(journal.request(Micros(20), 2), 2);
        assert_eq!(journal.may_be_live(at(1), Micros(11), Micros(19)), Ok(()));
        assert!(journal.may_be_live(at(1), Micros(11), Micros(21)).is_err(), "as if nothing had happened");
        assert!(journal.may_be_live(at(1), Micros(21), Micros(22)).is_err(), "of the era before");
        journal.say(Part::Top, 1, said(2, false));
        assert_eq!(journal.may_be_live(at(1), Micros(21), Micros(22)), Ok(()));
    }
}
