//! The emulated venue through its public door: a plain WebSocket client and plain HTTP against it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use feed::RestAnswer;
use futures_util::{SinkExt, StreamExt};
use testkit::script::{Fault, HttpAnswer, Recorded, Script, Start};
use testkit::slow::SlowClient;
use testkit::venue::Venue;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn client(venue: &Venue) -> Client {
    connect_async(format!("{}/stream?x=1", venue.ws_url())).await.unwrap().0
}

async fn text(client: &mut Client) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn frames_start_after_the_subscription_and_repeat_on_every_connection() {
    let frames = [Recorded::text("one"), Recorded::binary([1, 2]), Recorded::ping("p")];
    let venue = Venue::start(Script::new(frames).reply("ping", "pong")).await;
    for number in 1..=2 {
        let mut client = client(&venue).await;
        client.send(Message::text("ping")).await.unwrap();
        assert_eq!(text(&mut client).await, "pong");
        client.send(Message::text("subscribe")).await.unwrap();
        assert_eq!(text(&mut client).await, "one");
        assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(vec![1, 2]));
        venue.wait_played_by(number).await;
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Ping("p".into()));
        client.send(Message::Ping("q".into())).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("q".into()));
        client.close(None).await.unwrap();
        venue.wait_over(number).await;
    }
    let seen = venue.connections();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].sent.as_slice(), seen[0].answered), (["subscribe".to_owned()].as_slice(), 1));
    assert_eq!((seen[1].pings, seen[1].acts, seen[1].target.as_str()), (1, 3, "/stream?x=1"));
}

#[tokio::test]
async fn stepped_frames_leave_one_by_one() {
    let venue = Venue::start(Script::new(["a", "b"]).start(Start::AtOnce).stepped()).await;
    let mut client = client(&venue).await;
    venue.step(1);
    assert_eq!(text(&mut client).await, "a");
    assert_eq!(venue.connections()[0].acts, 1);
    venue.step(1);
    assert_eq!(text(&mut client).await, "b");
    venue.wait_played().await;
}

#[tokio::test]
#[should_panic(expected = "and nothing else; it sent")]
async fn an_unexpected_text_fails_the_next_wait() {
    let venue = Venue::start(Script::new(["a"]).start(Start::Exactly(vec!["right".to_owned()]))).await;
    let mut client = client(&venue).await;
    client.send(Message::text("wrong")).await.unwrap();
    venue.wait_played().await;
}

#[tokio::test]
async fn every_way_to_end_is_seen_by_the_client() {
    let script = Script::new(["a", "b"])
        .start(Start::AtOnce)
        .fault(1..=1, Fault::ResetAfter(1))
        .fault(2..=2, Fault::EndAfter(1))
        .fault(3..=3, Fault::CloseAfter(1, 1012, "restart".to_owned()))
        .fault(4..=4, Fault::Refuse(503))
        .fault(5..=5, Fault::ResetAtOnce)
        .fault(6..=6, Fault::BadUtf8(0))
        .fault(7..=7, Fault::Claim(0, 1 << 62));
    let venue = Venue::start(script).await;
    for number in 1..=3 {
        let mut client = client(&venue).await;
        assert_eq!(text(&mut client).await, "a", "{number}");
        match (number, client.next().await) {
            (1 | 2, Some(Err(Error::Io(_) | Error::Protocol(_)))) => {}
            (3, Some(Ok(Message::Close(Some(frame))))) => {
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "restart"));
            }
            (_, other) => panic!("{number}: {other:?}"),
        }
    }
    let refused = connect_async(venue.ws_url()).await.unwrap_err();
    assert!(matches!(&refused, Error::Http(answer) if answer.status() == 503), "{refused:?}");
    assert!(connect_async(venue.ws_url()).await.is_err());
    for _ in 6..=7 {
        let error = client(&venue).await.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Utf8(_) | Error::Capacity(_)), "{error:?}");
    }
    venue.wait_connection(7).await;
}

#[tokio::test]
async fn a_stalled_connection_answers_no_ping() {
    let script = Script::new(["a"]).start(Start::AtOnce).fault(1..=1, Fault::StallAfter(1));
    let venue = Venue::start(script).await;
    let mut stalled = client(&venue).await;
    assert_eq!(text(&mut stalled).await, "a");
    venue.wait_played_by(1).await;
    stalled.send(Message::Ping("x".into())).await.unwrap();
    // The second connection is served after the ping was sent, so a venue that answered would have had the time.
    let mut served = client(&venue).await;
    assert_eq!(text(&mut served).await, "a");
    served.send(Message::Ping("y".into())).await.unwrap();
    assert_eq!(served.next().await.unwrap().unwrap(), Message::Pong("y".into()));
    assert_eq!((venue.connections()[0].pings, venue.connections()[1].pings), (0, 1));
}

#[tokio::test]
async fn recorded_answers_are_found_by_path_and_query() {
    let recorded = RestAnswer { url: "https://api.old.example/v1/book?a=1&b=2".into(), body: "[1]".into() };
    let script = Script::new::<Recorded>([])
        .rest([HttpAnswer::of_status("/v1/book?a=1&b=2", 503)])
        .rest([HttpAnswer::from(recorded)]);
    let venue = Venue::start(script).await;
    let address = venue.rest_url().strip_prefix("http://").unwrap().parse().unwrap();
    let ask = async |target: &str| {
        let mut client = SlowClient::connect(address).await;
        client.get(target).await;
        client.read_to_end().await;
        client.text()
    };
    assert!(ask("/v1/book?b=2&a=1").await.starts_with("HTTP/1.1 503"), "the first answer comes first");
    for _ in 0..2 {
        let answer = ask("/v1/book?b=2&a=1").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n[1]"), "{answer}");
    }
    assert!(ask("/v1/other").await.starts_with("HTTP/1.1 404"));
    venue.wait_asked(4).await;
    assert_eq!(venue.asked()[3], "/v1/other");
}
