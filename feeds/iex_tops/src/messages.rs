//! Messages of TOPS 1.6, borrowed from their segment.

use market::{Decimal, Micros};

use crate::segment::{le32, le64};

/// Decimals of every price.
const DECIMALS: u32 = 4;

/// One message, as far as it can move a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// `Q`: the whole top of one symbol.
    Quote(Quote<'a>),
    /// `T`: a trade.
    Trade(Trade<'a>),
    /// `B`: a trade that is taken back.
    Break(Trade<'a>),
    /// `H`: whether the symbol trades.
    Trading(&'a str, Micros, bool),
    /// `O`: whether IEX itself has halted the symbol.
    Operational(&'a str, Micros, bool),
    /// `S`: what the day has come to.
    System(u8),
    /// `D`: the symbol is there.
    Directory(&'a str),
    /// A type that moves no quote, or one that came later than this was written.
    Other,
    /// Shorter than its type has it, or without a symbol.
    Unreadable,
}

/// `Q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quote<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) at: Micros,
    /// Whether the symbol can be traded.
    pub(crate) available: bool,
    pub(crate) bid: (Option<Decimal>, Option<Decimal>),
    pub(crate) ask: (Option<Decimal>, Option<Decimal>),
}

/// `T` and `B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trade<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) at: Micros,
    pub(crate) size: u32,
    pub(crate) price: i64,
    pub(crate) id: i64,
}

impl<'a> Message<'a> {
    /// Reads one message. Bytes behind the known ones are those of a later version and are passed over.
    pub(crate) fn read(bytes: &'a [u8]) -> Message<'a> {
        Message::of_kind(bytes).unwrap_or(Message::Unreadable)
    }

    fn of_kind(bytes: &'a [u8]) -> Option<Message<'a>> {
        let (kind, flags) = (*bytes.first()?, bytes.get(1).copied());
        let at = Micros::from_nanos(le64(bytes, 2));
        let long = |least: usize| (bytes.len() >= least).then(|| symbol(bytes)).flatten();
        Some(match kind {
            b'Q' => {
                let symbol = long(42)?;
                let bid = side(le64(bytes, 22), le32(bytes, 18));
                let ask = side(le64(bytes, 30), le32(bytes, 38));
                Message::Quote(Quote { symbol, at, available: flags? & 0x80 == 0, bid, ask })
            }
            b'T' | b'B' => {
                let symbol = long(38)?;
                let (size, price, id) = (le32(bytes, 18), le64(bytes, 22), le64(bytes, 30));
                let trade = Trade { symbol, at, size, price, id };
                if kind == b'T' { Message::Trade(trade) } else { Message::Break(trade) }
            }
            b'H' => Message::Trading(long(22)?, at, flags? == b'T'),
            b'O' => Message::Operational(long(18)?, at, flags? != b'O'),
            b'S' => Message::System(flags.filter(|_| bytes.len() >= 10)?),
            b'D' => Message::Directory(long(31)?),
            _ => Message::Other,
        })
    }
}

impl Trade<'_> {
    /// The price with its four decimals.
    pub(crate) fn price(&self) -> Decimal {
        Decimal::new(self.price, DECIMALS)
    }
}

/// One side of the top: without a price above zero there is none.
fn side(price: i64, size: u32) -> (Option<Decimal>, Option<Decimal>) {
    if price <= 0 { (None, None) } else { (Some(Decimal::new(price, DECIMALS)), Some(size.into())) }
}

/// The symbol of a message, which stands at the same place in all of them.
fn symbol(bytes: &[u8]) -> Option<&str> {
    let padded = bytes.get(10..18)?;
    let length = padded.iter().position(|&byte| byte == b' ').unwrap_or(padded.len());
    let (name, padding) = padded.split_at(length);
    let good =
        !name.is_empty() && name.iter().all(u8::is_ascii_graphic) && padding.iter().all(|&b| b == b' ');
    std::str::from_utf8(name).ok().filter(|_| good)
}
