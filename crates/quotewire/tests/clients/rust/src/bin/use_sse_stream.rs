//! `sse-stream`: turns one response body into events; ids and waiting are the program's business.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use quotewire_client_tests::{ended, event, url};
use sse_stream::SseStream;
use tokio::net::TcpStream;

/// What has to be remembered from one connection to the next.
struct Place {
    last_id: Option<String>,
    wait: Duration,
}

#[tokio::main]
async fn main() {
    let uri: Uri = url().parse().expect("the address is one");
    let mut place = Place { last_id: None, wait: Duration::from_secs(1) };
    loop {
        match read(&uri, &mut place).await {
            Ok(()) => ended("the response is over"),
            Err(error) => ended(&error.to_string()),
        }
        tokio::time::sleep(place.wait).await;
    }
}

async fn read(uri: &Uri, place: &mut Place) -> Result<(), Box<dyn Error>> {
    let authority = uri.authority().ok_or("the address has no host")?.as_str();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(authority).await?)).await?;
    tokio::spawn(connection);
    let mut request = Request::get(uri.path_and_query().ok_or("the address has no path")?.as_str())
        .header(HOST, authority)
        .header(ACCEPT, "text/event-stream");
    if let Some(id) = &place.last_id {
        request = request.header("last-event-id", id);
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()).into());
    }
    let mut stream = SseStream::new(response.into_body());
    while let Some(sse) = stream.next().await {
        let sse = sse?;
        if let Some(retry) = sse.retry {
            place.wait = Duration::from_millis(retry);
        }
        event(sse.event.as_deref().unwrap_or(""), sse.id.as_deref(), sse.data.as_deref().unwrap_or(""));
        place.last_id = sse.id.or(place.last_id.take());
    }
    Ok(())
}
