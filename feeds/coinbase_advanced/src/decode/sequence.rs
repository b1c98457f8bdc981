//! Whether a message is missing on a connection.

/// How many messages in a row have to follow each other before their numbers are believed to count the connection.
const PROOF: u8 = 4;

/// The numbers of a connection's messages.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: Option<u64>,
    /// The channel of the last message, by its length and first byte: enough to see that it was another one.
    channel: (usize, u8),
    /// How many followed each other, and whether they were of more than one channel.
    row: u8,
    mixed: bool,
    /// The numbers count the connection.
    proven: bool,
    /// A number did not follow.
    doubt: bool,
}

impl Sequence {
    /// Takes the number of a message; true when messages are known to be missing.
    pub(super) fn misses(&mut self, number: u64, channel: &str) -> bool {
        let of = (channel.len(), channel.as_bytes().first().copied().unwrap_or_default());
        if let Some(last) = self.last {
            if last.checked_add(1) == Some(number) {
                self.row = self.row.saturating_add(1);
                self.mixed |= of != self.channel;
            } else {
                (self.row, self.mixed, self.doubt) = (0, false, true);
            }
        }
        (self.last, self.channel) = (Some(number), of);
        self.proven |= self.mixed && self.row >= PROOF;
        self.proven && std::mem::take(&mut self.doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages at which something is known to be missing.
    fn check(numbers: &[(u64, &str)]) -> Vec<u64> {
        let mut sequence = Sequence::default();
        numbers.iter().filter(|(n, channel)| sequence.misses(*n, channel)).map(|(n, _)| *n).collect()
    }

    #[test]
    fn a_jump_is_a_loss_once_the_numbers_have_shown_what_they_count() {
        let row = [(0, "a"), (1, "b"), (2, "a"), (3, "a"), (4, "a"), (5, "a")];
        assert!(check(&row).is_empty());
        let later: Vec<_> = row.into_iter().chain([(7, "a"), (8, "a"), (10, "b"), (4, "a")]).collect();
        assert_eq!(check(&later), [7, 10, 4]);
    }

    #[test]
    fn a_jump_before_the_proof_counts_from_then_on() {
        assert_eq!(check(&[(0, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "b"), (6, "b"), (7, "b")]), [6]);
    }

    #[test]
    fn numbers_that_count_something_else_are_never_believed() {
        let by_channel = [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b"), (3, "a"), (9, "a")];
        assert!(check(&by_channel).is_empty());
        let one_channel: Vec<_> = (0..9).chain([20]).map(|n| (n, "a")).collect();
        assert!(check(&one_channel).is_empty(), "one channel alone may count itself");
    }
}
