//! Fetching over HTTP from an emulated venue: what is taken, what is refused, and what errors show.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use feed::rest::{BODY_BYTES_MAX, FetchError, fetch};
use feed::{Request, RestAnswer, Secret};
use flate2::Compression;
use flate2::write::GzEncoder;
use testkit::script::{HttpAnswer, Recorded, Script};
use testkit::venue::Venue;

fn answer(url: &str, body: &str) -> RestAnswer {
    RestAnswer { url: url.to_owned(), body: body.to_owned() }
}

async fn venue(answers: impl IntoIterator<Item = HttpAnswer>) -> Venue {
    Venue::start(Script::new::<Recorded>([]).rest(answers)).await
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let venue = venue([answer("/a?x=1", "A").into(), answer("/b", "B").into()]).await;
    let urls = [format!("{}/b", venue.rest_url()), format!("{}/a?x=1", venue.rest_url())];
    let answers = fetch(urls.iter().map(Request::get).collect(), Vec::new()).await.unwrap();
    assert_eq!(answers, [answer(&urls[0], "B"), answer(&urls[1], "A")]);
}

#[tokio::test]
async fn whatever_is_no_answer_is_for_later_and_shows_no_secret() {
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let busy =
        HttpAnswer { headers: header("retry-after", "7"), ..HttpAnswer::of_status("/busy?key=abc", 429) };
    let moved = HttpAnswer { headers: header("location", "/here"), ..HttpAnswer::of_status("/moved", 301) };
    let venue = venue([busy, moved, answer("/here", "here").into()]).await;
    for (target, status, after) in [
        ("/busy?key=abc", "status 429", Some(Duration::from_secs(7))),
        ("/moved", "status 301", None),
        ("/unknown", "status 404", None),
    ] {
        let error =
            fetch(vec![Request::get(format!("{}{target}", venue.rest_url()))], Vec::new()).await.unwrap_err();
        let place = format!("{}{}", venue.rest_url(), target.split('?').next().unwrap());
        assert_eq!(error, FetchError::Retry { place, why: status.to_owned(), after }, "{target}");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
    assert_eq!(venue.asked().len(), 3, "the redirect was not followed");
    let error =
        fetch(vec![Request::get(venue.rest_url().replace("http", "https"))], Vec::new()).await.unwrap_err();
    assert!(matches!(error, FetchError::Retry { .. }), "a failed tls handshake: {error:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let size = usize::try_from(BODY_BYTES_MAX).unwrap() + 1;
    let venue = venue([answer("/long", &" ".repeat(size)).into()]).await;
    let error =
        fetch(vec![Request::get(format!("{}/long", venue.rest_url()))], Vec::new()).await.unwrap_err();
    assert!(matches!(&error, FetchError::Retry { why, .. } if why.contains("limit")), "{error:?}");
}

/// Answers the next request with so many spaces, packed, and returns its address. The emulated venue sends texts only.
fn packed_spaces(count: u64) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::repeat(b' ').take(count), &mut gzip).unwrap();
    let packed = gzip.finish().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/packed", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = BufReader::new(stream.try_clone().unwrap()).lines();
        asked.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        let length = packed.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n")
            .unwrap();
        // Who has read enough may hang up.
        let _ = stream.write_all(&packed);
    });
    url
}

#[tokio::test]
async fn a_packed_body_counts_by_what_it_stands_for() {
    let length = async |count| {
        let answers = fetch(vec![Request::get(packed_spaces(count))], Vec::new()).await?;
        Ok::<usize, FetchError>(answers[0].body.len())
    };
    assert_eq!(length(3).await, Ok(3));
    // On the wire it is far below the limit.
    let error = length(BODY_BYTES_MAX + 1).await.unwrap_err();
    assert!(matches!(&error, FetchError::Retry { why, .. } if why.contains("limit")), "{error:?}");
}

#[tokio::test]
async fn plaintext_to_another_machine_is_never_sent() {
    let error =
        fetch(vec![Request::get("http://192.0.2.1/x?key=abc".to_owned())], Vec::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "http://192.0.2.1/x: plaintext is taken only to this machine");
    assert!(matches!(error, FetchError::Misconfigured { .. }));
}

#[tokio::test]
async fn a_question_may_have_a_body_and_credentials() {
    let venue = venue([
        answer(r#"/info {"type":"meta"}"#, "meta").into(),
        answer(r#"/info {"type":"spotMeta"}"#, "spot").into(),
        answer("/ticket", "T").into(),
    ])
    .await;
    let info = format!("{}/info", venue.rest_url());
    let requests = vec![
        Request::post(&info, r#"{"type":"spotMeta"}"#),
        Request::post(&info, r#"{"type":"meta"}"#),
        Request::post(format!("{}/ticket", venue.rest_url()), ""),
    ];
    let answers = fetch(requests, vec![("authorization", Secret::new("Bearer abc"))]).await.unwrap();
    let bodies: Vec<&str> = answers.iter().map(|answer| &*answer.body).collect();
    assert_eq!(bodies, ["spot", "meta", "T"]);
    assert_eq!(answers[1].url, format!(r#"{info} {{"type":"meta"}}"#));
    let heads = venue.heads();
    assert!(heads.iter().all(|head| head.starts_with("POST ") && head.contains("authorization: Bearer abc")));
}

#[tokio::test]
async fn an_answer_that_is_not_needed_may_be_missing() {
    let venue = venue([answer("/list", "L").into(), HttpAnswer::of_status("/details/gone", 404)]).await;
    let url = |path: &str| format!("{}{path}", venue.rest_url());
    let requests = |details: Request| vec![details, Request::get(url("/list"))];
    let answers = fetch(requests(Request::get(url("/details/gone")).optional()), Vec::new()).await.unwrap();
    assert_eq!(answers, [answer(&url("/list"), "L")]);
    assert!(
        fetch(requests(Request::get(url("/details/gone"))), Vec::new()).await.is_err(),
        "a needed one may not"
    );
}
