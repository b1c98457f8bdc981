//! The entries of a venue's list of symbols, read one by one: an odd one is left out and counted, and keeps no other one out.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{CatalogueError, Instruments};

/// Most bytes of an odd entry that are kept to be shown.
const SHOWN_BYTES_MAX: usize = 200;

/// A list of which no entry is read yet.
pub type Listed<'a> = Vec<&'a RawValue>;

/// The entries of a list that can be read. The others are left out: see [`Instruments::left_out`].
///
/// # Errors
/// When there are entries and none of them can be read: then it is not the list that was asked for.
pub fn sound<'a, T: Deserialize<'a>>(
    entries: &[&'a RawValue],
    instruments: &mut Instruments,
) -> Result<Vec<T>, CatalogueError> {
    let (mut sound, mut odd) = (Vec::with_capacity(entries.len()), None);
    for entry in entries {
        match serde_json::from_str(entry.get()) {
            Ok(read) => sound.push(read),
            Err(error) => {
                instruments.leave_out(shown(entry.get()));
                odd = odd.or(Some(error));
            }
        }
    }
    match odd {
        // Most of it odd is another list than the one that was asked for, or a fault that is over soon: it is asked for again.
        Some(why) if sound.len() * 2 < entries.len() => {
            let (sound, all) = (sound.len(), entries.len());
            Err(CatalogueError(format!("symbols are not as documented, {sound} of {all} are: {why}")))
        }
        _ => Ok(sound),
    }
}

/// Reads every entry of a list and hands it to `take`, which adds its instrument and says whether the entry was as
/// documented. Entries that cannot be read, or that `take` refuses, are left out: see [`Instruments::left_out`].
///
/// # Errors
/// When there are entries and none of them is as documented: then it is not the list that was asked for.
pub fn each_entry<'a, T: Deserialize<'a>>(
    entries: &[&'a RawValue],
    instruments: &mut Instruments,
    mut take: impl FnMut(&T, &mut Instruments) -> bool,
) -> Result<(), CatalogueError> {
    let (mut taken, mut odd) = (0_usize, None);
    for entry in entries {
        let why = match serde_json::from_str::<T>(entry.get()) {
            Ok(read) if take(&read, instruments) => {
                taken += 1;
                continue;
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        instruments.leave_out(shown(entry.get()));
        odd = odd.or(why);
    }
    if taken > 0 || entries.is_empty() {
        return Ok(());
    }
    let why = odd.map_or_else(|| shown(entries[0].get()).to_owned(), |error| error.to_string());
    Err(CatalogueError(format!("symbols are not as documented, none of {}: {why}", entries.len())))
}

/// The beginning of a text.
fn shown(text: &str) -> &str {
    let end = (0..=SHOWN_BYTES_MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use market::Symbol;

    use super::*;

    #[derive(Deserialize)]
    struct Pair<'a> {
        name: &'a str,
        live: bool,
    }

    fn check(list: &str) -> (Result<(), CatalogueError>, Instruments) {
        let entries: Vec<&RawValue> = serde_json::from_str(list).unwrap();
        let mut instruments = Instruments::new("X", 9);
        let result = each_entry(&entries, &mut instruments, |pair: &Pair<'_>, instruments| {
            let symbol = Symbol::of_venue("X", pair.name).ok().filter(|_| pair.live);
            symbol.and_then(|symbol| instruments.add(pair.name, symbol)).is_some()
        });
        (result, instruments)
    }

    #[test]
    fn an_odd_entry_is_left_out_and_counted_and_keeps_no_other_one_out() {
        let (result, known) = check(
            r#"[{"name":"A-B","live":true},{"name":"C-D"},5,{"name":"E-F","live":false},{"name":"G-H","live":true}]"#,
        );
        assert_eq!((result, known.len()), (Ok(()), 2));
        assert_eq!(known.left_out(), (3, r#"{"name":"C-D"}"#), "the first of them is shown");
    }

    #[test]
    fn a_list_of_which_nothing_is_of_use_is_an_error_and_an_empty_one_is_not() {
        let (result, known) = check(r#"[{"label":"TOO_MANY_REQUESTS"},7]"#);
        let error = result.unwrap_err().0;
        assert!(error.starts_with("symbols are not as documented, none of 2: missing field"), "{error}");
        assert_eq!((known.left_out().0, known.len()), (2, 0));
        assert!(check(r#"[{"name":"E-F","live":false}]"#).0.unwrap_err().0.ends_with(r#""live":false}"#));
        assert_eq!(check("[]").0, Ok(()));
    }

    #[test]
    fn the_sound_entries_of_a_list_are_had_at_once() {
        let list = r#"[{"name":"A-B","live":true},{"name":"C-D"},5,{"name":"E-F","live":false}]"#;
        // Half of a list is enough.
        let entries: Listed<'_> = serde_json::from_str(list).unwrap();
        let mut instruments = Instruments::new("X", 9);
        let names: Vec<&str> =
            sound::<Pair<'_>>(&entries, &mut instruments).unwrap().iter().map(|pair| pair.name).collect();
        assert_eq!((names, instruments.left_out()), (vec!["A-B", "E-F"], (2, r#"{"name":"C-D"}"#)));
        let error = sound::<Pair<'_>>(&entries[..3], &mut instruments).err().unwrap().0;
        assert!(error.starts_with("symbols are not as documented, 1 of 3 are: missing field"), "{error}");
        assert!(sound::<Pair<'_>>(&[], &mut instruments).is_ok_and(|none| none.is_empty()));
    }

    #[test]
    fn what_is_shown_of_an_odd_entry_is_bounded() {
        let long = "ä".repeat(1_000);
        let (_, known) = check(&format!(r#"[{{"name":"A-B","live":true}},"{long}"]"#));
        assert_eq!(known.left_out().1, format!("\"{}", "ä".repeat(99)));
    }
}
