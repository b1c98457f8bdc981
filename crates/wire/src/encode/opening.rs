//! How each member of a quote begins.

use market::Field;

/// A member up to and with the opening quote of its value, so that a number costs three copies: this, the digits, a
/// quote. `every_opening_is_the_fields_name` holds it to [`Field::name`].
pub(super) const fn opening(field: Field) -> &'static [u8] {
    match field {
        Field::Bid => b",\"bid\":\"",
        Field::BidSize => b",\"bid_size\":\"",
        Field::Ask => b",\"ask\":\"",
        Field::AskSize => b",\"ask_size\":\"",
        Field::Last => b",\"last\":\"",
        Field::LastSize => b",\"last_size\":\"",
        Field::LastSide => b",\"last_side\":\"",
        Field::Open24h => b",\"open_24h\":\"",
        Field::High24h => b",\"high_24h\":\"",
        Field::Low24h => b",\"low_24h\":\"",
        Field::Volume24h => b",\"volume_24h\":\"",
        Field::QuoteVolume24h => b",\"quote_volume_24h\":\"",
        Field::Change24h => b",\"change_24h\":\"",
        Field::ChangePct24h => b",\"change_pct_24h\":\"",
        Field::Mark => b",\"mark\":\"",
        Field::Index => b",\"index\":\"",
        Field::FundingRate => b",\"funding_rate\":\"",
        Field::Mid => b",\"mid\":\"",
        Field::Spread => b",\"spread\":\"",
        Field::Status => b",\"status\":\"",
        Field::TsEvent => b",\"ts_event\":\"",
        Field::TsRecv => b",\"ts_recv\":\"",
        Field::TsPub => b",\"ts_pub\":\"",
        Field::BidVenue => b",\"bid_venue\":\"",
        Field::AskVenue => b",\"ask_venue\":\"",
        Field::Cross => b",\"cross\":\"",
    }
}
