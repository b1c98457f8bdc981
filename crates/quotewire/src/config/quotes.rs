//! What the file says of quotes themselves: which of them join, and which prices are held back.

use std::ops::Range;
use std::time::Duration;

use market::{Decimal, Price, Symbol};
use toml::Spanned;

use super::checked::{count, duration};
use super::{Fault, raw};
use crate::composite::CompositeConfig;
use crate::sink::screen::Moves;

/// Updates in a row that confirm a price, unless the file says otherwise: a broken message may be repeated once.
const CONFIRMATIONS: usize = 3;
/// Longest hold, unless the file says otherwise: half a heartbeat of the slowest venue.
const HOLD_MAX: Duration = Duration::from_secs(2);

/// Which quotes join.
pub(super) fn composite(raw: raw::Composite) -> Result<CompositeConfig, Fault> {
    let defaults = CompositeConfig::default();
    let exclude = match raw.exclude {
        None => defaults.exclude,
        Some(venues) => {
            let span = venues.span();
            venues.into_inner().iter().map(|venue| venue_name(venue, &span)).collect::<Result<_, _>>()?
        }
    };
    let mut join = std::collections::BTreeMap::new();
    for (from, to) in raw.join {
        let (from, to) = (currency(&from, &to.span())?, currency(to.get_ref(), &to.span())?);
        join.insert(from, to);
    }
    Ok(CompositeConfig { enabled: raw.enabled.unwrap_or(defaults.enabled), exclude, join })
}

fn venue_name(name: &str, span: &Range<usize>) -> Result<String, Fault> {
    match Symbol::parse(&format!("{name}:X")) {
        Ok(symbol) => Ok(symbol.venue().unwrap_or_default().to_owned()),
        Err(error) => Err(Fault::at(span, format!("{name:?} is no venue: {error}"))),
    }
}

fn currency(name: &str, span: &Range<usize>) -> Result<String, Fault> {
    let good = !name.is_empty() && name.len() <= 16 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if good {
        Ok(name.to_ascii_uppercase())
    } else {
        Err(Fault::at(span, "a currency has letters and digits only, as in join = { \"USDT\" = \"USD\" }"))
    }
}

/// When a move of a feed's prices is held back.
pub(super) fn moves(
    max_move: Option<Spanned<String>>,
    confirmations: Option<Spanned<usize>>,
    hold_max: Option<Spanned<String>>,
) -> Result<Option<Moves>, Fault> {
    let Some(max_move) = max_move else {
        let spans = [confirmations.map(|c| c.span()), hold_max.map(|h| h.span())];
        return match spans.into_iter().flatten().next() {
            Some(span) => {
                Err(Fault::at(&span, "nothing is held back without max_move; give one, as \"20%\""))
            }
            None => Ok(None),
        };
    };
    let what = "a part of the price from 0.1% to 1000%, as \"20%\"";
    let percent = max_move.get_ref().strip_suffix('%').and_then(|number| Price::parse(number.trim()).ok());
    let ratio = percent.and_then(|percent| percent.decimal().checked_div(Decimal::ONE_HUNDRED));
    let in_range = |ratio: &Decimal| (Decimal::new(1, 3)..=Decimal::TEN).contains(ratio);
    let Some(ratio) = ratio.filter(in_range) else { return Err(Fault::at(&max_move.span(), what)) };
    let confirmations = count(confirmations, CONFIRMATIONS, 2..100)?;
    Ok(Some(Moves {
        max_move: ratio,
        confirmations: u32::try_from(confirmations).unwrap_or(u32::MAX),
        hold_max: duration(hold_max, HOLD_MAX, Duration::from_millis(10)..Duration::from_secs(60))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn fault(text: &str) -> String {
        parse(text).unwrap_err().what
    }

    #[test]
    fn what_joins_and_what_is_left_out() {
        let config =
            parse("[composite]\nexclude = [\"okx\"]\njoin = { usdt = \"USD\", USDC = \"usd\" }\n").unwrap();
        assert_eq!(config.composite.exclude, ["OKX".to_owned()].into());
        let joined: Vec<_> = config.composite.join.iter().map(|(a, b)| format!("{a}={b}")).collect();
        assert_eq!(joined, ["USDC=USD", "USDT=USD"]);
        assert!(parse("").unwrap().composite.enabled);
        assert!(!parse("[composite]\nenabled = false\n").unwrap().composite.enabled);
        assert!(fault("[composite]\nexclude = [\"a b\"]\n").contains("no venue"));
        assert!(fault("[composite]\njoin = { USDT = \"US-D\" }\n").contains("currency"));
    }

    #[test]
    fn what_is_held_back() {
        let feed = |keys: &str| parse(&format!("[[feeds]]\nkind = \"sim\"\n{keys}\n"));
        assert_eq!(feed("").unwrap().feeds[0].moves, None);
        let moves = feed("max_move = \"12.5%\"").unwrap().feeds[0].moves.clone().unwrap();
        assert_eq!(moves.max_move.to_string(), "0.125");
        assert_eq!((moves.confirmations, moves.hold_max), (3, HOLD_MAX));
        let moves = feed("max_move = \"5%\"\nconfirmations = 4\nhold_max = \"500ms\"").unwrap();
        let moves = moves.feeds[0].moves.clone().unwrap();
        assert_eq!((moves.confirmations, moves.hold_max), (4, Duration::from_millis(500)));
        for keys in ["max_move = \"20\"", "max_move = \"0%\"", "max_move = \"-5%\"", "max_move = \"2000%\""] {
            assert!(feed(keys).unwrap_err().what.contains("as \"20%\""), "{keys}");
        }
        assert!(feed("hold_max = \"1s\"").unwrap_err().what.contains("max_move"));
        assert!(feed("max_move = \"5%\"\nconfirmations = 1").is_err());
        assert!(feed("max_move = \"5%\"\nhold_max = \"61s\"").is_err());
    }
}
