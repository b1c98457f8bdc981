//! A WebSocket: handshake, messages both ways, and what its faults mean.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, UrlError};
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::carrier::Heard;
use super::{Cause, End, Plan, tls};
use crate::network::Io;
use crate::rest::{USER_AGENT, check_place, retry_after, shown};

/// Most bytes of one read. tungstenite fills so many with zeroes before each, and a venue sends a few messages at a time: 64 KiB of
/// zeroes were 5 % of all work at 100,000 messages a second over ten connections.
const READ_BUFFER: usize = 16 << 10;
/// Unsent bytes that make tungstenite write; we flush after each text anyway.
const WRITE_BUFFER: usize = 4 << 10;
/// Most unsent bytes. The longest subscription that a venue takes in one text has 64 KiB (OKX).
const WRITE_BUFFER_MAX: usize = 1 << 20;
/// Longest time that one text of ours may wait for the socket. A venue that does not read that long is not there.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// An open WebSocket.
pub(super) struct WebSocket {
    socket: WebSocketStream<MaybeTlsStream<Box<dyn Io>>>,
}

impl WebSocket {
    /// Dials and shakes hands.
    pub(super) async fn dial(plan: &Plan) -> Result<WebSocket, End> {
        let place = shown(&plan.url);
        check_place(&plan.url, "wss", "ws").map_err(|why| End::of(Cause::Misconfigured, why))?;
        let malformed = |error: Error| End::of(Cause::Misconfigured, format!("{place}: {error}"));
        let mut request = plan.url.as_str().into_client_request().map_err(malformed)?;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        for (name, value) in super::header_values(&plan.headers)? {
            request.headers_mut().insert(name, value);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(plan.limits.message_bytes_max))
            .max_frame_size(Some(plan.limits.message_bytes_max));
        let connector = Connector::Rustls(tls::config()?);
        let network = Arc::clone(&plan.network);
        let dial = async move {
            let uri = request.uri();
            let host = uri.host().ok_or(Error::Url(UrlError::NoHostName))?;
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
            let socket = network.connect(host, port).await.map_err(Error::Io)?;
            client_async_tls_with_config(request, socket, Some(config), Some(connector)).await
        };
        let (socket, _) = dial.await.map_err(|error| dial_end(&error))?;
        Ok(WebSocket { socket })
    }

    /// What is heard next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Heard {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Heard::Text(text),
            Some(Ok(Message::Binary(bytes))) => Heard::Binary(bytes),
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map_or_else(String::new, |frame| {
                    format!("code {}: {}", u16::from(frame.code), frame.reason)
                });
                Heard::Ended(End::of(Cause::ClosedByVenue, why))
            }
            // tungstenite answers pings by itself with the next read, which follows at once.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Sign,
            Some(Err(error)) => Heard::Ended(read_end(&error)),
            None => Heard::Ended(End::of(Cause::Lost, "the stream ended")),
        }
    }

    /// Sends a text, or a ping when there is none.
    pub(super) async fn send(&mut self, text: Option<&str>) -> Result<(), End> {
        let message = text.map_or(Message::Ping(Bytes::new()), Message::text);
        match timeout_at(Instant::now() + SEND_LIMIT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(read_end(&error)),
            Err(_) => Err(End::of(Cause::Lost, "the venue reads nothing any more")),
        }
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

fn dial_end(error: &Error) -> End {
    match error {
        Error::Http(answer) => End {
            cause: Cause::HandshakeRefused,
            why: format!("status {}", answer.status().as_u16()),
            retry_after: retry_after(answer.headers()),
        },
        Error::Url(_) | Error::HttpFormat(_) => End::of(Cause::Misconfigured, error.to_string()),
        _ => End::of(Cause::DialFailed, error.to_string()),
    }
}

fn read_end(error: &Error) -> End {
    let cause = match error {
        Error::Capacity(_) => Cause::Oversized,
        Error::Utf8(_) | Error::AttackAttempt => Cause::Protocol,
        // tungstenite calls an end without a closing handshake a protocol fault; to us the line went dead.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Lost,
        Error::Protocol(_) => Cause::Protocol,
        _ => Cause::Lost,
    };
    End::of(cause, error.to_string())
}
