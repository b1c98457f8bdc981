//! A stream as its connection polls it, under a clock of ours: what wakes it, what it tells then, and that it rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use market::{Clock, Decimal, Field, FieldSet, Micros, Reason, Source, Status, Symbol, Update};
use parking_lot::Mutex;
use table::{Applied, SymbolId, Table, Writer};

use crate::body::StreamSlot;
use crate::stream::QuoteStream;
use crate::writer_loop::WriterLoop;
use crate::{Config, Core, Edge, control, routes, subscribe};

#[derive(Debug, Default)]
struct Hand(Mutex<Duration>);
impl Clock for Hand {
    fn now(&self) -> Micros {
        Micros(self.0.lock().as_micros() as i64 + 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        *self.0.lock()
    }
}

#[derive(Default)]
struct Count(AtomicUsize);
impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Rig {
    core: Arc<Core>,
    edge: Edge,
    table: Arc<Table>,
    writer: Writer,
    clock: Arc<Hand>,
    ids: Vec<SymbolId>,
    price: i64,
    wakes: Arc<Count>,
    waker: Waker,
    writer_loop: Mutex<WriterLoop>,
}

impl Rig {
    fn new(symbols: usize) -> Rig {
        let table = Table::new(table::Config { symbols: 20_000, ..table::Config::default() });
        let ids = (0..symbols)
            .map(|n| table.intern(&Symbol::parse(&format!("V:S{n}")).unwrap()).unwrap())
            .collect();
        let clock = Arc::new(Hand::default());
        let edge =
            Edge::new(Config::default(), Arc::clone(&table), clock.clone(), prometheus::Registry::new())
                .unwrap();
        let writer_loop = edge.loops.lock().pop().unwrap();
        let wakes = Arc::new(Count::default());
        let waker = Waker::from(wakes.clone());
        let mut rig = Rig {
            core: Arc::clone(&edge.core),
            writer_loop: Mutex::new(writer_loop),
            edge,
            writer: table.writer().unwrap(),
            table,
            clock,
            ids,
            price: 0,
            wakes,
            waker,
        };
        // Everything is live before a test begins.
        for at in 0..symbols {
            rig.bid(at);
        }
        rig
    }
    fn open(&self, query: &str) -> QuoteStream {
        let asked = routes::Asked {
            method: http::Method::GET,
            headers: http::HeaderMap::new(),
            query: query.to_owned(),
            peer: None,
        };
        let mut response = subscribe::stream(&self.core, &asked, None);
        assert_eq!(response.status(), 200);
        QuoteStream::new(response.extensions_mut().remove::<StreamSlot>().unwrap().take().unwrap())
    }
    fn bid(&mut self, at: usize) {
        self.price += 1;
        let mut update = Update::new(Source::Direct, Micros(self.price));
        update.tell_side(Field::Bid, Some(Decimal::from(self.price)), Some(Decimal::ONE));
        self.apply(at, &update);
    }
    fn apply(&mut self, at: usize, update: &Update) {
        if let Applied::Changed { fields, .. } = self.writer.apply(self.ids[at], update, Micros(1)) {
            self.edge.notifier().published(self.ids[at], fields);
        }
    }
    fn status(&mut self, at: usize, status: Status) {
        self.writer.set_status(self.ids[at], status, Reason::Gap, Micros(1)).unwrap();
        self.edge.notifier().published(self.ids[at], FieldSet::EMPTY.with(Field::Status));
    }
    /// What a turn of the loop does before it writes. Returns how many streams it woke.
    fn look(&self) -> usize {
        let now = self.clock.monotonic();
        let mut writer_loop = self.writer_loop.lock();
        writer_loop.read_post(now);
        writer_loop.look_and_wake(now)
    }
    fn poll(&self, stream: &mut QuoteStream) -> Option<usize> {
        match stream.poll_bytes(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Some(bytes)) => Some(bytes.len()),
            Poll::Ready(None) => panic!("ended"),
            Poll::Pending => None,
        }
    }
    /// As a connection does: polls as long as there are bytes.
    fn take(&self, stream: &mut QuoteStream) -> usize {
        let mut all = 0;
        while let Some(bytes) = self.poll(stream) {
            all += bytes;
        }
        all
    }
    fn woken(&self) -> usize {
        self.wakes.0.swap(0, Ordering::Relaxed)
    }
    async fn pass(&self, millis: u64) {
        let time = Duration::from_millis(millis);
        *self.clock.0.lock() += time;
        tokio::time::advance(time).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_held_up_by_bandwidth_does_not_spin() {
    let rig = Rig::new(200);
    let mut stream = rig.open("symbols=V:*&max_kbps=8");
    rig.take(&mut stream);
    let mut polls = 0;
    rig.woken();
    rig.take(&mut stream);
    while rig.woken() > 0 && polls < 10_000 {
        assert_eq!(rig.take(&mut stream), 0);
        polls += 1;
    }
    assert!(polls < 5, "polled {polls} times without a moment passing");
}

#[tokio::test(start_paused = true)]
async fn promise_10_a_status_does_not_wait_for_a_round_that_bandwidth_stretches() {
    let mut rig = Rig::new(200);
    let mut stream = rig.open("symbols=V:*&max_kbps=8");
    rig.take(&mut stream);
    let told = rig.core.metrics.events.snapshot.get();
    assert!((1..100).contains(&told), "{told} of 200");
    // The first one was told first.
    rig.status(0, Status::Stale);
    rig.look();
    rig.take(&mut stream);
    assert_eq!(rig.core.metrics.events.status.get(), 1);
    // And the rest of the round goes on as the bandwidth allows.
    for _ in 0..400 {
        rig.pass(500).await;
        rig.take(&mut stream);
    }
    assert_eq!(rig.core.metrics.events.snapshot.get(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_passed_due_time_behind_a_closed_gate_does_not_spin() {
    let mut rig = Rig::new(2);
    let mut stream = rig.open("symbols=V:*&max_rate=0.01,V:S0@1");
    rig.take(&mut stream);
    rig.pass(2_000).await;
    rig.bid(0);
    rig.status(0, Status::Stale);
    rig.look();
    rig.take(&mut stream);
    rig.bid(0); // live again
    rig.look();
    rig.take(&mut stream);
    rig.bid(0);
    rig.status(1, Status::Stale);
    rig.look();
    rig.take(&mut stream);
    rig.woken();
    let mut polls = 0;
    for _ in 0..5_000 {
        rig.pass(1).await;
        if rig.woken() > 0 {
            rig.take(&mut stream);
            polls += 1;
        }
    }
    assert!(polls < 10, "{polls} polls in 5 s with nothing to tell before 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_poll_for_nothing_does_not_lose_the_timer_of_a_bandwidth() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:*&max_kbps=8&snapshot=false");
    rig.take(&mut stream);
    for _ in 0..100 {
        rig.bid(0);
        rig.look();
        if rig.take(&mut stream) == 0 {
            break;
        }
    }
    // The connection polls for another reason: its socket has room again.
    rig.woken();
    assert_eq!(rig.take(&mut stream), 0);
    rig.pass(5_000).await;
    assert!(rig.woken() > 0, "nothing wakes the stream, although it owes a change and may speak");
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_no_pattern_matches_does_not_wake_for_ever() {
    let mut rig = Rig::new(2);
    let mut stream = rig.open("symbols=V:S0*");
    rig.take(&mut stream);
    rig.table.intern(&Symbol::parse("OTHER:X").unwrap()).unwrap();
    rig.bid(1);
    rig.look();
    rig.take(&mut stream);
    let woken: usize = (0..100)
        .map(|_| {
            rig.bid(1);
            let n = rig.look();
            rig.take(&mut stream);
            n
        })
        .sum();
    assert_eq!(woken, 0, "woken in each of 100 looks for changes of a symbol it does not have");
}

#[tokio::test(start_paused = true)]
async fn what_a_change_of_mode_catches_up_survives_another_change() {
    for mode in ["trades", "every"] {
        let mut rig = Rig::new(300);
        let mut stream = rig.open("symbols=V:*&max_rate=0.01&snapshot=false");
        rig.take(&mut stream);
        rig.bid(0);
        rig.look();
        rig.take(&mut stream);
        for at in 0..300 {
            let mut trade = Update::new(Source::Direct, Micros(9));
            trade.tell_trade(Some(Decimal::from(7)), None, None);
            rig.apply(at, &trade);
        }
        rig.look();
        assert_eq!(rig.take(&mut stream), 0, "held back by the rate");
        let name = first_id(&rig);
        let body = format!("{{\"mode\":\"{mode}\",\"max_rate\":null}}");
        assert_eq!(control::change(&rig.core, &name, body.as_bytes()).status(), 200);
        let before = rig.core.metrics.events.quote.get();
        rig.poll(&mut stream).unwrap();
        assert_eq!(control::change(&rig.core, &name, b"{\"priority\":null}").status(), 200);
        for _ in 0..20 {
            rig.pass(500).await;
            rig.look();
            rig.take(&mut stream);
        }
        let told = rig.core.metrics.events.quote.get() - before + rig.core.metrics.events.snapshot.get();
        assert_eq!(told, 300, "{mode}");
        // And what is stale now?
        for at in 0..300 {
            rig.status(at, Status::Stale);
        }
        let before = rig.core.metrics.events.quote.get() + rig.core.metrics.events.status.get();
        rig.look();
        rig.take(&mut stream);
        assert_eq!(
            rig.core.metrics.events.quote.get() + rig.core.metrics.events.status.get() - before,
            300,
            "{mode}: stale"
        );
        drop(stream);
    }
}

fn first_id(rig: &Rig) -> String {
    // Only one is open.
    rig.core.streams.only()
}

#[tokio::test(start_paused = true)]
async fn a_priority_and_a_rate_hold_for_symbols_that_join_by_a_pattern() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:*&max_rate=1000,V:S1@0.01");
    rig.take(&mut stream);
    rig.ids.push(rig.table.intern(&Symbol::parse("V:S1").unwrap()).unwrap());
    let mut told = 0;
    for _ in 0..10 {
        rig.bid(1);
        rig.pass(50).await;
        rig.look();
        told += usize::from(rig.take(&mut stream) > 0);
    }
    assert!(told <= 2, "told {told} times in half a second, at 0.01 a second");
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_hello() {
    let rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:S0&duration=1ms");
    rig.pass(2).await;
    let Poll::Ready(Some(bytes)) = stream.poll_bytes(&mut Context::from_waker(&rig.waker)) else { panic!() };
    assert!(String::from_utf8_lossy(&bytes).contains("hello"), "{}", String::from_utf8_lossy(&bytes));
}

#[tokio::test(start_paused = true)]
async fn every_under_a_rate_tells_more_than_a_buffer_a_window() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:S0&mode=every&max_rate=0.1");
    rig.take(&mut stream);
    for _ in 0..1_000 {
        rig.bid(0);
    }
    rig.pass(10_001).await;
    rig.look();
    let told = rig.take(&mut stream);
    assert!(told > 100_000, "{told} bytes for 1000 changes");
}

fn get(query: &str, tag: Option<&http::HeaderValue>) -> routes::Asked {
    let mut headers = http::HeaderMap::new();
    if let Some(tag) = tag {
        headers.insert("if-none-match", tag.clone());
    }
    routes::Asked { method: http::Method::GET, headers, query: query.to_owned(), peer: None }
}

#[test]
fn a_tag_does_not_cover_a_change_that_was_in_flight() {
    use futures_util::FutureExt;
    let mut rig = Rig::new(2);
    let mut other = rig.table.writer().unwrap();
    let core = rig.core.clone();
    let ask = |tag: Option<&http::HeaderValue>| {
        crate::quotes::quotes(&core, &get("symbols=V:S0,V:S1", tag)).now_or_never().unwrap()
    };
    let mut update = Update::new(Source::Direct, Micros(1));
    update.tell_side(Field::Bid, Some(Decimal::from(5)), Some(Decimal::ONE));
    let mut tag = None;
    // The writer of S0 is held up in mid-write, after its number was taken; the writer of S1 is not.
    let ids = rig.ids.clone();
    rig.writer.apply_with(ids[0], &update, Micros(1), || {
        other.apply(ids[1], &update, Micros(1));
        tag = ask(None).headers().get("etag").cloned();
    });
    assert_eq!(ask(tag.as_ref()).status(), 200, "S0 has got its first price since");
}

#[tokio::test(start_paused = true)]
async fn a_status_of_another_symbol_does_not_lift_the_rate_of_every() {
    let mut rig = Rig::new(2);
    let mut stream = rig.open("symbols=V:S0&mode=every&max_rate=0.01");
    rig.take(&mut stream);
    rig.bid(0);
    rig.look();
    rig.take(&mut stream);
    rig.bid(0);
    rig.look();
    assert_eq!(rig.take(&mut stream), 0);
    rig.status(1, Status::Stale);
    rig.look();
    assert_eq!(rig.take(&mut stream), 0, "told a price before its time");
}

#[tokio::test(start_paused = true)]
async fn a_change_to_a_stream_that_has_ended_leaves_nothing_behind() {
    let rig = Rig::new(1);
    let stream = rig.open("symbols=V:S0");
    let name = first_id(&rig);
    // What a PATCH holds that found the stream just before its body was dropped.
    let live = rig.core.streams.find(&name).unwrap();
    drop(stream);
    rig.core.streams.add(&live);
    assert_eq!(control::change(&rig.core, &name, b"{\"mode\":\"every\"}").status(), 404);
}

/// A change that is in the table and not in the ring yet, as its writer was held up between the two.
#[tokio::test(start_paused = true)]
async fn a_change_that_comes_late_to_the_ring_is_told_when_it_comes() {
    for held_up in [false, true] {
        let rig = Rig::new(2);
        let mut stream = rig.open("symbols=V:S0&mode=every");
        rig.take(&mut stream);
        rig.look();
        rig.take(&mut stream);
        let mut other = rig.table.writer().unwrap();
        let mut update = Update::new(Source::Direct, Micros(1));
        update.tell_side(Field::Bid, Some(Decimal::from(500)), Some(Decimal::ONE));
        let ids = rig.ids.clone();
        let mut late = FieldSet::EMPTY;
        let mut looked = 0;
        let mut meanwhile = |rig: &Rig, stream: &mut QuoteStream| {
            let Applied::Changed { fields, .. } = other.apply(ids[0], &update, Micros(1)) else { panic!() };
            late = fields;
            // Something else has the loop look now.
            rig.edge.notifier().feed_changed();
            looked += rig.look();
            rig.take(stream)
        };
        let told = if held_up {
            // And the cut is held back too, by a writer in mid-write of another symbol.
            let mut writer = rig.table.writer().unwrap();
            let mut told = 0;
            writer.apply_with(ids[1], &update, Micros(1), || told = meanwhile(&rig, &mut stream));
            told
        } else {
            meanwhile(&rig, &mut stream)
        };
        assert_eq!((told, looked), (0, 1), "the ring has nothing yet");
        rig.edge.notifier().published(rig.ids[0], late);
        rig.look();
        assert!(rig.take(&mut stream) > 0, "held up: {held_up}");
    }
}

/// The ring is there, and the body has read it, when it says that it waits for it.
#[tokio::test(start_paused = true)]
async fn a_stream_that_says_too_late_that_it_waits_looks_once_more() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:S0&mode=every");
    rig.take(&mut stream);
    rig.look();
    rig.take(&mut stream);
    let mut update = Update::new(Source::Direct, Micros(1));
    update.tell_side(Field::Bid, Some(Decimal::from(500)), Some(Decimal::ONE));
    let Applied::Changed { fields, .. } = rig.writer.apply(rig.ids[0], &update, Micros(1)) else { panic!() };
    rig.edge.notifier().feed_changed();
    rig.look();
    assert_eq!(rig.take(&mut stream), 0);
    // What it said has not been read when the change comes and is looked at.
    rig.edge.notifier().published(rig.ids[0], fields);
    rig.writer_loop.lock().look(Duration::ZERO);
    rig.woken();
    rig.writer_loop.lock().read_post(Duration::ZERO);
    assert_eq!(rig.woken(), 1);
    assert!(rig.take(&mut stream) > 0);
}

/// The table marks a change before its writer says that it was one of status.
#[tokio::test(start_paused = true)]
async fn promise_10_a_status_passes_a_rate_even_when_its_mark_came_before_it() {
    let mut rig = Rig::new(2);
    let mut stream = rig.open("symbols=V:S0&max_rate=0.1");
    rig.take(&mut stream);
    rig.bid(0);
    rig.look();
    rig.take(&mut stream);
    rig.writer.set_status(rig.ids[0], Status::Stale, Reason::Gap, Micros(1)).unwrap();
    rig.bid(1);
    rig.look();
    assert_eq!(rig.take(&mut stream), 0, "its writer has not said so yet");
    rig.edge.notifier().published(rig.ids[0], FieldSet::EMPTY.with(Field::Status));
    assert_eq!(rig.look(), 1);
    assert!(rig.take(&mut stream) > 0);
}

/// What changes while a stream is held by its rate is left to its alarm, which is not set while its socket is full.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_blocked_while_its_rate_runs_out_looks_when_it_can() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:S0&max_rate=1");
    rig.take(&mut stream);
    rig.pass(2_000).await;
    rig.bid(0);
    rig.look();
    assert!(rig.poll(&mut stream).is_some(), "and then the socket takes no more");
    rig.pass(500).await;
    rig.bid(0);
    rig.look();
    rig.pass(1_000).await;
    assert!(rig.take(&mut stream) > 0, "it has room again");
}

/// Who changes a stream's subscription holds up that stream alone.
#[tokio::test(start_paused = true)]
async fn promise_8_a_change_of_one_stream_holds_up_no_other() {
    let mut rig = Rig::new(1);
    let mut stream = rig.open("symbols=V:S0");
    let name = first_id(&rig);
    rig.take(&mut stream);
    rig.bid(0);
    rig.look();
    let live = rig.core.streams.find(&name).unwrap();
    {
        let _changing = live.outbox.lock();
        assert_eq!(rig.poll(&mut stream), None, "it does not wait for the lock");
    }
    rig.woken();
    rig.pass(2).await;
    assert!(rig.woken() > 0, "it asks again");
    assert!(rig.take(&mut stream) > 0);
}
