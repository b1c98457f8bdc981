//! IEX's symbols and what we call them: `AAPL` is `IEX:AAPL`, `BRK.B` is `IEX:BRK.B`.
//!
//! IEX spells symbols as Nasdaq's integrated platform does: a sign behind the root says what kind of paper it is. Signs that a
//! canonical name cannot have are spelled as `_` and the letters of the same convention (its CMS column), so that no two
//! symbols ever share a name: `AIG+` is `IEX:AIG_WS`.

use market::Symbol;

/// The signs and their letters (nasdaqtrader.com, ticker symbol convention). No spelling begins another, so a name can be read
/// back.
const SIGNS: [(char, &str); 10] = [
    ('+', "_WS"),   // warrants
    ('=', "_U"),    // units
    ('^', "_RT"),   // rights
    ('#', "_WI"),   // when issued
    ('$', "_WD"),   // when distributed
    ('*', "_CL"),   // called
    ('%', "_CV"),   // convertible
    ('!', "_EC"),   // emerging company marketplace
    ('@', "_PP"),   // partial paid
    ('~', "_TEST"), // test
];

/// Begins the code of any other character: two hexadecimal digits follow.
const CODE: &str = "_X";

/// The canonical symbol of a native one.
pub(crate) fn symbol(venue: &str, native: &str) -> Option<Symbol> {
    let mut name = String::with_capacity(native.len() + 4);
    for c in native.chars() {
        match SIGNS.iter().find(|(sign, _)| *sign == c) {
            Some((_, letters)) => name.push_str(letters),
            None if c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '/') => {
                name.push(c)
            }
            None => name.push_str(&format!("{CODE}{:02X}", u32::from(c) & 0xff)),
        }
    }
    Symbol::of_venue(venue, &name).ok()
}

/// The native symbol of a wish in either spelling, with or without the venue.
pub(crate) fn native(venue: &str, wish: &str) -> Option<String> {
    let upper = wish.to_ascii_uppercase();
    let name = match upper.split_once(':') {
        Some((named, name)) => Some(name).filter(|_| named.eq_ignore_ascii_case(venue))?,
        None => upper.as_str(),
    };
    let mut native = String::with_capacity(name.len());
    let mut left = name;
    while let Some(c) = left.chars().next() {
        let sign = SIGNS.iter().find(|(_, letters)| left.starts_with(letters));
        let code = left.strip_prefix(CODE).and_then(|rest| rest.get(..2));
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (found, length) = match (sign, code) {
            (Some((sign, letters)), _) => (*sign, letters.len()),
            (None, Some(code)) => (char::from(code), CODE.len() + 2),
            (None, None) => (c, c.len_utf8()),
        };
        native.push(found);
        left = &left[length..];
    }
    let good = (1..=8).contains(&native.len()) && native.bytes().all(|byte| byte.is_ascii_graphic());
    Some(native).filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_read_back() {
        for (iex, ours) in [
            ("AAPL", "IEX:AAPL"),
            ("BRK.B", "IEX:BRK.B"),
            ("BAC-A", "IEX:BAC-A"),
            ("AIG+", "IEX:AIG_WS"),
            ("AIG+A", "IEX:AIG_WSA"),
            ("ABC=", "IEX:ABC_U"),
            ("ABC^", "IEX:ABC_RT"),
            ("ABC-A#", "IEX:ABC-A_WI"),
            ("ABC_", "IEX:ABC_X5F"),
            ("ABCp", "IEX:ABC_X70"),
            ("ABC~", "IEX:ABC_TEST"),
        ] {
            let symbol = symbol("IEX", iex).unwrap();
            assert_eq!(symbol.as_str(), ours);
            for wish in [ours.to_owned(), ours.to_lowercase(), symbol.name().to_owned()] {
                assert_eq!(native("IEX", &wish).as_deref(), Some(iex), "{wish}");
            }
        }
        assert_eq!(native("IEX", "aig+").as_deref(), Some("AIG+"), "the venue's own spelling");
        for wish in ["", "*", "IEX:", "OKX:AAPL", "TOOLONGNAME", "A B", "\u{e4}", "A_X"] {
            let found = native("IEX", wish);
            assert!(matches!(wish, "*" | "A_X") == found.is_some(), "{wish}: {found:?}");
        }
    }
}
