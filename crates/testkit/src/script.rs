//! What an emulated venue serves and plays, and what goes wrong on which connection.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use feed::RestAnswer;
use market::Micros;

/// What one recorded WebSocket frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A WebSocket ping of the venue; the client has to answer it.
    Ping(Vec<u8>),
}

/// One recorded WebSocket frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When the recorder received it, if the recording knows.
    pub ts_recv: Option<Micros>,
    /// What it carries.
    pub payload: Payload,
}

impl Recorded {
    /// A text frame without a time.
    pub fn text(text: impl Into<String>) -> Recorded {
        Recorded { ts_recv: None, payload: Payload::Text(text.into()) }
    }

    /// A binary frame without a time.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Recorded {
        Recorded { ts_recv: None, payload: Payload::Binary(bytes.into()) }
    }

    /// A ping of the venue.
    pub fn ping(bytes: impl Into<Vec<u8>>) -> Recorded {
        Recorded { ts_recv: None, payload: Payload::Ping(bytes.into()) }
    }

    /// The same frame with the time at which it was received.
    #[must_use]
    pub fn at(mut self, ts_recv: Micros) -> Recorded {
        self.ts_recv = Some(ts_recv);
        self
    }

    /// The frame as a decoder gets it; `None` for a ping, which no decoder sees.
    pub fn frame(&self) -> Option<feed::Frame<'_>> {
        match &self.payload {
            Payload::Text(text) => Some(feed::Frame::Text(text)),
            Payload::Binary(bytes) => Some(feed::Frame::Binary(bytes)),
            Payload::Ping(_) => None,
        }
    }
}

impl From<String> for Recorded {
    fn from(text: String) -> Recorded {
        Recorded::text(text)
    }
}

impl From<&str> for Recorded {
    fn from(text: &str) -> Recorded {
        Recorded::text(text)
    }
}

/// One HTTP answer. Several for the same URL are given one after the other, the last one for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// URL or path with query; scheme, host and port are ignored, and so is the order of the query.
    pub url: String,
    /// Status code, or [`HttpAnswer::NEVER`].
    pub status: u16,
    /// Headers beside `content-length` and `connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl HttpAnswer {
    /// The status of a request that is read and never answered.
    pub const NEVER: u16 = 0;

    /// An answer with that status and an empty body.
    pub fn of_status(url: impl Into<String>, status: u16) -> HttpAnswer {
        HttpAnswer { url: url.into(), status, headers: Vec::new(), body: String::new() }
    }
}

impl From<RestAnswer> for HttpAnswer {
    fn from(answer: RestAnswer) -> HttpAnswer {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        HttpAnswer { url: answer.url, status: 200, headers, body: answer.body }
    }
}

/// Decides from the texts that a connection has sent whether its frames may start.
pub type Ready = Arc<dyn Fn(&[String]) -> bool + Send + Sync>;

/// When the frames of a connection start.
#[derive(Clone)]
pub enum Start {
    /// As soon as the connection is open (venues that take their subscription in the URL).
    AtOnce,
    /// After the client has sent that many texts.
    AfterTexts(usize),
    /// After the client has sent exactly these texts in this order. Any other text is a complaint, which fails every
    /// later wait of the test with a message that shows both.
    Exactly(Vec<String>),
    /// When the closure agrees. It sees all texts of the connection after each one, and once before the first.
    When(Ready),
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::AtOnce => f.write_str("AtOnce"),
            Start::AfterTexts(count) => write!(f, "AfterTexts({count})"),
            Start::Exactly(texts) => f.debug_tuple("Exactly").field(texts).finish(),
            Start::When(_) => f.write_str("When(..)"),
        }
    }
}

/// How fast frames follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the socket takes them.
    Free,
    /// One for each permit of [`crate::venue::Venue::step`].
    Stepped,
}

/// What goes wrong on a connection. Frames count from 0; "after n" means that n frames were sent whole before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The TCP connection is reset before a byte is read.
    ResetAtOnce,
    /// The handshake is answered with this HTTP status (403, 429, 503).
    Refuse(u16),
    /// The same with a `retry-after` header of that many seconds.
    RefuseFor(u16, u64),
    /// The handshake is read and never answered.
    NoHandshake,
    /// The handshake is answered only after this long.
    SlowHandshake(Duration),
    /// The connection is reset after n frames.
    ResetAfter(usize),
    /// The connection ends without a closing handshake after n frames.
    EndAfter(usize),
    /// A closing handshake with code and reason after n frames.
    CloseAfter(usize, u16, String),
    /// The connection stays open after n frames, and nothing is read or answered any more, not even a ping.
    StallAfter(usize),
    /// No more frames after n, while everything the client sends is still read and answered.
    QuietAfter(usize),
    /// Frame n is cut in half and its end replaced, so that it is no message of the venue any more (text stays text).
    Garble(usize),
    /// Frame n goes out as a text frame that is not UTF-8.
    BadUtf8(usize),
    /// Frame n is left out.
    Skip(usize),
    /// Frame n goes out twice.
    Duplicate(usize),
    /// Frames n and n + 1 change places.
    Swap(usize),
    /// A text message of this many bytes goes out before frame n.
    Oversized(usize, usize),
    /// A frame header that claims this many bytes goes out before frame n, followed by none of them.
    Claim(usize, u64),
}

/// What an emulated venue serves and plays. The fields may be set directly or through the methods of the same name.
#[derive(Clone, Debug)]
pub struct Script {
    /// HTTP answers.
    pub rest: Vec<HttpAnswer>,
    /// What every connection plays from its start.
    pub frames: Vec<Recorded>,
    /// What particular connections play instead, by number from 1.
    pub frames_of: Vec<(usize, Vec<Recorded>)>,
    /// When a connection's frames start.
    pub start: Start,
    /// How fast they follow each other.
    pub pace: Pace,
    /// Texts that get a text for an answer at any time (`ping` and `pong`).
    pub replies: Vec<(String, String)>,
    /// What goes wrong, from the first to the last connection number (both from 1, both inside).
    pub faults: Vec<(usize, usize, Fault)>,
}

impl Script {
    /// Plays these frames on every connection once the client has sent one text.
    pub fn new<R: Into<Recorded>>(frames: impl IntoIterator<Item = R>) -> Script {
        Script {
            rest: Vec::new(),
            frames: frames.into_iter().map(Into::into).collect(),
            frames_of: Vec::new(),
            start: Start::AfterTexts(1),
            pace: Pace::Free,
            replies: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds HTTP answers.
    #[must_use]
    pub fn rest<A: Into<HttpAnswer>>(mut self, answers: impl IntoIterator<Item = A>) -> Script {
        self.rest.extend(answers.into_iter().map(Into::into));
        self
    }

    /// Gives connection `number` (from 1) frames of its own.
    #[must_use]
    pub fn frames_of<R: Into<Recorded>>(
        mut self,
        number: usize,
        frames: impl IntoIterator<Item = R>,
    ) -> Script {
        self.frames_of.push((number, frames.into_iter().map(Into::into).collect()));
        self
    }

    /// Sets when frames start.
    #[must_use]
    pub fn start(mut self, start: Start) -> Script {
        self.start = start;
        self
    }

    /// Frames start when the closure agrees; see [`Start::When`].
    #[must_use]
    pub fn start_when(self, ready: impl Fn(&[String]) -> bool + Send + Sync + 'static) -> Script {
        self.start(Start::When(Arc::new(ready)))
    }

    /// One frame for each permit of [`crate::venue::Venue::step`].
    #[must_use]
    pub fn stepped(mut self) -> Script {
        self.pace = Pace::Stepped;
        self
    }

    /// Answers a text with a text at any time.
    #[must_use]
    pub fn reply(mut self, to: impl Into<String>, with: impl Into<String>) -> Script {
        self.replies.push((to.into(), with.into()));
        self
    }

    /// Lets something go wrong on these connections: `1..=1` is the first one, `2..` all but the first.
    #[must_use]
    pub fn fault(mut self, connections: impl RangeBounds<usize>, fault: Fault) -> Script {
        let first = match connections.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before + 1,
            Bound::Unbounded => 1,
        };
        let last = match connections.end_bound() {
            Bound::Included(&last) => last,
            Bound::Excluded(&after) => after.saturating_sub(1),
            Bound::Unbounded => usize::MAX,
        };
        self.faults.push((first, last, fault));
        self
    }

    /// The faults of connection `number`.
    pub(crate) fn faults_of(&self, number: usize) -> Vec<Fault> {
        let here = |(first, last, _): &&(usize, usize, Fault)| (*first..=*last).contains(&number);
        self.faults.iter().filter(here).map(|(_, _, fault)| fault.clone()).collect()
    }

    /// What connection `number` puts on the wire.
    pub(crate) fn acts_of(&self, number: usize) -> (Vec<Act>, Ending) {
        let own = self.frames_of.iter().find(|(of, _)| *of == number);
        acts(own.map_or(&self.frames, |(_, frames)| frames), &self.faults_of(number))
    }
}

/// One thing to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A frame.
    Send(Payload),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// What happens after the last act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The connection stays open and is served.
    Hold,
    /// The connection stays open and is not served.
    Stall,
    /// TCP reset.
    Reset,
    /// TCP end without a closing handshake.
    End,
    /// Closing handshake.
    Close(u16, String),
}

/// Frames and faults to acts. Faults that change single frames count by the frames of the script; those that end the
/// connection count what is left then.
fn acts(frames: &[Recorded], faults: &[Fault]) -> (Vec<Act>, Ending) {
    let mut acts = Vec::with_capacity(frames.len());
    let mut order: Vec<usize> = (0..frames.len()).collect();
    for fault in faults {
        match fault {
            Fault::Swap(n) if n + 1 < order.len() => order.swap(*n, n + 1),
            _ => {}
        }
    }
    for (place, &n) in order.iter().enumerate() {
        let mut copies = vec![Act::Send(frames[n].payload.clone())];
        for fault in faults {
            match fault {
                Fault::Garble(at) if *at == n => copies = vec![Act::Send(garbled(&frames[n].payload))],
                Fault::BadUtf8(at) if *at == n => copies = vec![Act::Raw(vec![0x81, 3, b'{', 0xff, b'}'])],
                Fault::Skip(at) if *at == n => copies.clear(),
                Fault::Duplicate(at) if *at == n => copies.push(Act::Send(frames[n].payload.clone())),
                Fault::Oversized(at, bytes) if *at == place => {
                    acts.push(Act::Send(Payload::Text("x".repeat(*bytes))));
                }
                Fault::Claim(at, bytes) if *at == place => {
                    let mut header = vec![0x81, 127];
                    header.extend_from_slice(&bytes.to_be_bytes());
                    acts.push(Act::Raw(header));
                }
                _ => {}
            }
        }
        acts.append(&mut copies);
    }
    let mut ending = Ending::Hold;
    for fault in faults {
        let (keep, how) = match fault {
            Fault::ResetAfter(n) => (*n, Ending::Reset),
            Fault::EndAfter(n) => (*n, Ending::End),
            Fault::CloseAfter(n, code, reason) => (*n, Ending::Close(*code, reason.clone())),
            Fault::StallAfter(n) => (*n, Ending::Stall),
            Fault::QuietAfter(n) => (*n, Ending::Hold),
            _ => continue,
        };
        acts.truncate(keep);
        ending = how;
    }
    (acts, ending)
}

/// The first half of the message with an end that no venue writes.
fn garbled(payload: &Payload) -> Payload {
    match payload {
        Payload::Text(text) => {
            let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            Payload::Text(format!("{}\u{1}garbled", &text[..half]))
        }
        Payload::Binary(bytes) => {
            let mut cut = bytes[..bytes.len() / 2].to_vec();
            cut.extend_from_slice(b"\x01garbled");
            Payload::Binary(cut)
        }
        Payload::Ping(bytes) => Payload::Ping(bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &Script, number: usize) -> Vec<String> {
        let (acts, _) = script.acts_of(number);
        acts.into_iter()
            .map(|act| match act {
                Act::Send(Payload::Text(text)) => text,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn faults_touch_their_connection_and_frame_only() {
        let script = Script::new(["aa", "bb", "cc"])
            .fault(1..=1, Fault::Skip(1))
            .fault(2..=2, Fault::Duplicate(0))
            .fault(3..4, Fault::Swap(1))
            .fault(4.., Fault::Garble(2))
            .fault(6..=6, Fault::Oversized(1, 3));
        assert_eq!(texts(&script, 1), ["aa", "cc"]);
        assert_eq!(texts(&script, 2), ["aa", "aa", "bb", "cc"]);
        assert_eq!(texts(&script, 3), ["aa", "cc", "bb"]);
        assert_eq!(texts(&script, 5), ["aa", "bb", "c\u{1}garbled"]);
        assert_eq!(texts(&script, 6), ["aa", "xxx", "bb", "c\u{1}garbled"]);
    }

    #[test]
    fn endings_cut_what_is_played() {
        let script = Script::new(["a", "b", "c"])
            .fault(1..=1, Fault::ResetAfter(2))
            .fault(2..=2, Fault::CloseAfter(0, 1012, "restart".to_owned()))
            .frames_of(3, ["z"]);
        assert_eq!((texts(&script, 1).len(), script.acts_of(1).1), (2, Ending::Reset));
        assert_eq!(
            (texts(&script, 2).len(), script.acts_of(2).1),
            (0, Ending::Close(1012, "restart".into()))
        );
        assert_eq!((texts(&script, 3), script.acts_of(3).1), (vec!["z".to_owned()], Ending::Hold));
    }
}
