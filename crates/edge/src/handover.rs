//! From hyper to a writer loop: when a plain HTTP/1.1 request has been answered with a stream, its connection leaves hyper.
//!
//! hyper reads and parses the request, warp routes it and makes the head of the response. That head is not given to hyper:
//! the service leaves it here and never answers, and the connection's task takes the socket out of hyper. So nothing of the
//! response has been written by anybody else, and what remains of the request is of no interest.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Response;
use market::Micros;
use parking_lot::Mutex;

use crate::stream::Stream;

/// A stream that waits to be taken over, and the head of its response.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) stream: Stream,
    pub(crate) head: Vec<u8>,
}

/// Where the service leaves it for the connection's task. One a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandoverCell(Arc<Mutex<Option<Handover>>>);

impl HandoverCell {
    pub(crate) fn put(&self, stream: Stream, response: &Response<impl Sized>) {
        let head = head(response, stream.wall());
        *self.0.lock() = Some(Handover { stream, head });
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(crate) fn take(&self) -> Option<Handover> {
        self.0.lock().take()
    }
}

/// The head of a response whose body comes in chunks, and whose connection ends with it.
fn head<B>(response: &Response<B>, now: Micros) -> Vec<u8> {
    let status = response.status();
    let mut head = format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or(""));
    let since_1970 = Duration::from_micros(u64::try_from(now.get()).unwrap_or(0));
    let _ = write!(head, "date: {}\r\n", httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_1970));
    head.push_str("connection: close\r\ntransfer-encoding: chunked\r\n");
    let mut head = head.into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_the_response_says() {
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("vary", "Accept")
            .header("vary", "Origin")
            .body(())
            .unwrap();
        let head = String::from_utf8(head(&response, Micros(1_795_253_400_000_000))).unwrap();
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"));
        assert_eq!(lines.next(), Some("date: Sat, 21 Nov 2026 09:30:00 GMT"));
        let rest: Vec<&str> = lines.collect();
        assert_eq!(
            rest,
            [
                "connection: close",
                "transfer-encoding: chunked",
                "content-type: text/event-stream",
                "vary: Accept",
                "vary: Origin",
                "",
                ""
            ]
        );
    }
}
