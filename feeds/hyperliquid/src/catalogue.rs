//! `meta` and `spotMeta`: the coins and what we call them.
//!
//! | coin | canonical name | from |
//! |---|---|---|
//! | `BTC` | `HYPERLIQUID:BTC-USDC-PERP` | `meta`: `name`, `collateralToken` (USDC where it is not said), its name in `spotMeta` |
//! | `kPEPE` | `HYPERLIQUID:KPEPE-USDC-PERP` | the same |
//! | `xyz:SP500` | `HYPERLIQUID:XYZ_SP500-USDC-PERP` | `meta` of a builder's dex |
//! | `@107` | `HYPERLIQUID:HYPE-USDC` | `spotMeta`: the names of both `tokens` |
//! | one whose name is taken already, or whose tokens are not listed | `HYPERLIQUID:_107` | the coin itself |
//!
//! The coin is never cut. Delisted ones are left out: they would be acknowledged, and then tell empty books for ever.

use std::collections::{HashMap, HashSet};

use feed::json::Text;
use feed::listing::{Listed, sound};
use feed::{CatalogueError, Instruments, RestAnswer};
use market::Symbol;
use serde::Deserialize;

/// The path by which its answers are recognised among others.
pub(crate) const PATH: &str = "/info";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    universe: Listed<'a>,
    /// Of `spotMeta` only.
    #[serde(borrow, default)]
    tokens: Option<Listed<'a>>,
    /// Of `meta` only.
    #[serde(default)]
    collateral_token: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default)]
    is_delisted: bool,
    /// Of `spotMeta` only: base and quote.
    #[serde(default)]
    tokens: Option<[u32; 2]>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    index: u32,
}

/// Adds every coin of every answer. Answers to other questions are passed over, and so are coins beyond the capacity of
/// `instruments`.
pub(crate) fn read(answers: &[RestAnswer], instruments: &mut Instruments) -> Result<(), CatalogueError> {
    let is_ours =
        |answer: &&RestAnswer| answer.url.split([' ', '?']).next().is_some_and(|url| url.ends_with(PATH));
    let mut read = Vec::new();
    for answer in answers.iter().filter(is_ours) {
        let answer: Answer<'_> = serde_json::from_str(&answer.body)
            .map_err(|error| CatalogueError(format!("coins are not as documented: {error}")))?;
        let tokens = sound::<Token<'_>>(answer.tokens.as_deref().unwrap_or_default(), instruments)?;
        let entries = sound::<Entry<'_>>(&answer.universe, instruments)?;
        read.push((answer.collateral_token, entries, tokens));
    }
    let tokens: HashMap<u32, &str> =
        read.iter().flat_map(|(_, _, tokens)| tokens).map(|t| (t.index, &*t.name)).collect();
    let mut taken = HashSet::new();
    for (collateral, entries, _) in &read {
        let collateral = match collateral {
            None => Some("USDC"),
            // Names are made of it: without it every one would be another.
            Some(index) if !tokens.is_empty() => match tokens.get(index) {
                Some(name) => Some(*name),
                None => return Err(CatalogueError(format!("token {index}, the collateral, is not listed"))),
            },
            Some(_) => None,
        };
        for entry in entries.iter().filter(|entry| !entry.is_delisted) {
            let name = match entry.tokens {
                Some([base, quote]) => {
                    tokens.get(&base).zip(tokens.get(&quote)).map(|(base, quote)| format!("{base}-{quote}"))
                }
                None => collateral.map(|collateral| format!("{}-{collateral}-PERP", &*entry.name)),
            };
            let venue = instruments.venue();
            let named = name.and_then(|name| Symbol::of_venue(venue, &name).ok());
            let free = named.filter(|symbol| taken.insert(symbol.clone()));
            if let Some(symbol) = free.or_else(|| Symbol::of_venue(venue, &entry.name).ok()) {
                instruments.add(&entry.name, symbol);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#"{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":40,"marginTableId":56},{"name":"kPEPE","szDecimals":0},{"name":"MATIC","szDecimals":1,"isDelisted":true}],"marginTables":[[50,{}]],"collateralToken":0}"#;
    const SPOT: &str = r#"{"universe":[{"tokens":[1,0],"name":"PURR/USDC","index":0,"isCanonical":true},{"tokens":[150,0],"name":"@107","index":107,"isCanonical":false},{"tokens":[151,0],"name":"@108","index":108},{"tokens":[999,0],"name":"@109","index":109}],"tokens":[{"name":"USDC","szDecimals":8,"index":0},{"name":"PURR","szDecimals":0,"index":1},{"name":"HYPE","index":150},{"name":"HYPE","index":151},{"name":"USDH","index":360}]}"#;
    const BUILDER: &str =
        r#"{"universe":[{"name":"flx:TSLA","szDecimals":3}],"marginTables":[],"collateralToken":360}"#;

    fn check(bodies: &[&str]) -> (Result<(), CatalogueError>, Vec<String>) {
        let mut instruments = Instruments::new("HYPERLIQUID", 20);
        let answers: Vec<RestAnswer> = bodies
            .iter()
            .map(|body| RestAnswer {
                url: r#"https://api.hyperliquid.xyz/info {"type":"meta"}"#.to_owned(),
                body: (*body).to_owned(),
            })
            .collect();
        let result = read(&answers, &mut instruments);
        (result, instruments.iter().map(|(_, i)| format!("{} {}", i.native, i.symbol)).collect())
    }

    #[test]
    fn every_kind_of_coin_has_its_form() {
        let (result, names) = check(&[META, SPOT, BUILDER]);
        assert_eq!(result, Ok(()));
        assert_eq!(
            names,
            [
                "BTC HYPERLIQUID:BTC-USDC-PERP",
                "kPEPE HYPERLIQUID:KPEPE-USDC-PERP",
                "PURR/USDC HYPERLIQUID:PURR-USDC",
                "@107 HYPERLIQUID:HYPE-USDC",
                "@108 HYPERLIQUID:_108",
                "@109 HYPERLIQUID:_109",
                "flx:TSLA HYPERLIQUID:FLX_TSLA-USDH-PERP",
            ]
        );
    }

    #[test]
    fn without_tokens_a_collateral_is_usdc_or_unnamed() {
        let (_, names) = check(&[r#"{"universe":[{"name":"BTC","szDecimals":5}]}"#]);
        assert_eq!(names, ["BTC HYPERLIQUID:BTC-USDC-PERP"], "an answer of 2023");
        let (_, names) = check(&[BUILDER]);
        assert_eq!(names, ["flx:TSLA HYPERLIQUID:FLX_TSLA"]);
    }

    #[test]
    fn faults_are_named() {
        assert!(check(&["null"]).0.is_err() && check(&["<html>"]).0.is_err());
        let mut instruments = Instruments::new("HYPERLIQUID", 10);
        let other = RestAnswer { url: "-".into(), body: "<html>".into() };
        assert_eq!(read(&[other], &mut instruments), Ok(()), "not an answer to our question");
    }
}
