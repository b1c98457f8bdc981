//! Recorded sessions and single frames, as lines in the order of their receive times.

use std::fs;
use std::path::{Path, PathBuf};

use feed::RestAnswer;
use feed::capture::{CaptureReader, Payload, read_rest};
use market::Micros;

/// One thing that the venue sent.
pub(crate) enum Line {
    Text(String),
    Rest(String, String),
}

/// A recording with the answers of its catalogue.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) answers: Vec<RestAnswer>,
    pub(crate) lines: Vec<(Micros, Line)>,
}

impl Recording {
    /// Reads `NAME.cap.gz` with its `NAME.rest.gz`, or a table of single frames (`name TAB text`).
    pub(crate) fn open(path: &Path) -> Recording {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = match folder.as_ref() {
            "fixtures" => file.replace(".cap.gz", ""),
            preset => format!("{preset} {}", file.replace(".cap.gz", "")),
        };
        if path.extension().is_some_and(|ending| ending == "tsv") {
            let text = fs::read_to_string(path).expect("single frames among the fixtures");
            let frames = text.lines().filter_map(|line| line.split_once('\t'));
            let lines = frames.map(|(_, text)| (Micros(0), Line::Text(text.to_owned()))).collect();
            return Recording { name, answers: Vec::new(), lines };
        }
        let beside = rest_beside(path);
        let answers = beside.as_deref().map(|path| read_rest(path).expect("recorded answers"));
        let mut lines = beside.as_deref().map(lines).unwrap_or_default();
        lines.extend(self::lines(path));
        lines.sort_by_key(|(at, _)| *at);
        Recording { name, answers: answers.unwrap_or_default(), lines }
    }

    /// The same recording with each text changed by `complete`, which sees them in their order.
    pub(crate) fn completed(mut self, mut complete: impl FnMut(&str) -> Option<String>) -> Recording {
        for (_, line) in &mut self.lines {
            if let Line::Text(text) = line
                && let Some(other) = complete(text)
            {
                *text = other;
            }
        }
        self
    }
}

fn lines(path: &Path) -> Vec<(Micros, Line)> {
    let mut reader = CaptureReader::open(path).expect("a recording among the fixtures");
    let mut lines = Vec::new();
    while let Some(record) = reader.next().expect("a whole recording") {
        let line = match record.payload {
            Payload::Text(text) => Line::Text(text.to_owned()),
            Payload::Rest { url, body } => Line::Rest(url.to_owned(), body.to_owned()),
            // No other library here reads a venue of binary frames that we hold a recording of.
            Payload::Binary(_) | Payload::Opened(_) | Payload::Sent(_) => continue,
        };
        lines.push((record.ts_recv(), line));
    }
    lines
}

/// `20210417-book.cap.gz` has `20210417.rest.gz`.
fn rest_beside(capture: &Path) -> Option<PathBuf> {
    let mut stem = capture.file_name()?.to_str()?.split(".cap").next()?;
    loop {
        let candidate = capture.with_file_name(format!("{stem}.rest.gz"));
        if candidate.is_file() {
            return Some(candidate);
        }
        stem = stem.rsplit_once('-')?.0;
    }
}
