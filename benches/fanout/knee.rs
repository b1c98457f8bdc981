//! The knee: the highest rate that a server holds.
//!
//! Rates are powers of 1.12. Six steps up (about double) until one fails, then halving in between, then a longer run at
//! the highest that held, a step down whenever that fails.

use std::io;

/// From one rate to the next.
const STEP: f64 = 1.12;
/// Steps of the first search: 1.12^6 = 1.97.
const STRIDE: i32 = 6;
/// Bounds of the search: 1 and 260,000 updates a second.
const BOUNDS: (i32, i32) = (0, 110);
/// Most steps down after the search.
const DOWN_MAX: i32 = 8;

/// The rate of a step.
pub(crate) fn rate(step: i32) -> f64 {
    STEP.powi(step)
}

/// Finds the knee. `holds(step, long)` runs a step, short or long, and gives what it measured if the server held it.
/// `None` when not even the lowest step holds.
pub(crate) fn find<T>(
    start: i32,
    mut holds: impl FnMut(i32, bool) -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let mut good = None;
    let mut bad = None;
    let mut step = start.clamp(BOUNDS.0, BOUNDS.1);
    loop {
        let next = if holds(step, false)?.is_some() {
            good = Some(step);
            step + STRIDE
        } else {
            bad = Some(step);
            step - STRIDE
        };
        let next = next.clamp(BOUNDS.0, BOUNDS.1);
        if good.is_some() && bad.is_some() || next == step {
            break;
        }
        step = next;
    }
    let Some(mut good) = good else { return Ok(None) };
    let mut bad = bad.unwrap_or(good + 1);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle, false)?.is_some() {
            good = middle;
        } else {
            bad = middle;
        }
    }
    for down in 0..DOWN_MAX {
        if good - down < BOUNDS.0 {
            break;
        }
        if let Some(measured) = holds(good - down, true)? {
            return Ok(Some(measured));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when short runs hold up to one step and long ones up to another, and how many runs it took.
    fn found(start: i32, short: i32, long: i32) -> (Option<i32>, usize) {
        let mut runs = 0;
        let knee = find(start, |step, is_long| {
            runs += 1;
            Ok((step <= if is_long { long } else { short }).then_some(step))
        });
        (knee.unwrap(), runs)
    }

    #[test]
    fn the_highest_step_that_holds_is_found_from_anywhere() {
        for start in [0, 20, 35, 60, 109] {
            for knee in 3..100 {
                assert_eq!(found(start, knee, knee).0, Some(knee), "from {start}");
            }
        }
        assert!(found(35, 72, 72).1 <= 12);
    }

    #[test]
    fn a_long_run_that_fails_goes_down_and_nothing_at_all_is_said() {
        assert_eq!(found(35, 60, 57).0, Some(57));
        assert_eq!(found(35, -1, -1).0, None);
        assert_eq!(found(35, 60, 40).0, None, "short runs that say nothing about long ones");
    }
}
