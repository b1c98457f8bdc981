//! Who is open, whichever loop writes it: opening, addressing everybody, ending everybody.

use std::sync::Arc;

use market::Clock;
use table::SymbolId;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, EndReason};
use crate::home::Home;
use crate::signal::{Notifier, Signal};

/// All open streams, by the writer loops that they live with.
#[derive(Debug)]
pub(crate) struct Hub {
    clock: Arc<dyn Clock>,
    pub(crate) signal: Arc<Signal>,
    homes: Box<[Arc<Home>]>,
}

impl Hub {
    pub(crate) fn new(clock: Arc<dyn Clock>, signal: Arc<Signal>, homes: Box<[Arc<Home>]>) -> Hub {
        Hub { clock, signal, homes }
    }

    pub(crate) fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.signal))
    }

    /// Takes a stream in where the fewest are; [`Home::leave`] lets it go. `waits`: symbols that come into the table later
    /// may concern it. `kill` ends its connection's task.
    pub(crate) fn join(
        &self,
        symbols: &[SymbolId],
        waits: bool,
        kill: Option<CancellationToken>,
    ) -> Arc<Client> {
        let home = self.homes.iter().min_by_key(|home| home.len()).expect("an edge has a writer loop");
        let now = self.clock.monotonic();
        home.join(symbols.into(), waits, |place| Client::new(Arc::clone(home), place, kill, now))
    }

    /// Every open stream and long poll, as it is now.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        self.homes.iter().flat_map(|home| home.clients()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.homes.iter().all(|home| home.len() == 0)
    }

    /// Asks every stream to say goodbye.
    pub(crate) fn end_all(&self, reason: EndReason) {
        let now = self.clock.monotonic();
        for client in self.clients() {
            client.wake_end(reason, now);
        }
    }

    /// Ends every connection that still has a stream, without a word.
    pub(crate) fn kill_all(&self, reason: EndReason) {
        for client in self.clients() {
            client.kill(reason);
        }
    }
}
