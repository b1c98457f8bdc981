//! A fault of our own in one stream.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};

use edge::{Config, Listen};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{BTC, Client, ETH, Running, hand_over};

/// A listener for whose connections a write may be a panic: of the one whose client has this port.
struct Faulty {
    listener: TcpListener,
    port: Arc<AtomicU16>,
}

struct FaultySocket {
    socket: TcpStream,
    port: u16,
    faulty: Arc<AtomicU16>,
}

impl Listen for Faulty {
    type Io = FaultySocket;

    async fn accept(&mut self) -> io::Result<(FaultySocket, SocketAddr)> {
        let (socket, addr) = self.listener.accept().await?;
        Ok((FaultySocket { socket, port: addr.port(), faulty: Arc::clone(&self.port) }, addr))
    }
}

impl AsyncRead for FaultySocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for FaultySocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        assert_ne!(self.faulty.load(Ordering::Relaxed), self.port, "the fault that the test asked for");
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// All of them are one loop's, and the one in the middle of its round panics: those before and after it are told the same
/// change and every one after it, and its place is somebody else's afterwards.
#[tokio::test]
async fn promise_9_a_panic_in_a_stream_ends_that_stream_alone() {
    let port = Arc::new(AtomicU16::new(0));
    let config = Config { hand_over: hand_over(), ..Config::default() };
    let mut edge =
        Running::behind(config, Running::table(), |listener| Faulty { listener, port: Arc::clone(&port) });
    for (faults, mode) in [(1.0, "latest"), (2.0, "every")] {
        edge.quote(BTC, "1", "2");
        let mut clients = Vec::new();
        for _ in 0..5 {
            let mut client = edge.stream(&format!("symbols={BTC},{ETH}&mode={mode}"), &[]).await;
            client.next("snapshot").await;
            client.next("snapshot").await;
            clients.push(client);
        }
        let broken = clients.remove(2);
        port.store(broken.socket.local_addr().unwrap().port(), Ordering::Relaxed);
        edge.quote(BTC, "3", "4");
        assert_told(&mut clients, "3").await;
        assert!(is_cut(broken).await, "{mode}: the stream with the fault is told nothing");
        edge.until("the fault is counted", |e| {
            e.metric_of("quotewire_edge_streams_ended_total", "fault") == faults
        })
        .await;
        assert_eq!(edge.metric("quotewire_edge_streams_open"), 4.0);
        edge.until("its connection is gone", |e| e.metric("quotewire_edge_connections_open") == 4.0).await;

        let mut next = edge.stream(&format!("symbols={BTC},{ETH}&mode={mode}"), &[]).await;
        next.next("snapshot").await;
        next.next("snapshot").await;
        clients.push(next);
        for bid in ["5", "6", "7"] {
            edge.quote(BTC, bid, "8");
            assert_told(&mut clients, bid).await;
        }
        assert!(!edge.served.is_finished(), "the loop goes on");
        drop(clients);
        edge.until("the others have left", |e| e.metric("quotewire_edge_streams_open") == 0.0).await;
        port.store(0, Ordering::Relaxed);
        let left = edge.metric_of("quotewire_edge_streams_ended_total", "client_gone");
        assert_eq!(left, 5.0 * faults, "promise 15");
    }
}

async fn assert_told(clients: &mut [Client], bid: &str) {
    for client in clients {
        assert_eq!(client.next("quote").await["bid"], bid);
    }
}

/// Whether the connection ends without another event.
async fn is_cut(mut client: Client) -> bool {
    client.event().await.is_none()
}
