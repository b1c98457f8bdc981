//! The HTTP side: recorded answers, found by path and query.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Stage;
use crate::script::HttpAnswer;

/// Longest head of a request that is read.
const HEAD_MAX: usize = 16 << 10;

/// Reads a request's head up to its empty line. The second part is what was read beyond it.
pub(super) async fn read_head(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            let head = String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            return Ok((head, rest));
        }
        // A TLS greeting would wait for ever for an answer that plaintext does not have.
        let no_request = bytes.first().is_some_and(|first| !first.is_ascii_uppercase());
        if no_request || bytes.len() > HEAD_MAX || stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Reads what the head says is still to come of a body, `rest` being its beginning.
async fn read_body(stream: &mut TcpStream, head: &str, mut rest: Vec<u8>) -> io::Result<String> {
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
    let length = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0_usize).min(HEAD_MAX);
    while rest.len() < length {
        if stream.read_buf(&mut rest).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(rest).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Path and query of a request's head.
pub(super) fn target_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// Serves one request and closes.
pub(super) async fn connection(mut stream: TcpStream, stage: Arc<Stage>) {
    let Ok((head, body)) = read_head(&mut stream).await else { return };
    let Ok(body) = read_body(&mut stream, &head, body).await else { return };
    // A question is called as `feed::Request::name` calls it.
    let target =
        if body.is_empty() { target_of(&head).to_owned() } else { format!("{} {body}", target_of(&head)) };
    let target = target.as_str();
    let key = key_of(target);
    let mut before = 0;
    stage.seen.send_modify(|seen| {
        before = seen.asked.iter().filter(|asked| key_of(asked) == key).count();
        seen.asked.push(target.to_owned());
        seen.heads.push(head.clone());
    });
    let fitting: Vec<&HttpAnswer> = stage.script.rest.iter().filter(|a| key_of(&a.url) == key).collect();
    let unknown = HttpAnswer::of_status(target, 404);
    let answer = fitting.get(before).or(fitting.last()).copied().unwrap_or(&unknown);
    if answer.status == HttpAnswer::NEVER {
        // Held until the client gives up or the venue is dropped.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        return;
    }
    let mut text = format!("HTTP/1.1 {} .\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", answer.body.len()));
    // A client that hangs up early is its own affair.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.write_all(answer.body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// What two questions must share to be the same: the path, the query in any order, and the body behind a blank.
fn key_of(name: &str) -> (String, Vec<String>, &str) {
    let (url, body) = name.split_once(' ').unwrap_or((name, ""));
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut query: Vec<String> = query.split('&').filter(|p| !p.is_empty()).map(decoded).collect();
    query.sort();
    (decoded(path), query, body)
}

/// The text with its percent escapes resolved.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escape) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_query_order_do_not_matter_and_paths_do() {
        let recorded = key_of("https://api.example.com/v1/book?limit=5&symbol=BTC%2FUSD");
        assert_eq!(recorded, key_of("/v1/book?symbol=BTC/USD&limit=5"));
        assert_ne!(recorded, key_of("/v1/book?symbol=BTC/USD"));
        assert_ne!(recorded, key_of("/v2/book?limit=5&symbol=BTC/USD"));
        assert_eq!(key_of("http://127.0.0.1:80"), key_of("/"));
        let posted = key_of(r#"https://api.example.com/info {"type":"meta"}"#);
        assert_eq!(posted, key_of(r#"/info {"type":"meta"}"#));
        assert_ne!(posted, key_of(r#"/info {"type":"spotMeta"}"#));
    }
}
