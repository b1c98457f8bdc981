//! Response bodies: warp's own for short answers, ours for streams.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use crate::stream::{QuoteStream, Stream};

/// The body type inside `warp::reply::Response`, which warp does not name.
pub(crate) type WarpBody = <warp::reply::Response as BodyOf>::Body;

/// Names the body type of a response.
pub(crate) trait BodyOf {
    /// The body.
    type Body;
}

impl<B> BodyOf for http::Response<B> {
    type Body = B;
}

/// What a connection sends.
pub(crate) enum Body {
    /// A short answer that warp made.
    Plain(WarpBody),
    /// A quote stream.
    Stream(QuoteStream),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Body::Plain(_) => "Plain",
            Body::Stream(_) => "Stream",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = warp::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, warp::Error>>> {
        match self.get_mut() {
            Body::Plain(body) => Pin::new(body).poll_frame(cx),
            Body::Stream(stream) => stream.poll_bytes(cx).map(|bytes| bytes.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Plain(body) => body.is_end_stream(),
            Body::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Plain(body) => body.size_hint(),
            Body::Stream(_) => SizeHint::default(),
        }
    }
}

/// Carries a stream from a warp filter, whose replies can only hold warp's body, through the response's extensions to
/// the accept loop, which puts it in the body's place.
#[derive(Clone)]
pub(crate) struct StreamSlot(Arc<Mutex<Option<Stream>>>);

impl StreamSlot {
    pub(crate) fn new(stream: Stream) -> StreamSlot {
        StreamSlot(Arc::new(Mutex::new(Some(stream))))
    }

    pub(crate) fn take(&self) -> Option<Stream> {
        self.0.lock().take()
    }
}
