//! Recorded books that the changes of a recording stand on.

use std::collections::HashMap;

use feed::RestAnswer;

use super::asked;
use super::shapes::{Answer, whole};

/// One recorded book.
#[derive(Debug)]
pub(super) struct Seed {
    /// The number of the change that it holds as its last.
    pub(super) seq: u64,
    pub(super) answer: RestAnswer,
}

/// Books of recorded HTTP answers by the venue's spelling of their symbols. A recording keeps them beside the session, where a
/// replay finds them with the catalogue; a live session asks for none.
#[derive(Debug, Default)]
pub struct Seeds(HashMap<Box<str>, Seed>);

impl Seeds {
    /// The books among these answers.
    pub fn among(answers: &[RestAnswer]) -> Seeds {
        Seeds(answers.iter().filter_map(read).collect())
    }

    /// The book of a symbol.
    pub(super) fn of(&self, native: &str) -> Option<&Seed> {
        self.0.get(native)
    }
}

fn read(answer: &RestAnswer) -> Option<(Box<str>, Seed)> {
    let native = asked(&answer.url)?;
    let Answer { data } = serde_json::from_str(&answer.body).ok()?;
    Some((native.into(), Seed { seq: whole(data.sequence?)?, answer: answer.clone() }))
}
