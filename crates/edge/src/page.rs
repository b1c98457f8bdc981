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

/// One module of the page's script.
const fn script(path: &'static str, text: &'static str) -> Asset {
    Asset { path, media_type: "text/javascript; charset=utf-8", text }
}

/// Every file of the page; the first one is the page itself.
pub(crate) const ASSETS: [Asset; 15] = [
    Asset { path: "", media_type: "text/html; charset=utf-8", text: include_str!("../page/index.html") },
    Asset {
        path: "style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("../page/style.css"),
    },
    Asset { path: "favicon.svg", media_type: "image/svg+xml", text: include_str!("../page/favicon.svg") },
    script("app.js", include_str!("../page/app.js")),
    script("clock.js", include_str!("../page/clock.js")),
    script("dom.js", include_str!("../page/dom.js")),
    script("format.js", include_str!("../page/format.js")),
    script("link.js", include_str!("../page/link.js")),
    script("poll.js", include_str!("../page/poll.js")),
    script("quotes.js", include_str!("../page/quotes.js")),
    script("search.js", include_str!("../page/search.js")),
    script("stream.js", include_str!("../page/stream.js")),
    script("strip.js", include_str!("../page/strip.js")),
    script("table.js", include_str!("../page/table.js")),
    script("watchlist.js", include_str!("../page/watchlist.js")),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a text loads with `before`, a path of ours and a quote.
    fn loaded<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn every_file_of_the_page_is_loaded_and_every_file_loaded_is_there() {
        let mut wanted = BTreeSet::from([""]);
        wanted.extend(loaded(ASSETS[0].text, "src=\"/").chain(loaded(ASSETS[0].text, "href=\"/")));
        wanted.remove("v1/symbols");
        for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".js")) {
            wanted.extend(loaded(asset.text, "from \"./"));
        }
        let there: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(there, wanted);
    }
}
