//! Connections that are no sockets: what a writer loop must not owe to how a socket happens to behave.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use edge::{Config, Edge, Listen};
use market::{RealClock, Symbol};
use prometheus::Registry;
use table::Table;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, Running, hand_over};

struct Calls(mpsc::Receiver<DuplexStream>);

impl Listen for Calls {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(call) => Ok((call, ([127, 0, 0, 1], 1).into())),
            None => std::future::pending().await,
        }
    }
}

/// Every write to such a connection succeeds at once, so nothing has ever waited on it when its client hangs up.
#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_is_let_go_although_nothing_is_written_to_it() {
    let table = Table::new(table::Config { symbols: 2, ..table::Config::default() });
    table.intern(&Symbol::parse("TEST:BTC-USD").unwrap()).unwrap();
    let registry = Registry::new();
    let config = Config { hand_over: hand_over(), ..Config::default() };
    let edge = Edge::new(config, table, Arc::new(RealClock::new()), registry.clone()).unwrap();
    let (calls, calling) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let served = tokio::spawn({
        let stop = stop.clone();
        async move { edge.serve(Calls(calling), stop).await }
    });
    let (mut client, theirs) = duplex(1 << 20);
    calls.send(theirs).await.unwrap();
    client.write_all(b"GET /v1/stream?symbols=TEST:BTC-USD HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    while !read.windows(15).any(|bytes| bytes == b"event: snapshot") {
        assert!(client.read_buf(&mut read).await.unwrap() > 0, "{}", String::from_utf8_lossy(&read));
    }
    let open = || Running::counted_in(&registry, "quotewire_edge_streams_open");
    assert!(open() > 0.5);
    drop(client);
    let before = tokio::time::Instant::now();
    while open() > 0.5 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        assert!(before.elapsed() < PATIENCE);
    }
    assert!(before.elapsed() < std::time::Duration::from_secs(1), "only a heartbeat found it out");
    stop.cancel();
    served.await.unwrap();
}
