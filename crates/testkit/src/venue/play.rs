//! The WebSocket side: handshake, recorded frames, and what goes wrong with them.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use tokio_tungstenite::tungstenite::{self};

use super::http::{read_head, target_of};
use super::{Connection, Stage, lines};
use crate::script::{Act, Ending, Fault, Pace, Payload, Start};

/// Acts between two flushes when the pace is free. Only the emulator's speed depends on it.
const BATCH: usize = 64;

type Socket = WebSocketStream<TcpStream>;

/// Serves one connection from accepting to its end.
pub(super) async fn connection(stream: TcpStream, stage: Arc<Stage>) {
    let mut number = 0;
    stage.seen.send_modify(|seen| {
        seen.connections.push(Connection::default());
        number = seen.connections.len();
    });
    if let Some(socket) = handshake(stream, &stage, number).await {
        play(socket, &stage, number).await;
    }
    stage.note(number, |connection| connection.over = true);
}

/// Answers the handshake as the connection's faults want it.
async fn handshake(mut stream: TcpStream, stage: &Stage, number: usize) -> Option<Socket> {
    let faults = stage.script.faults_of(number);
    if faults.contains(&Fault::ResetAtOnce) {
        let _ = stream.set_zero_linger();
        return None;
    }
    let (head, rest) = read_head(&mut stream).await.ok()?;
    stage.note(number, |connection| {
        connection.target = target_of(&head).to_owned();
        connection.head.clone_from(&head);
    });
    for fault in faults {
        match fault {
            Fault::Refuse(status) | Fault::RefuseFor(status, _) => {
                let wait = match fault {
                    Fault::RefuseFor(_, seconds) => format!("retry-after: {seconds}\r\n"),
                    _ => String::new(),
                };
                let text =
                    format!("HTTP/1.1 {status} .\r\n{wait}content-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(text.as_bytes()).await;
                return None;
            }
            Fault::NoHandshake => {
                // Held until the client gives up or the venue is dropped.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return None;
            }
            Fault::SlowHandshake(wait) => tokio::time::sleep(wait).await,
            _ => {}
        }
    }
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let Some(key) = key else {
        // Not a handshake but a plain request: its answer is the stream.
        lines::play(stream, stage, number).await;
        return None;
    };
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    Some(WebSocketStream::from_partially_read(stream, rest, Role::Server, None).await)
}

/// Plays the connection's acts once the client has subscribed, and listens all the while.
async fn play(mut socket: Socket, stage: &Stage, number: usize) {
    let (acts, ending) = stage.script.acts_of(number);
    let mut acts = acts.into_iter();
    let stepped = stage.script.pace == Pace::Stepped;
    let mut started = may_start(stage, number);
    let mut ended = false;
    loop {
        let more = started && acts.len() > 0;
        if started && !more && !ended {
            ended = true;
            stage.note(number, |connection| connection.played = true);
            if end(&mut socket, &ending).await.is_break() {
                return;
            }
        }
        let count = if stepped { 1 } else { BATCH };
        tokio::select! {
            biased;
            incoming = socket.next() => match incoming {
                Some(Ok(message)) => {
                    if take(&mut socket, stage, number, message).await.is_err() {
                        return;
                    }
                    started = started || may_start(stage, number);
                }
                Some(Err(_)) | None => return,
            },
            permit = stage.steps.acquire(), if more && stepped => {
                permit.into_iter().for_each(|permit| permit.forget());
                if put(&mut socket, stage, number, acts.by_ref().take(count)).await.is_err() {
                    return;
                }
            }
            () = std::future::ready(()), if more && !stepped => {
                if put(&mut socket, stage, number, acts.by_ref().take(count)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Puts acts on the wire.
async fn put(
    socket: &mut Socket,
    stage: &Stage,
    number: usize,
    acts: impl Iterator<Item = Act>,
) -> tungstenite::Result<()> {
    let mut count = 0;
    for act in acts {
        match act {
            Act::Send(Payload::Text(text)) => socket.feed(Message::text(text)).await?,
            Act::Send(Payload::Binary(bytes)) => socket.feed(Message::binary(bytes)).await?,
            Act::Send(Payload::Ping(bytes)) => socket.feed(Message::Ping(bytes.into())).await?,
            Act::Raw(bytes) => {
                socket.flush().await?;
                socket.get_mut().write_all(&bytes).await?;
            }
        }
        count += 1;
    }
    socket.flush().await?;
    stage.note(number, |connection| connection.acts += count);
    Ok(())
}

/// Notes what the client said and answers what the script answers.
async fn take(
    socket: &mut Socket,
    stage: &Stage,
    number: usize,
    message: Message,
) -> tungstenite::Result<()> {
    match message {
        Message::Text(text) => {
            let reply = stage.script.replies.iter().find(|(to, _)| to == text.as_str());
            if let Some((_, with)) = reply {
                stage.note(number, |connection| connection.answered += 1);
                socket.send(Message::text(with.clone())).await?;
            } else {
                stage.note(number, |connection| connection.sent.push(text.as_str().to_owned()));
                complain(stage, number);
            }
        }
        Message::Ping(_) => stage.note(number, |connection| connection.pings += 1),
        Message::Pong(_) => stage.note(number, |connection| connection.pongs += 1),
        Message::Binary(_) | Message::Close(_) | Message::Frame(_) => {}
    }
    Ok(())
}

/// Whether the client has said what the script waits for.
fn may_start(stage: &Stage, number: usize) -> bool {
    let seen = stage.seen.borrow();
    let sent = &seen.connections[number - 1].sent;
    match &stage.script.start {
        Start::AtOnce => true,
        Start::AfterTexts(count) => sent.len() >= *count,
        Start::Exactly(texts) => sent == texts,
        Start::When(ready) => ready(sent),
    }
}

/// Notes a complaint when the client sent another text than the script demands.
fn complain(stage: &Stage, number: usize) {
    let Start::Exactly(texts) = &stage.script.start else { return };
    stage.seen.send_modify(|seen| {
        let sent = &seen.connections[number - 1].sent;
        if !texts.starts_with(sent) {
            let complaint =
                format!("connection {number} was to send {texts:#?}\nand nothing else; it sent {sent:#?}");
            seen.complaints.push(complaint);
        }
    });
}

/// Ends the script. Breaks when the socket is over with it.
async fn end(socket: &mut Socket, ending: &Ending) -> std::ops::ControlFlow<()> {
    match ending {
        Ending::Hold => {}
        // Nothing is read any more, so neither pings nor a close are answered. The task ends with the venue.
        Ending::Stall => std::future::pending().await,
        Ending::Reset => {
            let _ = socket.get_ref().set_zero_linger();
            return std::ops::ControlFlow::Break(());
        }
        Ending::End => {
            let _ = socket.get_mut().shutdown().await;
            return std::ops::ControlFlow::Break(());
        }
        Ending::Close(code, reason) => {
            let frame = CloseFrame { code: (*code).into(), reason: reason.clone().into() };
            let _ = socket.close(Some(frame)).await;
        }
    }
    std::ops::ControlFlow::Continue(())
}
