//! What carries the frames of a connection: a closed list, chosen by the scheme of its URL.

use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

use super::datagrams::{self, Datagrams};
use super::lines::Lines;
use super::websocket::WebSocket;
use super::{End, Plan};
use crate::rest::check_place;

/// What was heard on the wire.
#[derive(Debug)]
pub(super) enum Heard {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A sign of life that no decoder sees.
    Sign,
    /// The end.
    Ended(End),
}

/// What carries the bytes of an endpoint, by the scheme of its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `wss`, and `ws` to this machine.
    WebSocket,
    /// `https`, and `http` to this machine: an answer of lines that does not end.
    Lines,
    /// `udp`.
    Datagrams,
}

impl Transport {
    /// What that URL asks for. Whatever is no scheme of ours is a WebSocket's fault.
    pub fn of(url: &str) -> Transport {
        match url.split("://").next() {
            Some("https" | "http") => Transport::Lines,
            Some("udp") => Transport::Datagrams,
            _ => Transport::WebSocket,
        }
    }

    /// How its URLs look, for whoever writes one.
    pub const fn form(self) -> &'static str {
        match self {
            Transport::WebSocket => "wss://HOST, or for a loopback address ws://HOST",
            Transport::Lines => "https://HOST, or for a loopback address http://HOST",
            Transport::Datagrams => "udp://ADDRESS:PORT, perhaps with ?interface=ADDRESS",
        }
    }

    /// Whether such an endpoint can be dialled at all. The same check stands before every dial.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn check(self, url: &str) -> Result<(), &'static str> {
        match self {
            Transport::WebSocket => check_place(url, "wss", "ws"),
            Transport::Lines => check_place(url, "https", "http"),
            Transport::Datagrams => datagrams::place(url).map(drop),
        }
    }
}

/// An open line to the venue. Dropping it closes the socket.
pub(super) enum Carrier {
    WebSocket(Box<WebSocket>),
    Lines(Box<Lines>),
    Datagrams(Datagrams),
}

impl Carrier {
    /// Dials, or begins to listen.
    pub(super) async fn dial(plan: &Plan) -> Result<Carrier, End> {
        match Transport::of(&plan.url) {
            Transport::Lines => Ok(Carrier::Lines(Box::new(Lines::dial(plan).await?))),
            Transport::Datagrams => Ok(Carrier::Datagrams(Datagrams::listen(plan).await?)),
            Transport::WebSocket => Ok(Carrier::WebSocket(Box::new(WebSocket::dial(plan).await?))),
        }
    }

    /// Whether our side can say anything.
    pub(super) const fn can_speak(&self) -> bool {
        matches!(self, Carrier::WebSocket(_))
    }

    /// What is heard next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Carrier::WebSocket(socket) => socket.next().await,
            Carrier::Lines(lines) => lines.next().await,
            Carrier::Datagrams(datagrams) => datagrams.next().await,
        }
    }

    /// Sends a text, or a ping when there is none. Nothing happens where our side cannot speak.
    pub(super) async fn send(&mut self, text: Option<&str>) -> Result<(), End> {
        match self {
            Carrier::WebSocket(socket) => socket.send(text).await,
            Carrier::Lines(_) | Carrier::Datagrams(_) => Ok(()),
        }
    }

    /// Says goodbye where that can be said.
    pub(super) async fn close(self) {
        if let Carrier::WebSocket(socket) = self {
            socket.close().await;
        }
    }
}
