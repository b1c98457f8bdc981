//! Which trades make the last price: the column "consolidated, last" of the tapes' tables of sale conditions.
//!
//! | condition | tapes A and B (CTS) | tape C (UTDF) |
//! |---|---|---|
//! | average price | `B` never | `W` never |
//! | bunched, bunched sold | | `B` always, `G` only as the first |
//! | cash, next day, seller (settled otherwise) | `C` `N` `R` never | the same |
//! | price variation, odd lot, contingent, qualified contingent | `H` `I` `V` `7` never | the same |
//! | official open and close of an exchange | `Q` `M` never | the same |
//! | extended hours, in and out of sequence | `T` `U` never | the same |
//! | prior reference price, out of sequence, derivatively priced | `P` `Z` `4` only as the first | the same |
//! | sold last (reported late) | `L` only as the first, or from the exchange of the last trade | `L` always |
//! | reserved | `8` never | |
//! | all others, among them openings `O`, reopenings `5`, closings `6` and the corrected close `9` | always | always |
//!
//! *Only as the first* is the first of the trading day. Who begins to listen in the middle of it cannot know that, so such a trade makes no
//! last price here. Nor does one that is reported late by the listing market, which on tapes A and B may.
//!
//! Of several conditions the strictest counts. A code that no table has stops nothing, so that a new one does not freeze the
//! last price of a stock.

use feed::json::Text;
use serde_json::value::RawValue;

/// What a trade does to the last price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// It is the last price.
    Always,
    /// It is when it comes from the exchange of the last trade, and else as the first.
    OfItsExchange,
    /// It is when there is no other.
    AsTheFirst,
    Never,
}

/// What the conditions of a trade on that tape mean for it; `None` when they cannot be read, so could be any. Without conditions
/// a trade is a regular one.
pub(super) fn effect(conditions: Option<&RawValue>, tape: Option<&str>) -> Option<Effect> {
    let Some(conditions) = conditions else { return Some(Effect::Always) };
    let codes: Option<Vec<Text<'_>>> = serde_json::from_str(conditions.get()).ok()?;
    let of_tape_c = tape == Some("C");
    let effects = codes.iter().flatten().map(|code| one(code, of_tape_c));
    Some(effects.max().unwrap_or(Effect::Always))
}

fn one(code: &str, of_tape_c: bool) -> Effect {
    match (code, of_tape_c) {
        ("C" | "H" | "I" | "M" | "N" | "Q" | "R" | "T" | "U" | "V" | "7", _)
        | ("B" | "8", false)
        | ("W", true) => Effect::Never,
        ("P" | "Z" | "4", _) | ("G", true) => Effect::AsTheFirst,
        ("L", false) => Effect::OfItsExchange,
        _ => Effect::Always,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, tape: &str, want: Option<Effect>) {
        let raw = RawValue::from_string(conditions.to_owned()).unwrap();
        assert_eq!(effect(Some(&raw), Some(tape)), want, "{conditions} on tape {tape}");
    }

    fn each(codes: &str, tape: &str, want: Effect) {
        for code in codes.chars() {
            check(&format!("[\"{code}\"]"), tape, Some(want));
        }
    }

    #[test]
    fn every_code_of_both_tables_has_its_effect() {
        for tape in ["A", "B"] {
            each(" EFKOX569", tape, Effect::Always);
            each("L", tape, Effect::OfItsExchange);
            each("PZ4", tape, Effect::AsTheFirst);
            each("BCHIMNQRTUV78", tape, Effect::Never);
        }
        each("@ABDFKLOSXY1569", "C", Effect::Always);
        each("GPZ4", "C", Effect::AsTheFirst);
        each("CHIMNQRTUVW7", "C", Effect::Never);
    }

    #[test]
    fn of_several_the_strictest_counts() {
        check(r#"["@","F"]"#, "C", Some(Effect::Always));
        check(r#"["@","4","I"]"#, "C", Some(Effect::Never));
        check(r#"["@","F","T","I"]"#, "C", Some(Effect::Never));
        check(r#"["L","4"]"#, "A", Some(Effect::AsTheFirst));
    }

    #[test]
    fn none_are_a_regular_trade_new_ones_stop_nothing_and_broken_ones_could_be_any() {
        assert_eq!(effect(None, Some("C")), Some(Effect::Always));
        check("[]", "C", Some(Effect::Always));
        check("null", "A", Some(Effect::Always));
        check(r#"["@","§","long"]"#, "C", Some(Effect::Always));
        for broken in ["7", "[7]", r#"{"a":1}"#, "\"I\""] {
            check(broken, "C", None);
        }
    }
}
