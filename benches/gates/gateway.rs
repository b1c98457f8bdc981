//! An edge with one client in memory: its writer loop is a task of this thread, and time passes when nobody has anything to
//! do. What is counted is what a change costs from the table to the client's pipe, and nothing of a kernel.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use edge::{Config, Edge, Listen, Notifier};
use market::{Clock, Decimal, Field, Micros, Source, Symbol, Update};
use table::{Applied, SymbolId, Table, Writer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time between two tellings: longer than the edge holds anything back.
const APART: Duration = Duration::from_millis(60);

/// A running edge, its one client and a market.
#[derive(Debug)]
pub(crate) struct Gateway {
    runtime: Runtime,
    writer: Writer,
    notifier: Notifier,
    ids: Vec<SymbolId>,
    writes: Arc<AtomicUsize>,
    price: i64,
}

impl Gateway {
    /// Starts it with a client that is subscribed to so many symbols and has been told all of them.
    pub(crate) fn start(mode: &str, symbols: usize) -> Gateway {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let table: Arc<Table> =
            Table::new(table::Config { symbols, watchers: 1, ..table::Config::default() });
        let name = |n: usize| Symbol::parse(&format!("BENCH:S{n:05}-USDT")).expect("a symbol");
        let ids = (0..symbols).map(|n| table.intern(&name(n)).expect("room for it")).collect();
        let config = Config { seed: Some(1), ..Config::default() };
        let clock = runtime.block_on(async { Arc::new(Paused(Instant::now())) });
        let edge = Edge::new(config, Arc::clone(&table), clock, prometheus::Registry::new());
        let edge = edge.expect("the first registry of its series");
        let request = format!(
            "GET /v1/stream?mode={mode}&fields=bid,bid_size&named=false&symbols=BENCH:* HTTP/1.1\r\nHost: gates\r\n\r\n"
        );
        let writes = Arc::new(AtomicUsize::new(0));
        let door = Door(Some(Pipe { request: request.into_bytes(), writes: Arc::clone(&writes) }));
        let (notifier, writer) = (edge.notifier(), table.writer().expect("the first writer"));
        runtime.spawn(async move { edge.serve(door, CancellationToken::new()).await });
        let mut gateway = Gateway { runtime, writer, notifier, ids, writes, price: 0 };
        gateway.change(symbols);
        gateway.rest();
        assert!(gateway.writes.load(Ordering::Relaxed) > 0, "the client was told nothing");
        // The first changes after the snapshots make what is kept for good.
        gateway.tell(symbols, 5);
        gateway
    }

    /// So often so many symbols change, other ones each time, and the client is told in one write.
    pub(crate) fn tell(&mut self, times: usize, changed: usize) {
        let before = self.writes.load(Ordering::Relaxed);
        for _ in 0..times {
            self.change(changed);
            self.rest();
        }
        let heartbeats = self.writes.load(Ordering::Relaxed) - before - times;
        assert!(heartbeats <= 1, "{heartbeats} writes more than tellings");
    }

    /// Changes bid and size of so many symbols.
    fn change(&mut self, symbols: usize) {
        for _ in 0..symbols {
            self.price += 1;
            let id = self.ids[self.price as usize % self.ids.len()];
            let mut update = Update::new(Source::Direct, Micros(self.price));
            let price = Decimal::new(6_168_599 + self.price, 2);
            update.tell_side(Field::Bid, Some(price), Some(Decimal::new(self.price, 5)));
            if let Applied::Changed { fields, .. } = self.writer.apply(id, &update, Micros(self.price)) {
                self.notifier.published(id, fields);
            }
        }
    }

    /// Lets everybody do what they have to, until the next telling.
    fn rest(&self) {
        self.runtime.block_on(async { tokio::time::sleep(APART).await });
    }
}

/// A clock that moves with the runtime's.
#[derive(Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Micros {
        Micros(1_795_253_400_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Where the one client comes from.
struct Door(Option<Pipe>);

impl Listen for Door {
    type Io = Pipe;

    async fn accept(&mut self) -> io::Result<(Pipe, SocketAddr)> {
        match self.0.take() {
            Some(pipe) => Ok((pipe, (Ipv4Addr::LOCALHOST, 1).into())),
            None => pending().await,
        }
    }
}

/// A client that says its request and takes whatever it is told.
struct Pipe {
    request: Vec<u8>,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let request = std::mem::take(&mut self.request);
        if request.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&request);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
