//! Asks what a venue publishes over HTTP: the catalogue of its symbols, and the ticket to its socket where it wants one.
//!
//! One request after the other, on a thread for blocking work, with a limit on everything: time, size, redirects
//! (none: an answer from another place is not the venue's), and plaintext (only to this machine).

use std::fmt;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_tungstenite::tungstenite::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

use crate::{Request, RestAnswer, Secret};

/// Longest body, packed and unpacked. Today's longest, the catalogue of Binance, has about 20 MB.
pub const BODY_BYTES_MAX: u64 = 64 << 20;
/// Longest time for one answer, from the name look-up to the last byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Longest time until the connection is there.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How we introduce ourselves to venues; some refuse a client that does not.
pub(crate) const USER_AGENT: &str = concat!("quotewire/", env!("CARGO_PKG_VERSION"));

/// Why an answer could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// Try again later.
    Retry {
        /// Where, without query and credentials.
        place: String,
        /// What happened.
        why: String,
        /// The least wait that the venue asks for.
        after: Option<Duration>,
    },
    /// The address can never be asked: give up and name it.
    Misconfigured {
        /// Where, without query and credentials.
        place: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Retry { place, why, .. } => write!(f, "{place}: {why}"),
            FetchError::Misconfigured { place, why } => write!(f, "{place}: {why}"),
        }
    }
}

impl std::error::Error for FetchError {}

/// Asks everything in order, with these headers. Dropping the future gives up waiting; the thread ends within the time limit of one
/// answer.
///
/// # Errors
/// With the first answer that could not be had; see [`FetchError`].
pub async fn fetch(
    requests: Vec<Request>,
    headers: Vec<(&'static str, Secret)>,
) -> Result<Vec<RestAnswer>, FetchError> {
    let fetching = tokio::task::spawn_blocking(move || {
        requests
            .into_iter()
            .filter_map(|request| match ask(&request, &headers, ANSWER_LIMIT) {
                Ok(body) => Some(Ok(RestAnswer { url: request.name(), body })),
                Err(FetchError::Retry { place, why, .. }) if request.optional => {
                    tracing::warn!(place, why, "left out of the catalogue");
                    None
                }
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<Vec<RestAnswer>, FetchError>>()
    });
    match fetching.await {
        Ok(answers) => answers,
        Err(error) => {
            let why = format!("the fetching thread ended: {error}");
            Err(FetchError::Retry { place: "catalogue".to_owned(), why, after: None })
        }
    }
}

/// The URL as it may be shown: no query, no credentials and no account, because keys hide there.
pub fn shown(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", anonymous(path))
        }
        None => bare.to_owned(),
    }
}

/// The URL as it may be recorded: with its query, because a recording is read by it, but without credentials and
/// without the values of parameters that can hold one.
pub fn recordable(url: &str) -> String {
    const SECRET: [&str; 10] =
        ["key", "token", "sig", "secret", "auth", "pass", "jwt", "credential", "session", "account"];
    let mut text = shown(url);
    let query = url.split('#').next().unwrap_or_default().split_once('?').map(|(_, query)| query);
    for (at, parameter) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name, _)) if SECRET.iter().any(|part| name.to_ascii_lowercase().contains(part)) => {
                text.push_str(name);
                text.push_str("=REDACTED");
            }
            Some(_) | None => text.push_str(parameter),
        }
    }
    text
}

/// The same without whose account it is: what follows `/accounts/` in a path.
fn anonymous<'a>(path: &'a str) -> String {
    let mut after_accounts = false;
    let segment = |segment: &'a str| {
        let is_name = std::mem::replace(&mut after_accounts, segment == "accounts");
        if is_name && !segment.is_empty() { "REDACTED" } else { segment }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Whether plaintext to this host stays on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Checks an address before anything is sent there: encrypted, or this machine.
///
/// # Errors
/// With what is wrong with it.
pub fn check_place(url: &str, secure: &str, plain: &str) -> Result<(), &'static str> {
    let uri: Uri = url.parse().map_err(|_| "not a url")?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("no host in the url")?;
    check_port(&uri)?;
    match uri.scheme_str() {
        Some(scheme) if scheme == secure => Ok(()),
        Some(scheme) if scheme == plain && is_loopback(host) => Ok(()),
        Some(scheme) if scheme == plain => Err("plaintext is taken only to this machine"),
        Some(_) | None => Err("unknown url scheme"),
    }
}

/// A port that is no number, or too large a one, would count as none.
pub(crate) fn check_port(uri: &Uri) -> Result<(), &'static str> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let place = authority.rsplit('@').next().unwrap_or_default();
    // Behind the bracket of an address of the sixth version, whose own colons name no port.
    let tail = place.rsplit(']').next().unwrap_or_default();
    match tail.rsplit_once(':') {
        Some((_, port)) if !port.parse().is_ok_and(|port: u16| port > 0) => {
            Err("a port is a number from 1 to 65535")
        }
        Some(_) | None => Ok(()),
    }
}

/// Seconds in a `retry-after` header. The other form, a date, is not used by venues.
pub(crate) fn retry_after(headers: &ureq::http::HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn ask(request: &Request, headers: &[(&'static str, Secret)], limit: Duration) -> Result<String, FetchError> {
    let url = &*request.url;
    let place = || shown(url);
    check_place(url, "https", "http").map_err(|why| FetchError::Misconfigured { place: place(), why })?;
    let retry = |why: String, after| FetchError::Retry { place: place(), why, after };
    let answer = match &request.body {
        None => with_headers(agent().get(url), headers).config().timeout_global(Some(limit)).build().call(),
        Some(body) => {
            let post = with_headers(agent().post(url), headers).header("content-type", "application/json");
            post.config().timeout_global(Some(limit)).build().send(body.as_str())
        }
    };
    let mut answer = answer.map_err(|error| retry(error.to_string(), None))?;
    if answer.status() != ureq::http::StatusCode::OK {
        return Err(retry(format!("status {}", answer.status().as_u16()), retry_after(answer.headers())));
    }
    // The reader's own limit counts what comes over the wire, and a packed byte of that may stand for a thousand.
    let mut text = String::new();
    let body = answer.body_mut().with_config().limit(BODY_BYTES_MAX).reader();
    let read = body.take(BODY_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(_) if text.len() as u64 > BODY_BYTES_MAX => {
            Err(retry(format!("the unpacked body is over the limit of {BODY_BYTES_MAX} bytes"), None))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(retry(error.to_string(), None)),
    }
}

fn with_headers<B>(
    mut request: ureq::RequestBuilder<B>,
    headers: &[(&'static str, Secret)],
) -> ureq::RequestBuilder<B> {
    for (name, value) in headers {
        request = request.header(*name, value.reveal());
    }
    request
}

fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        // The provider is named, because with two in the dependency graph the default would panic.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::WebPki)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(CONNECT_LIMIT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // The WebSocket side knows no proxy either, and a catalogue without quotes is of no use.
            .proxy(None)
            .user_agent(USER_AGENT)
            .build()
            .new_agent()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_stays_on_this_machine() {
        let check = |url| check_place(url, "https", "http");
        assert_eq!(check("https://api.example.com/x?y=1"), Ok(()));
        for url in ["http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:1/", "http://127.9.9.9/"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in ["http://api.example.com/x", "http://10.0.0.1/", "http://localhost.example.com/"] {
            assert_eq!(check(url), Err("plaintext is taken only to this machine"), "{url}");
        }
        assert_eq!(check("ftp://127.0.0.1/"), Err("unknown url scheme"));
        for port in ["0", "65536", "99999999999", ""] {
            for host in ["localhost", "[::1]", "me@127.0.0.1"] {
                let url = format!("http://{host}:{port}/");
                assert_eq!(
                    check_place(&url, "https", "http"),
                    Err("a port is a number from 1 to 65535"),
                    "{url}"
                );
            }
        }
        assert_eq!(check("https://api.example.com:65535"), Ok(()));
        assert!(check("").is_err() && check("/x").is_err() && check("https:///x").is_err());
    }

    #[test]
    fn no_secret_is_shown() {
        assert_eq!(
            shown("https://user:key@api.example.com/v1/x?token=abc#d"),
            "https://api.example.com/v1/x"
        );
        assert_eq!(shown("wss://stream.example.com?key=1"), "wss://stream.example.com");
        assert_eq!(shown("no url?key=1"), "no url");
        assert_eq!(
            recordable("wss://me@x.example.com/s?streams=btcusdt@trade/ethusdt@trade&apiKey=abc&flag#z"),
            "wss://x.example.com/s?streams=btcusdt@trade/ethusdt@trade&apiKey=REDACTED&flag"
        );
        assert_eq!(recordable("https://x.example.com/s"), "https://x.example.com/s");
        for name in ["jwt", "X-Credential", "Signature", "session_id", "accountId"] {
            let url = format!("https://x.example.com/s?a=1&{name}=hush");
            assert_eq!(recordable(&url), format!("https://x.example.com/s?a=1&{name}=REDACTED"));
        }
        assert_eq!(
            recordable("https://x.example.com/v3/accounts/101-004-1/pricing/stream?instruments=EUR_USD"),
            "https://x.example.com/v3/accounts/REDACTED/pricing/stream?instruments=EUR_USD"
        );
        let shown = shown("https://x.example.com/v3/accounts/101-004-1/instruments?x=1");
        assert_eq!(shown, "https://x.example.com/v3/accounts/REDACTED/instruments");
    }
}
