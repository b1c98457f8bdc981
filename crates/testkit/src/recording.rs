//! A whole recording in memory, ready to be played or decoded.

use std::path::Path;

use feed::RestAnswer;
use feed::capture::{CaptureReader, Payload, read_rest};

use crate::script::{Recorded, Script};

/// What a capture file and the recorded HTTP answers beside it hold.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// URLs of the connections that were opened, in order.
    pub opened: Vec<String>,
    /// Texts that the recorder sent, over all connections.
    pub sent: Vec<String>,
    /// Frames that the venue sent, over all connections, in order of arrival.
    pub frames: Vec<Recorded>,
    /// HTTP answers: those of the capture itself, then those of `NAME.rest.gz` beside `NAME.cap.gz`.
    pub rest: Vec<RestAnswer>,
}

impl Session {
    /// Reads a capture file, and the recorded HTTP answers beside it if there are any.
    ///
    /// # Panics
    /// When a file cannot be read; the message names it.
    pub fn read(capture: &Path) -> Session {
        let mut reader = CaptureReader::open(capture).unwrap_or_else(|error| panic!("{error}"));
        let mut session = Session::default();
        while let Some(record) = reader.next().unwrap_or_else(|error| panic!("{error}")) {
            let at = record.ts_recv();
            match record.payload {
                Payload::Opened(url) => session.opened.push(url.to_owned()),
                Payload::Sent(text) => session.sent.push(text.to_owned()),
                Payload::Text(text) => session.frames.push(Recorded::text(text).at(at)),
                Payload::Binary(bytes) => session.frames.push(Recorded::binary(bytes).at(at)),
                Payload::Rest { url, body } => {
                    session.rest.push(RestAnswer { url: url.to_owned(), body: body.to_owned() });
                }
            }
        }
        let name = capture.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let beside = capture.with_file_name(name.replacen(".cap", ".rest", 1));
        if beside != capture && beside.exists() {
            session.rest.extend(read_rest(&beside).unwrap_or_else(|error| panic!("{error}")));
        }
        session
    }

    /// A script that serves the HTTP answers and plays the frames after the first text.
    pub fn script(&self) -> Script {
        Script::new(self.frames.iter().cloned()).rest(self.rest.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use feed::capture::{CaptureWriter, Record};

    use super::*;

    #[test]
    fn a_capture_and_the_answers_beside_it_become_one_session() {
        let folder = std::env::temp_dir().join(format!("quotewire-testkit-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, payloads: &[Payload<'_>]| {
            let path = folder.join(name);
            let _ = std::fs::remove_file(&path);
            let mut writer = CaptureWriter::create(&path).unwrap();
            for payload in payloads {
                writer.write(&Record { recv_ns: 5_000, payload: *payload }).unwrap();
            }
            writer.finish().unwrap();
            path
        };
        let rest = Payload::Rest { url: "https://a.example/x", body: "{}" };
        write("day.rest.gz", &[rest]);
        let capture = write(
            "day.cap.gz",
            &[
                Payload::Opened("wss://a.example"),
                Payload::Sent("sub"),
                Payload::Text("t"),
                Payload::Binary(b"b"),
            ],
        );
        let session = Session::read(&capture);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((session.opened.len(), session.sent.as_slice()), (1, ["sub".to_owned()].as_slice()));
        assert_eq!(session.frames[0], Recorded::text("t").at(market::Micros(5)));
        assert_eq!(session.frames[1].payload, crate::script::Payload::Binary(b"b".to_vec()));
        assert_eq!((session.script().rest.len(), session.script().frames.len()), (1, 2));
    }
}
