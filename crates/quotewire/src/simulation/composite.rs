//! Composites in the worlds: what each must be by its members' quotes, worked out apart from the table, and what belongs
//! together in what a client believes of one.

use std::collections::BTreeMap;

use market::{Decimal, Field, Quote, Side, Status, Symbol};
use table::Table;
use testkit::simulation::journal::{SPREAD_STEPS, price, size, step_of, trade_size};

/// The name of a symbol's composite.
pub(super) fn composite_of(symbol: &Symbol) -> Symbol {
    Symbol::parse(symbol.name()).unwrap_or_else(|_| symbol.clone())
}

/// Price, size and venue of a side.
type Offer = (Option<Decimal>, Option<Decimal>, String);

/// What is best on a side: the price, of equal ones the largest size, of equal ones the first name.
fn best(members: &[(&Symbol, Quote)], price: Field, of: Field) -> Offer {
    let offers = members.iter().filter_map(|(symbol, quote)| {
        let number = quote.values.number(price)?;
        let order = if price == Field::Bid { number } else { -number };
        Some(((order, quote.values.number(of), std::cmp::Reverse(symbol.as_str())), number, symbol))
    });
    match offers.max_by_key(|(order, ..)| *order) {
        Some(((_, size, _), number, symbol)) => (Some(number), size, symbol.venue().unwrap_or("").to_owned()),
        None => (None, None, String::new()),
    }
}

/// Whether a composite is what follows from its members as they stand in the table now.
///
/// # Errors
/// With what differs.
pub(super) fn follows_from<'a>(
    table: &Table,
    composite: &Symbol,
    members: impl Iterator<Item = &'a Symbol>,
) -> Result<(), String> {
    let quote = |symbol: &Symbol| table.find(symbol.as_str()).map(|id| table.read(id));
    let Some(is) = quote(composite) else { return Ok(()) };
    let members: Vec<(&Symbol, Quote)> =
        members.filter_map(|symbol| quote(symbol).map(|quote| (symbol, quote))).collect();
    let live: Vec<(&Symbol, Quote)> =
        members.iter().filter(|(_, quote)| quote.status == Status::Live).copied().collect();
    if live.is_empty() {
        let unheard =
            |(_, quote): &(&Symbol, Quote)| matches!(quote.status, Status::Unknown | Status::Connecting);
        let status = if members.iter().all(unheard) { Status::Connecting } else { Status::Stale };
        return if is.status == status {
            Ok(())
        } else {
            Err(format!("is {:?} and not {status:?}", is.status))
        };
    }
    if is.status != Status::Live {
        return Err(format!("is {:?} with a live member", is.status));
    }
    for (price, of, venue) in
        [(Field::Bid, Field::BidSize, Field::BidVenue), (Field::Ask, Field::AskSize, Field::AskVenue)]
    {
        let expected = best(&live, price, of);
        let number = |field| is.values.number(field);
        let shown = (number(price), number(of), is.word(venue).unwrap_or("").to_owned());
        if shown != expected {
            return Err(format!("has the {} {shown:?} and not {expected:?}", price.name()));
        }
    }
    let trade = |quote: &Quote| {
        (quote.values.number(Field::Last), quote.values.number(Field::LastSize), quote.values.side())
    };
    let traded: Vec<_> =
        live.iter().map(|(_, quote)| trade(quote)).filter(|trade| trade.0.is_some()).collect();
    let last = trade(&is);
    let right = if traded.is_empty() { last.0.is_none() } else { traded.contains(&last) };
    if !right {
        return Err(format!("has the last trade {last:?}, and its members {traded:?}"));
    }
    Ok(())
}

/// Whether the numbers of a composite belong together: each side's to one step of some venue, and what is worked out of both to
/// both. `chosen` are the fields that were asked for.
///
/// # Errors
/// With what is torn (promise 3), or is no venue's price.
pub(super) fn whole(
    number: impl Fn(Field) -> Option<Decimal>,
    chosen: impl Fn(Field) -> bool,
) -> Result<(), String> {
    let sides = [
        (Field::Bid, Field::BidSize, Some(Side::Buy)),
        (Field::Ask, Field::AskSize, Some(Side::Sell)),
        (Field::Last, Field::LastSize, None),
    ];
    for (at, of, side) in sides.into_iter().filter(|(at, ..)| chosen(*at)) {
        let Some(price) = number(at) else { continue };
        let step = step_of(price).ok_or_else(|| format!("no venue says {} {price}", at.name()))?;
        let expected = side.map_or_else(|| trade_size(step), |side| size(side, step));
        // A ticker tells the price of a trade alone.
        let alone = side.is_none() && number(of).is_none();
        if chosen(of) && !alone && number(of) != Some(expected) {
            return Err(format!("at {} {price} the size is {:?} and not {expected}", at.name(), number(of)));
        }
    }
    if let (Some(bid), Some(ask), true) = (number(Field::Bid), number(Field::Ask), chosen(Field::Mid)) {
        let mid = (bid + ask) / Decimal::TWO;
        if number(Field::Mid) != Some(mid) && chosen(Field::Ask) && chosen(Field::Bid) {
            return Err(format!("between {bid} and {ask} the middle is {:?}", number(Field::Mid)));
        }
    }
    Ok(())
}

/// The composites of these symbols, and what each is made of.
pub(super) fn all<'a>(symbols: impl Iterator<Item = &'a Symbol>) -> BTreeMap<Symbol, Vec<Symbol>> {
    let mut all = BTreeMap::<Symbol, Vec<Symbol>>::new();
    for symbol in symbols {
        all.entry(composite_of(symbol)).or_default().push(symbol.clone());
    }
    all
}

#[test]
fn a_composite_that_does_not_follow_is_told_from_one_that_does() {
    let of = |bid: u64, ask: u64| {
        move |field: Field| match field {
            Field::Bid => Some(price(bid)),
            Field::BidSize => Some(size(Side::Buy, bid)),
            Field::Ask => Some(price(ask)),
            Field::AskSize => Some(size(Side::Sell, ask)),
            _ => None,
        }
    };
    let sides = |field| field != Field::Mid;
    assert_eq!(whole(of(1_000, 1_000 + SPREAD_STEPS), sides), Ok(()));
    assert_eq!(whole(of(1_005, 1_000 + SPREAD_STEPS), sides), Ok(()), "of two venues");
    let torn =
        |field| if field == Field::BidSize { Some(size(Side::Buy, 999)) } else { of(1_000, 1_003)(field) };
    assert!(whole(torn, sides).is_err());
    assert!(whole(of(1_000, 1_003), |_| true).is_err(), "no middle");
    let wild = |field| if field == Field::Bid { Some(Decimal::from(-7)) } else { None };
    assert!(whole(wild, sides).is_err());
}
