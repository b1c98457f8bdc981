//! Connections that are no WebSockets: lines of an HTTP answer without an end, and datagrams. Real sockets on loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test ends the test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use feed::capture::{CaptureReader, Payload, Recording};
use feed::connection::{Cause, Connection, End, Event, Plan};
use feed::network::Internet;
use feed::{FeedEnd, FeedSettings, KeepAlive, Limits, Secret};
use market::{Field, RealClock, Reason, Status};
use testkit::datagrams::Group;
use testkit::script::{Fault, Recorded};
use testkit::venue::Venue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

mod toy;

use toy::{Running, Toy, bid, script, settings};

fn plan(url: String) -> Plan {
    Plan {
        url,
        headers: vec![("authorization", Secret::new("Bearer opal"))],
        login: vec!["login".to_owned()],
        waits_for_ready: false,
        subscribe: vec!["subscribe".to_owned()],
        keep_alive: KeepAlive { every: Duration::from_millis(1), text: Some("ping".to_owned()) },
        limits: Limits { message_bytes_max: 100, silence: Duration::from_secs(60), ..Limits::default() },
        network: Arc::new(Internet),
        dial_limit: Duration::from_secs(30),
        recorder: None,
    }
}

async fn open(plan: Plan) -> Result<Connection, End> {
    Connection::open(plan, Arc::new(RealClock::new())).await
}

/// Frames up to the end, and the end.
async fn hear(mut connection: Connection) -> (Vec<String>, End) {
    let mut frames = Vec::new();
    loop {
        match connection.next(None).await {
            Event::Text(text, _) => frames.push(text.as_str().to_owned()),
            Event::Binary(bytes, _) => frames.push(format!("{bytes:?}")),
            Event::Subscribed => frames.push("(subscribed)".to_owned()),
            Event::Woken => panic!("nobody asked to be woken"),
            Event::Ended(end) => {
                frames.retain(|frame| frame != "(subscribed)");
                return (frames, end);
            }
        }
    }
}

/// The next binary frame.
async fn first(connection: &mut Connection) -> Vec<u8> {
    loop {
        match connection.next(None).await {
            Event::Binary(bytes, _) => return bytes.to_vec(),
            Event::Subscribed => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Answers one request with these pieces, each in a packet of its own, then ends. The request's head comes out.
async fn answer(pieces: Vec<Vec<u8>>) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3/stream?instruments=A,B", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        for piece in pieces {
            stream.write_all(&piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.shutdown().await.unwrap();
        String::from_utf8(head).unwrap()
    });
    (url, serving)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

#[tokio::test]
async fn lines_do_not_care_where_chunks_and_packets_end() {
    let body = [
        b"{\"a\":1}\n{\"b".as_slice(),
        b"\":2}\r",
        b"\n\n\r\n{\"c\":3}\n{\"d\":4}\n",
        b"\xff\xfe\n{\"e\"",
        b":5}\nthe rest of a line without an end",
    ];
    let mut wire = CHUNKED.as_bytes().to_vec();
    wire.extend(body.iter().flat_map(|part| chunk(part)));
    wire.extend_from_slice(b"0\r\n\r\n");
    let expected = ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}", r#"b"\xff\xfe""#, "{\"e\":5}"];
    for size in [1, 2, 7, 64, wire.len()] {
        let (url, serving) = answer(wire.chunks(size).map(<[u8]>::to_vec).collect()).await;
        let (frames, end) = hear(open(plan(url)).await.unwrap()).await;
        assert_eq!(frames, expected, "in packets of {size}");
        assert_eq!(end, End::of(Cause::ClosedByVenue, "the answer ended"));
        let head = serving.await.unwrap();
        assert!(head.starts_with("GET /v3/stream?instruments=A,B HTTP/1.1\r\n"), "{head}");
        for line in ["authorization: Bearer opal\r\n", "user-agent: quotewire/", "host: 127.0.0.1:"] {
            assert!(head.contains(line), "{line} in {head}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_chunks_is_read_to_its_end() {
    for head in
        ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"]
    {
        let (url, _serving) = answer(vec![head.into(), b"a\nb\n".to_vec()]).await;
        let (frames, end) = hear(open(plan(url)).await.unwrap()).await;
        assert_eq!((frames.join(" "), end.cause), ("a b".to_owned(), Cause::ClosedByVenue), "{head}");
    }
}

#[tokio::test]
async fn a_cut_answer_is_a_lost_line() {
    let (url, _serving) = answer(vec![CHUNKED.into(), chunk(b"a\n"), b"ff\r\nhalf a chunk\n".to_vec()]).await;
    let (frames, end) = hear(open(plan(url)).await.unwrap()).await;
    assert_eq!((frames[0].as_str(), end.cause), ("a", Cause::Lost), "{end}");
}

#[tokio::test]
async fn a_line_beyond_the_limit_ends_the_connection_and_one_at_the_limit_does_not() {
    for (last, cause) in [(100, Cause::ClosedByVenue), (101, Cause::Oversized)] {
        let line = ["x".repeat(last), "\n".to_owned()].concat();
        let pieces = vec![CHUNKED.into(), chunk(b"a\n"), chunk(line.as_bytes()), b"0\r\n\r\n".to_vec()];
        let (url, _serving) = answer(pieces).await;
        let (frames, end) = hear(open(plan(url)).await.unwrap()).await;
        assert_eq!((frames[0].as_str(), end.cause), ("a", cause), "{last}");
    }
    // A line that never ends is not waited for.
    let endless = std::iter::repeat_n(chunk(&[b'x'; 64]), 100);
    let (url, _serving) = answer(std::iter::once(CHUNKED.into()).chain(endless).collect()).await;
    let (_, end) = hear(open(plan(url)).await.unwrap()).await;
    assert_eq!(end.cause, Cause::Oversized);
}

#[tokio::test]
async fn a_status_says_whether_asking_again_can_help() {
    let check = async |head: &str, body: &str, want: End| {
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (url, _serving) = answer(vec![text.into_bytes()]).await;
        assert_eq!(open(plan(url)).await.unwrap_err(), want, "{head}");
    };
    let refused = |why: &str| End::of(Cause::Refused, why);
    let later = |why: &str| End::of(Cause::HandshakeRefused, why);
    check("401 Unauthorized", "bad\ntoken", refused("status 401: bad token")).await;
    check("403 Forbidden", "", later("status 403")).await;
    check("404 Not Found", "", later("status 404")).await;
    check("301 Moved\r\nlocation: http://127.0.0.1:1/", "", later("status 301")).await;
    let wait = End { retry_after: Some(Duration::from_secs(17)), ..later("status 503: full") };
    check("503 Service Unavailable\r\nretry-after: 17", "full", wait).await;
    check("429 Too Many\r\nretry-after: soon", "", later("status 429")).await;
    let long = "y".repeat(5_000);
    check("500 Oh", &long, later(&format!("status 500: {}", &long[..300]))).await;
    let packed = End::of(Cause::Protocol, "the answer is compressed");
    check("200 OK\r\ncontent-encoding: gzip", "a\n", packed).await;
}

#[tokio::test]
async fn what_can_never_be_dialled_says_so() {
    for url in [
        "http://feed.example.com/x",
        "https:///x",
        "ftp://127.0.0.1/x",
        "udp://feed.example.com:1",
        "nothing",
    ] {
        let end = open(plan(url.to_owned())).await.unwrap_err();
        assert_eq!(end.cause, Cause::Misconfigured, "{url}: {end}");
    }
    let mut bad_header = plan("http://127.0.0.1:1/".to_owned());
    bad_header.headers = vec![("authorization", Secret::new("opal\r\nx: y"))];
    let end = open(bad_header).await.unwrap_err();
    assert_eq!(end.cause, Cause::Misconfigured);
    assert!(!end.why.contains("opal"), "{end}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plan = plan(format!("http://{}/", listener.local_addr().unwrap()));
    plan.dial_limit = Duration::from_millis(50);
    assert_eq!(open(plan).await.unwrap_err().cause, Cause::DialTimeout);
}

fn over_http(venue: &Venue) -> Toy {
    Toy { ws_url: venue.stream_url(), ..Toy::at(venue) }
}

const BTC: &str = "TOY:BTC-USD";

#[tokio::test]
async fn a_feed_of_lines_lives_as_one_of_a_websocket_and_its_recording_replays() {
    let frames = [bid("BTCUSD", "1"), bid("ETHUSD", "2.50")];
    let venue = Venue::start(script(frames).fault(1..=1, Fault::CloseAfter(2, 1000, String::new()))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.cap.zst");
    let recording = Recording::start(&file).unwrap();
    let settings = FeedSettings { recording: Some(recording.recorder()), ..settings() };
    let running = Running::start(over_http(&venue), settings);
    venue.wait_played_by(2).await;
    running
        .sink
        .wait("live again", |seen| {
            seen.status(BTC) == (Status::Live, Reason::Confirmed)
                && seen.get(BTC).unwrap().history.contains(&(Status::Stale, Reason::Disconnected))
        })
        .await;
    assert_eq!(venue.connections()[1].target, "/stream?key=secret");
    assert_eq!(running.metric(r#"reconnects_total{feed="toy",reason="closed_by_venue"}"#), 1.0);
    assert_eq!(running.stop().await, FeedEnd::Stopped);
    recording.finish().unwrap();
    let mut reader = CaptureReader::open(&file).unwrap();
    let mut kinds = String::new();
    while let Some(record) = reader.next().unwrap() {
        kinds.push(char::from(record.payload.letter()));
        if let Payload::Opened(url) = record.payload {
            assert!(url.ends_with("/stream?key=REDACTED"), "{url}");
        }
    }
    assert_eq!(kinds, "G@<<@<<");
}

#[tokio::test]
async fn lines_that_stop_are_silence() {
    let frames = [Recorded::from(bid("BTCUSD", "1")), Recorded::ping("")];
    let venue = Venue::start(script(frames)).await;
    let settings = FeedSettings { stale_after: Some(Duration::from_millis(200)), ..settings() };
    let running = Running::start(over_http(&venue), settings);
    running.sink.wait_status(BTC, Status::Stale, Reason::Silence).await;
}

#[tokio::test]
async fn a_feed_that_is_refused_ends_with_the_words_of_the_venue() {
    let venue = Venue::start(script([bid("BTCUSD", "1")]).fault(.., Fault::Refuse(401))).await;
    let running = Running::start(over_http(&venue), settings());
    assert_eq!(running.end().await, FeedEnd::Refused("status 401".to_owned()));
    assert_eq!(venue.connections().len(), 1);
}

#[tokio::test]
async fn every_datagram_is_a_frame_and_none_ends_the_connection() {
    let group = Group::new();
    let mut plan = plan("udp://233.215.21.4:10378?interface=127.0.0.1".to_owned());
    plan.network = group.network();
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(&folder.path().join("udp.cap")).unwrap();
    plan.recorder = Some(recording.recorder());
    let mut connection = open(plan).await.unwrap();
    let listener = group.wait_listener(1).await;
    assert_eq!(listener.wanted, SocketAddr::from(([233, 215, 21, 4], 10_378)));
    assert_eq!(listener.interface, Some(Ipv4Addr::LOCALHOST));
    let longest = vec![7; 65_000];
    let datagrams = [b"one".as_slice(), b"", b"\x00\xff garbage", &longest, b"last"];
    group.send(datagrams).await;
    assert!(connection.reply("not over this").await.is_ok());
    for datagram in datagrams {
        assert_eq!(first(&mut connection).await, datagram);
    }
    drop(connection);
    recording.finish().unwrap();
    let recorded = std::fs::read_to_string(folder.path().join("udp.cap")).unwrap();
    assert!(recorded.contains("\t@\tudp://233.215.21.4:10378?interface=127.0.0.1\n"), "{recorded}");
    assert_eq!((recorded.matches("\tB\t").count(), recorded.matches("\t>\t").count()), (5, 0));
}

#[tokio::test]
async fn garbage_datagrams_are_counted_and_the_feed_lives() {
    let venue = Venue::start(script::<Recorded>([])).await;
    let group = Group::new();
    let settings = FeedSettings { network: group.network(), ..settings() };
    let toy = Toy { ws_url: "udp://127.0.0.1:1?source=127.0.0.1".to_owned(), ..Toy::at(&venue) };
    let refused = Running::start(toy, settings.clone()).end().await;
    assert!(matches!(refused, FeedEnd::Refused(_)), "{refused:?}");
    let toy = Toy { ws_url: "udp://127.0.0.1:1".to_owned(), ..Toy::at(&venue) };
    let running = Running::start(toy, settings);
    group.wait_listener(1).await;
    group.send(["\u{0}", "noise", &bid("BTCUSD", "7")]).await;
    running.sink.wait("the bid", |seen| seen.get(BTC).is_some_and(|btc| btc.text(Field::Bid) == "7")).await;
    assert_eq!(running.metric(r#"garbage_total{feed="toy"}"#), 2.0);
}

#[tokio::test]
async fn a_group_is_joined_by_the_interface_that_is_named() {
    let group = Ipv4Addr::new(239, 255, 71, 7);
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    let plan = plan(format!("udp://{group}:{port}?interface=127.0.0.1"));
    let mut connection = open(plan.clone()).await.unwrap();
    let mut other = open(plan).await.unwrap();
    let sender = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    sender.send_to(b"to all", &SocketAddr::from((group, port)).into()).unwrap();
    assert_eq!(first(&mut connection).await, b"to all");
    assert_eq!(first(&mut other).await, b"to all");
}
