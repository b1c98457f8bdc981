//! What a request's symbols and patterns come to in the table.

use std::collections::HashSet;

use market::Symbol;
use table::{FeedId, SymbolId, Table};
use wire::{Pattern, SymbolReason};

/// A symbol or pattern of a request that is not served, and why.
pub(crate) type Rejected = (String, SymbolReason);

/// The symbols that are served.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) ids: Vec<SymbolId>,
    pub(crate) rejected: Vec<Rejected>,
    /// Those of the rejected that are good names of nothing that is here yet.
    pub(crate) unknown: Vec<Symbol>,
    /// The length of the table when the patterns were held against it.
    pub(crate) seen: usize,
}

/// The symbols that the table knows or that a pattern matches, at most `most` and none of `taken`; and the names of
/// those it does not have room or a quote for.
pub(crate) fn resolve(
    table: &Table,
    symbols: &[Symbol],
    patterns: &[Pattern],
    rejected: Vec<Rejected>,
    taken: &[SymbolId],
    most: usize,
) -> Resolved {
    // The length first: what comes up during the look is found by the next one.
    let seen = table.len();
    let mut resolved =
        Resolved { ids: Vec::with_capacity(symbols.len()), rejected, unknown: Vec::new(), seen };
    let mut known: HashSet<SymbolId> = taken.iter().copied().collect();
    for symbol in symbols {
        match table.find(symbol.as_str()) {
            None => {
                resolved.rejected.push((symbol.as_str().to_owned(), SymbolReason::Unknown));
                resolved.unknown.push(symbol.clone());
            }
            Some(id) if known.contains(&id) => {}
            Some(_) if taken.len() + resolved.ids.len() >= most => {
                resolved.rejected.push((symbol.as_str().to_owned(), SymbolReason::LimitReached));
            }
            Some(id) => {
                known.insert(id);
                resolved.ids.push(id);
            }
        }
    }
    for pattern in patterns {
        let mut matching: Vec<_> = (0..resolved.seen)
            .filter_map(|index| table.id(index))
            .filter(|id| !known.contains(id) && pattern.matches(table.symbol(*id).as_str()))
            .collect();
        let room = most.saturating_sub(taken.len() + resolved.ids.len());
        if matching.len() > room {
            matching.truncate(room);
            resolved.rejected.push((pattern.as_str().to_owned(), SymbolReason::LimitReached));
        }
        known.extend(&matching);
        resolved.ids.extend(matching);
    }
    resolved
}

/// The feeds whose venue stands in one of the symbols.
pub(crate) fn feeds_behind(table: &Table, symbols: &[SymbolId]) -> Vec<FeedId> {
    let venues: HashSet<&str> = symbols.iter().filter_map(|&id| table.symbol(id).venue()).collect();
    table
        .feeds()
        .into_iter()
        .filter(|(_, state)| venues.contains(state.info.venue.as_str()))
        .map(|(id, _)| id)
        .collect()
}
