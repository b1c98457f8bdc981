//! Which trades make the last price, by the numbers that the venue gives to the conditions of both tapes.
//!
//! | conditions | last price |
//! |---|---|
//! | 2 average price, 7 cash, 12 and 13 extended hours, 15 and 16 official close and open of an exchange, 20 next day, 21 price variation, 29 seller, 37 odd lot, 52 contingent, 53 qualified contingent | never |
//! | 5 bunched sold, 10 derivatively priced, 22 prior reference price, 30 sold last, 33 out of sequence | only as the first of the day, so never here |
//! | all others | always |
//!
//! `reference/conditions` has these two rows as `consolidated.updates_open_close: false`, but for 30, which counts when it is from the
//! exchange of the last trade: that is not followed here. That the second may be the first is a footnote of the tapes' tables. Of several conditions the strictest counts. A number that is not here stops nothing, so that
//! a new one does not freeze the last price of a stock.

use serde_json::value::RawValue;

/// What a trade does to the last price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// It is the last price.
    Always,
    /// It is when there is no other.
    AsTheFirst,
    Never,
}

/// What the conditions of a trade mean for it; `None` when they cannot be read, so could be any. Without conditions a trade is a
/// regular one.
pub(super) fn effect(conditions: Option<&RawValue>) -> Option<Effect> {
    let Some(conditions) = conditions else { return Some(Effect::Always) };
    let numbers: Option<Vec<u32>> = serde_json::from_str(conditions.get()).ok()?;
    Some(numbers.into_iter().flatten().map(one).max().unwrap_or(Effect::Always))
}

const fn one(number: u32) -> Effect {
    match number {
        2 | 7 | 12 | 13 | 15 | 16 | 20 | 21 | 29 | 37 | 52 | 53 => Effect::Never,
        // Sold Last (30) also counts from the exchange of the last trade, which is not followed here: a late price must not win.
        5 | 10 | 22 | 30 | 33 => Effect::AsTheFirst,
        _ => Effect::Always,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, want: Option<Effect>) {
        let raw = RawValue::from_string(conditions.to_owned()).unwrap();
        assert_eq!(effect(Some(&raw)), want, "{conditions}");
    }

    #[test]
    fn every_number_has_its_effect() {
        for number in [0, 1, 3, 4, 8, 9, 11, 14, 17, 18, 19, 23, 25, 27, 28, 34, 36, 38, 41] {
            check(&format!("[{number}]"), Some(Effect::Always));
        }
        for number in [5, 10, 22, 30, 33] {
            check(&format!("[{number}]"), Some(Effect::AsTheFirst));
        }
        for number in [2, 7, 12, 13, 15, 16, 20, 21, 29, 37, 52, 53] {
            check(&format!("[{number}]"), Some(Effect::Never));
        }
    }

    #[test]
    fn of_several_the_strictest_counts() {
        check("[14,41]", Some(Effect::Always));
        check("[0,12]", Some(Effect::Never));
        check("[10,41]", Some(Effect::AsTheFirst));
        check("[10,37,14]", Some(Effect::Never));
    }

    #[test]
    fn none_are_a_regular_trade_new_ones_stop_nothing_and_broken_ones_could_be_any() {
        assert_eq!(effect(None), Some(Effect::Always));
        check("[]", Some(Effect::Always));
        check("null", Some(Effect::Always));
        check("[4000000000]", Some(Effect::Always));
        for broken in ["7", "[\"I\"]", r#"{"a":1}"#, "[-1]", "[99999999999999999999]"] {
            check(broken, None);
        }
    }
}
