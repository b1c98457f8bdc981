//! The public channels, and what their messages are counted as.

/// What a channel's messages hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Top, last and figures of 24 h.
    Ticker,
    /// The top.
    Best,
    /// Trades.
    Trades,
    /// Changes of a book that has to be fetched.
    Changes,
    /// A book and its changes.
    Obu,
    /// A few levels, whole.
    Levels,
    /// Nothing that fills a field.
    Other,
}

/// A public channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: &'static str,
    pub(super) what: What,
    pub(super) futures: bool,
    /// The kinds of its messages.
    pub(super) subscribe: &'static str,
    pub(super) update: &'static str,
    pub(super) all: &'static str,
}

impl PartialEq for Channel {
    fn eq(&self, other: &Channel) -> bool {
        self.name == other.name
    }
}

const fn spot(name: &'static str, what: What, kinds: [&'static str; 2]) -> Channel {
    Channel { name, what, futures: false, subscribe: kinds[0], update: kinds[1], all: kinds[1] }
}

const fn futures(name: &'static str, what: What, kinds: [&'static str; 2]) -> Channel {
    Channel { futures: true, ..spot(name, what, kinds) }
}

/// The busiest come first: the list is searched from the front.
static CHANNELS: [Channel; 17] = [
    spot("spot.book_ticker", What::Best, ["spot.book_ticker:subscribe", "spot.book_ticker:update"]),
    spot("spot.trades", What::Trades, ["spot.trades:subscribe", "spot.trades:update"]),
    spot("spot.tickers", What::Ticker, ["spot.tickers:subscribe", "spot.tickers:update"]),
    spot(
        "spot.order_book_update",
        What::Changes,
        ["spot.order_book_update:subscribe", "spot.order_book_update:update"],
    ),
    futures(
        "futures.book_ticker",
        What::Best,
        ["futures.book_ticker:subscribe", "futures.book_ticker:update"],
    ),
    futures("futures.trades", What::Trades, ["futures.trades:subscribe", "futures.trades:update"]),
    futures("futures.tickers", What::Ticker, ["futures.tickers:subscribe", "futures.tickers:update"]),
    futures(
        "futures.order_book_update",
        What::Changes,
        ["futures.order_book_update:subscribe", "futures.order_book_update:update"],
    ),
    spot("spot.obu", What::Obu, ["spot.obu:subscribe", "spot.obu:update"]),
    futures("futures.obu", What::Obu, ["futures.obu:subscribe", "futures.obu:update"]),
    spot("spot.order_book", What::Levels, ["spot.order_book:subscribe", "spot.order_book:update"]),
    Channel {
        all: "futures.order_book:all",
        ..futures(
            "futures.order_book",
            What::Levels,
            ["futures.order_book:subscribe", "futures.order_book:update"],
        )
    },
    spot("spot.trades_v2", What::Trades, ["spot.trades_v2:subscribe", "spot.trades_v2:update"]),
    spot("spot.candlesticks", What::Other, ["spot.candlesticks:subscribe", "spot.candlesticks:update"]),
    futures(
        "futures.candlesticks",
        What::Other,
        ["futures.candlesticks:subscribe", "futures.candlesticks:update"],
    ),
    futures(
        "futures.contract_stats",
        What::Other,
        ["futures.contract_stats:subscribe", "futures.contract_stats:update"],
    ),
    futures(
        "futures.public_liquidates",
        What::Other,
        ["futures.public_liquidates:subscribe", "futures.public_liquidates:update"],
    ),
];

impl Channel {
    /// The channel of that name.
    pub(super) fn named(name: &str) -> Option<&'static Channel> {
        CHANNELS.iter().find(|channel| channel.name == name)
    }
}

/// The channel whose book is fetched from the HTTP interface.
pub(super) fn order_book_update(futures: bool) -> &'static Channel {
    &CHANNELS[if futures { 7 } else { 3 }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_spelled_as_channel_and_event() {
        for channel in &CHANNELS {
            for (kind, event) in [(channel.subscribe, "subscribe"), (channel.update, "update")] {
                assert_eq!(kind, format!("{}:{event}", channel.name));
            }
            assert_eq!(channel.futures, channel.name.starts_with("futures."));
        }
        assert_eq!(order_book_update(false).name, "spot.order_book_update");
        assert_eq!(order_book_update(true).name, "futures.order_book_update");
    }
}
