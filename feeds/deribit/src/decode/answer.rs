//! Answers to our calls: what was accepted, what was left out, what was refused.

use feed::json::Text;
use feed::{Batch, DecodeError, InstrumentId};
use market::Reason;

use super::shapes::Envelope;
use crate::session::{FIRST_CALL, INSTRUMENTS_PER_CALL};

/// `too_many_requests`: the call can be made again later, on another connection.
const TOO_MANY_REQUESTS: i64 = 10_028;

/// The answer to one of our calls.
pub(super) fn read(envelope: &Envelope<'_>, batch: &mut Batch) -> Result<&'static str, DecodeError> {
    let first = envelope.number().and_then(|number| number.checked_sub(FIRST_CALL));
    let asked = first.and_then(|first| usize::try_from(first).ok()).map(|first| {
        let from = first.saturating_mul(INSTRUMENTS_PER_CALL);
        from..from.saturating_add(INSTRUMENTS_PER_CALL)
    });
    let ids = |batch: &Batch| -> Vec<InstrumentId> {
        let asked = asked.clone().unwrap_or(0..0);
        batch.instruments.iter().map(|(id, _)| id).filter(|id| asked.contains(&id.place())).collect()
    };
    if let Some(error) = &envelope.error {
        if asked.is_some() && error.code == TOO_MANY_REQUESTS {
            return Err(DecodeError::Reconnect(Reason::Venue));
        }
        let ids = ids(batch);
        batch.refused.extend(ids.iter().map(|&id| (Some(id), error.to_string())));
        if ids.is_empty() {
            batch.refused.push((None, error.to_string()));
        }
        return Ok("rpc:error");
    }
    let Some(result) = envelope.result else { return Err(DecodeError::Garbage("neither result nor error")) };
    if asked.is_some()
        && let Ok(accepted) = serde_json::from_str::<Vec<Text<'_>>>(result.get())
    {
        let names = accepted.iter().filter_map(|channel| channel.split('.').nth(1));
        let accepted: Vec<InstrumentId> = names.filter_map(|name| batch.instruments.find(name)).collect();
        let ids = ids(batch);
        // Accepted instruments that were not asked for show a recording that numbers its calls in another way.
        if accepted.iter().all(|id| ids.contains(id)) {
            let left_out = ids.into_iter().filter(|id| !accepted.contains(id));
            batch.refused.extend(left_out.map(|id| (Some(id), "left out of the accepted channels".into())));
        }
    }
    Ok("rpc:result")
}
