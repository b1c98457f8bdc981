//! Which of our answers a request wants: the `Accept` header, read once, by one documented rule.

use wire::{AnswerFormat, Format};

/// The kinds of answer that the stream resource can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A stream of that format.
    Stream(Format),
    /// `text/html`: somebody opened the address in a browser.
    Page,
    /// Nothing that we have: a problem document.
    Neither,
}

/// The media types of a stream, the one that is given when several are equally welcome first.
const STREAMS: [(&str, &str, Format); 4] = [
    ("text", "event-stream", Format::Sse),
    ("application", "x-ndjson", Format::Ndjson),
    ("application", "jsonl", Format::Ndjson),
    ("text", "csv", Format::Csv),
];

/// What `Accept` asks of the stream resource.
///
/// The format with the highest quality, a named one before a wildcard, and `text/event-stream` when nothing is said; a
/// header that prefers `text/html` (what browsers send when navigating) gets the page; a header that excludes all of
/// them gets a 406 problem.
pub fn stream_or_page(accept: Option<&str>) -> Wanted {
    let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else {
        return Wanted::Stream(Format::Sse);
    };
    let best = STREAMS
        .iter()
        .rev()
        .map(|&(kind, subtype, format)| {
            ((quality(accept, kind, subtype), names(accept, kind, subtype)), format)
        })
        .max_by_key(|&(rank, _)| rank);
    let page = quality(accept, "text", "html");
    // A wildcard alone (curl, scripts) means the stream; a browser names text/html and gives the wildcard less.
    let page_named = names(accept, "text", "html");
    match best {
        Some(((q, _), _)) if page_named && page > q => Wanted::Page,
        Some(((1.., _), format)) => Wanted::Stream(format),
        _ if page > 0 => Wanted::Page,
        _ => Wanted::Neither,
    }
}

/// What `Accept` asks of a resource of full quotes; `None` when it excludes all that we have.
pub fn answer(accept: Option<&str>) -> Option<AnswerFormat> {
    let Some(accept) = accept.filter(|a| !a.trim().is_empty()) else {
        return Some(AnswerFormat::Json);
    };
    let answers = [
        ("application", "json", AnswerFormat::Json),
        ("application", "x-ndjson", AnswerFormat::Ndjson),
        ("application", "jsonl", AnswerFormat::Ndjson),
        ("text", "csv", AnswerFormat::Csv),
    ];
    let ranked = answers.iter().rev().map(|&(kind, subtype, format)| {
        ((quality(accept, kind, subtype), names(accept, kind, subtype)), format)
    });
    ranked.max_by_key(|&(rank, _)| rank).filter(|&((q, _), _)| q > 0).map(|(_, format)| format)
}

/// Whether a temporary refusal has to be said inside a stream with status 200, because the client takes any other
/// status for the end of everything.
///
/// EventSource and what imitates it send `Accept: text/event-stream`. A client that can read a status says so by also
/// naming `application/json` or `application/problem+json`, or by asking for another format; `*/*` and no header at all
/// come from programs that look at the status.
pub fn needs_refusal_in_band(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        names(accept, "text", "event-stream")
            && !names(accept, "application", "json")
            && !names(accept, "application", "problem+json")
    })
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
        let sse = Wanted::Stream(Format::Sse);
        let ndjson = Wanted::Stream(Format::Ndjson);
        let csv = Wanted::Stream(Format::Csv);
        let cases = [
            (None, sse),
            (Some(""), sse),
            (Some("text/event-stream"), sse),
            (Some("*/*"), sse),
            (Some("text/*"), sse),
            (Some("TEXT/Event-Stream;q=0.5, application/json"), sse),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Wanted::Page),
            (Some("text/html, text/event-stream"), sse),
            (Some("text/html;q=0.2, text/event-stream;q=0.9"), sse),
            (Some("text/html, text/event-stream;q=0"), Wanted::Page),
            (Some("text/html;q=5000000"), Wanted::Page),
            (Some("text/event-stream;q=99999999999999999999, text/html;q=-1"), sse),
            (Some("application/json"), Wanted::Neither),
            (Some("application/json, */*;q=0"), Wanted::Neither),
            (Some("image/*"), Wanted::Neither),
            (Some("*/*;q=0.1, text/event-stream;q=0, text/html;q=0"), ndjson),
            (Some("application/x-ndjson"), ndjson),
            (Some("application/jsonl, */*"), ndjson),
            (Some("text/csv, */*;q=0.1"), csv),
            (Some("text/csv;q=0.5, application/x-ndjson;q=0.6"), ndjson),
            (Some("text/csv, text/event-stream"), sse),
            (Some("text/*;q=0.5, text/csv"), csv),
        ];
        for (accept, wanted) in cases {
            assert_eq!(stream_or_page(accept), wanted, "{accept:?}");
        }
    }

    #[test]
    fn full_quotes_have_three_formats() {
        for (accept, wanted) in [
            (None, Some(AnswerFormat::Json)),
            (Some("*/*"), Some(AnswerFormat::Json)),
            (Some("application/*"), Some(AnswerFormat::Json)),
            (Some("text/csv"), Some(AnswerFormat::Csv)),
            (Some("text/*"), Some(AnswerFormat::Csv)),
            (Some("application/jsonl"), Some(AnswerFormat::Ndjson)),
            (Some("text/csv, application/json"), Some(AnswerFormat::Json)),
            (Some("image/png"), None),
            (Some("application/json;q=0"), None),
        ] {
            assert_eq!(answer(accept), wanted, "{accept:?}");
        }
    }

    #[test]
    fn only_what_gives_up_on_a_status_is_refused_in_band() {
        for (accept, in_band) in [
            (Some("text/event-stream"), true),
            (Some("text/event-stream, */*"), true),
            (Some("text/event-stream, application/json"), false),
            (Some("application/problem+json, text/event-stream"), false),
            (Some("application/x-ndjson"), false),
            (Some("*/*"), false),
            (None, false),
        ] {
            assert_eq!(needs_refusal_in_band(accept), in_band, "{accept:?}");
        }
    }
}
