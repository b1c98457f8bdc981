//! Venues as small numbers, and the venues of the two sides of a composite.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The most venues of a process: a number has ten bits, and 0 stands for none. There are 22 adapters.
pub const VENUES_MAX: usize = 1_023;

/// A venue that quotes come from, as a number that fits where no text does.
///
/// The list of names is the process's own and only grows: a name is kept for ever, so only what a configuration or an
/// adapter calls a venue may be put there, never what a client says.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Venue(NonZeroU16);

/// The names, each set once.
static NAMES: [OnceLock<&'static str>; VENUES_MAX] = [const { OnceLock::new() }; VENUES_MAX];
/// How many are set; held while a name is added.
static LEN: Mutex<usize> = Mutex::new(0);

impl Venue {
    /// The venue of that canonical name, new or known; `None` when there are [`VENUES_MAX`] others.
    pub fn intern(name: &str) -> Option<Venue> {
        let mut len = LEN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = NAMES[..*len].iter().position(|known| known.get() == Some(&name));
        let at = match known {
            Some(at) => at,
            None => {
                NAMES.get(*len)?.set(Box::leak(name.into())).ok()?;
                *len += 1;
                *len - 1
            }
        };
        u16::try_from(at + 1).ok().and_then(NonZeroU16::new).map(Venue)
    }

    /// Its canonical name.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0.get()) - 1).and_then(OnceLock::get).copied().unwrap_or_default()
    }
}

impl fmt::Debug for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose the best bid and the best ask of a composite are. Of the quote of one venue it says nothing.
///
/// | bits | what |
/// |---|---|
/// | 0 | it is a composite |
/// | 1 to 10 | venue of the bid, 0 for none |
/// | 11 to 20 | venue of the ask |
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides(u32);

impl Sides {
    /// How many bits there are.
    pub const BITS: u32 = 21;
    const VENUE: u32 = 0x3ff;

    /// The sides of a composite.
    pub fn of(bid: Option<Venue>, ask: Option<Venue>) -> Sides {
        let number = |venue: Option<Venue>| venue.map_or(0, |venue| u32::from(venue.0.get()));
        Sides(1 | number(bid) << 1 | number(ask) << 11)
    }

    /// Whether this is a composite's.
    #[inline]
    pub const fn is_composite(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whose the best bid is.
    pub fn bid(self) -> Option<Venue> {
        Sides::venue(self.0 >> 1)
    }

    /// Whose the best ask is.
    pub fn ask(self) -> Option<Venue> {
        Sides::venue(self.0 >> 11)
    }

    fn venue(bits: u32) -> Option<Venue> {
        u16::try_from(bits & Sides::VENUE).ok().and_then(NonZeroU16::new).map(Venue)
    }

    /// As a number of [`Sides::BITS`] bits.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The sides of those bits; higher ones are dropped.
    #[inline]
    pub const fn from_bits(bits: u32) -> Sides {
        Sides(bits & ((1 << Sides::BITS) - 1))
    }
}

impl fmt::Debug for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_composite() { write!(f, "{:?}/{:?}", self.bid(), self.ask()) } else { f.write_str("-") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_the_number_its_name() {
        let [kraken, okx] = ["KRAKEN", "OKX"].map(|name| Venue::intern(name).unwrap());
        assert_eq!(Venue::intern("KRAKEN"), Some(kraken));
        assert_ne!(kraken, okx);
        assert_eq!((kraken.name(), okx.name()), ("KRAKEN", "OKX"));
    }

    #[test]
    fn sides_find_their_way_through_their_bits() {
        let [kraken, okx] = ["KRAKEN", "OKX"].map(Venue::intern);
        for (bid, ask) in [(kraken, okx), (None, kraken), (okx, None), (None, None)] {
            let sides = Sides::of(bid, ask);
            assert!(sides.is_composite() && sides.bits() >> Sides::BITS == 0);
            let back = Sides::from_bits(sides.bits());
            assert_eq!((back.bid(), back.ask()), (bid, ask));
        }
        let last = Some(Venue(NonZeroU16::new(VENUES_MAX as u16).unwrap()));
        assert_eq!((Sides::of(last, None).bid(), Sides::of(None, last).ask()), (last, last));
        assert!(!Sides::default().is_composite());
        assert_eq!(Sides::default().bid(), None);
    }
}
