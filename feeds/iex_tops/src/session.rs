//! Where to listen, and what a wish is called.

use std::time::Duration;

use feed::{
    CatalogueError, Decoder, Instrument, InstrumentId, Instruments, KeepAlive, Limits, Overrides, RestAnswer,
    Session,
};

use crate::{Tops, catalogue};

/// The rules of a group that IEX sends TOPS to.
#[derive(Clone, Debug)]
pub struct IexTops {
    venue: String,
    group: Option<String>,
}

/// A session; `ws_url` is the group: `udp://GROUP:PORT?interface=ADDRESS`.
pub fn session(overrides: &Overrides) -> Box<dyn Session> {
    Box::new(IexTops::new(overrides))
}

impl IexTops {
    /// A session with these overrides.
    pub fn new(overrides: &Overrides) -> IexTops {
        IexTops {
            venue: overrides.venue.clone().unwrap_or_else(|| "IEX".to_owned()),
            group: overrides.ws_url.clone(),
        }
    }
}

impl Session for IexTops {
    fn venue(&self) -> &str {
        &self.venue
    }

    fn catalogue_urls(&self) -> Vec<String> {
        Vec::new()
    }

    fn catalogue(&self, _: &[RestAnswer], _: &mut Instruments) -> Result<(), CatalogueError> {
        Ok(())
    }

    fn named(&self, wish: &str) -> Option<Instrument> {
        if wish == "*" {
            return None;
        }
        let native = catalogue::native(&self.venue, wish)?;
        let symbol = catalogue::symbol(&self.venue, &native)?;
        Some(Instrument { native: native.into(), symbol })
    }

    fn names_what_it_sends(&self) -> bool {
        true
    }

    fn endpoint(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> String {
        // No address: what is not configured will not come by listening, and this is how the feed ends with it.
        self.group.clone().unwrap_or_else(|| "udp://the group of this feed is not configured".to_owned())
    }

    fn subscribe(&self, _instruments: &Instruments, _wanted: &[InstrumentId]) -> Vec<String> {
        Vec::new()
    }

    fn keep_alive(&self) -> KeepAlive {
        // Nobody listens to us.
        KeepAlive { every: Duration::MAX, text: None }
    }

    fn limits(&self) -> Limits {
        Limits {
            // Everything comes over one group, whatever is wanted of it.
            instruments_per_connection: usize::MAX,
            // A segment comes each second; five are missed before that is silence.
            silence: Duration::from_secs(5),
            ..Limits::default()
        }
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Tops::new())
    }
}
