//! What messages are counted as: channel and action.

/// Channel, and its kinds as a snapshot and as an update. The busiest come first.
static KINDS: [(&str, &str, &str); 15] = [
    ("books1", "books1:snapshot", "books1:update"),
    ("books", "books:snapshot", "books:update"),
    ("trade", "trade:snapshot", "trade:update"),
    ("ticker", "ticker:snapshot", "ticker:update"),
    ("books5", "books5:snapshot", "books5:update"),
    ("books15", "books15:snapshot", "books15:update"),
    ("candle1m", "candle1m:snapshot", "candle1m:update"),
    ("candle5m", "candle5m:snapshot", "candle5m:update"),
    ("candle15m", "candle15m:snapshot", "candle15m:update"),
    ("candle30m", "candle30m:snapshot", "candle30m:update"),
    ("candle1H", "candle1H:snapshot", "candle1H:update"),
    ("candle4H", "candle4H:snapshot", "candle4H:update"),
    ("candle12H", "candle12H:snapshot", "candle12H:update"),
    ("candle1D", "candle1D:snapshot", "candle1D:update"),
    ("candle1W", "candle1W:snapshot", "candle1W:update"),
];

/// The kind of a message.
pub(super) fn of(channel: &str, snapshot: bool) -> &'static str {
    match KINDS.iter().find(|(name, _, _)| *name == channel) {
        Some((_, of_snapshot, _)) if snapshot => of_snapshot,
        Some((_, _, of_update)) => of_update,
        None => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_spelled_as_channel_and_action() {
        for (channel, _, _) in KINDS {
            assert_eq!(of(channel, true), format!("{channel}:snapshot"));
            assert_eq!(of(channel, false), format!("{channel}:update"));
        }
        assert_eq!(of("candle3D", true), "other");
    }
}
