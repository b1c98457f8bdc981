//! HTX's channels: what their names say, and the kinds of their frames.

/// What a channel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// `bbo`.
    Best,
    /// A whole book each time, with prices as they are.
    Whole,
    /// `depth.size_N.high_freq`: a book, then changes that count up.
    Counted,
    /// `mbp.N`: changes that chain, to a book that has to be asked for.
    Chained,
    /// `trade.detail`.
    Trades,
    /// `detail` and `ticker`.
    Day,
    /// `mark_price.PERIOD`.
    Mark,
    /// `index.PERIOD`.
    Index,
    /// `basis.PERIOD.TYPE`.
    Basis,
    /// What fills no field: candles, books with merged prices, interest.
    Other,
}

/// Every channel that is told apart by its whole name, with the kind of its frames.
const CHANNELS: [(&str, Channel); 48] = [
    ("bbo", Channel::Best),
    ("trade.detail", Channel::Trades),
    ("detail", Channel::Day),
    ("ticker", Channel::Day),
    ("depth.step0", Channel::Whole),
    ("mbp.refresh.5", Channel::Whole),
    ("mbp.refresh.10", Channel::Whole),
    ("mbp.refresh.20", Channel::Whole),
    ("mbp.5", Channel::Chained),
    ("mbp.10", Channel::Chained),
    ("mbp.20", Channel::Chained),
    ("mbp.150", Channel::Chained),
    ("mbp.400", Channel::Chained),
    ("depth.size_20.high_freq", Channel::Counted),
    ("depth.size_150.high_freq", Channel::Counted),
    // Of derivatives: twenty levels, not merged.
    ("depth.step6", Channel::Whole),
    ("depth.step1", Channel::Other),
    ("depth.step2", Channel::Other),
    ("depth.step3", Channel::Other),
    ("depth.step4", Channel::Other),
    ("depth.step5", Channel::Other),
    ("depth.step7", Channel::Other),
    ("depth.step8", Channel::Other),
    ("depth.step9", Channel::Other),
    ("depth.step10", Channel::Other),
    ("depth.step11", Channel::Other),
    ("depth.step12", Channel::Other),
    ("depth.step13", Channel::Other),
    ("depth.step14", Channel::Other),
    ("depth.step15", Channel::Other),
    ("depth.step16", Channel::Other),
    ("depth.step17", Channel::Other),
    ("depth.step18", Channel::Other),
    ("depth.step19", Channel::Other),
    ("kline.1min", Channel::Other),
    ("kline.5min", Channel::Other),
    ("kline.15min", Channel::Other),
    ("kline.30min", Channel::Other),
    ("kline.60min", Channel::Other),
    ("kline.4hour", Channel::Other),
    ("kline.1day", Channel::Other),
    ("kline.1week", Channel::Other),
    ("kline.1mon", Channel::Other),
    ("kline.1year", Channel::Other),
    ("open_interest", Channel::Other),
    ("liquidation_orders", Channel::Other),
    ("premium_index", Channel::Other),
    ("estimated_rate", Channel::Other),
];

/// The channel of a name without `market.SYMBOL.`, and the kind of its frames: the name itself where it is known.
pub(super) fn of_name(name: &str) -> (Channel, &'static str) {
    if let Some(&(kind, channel)) = CHANNELS.iter().find(|(known, _)| *known == name) {
        return (channel, kind);
    }
    match name.split('.').next() {
        Some("mark_price") => (Channel::Mark, "mark_price"),
        Some("index") => (Channel::Index, "index"),
        Some("basis") => (Channel::Basis, "basis"),
        _ => (Channel::Other, "other"),
    }
}

/// Symbol and channel of a topic: `market.SYMBOL.CHANNEL`.
pub(super) fn parts(topic: &str) -> Option<(&str, &str)> {
    topic.strip_prefix("market.")?.split_once('.')
}
