//! One file of a recording while it is written.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use market::Micros;

use super::CaptureWriter;
use super::folder::{PartName, named};
use super::record::Shared;

/// A file that is being written.
pub(super) struct Part {
    pub(super) writer: CaptureWriter,
    /// Where it is and what it will be called; none for a writer of somebody else.
    pub(super) file: Option<(File, PathBuf)>,
    pub(super) name: Option<PartName>,
    pub(super) began: Micros,
    /// Bytes in front of the writer's.
    before: u64,
    /// Bytes of the whole head.
    pub(super) head: u64,
    /// The writer's bytes that are counted already.
    counted: u64,
    /// Records at the last flush.
    flushed: u64,
}

impl Part {
    pub(super) const fn new(
        writer: CaptureWriter,
        file: Option<(File, PathBuf)>,
        name: Option<PartName>,
        began: Micros,
        before: u64,
    ) -> Part {
        Part { writer, file, name, began, before, head: before, counted: 0, flushed: 0 }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.before + self.writer.bytes()
    }

    pub(super) fn flush(&mut self, shared: &Shared) -> io::Result<()> {
        if self.writer.records() > self.flushed {
            self.flushed = self.writer.records();
            let flushed = self.writer.flush();
            self.named(flushed)?;
            self.count(shared);
        }
        Ok(())
    }

    /// A fault says which file it is about.
    pub(super) fn named(&self, result: io::Result<()>) -> io::Result<()> {
        match &self.file {
            Some((_, path)) => result.map_err(|error| named(path, &error)),
            None => result,
        }
    }

    pub(super) fn count(&mut self, shared: &Shared) {
        let bytes = self.bytes();
        shared.bytes.fetch_add(bytes - self.counted, Ordering::Relaxed);
        self.counted = bytes;
    }
}
