//! The body of a request: of bounded size, in bounded time, and of the one type that we read.

use std::time::Duration;

use bytes::{Buf, BufMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};

use tokio::sync::Semaphore;

use crate::problem::Problem;

/// How long a client may take to send a body. A megabyte takes a second on the slowest line that is worth serving.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bodies that are read at a time, over all clients: with the greatest length of each they bound the memory.
pub(crate) const AT_A_TIME: usize = 64;

/// Reads a JSON body of at most `most` bytes.
pub(crate) async fn json<B: Buf>(
    bodies: &Semaphore,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    most: usize,
) -> Result<Vec<u8>, Box<Problem>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not declared as JSON")
            .field("Content-Type")
            .fix("send Content-Type: application/json");
        return Err(Box::new(problem));
    }
    let too_large = || {
        Box::new(
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} bytes"))
                .fix("ask for fewer symbols, or use several requests"),
        )
    };
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let reading = async {
        // Whoever waits for a place longer than a body may take has not sent it in time either.
        let _place = bodies.acquire().await;
        let mut read = Vec::new();
        let mut body = std::pin::pin!(body);
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| {
                Box::new(Problem::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")))
            })?;
            if read.len() + part.remaining() > most {
                return Err(too_large());
            }
            read.put(part);
        }
        Ok(read)
    };
    tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_| {
        Err(Box::new(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")))
    })
}
