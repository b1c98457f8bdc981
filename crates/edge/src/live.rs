//! Open streams by their id: what their bodies and the control resource share.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::Client;
use crate::outbox::Outbox;

/// One open stream.
#[derive(Debug)]
pub(crate) struct Live {
    /// 128 random bits: knowing them is what allows to change the stream.
    pub(crate) id: u128,
    pub(crate) client: Arc<Client>,
    /// Locked by the body while it composes, and by a change of the subscription: so nothing of a removed symbol is
    /// made after the change has been answered.
    pub(crate) outbox: Mutex<Outbox>,
    pub(crate) opened: Opened,
}

/// What a stream was opened with and cannot change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) snapshot: bool,
    /// What a client that is sent away waits before it comes back.
    pub(crate) retry_ms: u64,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) max_age_ms: Option<u64>,
}

impl Live {
    /// The id as `hello` tells it.
    pub(crate) fn name(&self) -> String {
        name(self.id)
    }
}

/// The text of a stream's id.
pub(crate) fn name(id: u128) -> String {
    format!("{id:032x}")
}

/// Every open stream.
#[derive(Debug, Default)]
pub(crate) struct LiveStreams(Mutex<HashMap<u128, Arc<Live>>>);

impl LiveStreams {
    pub(crate) fn add(&self, live: &Arc<Live>) {
        self.0.lock().insert(live.id, Arc::clone(live));
    }

    pub(crate) fn remove(&self, id: u128) {
        self.0.lock().remove(&id);
    }

    /// The one stream that is open.
    #[cfg(test)]
    pub(crate) fn only(&self) -> String {
        let streams = self.0.lock();
        assert_eq!(streams.len(), 1, "one stream is open");
        streams.keys().map(|&id| name(id)).collect()
    }

    /// The stream of that name, if it is open. Only the one text of an id is taken: 32 lower-case hex digits.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Live>> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if name.len() != 32 || !name.bytes().all(hex) {
            return None;
        }
        let id = u128::from_str_radix(name, 16).ok()?;
        self.0.lock().get(&id).cloned()
    }
}
