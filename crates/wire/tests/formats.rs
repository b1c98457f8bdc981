//! NDJSON says what the server-sent events say, CSV says the quote, and digits stay in every style.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

#[path = "shared/samples.rs"]
mod samples;

use market::{Field, FieldSet, Micros, Price, Quote, Symbol};
use proptest::collection::vec;
use proptest::prelude::*;
use samples::{Sample, any_fields, any_quote, any_sample, any_style, any_symbol, any_text, number_text};
use serde_json::Value;
use wire::{Event, EventId, Format, Numbers, Parser, Style, SymbolReason, Times, encode};

fn written(style: Style, sample: &Sample, seq: u64) -> String {
    let mut out = Vec::new();
    sample.write(&mut out, style, EventId { epoch: 0xabc, seq });
    String::from_utf8(out).unwrap()
}

/// The rows of a CSV text, each as wide as the first: the reader fails otherwise.
fn rows(text: &[u8]) -> Vec<Vec<String>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    reader.into_records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn moment(times: Times, micros: Option<Micros>) -> String {
    let Some(Micros(micros)) = micros else { return String::new() };
    match times {
        Times::Us => micros.to_string(),
        Times::Ns => (i128::from(micros) * 1_000).to_string(),
        Times::Iso => {
            let time =
                std::time::UNIX_EPOCH + std::time::Duration::from_micros(u64::try_from(micros).unwrap());
            humantime::format_rfc3339_micros(time).to_string()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_line_of_ndjson_is_the_data_of_the_event_and_its_id(
        samples in vec(any_sample(), 1..5),
        style in any_style(),
    ) {
        let sse = Style { format: Format::Sse, ..style };
        let lines = Style { format: Format::Ndjson, ..style };
        for (seq, sample) in (100..).zip(&samples) {
            // `hello` tells the format.
            if matches!(sample, Sample::Hello { .. }) {
                continue;
            }
            let mut events = Vec::new();
            Parser::default().push(written(sse, sample, seq).as_bytes(), &mut events).unwrap();
            let line = written(lines, sample, seq);
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
            let id = if events[0].id.is_empty() { String::new() } else { format!(r#""id":"{}","#, events[0].id) };
            prop_assert_eq!(line.trim_end(), format!("{{{id}{}", &events[0].data[1..]), "byte for byte");
            let object: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(object["type"].as_str(), Some(sample.name().name()));
            let (read, _) = Event::parse_line(&line, style.times).unwrap();
            prop_assert_eq!(read.unwrap_or_default(), events[0].id.clone());
        }
    }

    #[test]
    fn a_row_of_csv_is_the_whole_quote(
        symbol in any_symbol(),
        mut quote in any_quote(),
        wanted in any_fields(),
        style in any_style(),
        merged in 0..4_u64,
        rejected in any_text(),
    ) {
        // The independent writer of ISO text knows no time before 1970 nor after 9999.
        let year = |Micros(micros)| Micros(micros.rem_euclid(200_000_000_000_000_000));
        quote.status_since = year(quote.status_since);
        quote.ts_pub = year(quote.ts_pub);
        (quote.ts_event, quote.ts_recv) = (quote.ts_event.map(year), quote.ts_recv.map(year));
        let style = Style { format: Format::Csv, ..style };
        let refusal = [(rejected.clone(), SymbolReason::BadCharacter)];
        let mut out = Vec::new();
        encode::head(&mut out, style, 1, wanted, &refusal);
        encode::id_line(&mut out, style, EventId { epoch: 1, seq: 2 });
        encode::quote(&mut out, style, &symbol, &quote, FieldSet::EMPTY, wanted, merged);
        encode::goodbye(&mut out, style, &rejected, 5, wanted);
        encode::heartbeat(&mut out, style, Micros(1), 77, 5, wanted);
        encode::id_line(&mut out, style, EventId { epoch: 1, seq: 3 });
        encode::lagged(&mut out, style, Some(9), [&symbol], wanted);
        let rows = rows(&out);
        prop_assert_eq!(rows.len(), 6);
        let cell = |row: usize, name: &str| {
            rows[row][rows[0].iter().position(|column| column == name).unwrap()].as_str()
        };
        prop_assert_eq!((cell(1, "type"), cell(1, "symbol"), cell(1, "reason")), ("rejected", &*rejected, "bad_character"));
        prop_assert_eq!((cell(2, "id"), cell(2, "type"), cell(2, "symbol")), ("1-2", "quote", symbol.as_str()));
        prop_assert_eq!(cell(2, "seq"), quote.seq.to_string());
        prop_assert_eq!(cell(2, "n"), if merged > 1 { merged.to_string() } else { String::new() });
        prop_assert_eq!((cell(2, "status"), cell(2, "reason")), (quote.status.name(), quote.reason.name()));
        prop_assert_eq!(cell(2, "since"), moment(style.times, Some(quote.status_since)));
        for field in wanted.without(Field::Status).iter() {
            let expected = match field {
                Field::TsEvent => moment(style.times, quote.ts_event),
                Field::TsRecv => moment(style.times, quote.ts_recv),
                Field::TsPub => moment(style.times, quote.has(Field::TsPub).then_some(quote.ts_pub)),
                word if FieldSet::WORDS.contains(word) => quote.word(word).unwrap_or_default().to_owned(),
                number => quote.values.figure(number).map_or_else(String::new, |n| n.to_string()),
            };
            prop_assert_eq!(cell(2, field.name()), expected);
        }
        prop_assert_eq!((cell(3, "type"), cell(3, "reason"), cell(3, "id")), ("goodbye", &*rejected, ""));
        prop_assert_eq!((cell(4, "type"), cell(4, "seq")), ("heartbeat", "77"));
        prop_assert_eq!((cell(5, "type"), cell(5, "n"), cell(5, "id")), ("lagged", "9", "1-3"));
    }

    #[test]
    fn every_sample_is_a_row_of_the_same_width(samples in vec(any_sample(), 1..5)) {
        let style = Style { format: Format::Csv, ..Style::default() };
        for sample in &samples {
            // The samples' other events are as wide as all fields.
            let wanted = match sample {
                Sample::Snapshot { wanted, .. } | Sample::Quote { wanted, .. } | Sample::SymbolStatus { wanted, .. } => *wanted,
                _ => FieldSet::ALL,
            };
            let mut out = Vec::new();
            encode::head(&mut out, style, 1, wanted, &[]);
            out.extend(written(style, sample, 3).into_bytes());
            let told = !matches!(sample, Sample::Hello { .. } | Sample::FeedStatus { .. });
            prop_assert_eq!(rows(&out).len(), 1 + usize::from(told));
        }
    }

    #[test]
    fn promise_13_digits_leave_as_they_came_in_every_style(
        text in number_text(),
        place in 0..Field::NUMBERS,
        style in any_style(),
    ) {
        let field = Field::NUMBER_FIELDS[place];
        let mut quote = Quote::default();
        quote.values.set_number(field, Some(Price::parse(&text).unwrap().decimal()));
        let wanted = FieldSet::EMPTY.with(field);
        let mut out = Vec::new();
        let symbol = Symbol::parse("X:A").unwrap();
        encode::snapshot(&mut out, style, &symbol, &quote, wanted);
        let written = String::from_utf8(out).unwrap();
        let member = match (style.format, style.numbers) {
            (Format::Csv, _) => format!(",0,{text},unknown,"),
            (_, Numbers::String) => format!("\"{}\":\"{text}\",", field.name()),
            (_, Numbers::Json) => format!("\"{}\":{text},", field.name()),
        };
        prop_assert!(written.contains(&member), "{member} is not in {written}");
        if style.format == Format::Ndjson {
            let Event::Snapshot(read) = Event::parse(&format!("{{{}", &written[1..])).unwrap() else { panic!("no snapshot") };
            prop_assert_eq!(read.figures.get(field).unwrap().to_string(), text);
        }
    }

    #[test]
    fn times_come_back_from_every_style(sample in any_sample(), style in any_style()) {
        let (Sample::Heartbeat { server_time, .. }, false) = (&sample, style.format == Format::Csv) else { return Ok(()) };
        let server_time = server_time.rem_euclid(200_000_000_000_000_000);
        let mut out = Vec::new();
        encode::heartbeat(&mut out, Style { format: Format::Ndjson, ..style }, Micros(server_time), 1, 2, FieldSet::ALL);
        let (_, event) = Event::parse_line(std::str::from_utf8(&out).unwrap(), style.times).unwrap();
        let Event::Heartbeat(read) = event else { panic!("no heartbeat") };
        prop_assert_eq!(read.server_time, server_time);
    }
}
