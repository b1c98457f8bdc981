//! Cross-origin access: an exact list of origins, with or without credentials.
//!
//! warp's own CORS filter is not used: it answers 403 to a foreign `Origin`, which same-origin `PATCH` requests carry
//! too, and it sends no `Vary: Origin`, so that a shared cache could hand one origin's answer to another.

use http::header::{self, HeaderMap, HeaderValue};

/// Which origins may read our answers from a page of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<String>,
    credentials: bool,
}

/// Why an origin cannot be in the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorsError {
    /// `*` and `null` would open the answers to everyone, with credentials even to every site's cookies.
    #[error("origin {0:?} is not allowed: name each origin exactly, as in https://app.example")]
    Open(String),
    /// Not `scheme://host[:port]`.
    #[error("origin {0:?} is not of the form https://host or https://host:port")]
    Malformed(String),
}

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");
/// Headers of ours that a page may read beside the few that it always may.
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, quotewire-id, retry-after");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, cache-control, content-type, if-none-match, last-event-id");

impl Cors {
    /// The list of origins, compared byte for byte with what browsers send.
    ///
    /// # Errors
    /// When an entry is a wildcard or no origin: refuse to start.
    pub fn new(origins: &[String], credentials: bool) -> Result<Cors, CorsError> {
        for origin in origins {
            if origin == "*" || origin == "null" {
                return Err(CorsError::Open(origin.clone()));
            }
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let plain = |r: &str| {
                !r.is_empty()
                    && r.bytes()
                        .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'@' | b'*' | b'?' | b'#'))
            };
            if !rest.is_some_and(plain) || origin.bytes().any(|b| b.is_ascii_uppercase()) {
                return Err(CorsError::Malformed(origin.clone()));
            }
        }
        Ok(Cors { origins: origins.to_vec(), credentials })
    }

    /// The listed origins.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Whether cookies may come along.
    pub fn credentials(&self) -> bool {
        self.credentials
    }

    /// Adds what the browser needs to hand our answer to a page of `origin`. `Vary: Origin` is always added, because
    /// the answer depends on it even when it is "no".
    pub fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        if !self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Adds what a preflight asks for, for origins that are listed.
    pub fn apply_preflight(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        self.apply(origin, headers);
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cors: &Cors, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        cors.apply_preflight(origin.map(|o| HeaderValue::from_str(o).unwrap()).as_ref(), &mut headers);
        headers
    }

    #[test]
    fn only_listed_origins_are_echoed_and_the_answer_always_varies() {
        let listed = "https://app.example".to_owned();
        for credentials in [false, true] {
            let cors = Cors::new(std::slice::from_ref(&listed), credentials).unwrap();
            for origin in [
                None,
                Some("null"),
                Some("https://evil.example"),
                Some("https://app.example.evil"),
                Some("https://app.example:444"),
            ] {
                let headers = answer(&cors, origin);
                assert_eq!(headers.get(header::VARY).unwrap(), "Origin");
                assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{origin:?}");
                assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS), "{origin:?}");
            }
            let headers = answer(&cors, Some("https://app.example"));
            assert_eq!(headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "https://app.example");
            assert_eq!(headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), credentials);
            assert!(
                headers
                    .get(header::ACCESS_CONTROL_ALLOW_HEADERS)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .contains("last-event-id")
            );
        }
    }

    #[test]
    fn open_and_malformed_origins_stop_the_start() {
        for origin in ["*", "null"] {
            assert_eq!(Cors::new(&[origin.to_owned()], false), Err(CorsError::Open(origin.to_owned())));
        }
        for origin in [
            "app.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://*.a",
            "ftp://a",
            "https://A",
            "https://u@a",
            "https://a b",
        ] {
            assert_eq!(
                Cors::new(&[origin.to_owned()], true),
                Err(CorsError::Malformed(origin.to_owned())),
                "{origin}"
            );
        }
        assert!(Cors::new(&["http://127.0.0.1:8081".to_owned()], true).is_ok());
    }
}
