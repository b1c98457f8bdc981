//! A decoder that is played by somebody else and can still be asked what it counted.

use std::sync::{Arc, Mutex, PoisonError};

use feed::{Batch, DecodeError, Decoder, Frame};
use market::Micros;

/// A decoder that stays with a test while something else reads through it.
#[derive(Debug, Default)]
pub struct Kept<D>(Arc<Mutex<D>>);

impl<D> Clone for Kept<D> {
    fn clone(&self) -> Kept<D> {
        Kept(Arc::clone(&self.0))
    }
}

impl<D> Kept<D> {
    /// Keeps that one.
    pub fn new(decoder: D) -> Kept<D> {
        Kept(Arc::new(Mutex::new(decoder)))
    }

    /// A look at it.
    pub fn look<T>(&self, look: impl FnOnce(&D) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<D: Decoder> Decoder for Kept<D> {
    fn decode(
        &mut self,
        frame: Frame<'_>,
        ts_recv: Micros,
        batch: &mut Batch,
    ) -> Result<&'static str, DecodeError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).decode(frame, ts_recv, batch)
    }

    fn rest(&mut self, url: &str, body: &str, ts_recv: Micros, batch: &mut Batch) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rest(url, body, ts_recv, batch);
    }
}
