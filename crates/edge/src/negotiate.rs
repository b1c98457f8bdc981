//! Which of our answers a request wants: the `Accept` header, read once, by one documented rule.

/// The kinds of answer that a resource can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `text/event-stream`.
    EventStream,
    /// `text/html`: somebody opened the address in a browser.
    Page,
    /// Neither: a problem document.
    Neither,
}

/// What `Accept` asks of the stream resource.
///
/// `text/event-stream`, `text/*`, `*/*`, or no header at all get the stream; a header that prefers `text/html` over
/// the stream (what browsers send when navigating) gets the page; a header that excludes both gets a 406 problem.
pub fn stream_or_page(accept: Option<&str>) -> Wanted {
    let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else {
        return Wanted::EventStream;
    };
    let stream = quality(accept, "text", "event-stream");
    let page = quality(accept, "text", "html");
    // A wildcard alone (curl, scripts) means the stream; a browser names text/html and gives the wildcard less.
    let page_named = names(accept, "text", "html");
    match (stream, page) {
        (0, 0) => Wanted::Neither,
        (s, p) if page_named && p > s => Wanted::Page,
        (0, _) => Wanted::Page,
        _ => Wanted::EventStream,
    }
}

/// Thousandths of quality that `accept` gives `kind/subtype`: the most specific matching range decides (RFC 9110,
/// section 12.5.1).
fn quality(accept: &str, kind: &str, subtype: &str) -> u32 {
    let mut best = (0, 0);
    for (range, q) in ranges(accept) {
        let specific = match range.split_once('/') {
            Some((k, s)) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
            Some((k, "*")) if k.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        if specific > best.0 {
            best = (specific, q);
        }
    }
    best.1
}

fn names(accept: &str, kind: &str, subtype: &str) -> bool {
    ranges(accept).any(|(range, _)| {
        range
            .split_once('/')
            .is_some_and(|(k, s)| k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype))
    })
}

fn ranges(accept: &str) -> impl Iterator<Item = (&str, u32)> {
    accept.split(',').map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let q = parts
            .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
            .map_or(1_000, thousandths);
        (range, q)
    })
}

/// `0.8` as 800; anything unreadable counts as fully wanted, as for a missing weight.
fn thousandths(q: &str) -> u32 {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(fraction)) => whole.saturating_mul(1_000).saturating_add(fraction).min(1_000),
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_came_for() {
        let cases = [
            (None, Wanted::EventStream),
            (Some(""), Wanted::EventStream),
            (Some("text/event-stream"), Wanted::EventStream),
            (Some("*/*"), Wanted::EventStream),
            (Some("text/*"), Wanted::EventStream),
            (Some("TEXT/Event-Stream;q=0.5, application/json"), Wanted::EventStream),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Wanted::Page),
            (Some("text/html, text/event-stream"), Wanted::EventStream),
            (Some("text/html;q=0.2, text/event-stream;q=0.9"), Wanted::EventStream),
            (Some("text/html, text/event-stream;q=0"), Wanted::Page),
            (Some("text/html;q=5000000"), Wanted::Page),
            (Some("text/event-stream;q=99999999999999999999, text/html;q=-1"), Wanted::EventStream),
            (Some("application/json"), Wanted::Neither),
            (Some("application/json, */*;q=0"), Wanted::Neither),
            (Some("image/*"), Wanted::Neither),
            (Some("*/*;q=0.1, text/event-stream;q=0, text/html;q=0"), Wanted::Neither),
        ];
        for (accept, wanted) in cases {
            assert_eq!(stream_or_page(accept), wanted, "{accept:?}");
        }
    }
}
