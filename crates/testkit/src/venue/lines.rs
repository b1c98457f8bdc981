//! The streamed side: recorded frames as lines of one chunked HTTP answer.
//!
//! A client of it says nothing after its request, so whatever the script waits for, the lines start at once. A recorded
//! ping is an empty line.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Stage;
use crate::script::{Act, Ending, Pace, Payload};

/// Answers a request whose head was read.
pub(super) async fn play(mut stream: TcpStream, stage: &Stage, number: usize) {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let (acts, ending) = stage.script.acts_of(number);
    for act in acts {
        if stage.script.pace == Pace::Stepped {
            tokio::select! {
                permit = stage.steps.acquire() => permit.into_iter().for_each(|permit| permit.forget()),
                // A client that hangs up has nothing more to say.
                _ = stream.read_u8() => return,
            }
        }
        if put(&mut stream, &act).await.is_err() {
            return;
        }
        stage.note(number, |connection| connection.acts += 1);
    }
    stage.note(number, |connection| connection.played = true);
    match ending {
        Ending::Hold => {}
        Ending::Stall => std::future::pending().await,
        Ending::Reset => {
            let _ = stream.set_zero_linger();
            return;
        }
        Ending::End => {
            let _ = stream.shutdown().await;
            return;
        }
        Ending::Close(..) => {
            let _ = stream.write_all(b"0\r\n\r\n").await;
        }
    }
    // Held until the client gives up or the venue is dropped.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Puts one act on the wire, a chunk a line.
async fn put(stream: &mut TcpStream, act: &Act) -> io::Result<()> {
    let line = match act {
        Act::Send(Payload::Text(text)) => text.as_bytes(),
        Act::Send(Payload::Binary(bytes)) => bytes,
        Act::Send(Payload::Ping(_)) => b"",
        Act::Raw(bytes) => return stream.write_all(bytes).await,
    };
    let mut chunk = format!("{:x}\r\n", line.len() + 1).into_bytes();
    chunk.extend_from_slice(line);
    chunk.extend_from_slice(b"\n\r\n");
    stream.write_all(&chunk).await
}
