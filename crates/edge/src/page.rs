//! The console page, compiled in: no outside network, no inline script.

use http::{HeaderValue, header};
use warp::reply::{Reply, Response};

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// Its path on the server.
    pub(crate) path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

/// Every file of the page; the first one is the page itself.
pub(crate) const ASSETS: [Asset; 4] = [
    Asset { path: "", media_type: "text/html; charset=utf-8", text: include_str!("../page/index.html") },
    Asset {
        path: "app.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../page/app.js"),
    },
    Asset {
        path: "style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("../page/style.css"),
    },
    Asset { path: "favicon.svg", media_type: "image/svg+xml", text: include_str!("../page/favicon.svg") },
];

/// Nothing but our own files, our own streams, and no frame of another site around us.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

impl Asset {
    pub(crate) fn reply(&self) -> Response {
        let mut response = self.text.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        // The page belongs to the binary: after an upgrade the old one must not talk to the new server.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}
