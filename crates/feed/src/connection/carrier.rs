//! What carries the frames of a connection: a closed list, chosen by the scheme of its URL.

use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

use super::datagrams::Datagrams;
use super::lines::Lines;
use super::websocket::WebSocket;
use super::{End, Plan};

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

/// An open line to the venue. Dropping it closes the socket.
pub(super) enum Carrier {
    WebSocket(Box<WebSocket>),
    Lines(Box<Lines>),
    Datagrams(Datagrams),
}

impl Carrier {
    /// Dials, or begins to listen.
    pub(super) async fn dial(plan: &Plan) -> Result<Carrier, End> {
        match plan.url.split("://").next() {
            Some("https" | "http") => Ok(Carrier::Lines(Box::new(Lines::dial(plan).await?))),
            Some("udp") => Ok(Carrier::Datagrams(Datagrams::listen(plan).await?)),
            // Whatever else there may be is refused there by its name.
            _ => Ok(Carrier::WebSocket(Box::new(WebSocket::dial(plan).await?))),
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
