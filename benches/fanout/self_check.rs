//! The clients against a server whose faults are known: they must report exactly those.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::event;
use crate::load::{Load, SLOW, Wanted};
use crate::peers::request_head;
use crate::resume::Resumed;
use crate::schedule::Tick;
use crate::sse::Keys;
use crate::usage;

/// Longest wait for what was written to be read.
const PATIENCE: Duration = Duration::from_secs(60);
/// No machine is held up for so long: an event that is said to be this late was late on purpose.
const HOUR: u64 = 3_600 * clock::SECOND;

/// Clients, and the server's ends of their connections in the same order.
struct Pair {
    load: Load,
    lines: Vec<TcpStream>,
    quotes: u64,
}

impl Pair {
    /// Connects one client for each list of symbols; the last one is of the group that may be held.
    fn connect(head: &'static str, symbols: &[&[u32]]) -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = symbols.len();
        let server = std::thread::spawn(move || {
            let accept = |_| {
                let stream = listener.accept().unwrap().0;
                stream.set_nodelay(true).unwrap();
                let (target, lines) = request_head(&mut BufReader::new(&stream)).unwrap().unwrap();
                assert!(
                    target.starts_with("/for/") && lines.contains(&"Accept: text/event-stream".to_owned())
                );
                (&stream).write_all(head.as_bytes()).unwrap();
                stream
            };
            (0..count).map(accept).collect()
        });
        let wanted: Vec<Wanted> = symbols
            .iter()
            .enumerate()
            .map(|(n, list)| Wanted { symbols: list.to_vec(), group: if n + 1 == count { SLOW } else { 0 } })
            .collect();
        let load =
            Load::connect(address, &wanted, 10, Keys::bids(), |list| format!("/for/{}", list.len())).unwrap();
        Pair { load, lines: server.join().unwrap(), quotes: 0 }
    }

    fn write(&mut self, client: usize, bytes: &[u8]) {
        self.lines[client].write_all(bytes).unwrap();
    }

    /// Writes quotes of one symbol with these numbers, so long after they were due. How many bytes that were.
    fn tell(&mut self, client: usize, symbol: u32, counters: &[u32], late: u64) -> u64 {
        let mut written = 0;
        for counter in counters {
            let mut bytes = Vec::new();
            event::sse(&Tick { symbol, counter: *counter, due: clock::now() - late }, 7, &mut bytes);
            self.write(client, &bytes);
            self.quotes += 1;
            written += bytes.len() as u64;
        }
        written
    }

    /// Waits until every quote told so far has been read.
    fn read(&self) {
        let done = || (self.load.quotes() >= self.quotes).then_some(());
        assert!(clock::poll(PATIENCE, done).is_some(), "{} of {}", self.load.quotes(), self.quotes);
        assert_eq!(self.load.quotes(), self.quotes);
    }
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn known_gaps_doubles_and_disorder_are_reported_exactly() {
    let mut pair = Pair::connect(PLAIN, &[&[0, 1], &[0], &[1]]);
    pair.load.measure(0, u64::MAX).unwrap();
    // Two numbers left out, one told twice.
    pair.tell(0, 0, &[1, 2, 3, 6, 6, 7], 0);
    // The same symbol of another client, and another symbol of the same one, are counted by themselves.
    pair.tell(1, 0, &[1, 2, 3, 4, 5, 6, 7], 0);
    // One out of order, which leaves a gap before it, and a gap of three.
    pair.tell(0, 1, &[1, 3, 2, 4, 8], 0);
    pair.write(
        1,
        b": hush\n\ndata: {\"type\":\"lagged\",\"missed\":3}\n\ndata: {\"type\":\"heartbeat\"}\n\n",
    );
    pair.tell(1, 0, &[8], 0);
    pair.read();
    let tally = pair.load.tally().unwrap();
    assert_eq!((tally.events, tally.gaps, tally.doubles, tally.disorder), (19, 2 + 1 + 3, 1, 1));
    assert_eq!((tally.lagged, tally.others, tally.ended), (1, 1, 0));
    // Newest are 8 and 9: client 0 lacks one of each symbol, client 1 none, client 2 has heard nothing.
    let newest = Arc::new(vec![8, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(pair.load.missing(&newest).unwrap(), (3, 1 + 1 + 9));
}

#[test]
fn late_events_are_as_late_as_they_are_and_only_what_was_due_is_measured() {
    let mut pair = Pair::connect(PLAIN, &[&[0], &[0]]);
    pair.load.measure(clock::now() - 3 * HOUR, u64::MAX).unwrap();
    pair.tell(0, 0, &[1, 2, 3, 4, 5, 6], 0);
    pair.tell(0, 0, &[7, 8], HOUR);
    // Due before the measurement began: read, and not timed.
    pair.tell(0, 0, &[9, 10, 11], 4 * HOUR);
    pair.read();
    let tally = pair.load.tally().unwrap();
    assert_eq!((tally.events, tally.delays.count(), tally.gaps), (11, 8, 0));
    let hour = HOUR as f64 / 1000.0;
    assert!(tally.delays.millis(0.75) < hour && tally.delays.millis(0.76) >= hour);
    assert!((hour..2.0 * hour).contains(&tally.delays.millis(1.0)));
    // A new measurement forgets the old one, and one that is over counts nothing.
    pair.load.measure(0, 1).unwrap();
    pair.tell(0, 0, &[12], 0);
    pair.read();
    let tally = pair.load.tally().unwrap();
    assert_eq!((tally.events, tally.delays.count(), tally.gaps), (0, 0, 0));
}

#[test]
fn split_events_are_whole_to_the_client() {
    let mut pair = Pair::connect(CHUNKED, &[&[0], &[0]]);
    pair.load.measure(0, u64::MAX).unwrap();
    let mut text = Vec::new();
    for counter in 1..=200 {
        event::sse(&Tick { symbol: 0, counter, due: clock::now() }, 7, &mut text);
    }
    // Chunks that end anywhere, in writes that end anywhere.
    let mut wire = Vec::new();
    for (n, chunk) in text.chunks(37).enumerate() {
        wire.extend_from_slice(
            format!("{:x}{}\r\n", chunk.len(), if n % 3 == 0 { ";a=b" } else { "" }).as_bytes(),
        );
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.chunks(101).for_each(|piece| pair.write(0, piece));
    pair.quotes += 200;
    pair.read();
    pair.write(0, b"0\r\n\r\n");
    assert!(clock::poll(PATIENCE, || (pair.load.ended() == 1).then_some(())).is_some());
    let tally = pair.load.tally().unwrap();
    assert_eq!((tally.events, tally.gaps, tally.doubles, tally.disorder, tally.ended), (200, 0, 0, 0, 1));
}

#[test]
fn a_client_that_stopped_tells_how_it_came_back() {
    let mut pair = Pair::connect(PLAIN, &[&[0], &[0]]);
    pair.load.measure(0, u64::MAX).unwrap();
    pair.load.hold(SLOW).unwrap();
    let bytes = pair.tell(1, 0, &[1, 2, 3], 2 * HOUR);
    let held = pair.quotes;
    // The other client is read meanwhile, and nothing of the held one.
    pair.tell(0, 0, &[1, 2, 3, 4, 5], HOUR);
    assert!(clock::poll(PATIENCE, || (pair.load.quotes() == pair.quotes - held).then_some(())).is_some());
    // What has come and is not acknowledged yet would be counted at both ends.
    let line = &pair.lines[1];
    let ports = (line.local_addr().unwrap().port(), line.peer_addr().unwrap().port());
    let acknowledged = || usage::queues().get(&ports).filter(|queue| queue.unacknowledged == 0).copied();
    assert!(clock::poll(PATIENCE, acknowledged).is_some());
    pair.load.release(SLOW, Duration::ZERO).unwrap();
    pair.read();
    let of_the_other = pair.load.resumes(0).unwrap();
    let resumed = pair.load.resumes(SLOW).unwrap();
    assert_eq!((of_the_other.len(), resumed.len(), resumed[0].current_at), (0, 1, None));
    // All three lay in the kernel, and the others had been told more for an hour.
    let Resumed { at, held, parked, written, .. } = resumed[0];
    assert_eq!((held.client + held.server, parked.quotes, parked.dead, written.quotes), (bytes, 3, 3, 0));
    assert!((HOUR * 2..HOUR * 3).contains(&parked.first_age.unwrap()));
    // The third is not the newest that the other client had been told, the fifth is, and the sixth comes later.
    pair.tell(1, 0, &[4], HOUR);
    pair.tell(1, 0, &[5, 6], 0);
    pair.read();
    let resumed = pair.load.resumes(SLOW).unwrap()[0];
    assert!(resumed.current_at >= Some(at) && resumed.newest_age < HOUR);
    assert_eq!((resumed.parked.quotes, resumed.written.quotes, resumed.written.dead), (3, 2, 1));
    assert_eq!(pair.load.tallies().unwrap()[SLOW].gaps, 0);
}

#[test]
fn a_server_that_refuses_is_no_measurement() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        request_head(&mut BufReader::new(&stream)).unwrap();
        (&stream).write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap();
    });
    let wanted = [Wanted { symbols: vec![0], group: 0 }];
    let error = Load::connect(address, &wanted, 1, Keys::bids(), |_| "/for/1".to_owned()).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    server.join().unwrap();
}
