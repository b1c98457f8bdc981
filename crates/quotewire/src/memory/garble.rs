//! Recorded messages made wrong: other names and numbers, cut short, or with bytes flipped.

use feed::RestAnswer;

use super::Piece;

/// Makes messages wrong, each in another way, and the same in every run.
pub(super) struct Garbler {
    seed: u64,
    count: usize,
}

impl Default for Garbler {
    fn default() -> Garbler {
        Garbler { seed: 0x2545_f491_4f6c_dd1d, count: 0 }
    }
}

impl Garbler {
    /// A wrong form of this one.
    pub(super) fn piece(&mut self, piece: &Piece) -> Piece {
        self.count += 1;
        match piece {
            Piece::Text(text) => Piece::Text(self.text(text)),
            Piece::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Piece::Binary(self.text(text).into_bytes()),
                Err(_) => Piece::Binary(self.flip(bytes)),
            },
            Piece::Rest(RestAnswer { url, body }) => match self.count % 2 {
                0 => Piece::Rest(RestAnswer { url: self.tokens(url), body: body.clone() }),
                _ => Piece::Rest(RestAnswer { url: url.clone(), body: self.text(body) }),
            },
        }
    }

    /// The same with its text in another form; what is no text is garbled.
    pub(super) fn fresh(&mut self, piece: &Piece, form: fn(&mut Garbler, &str) -> String) -> Piece {
        self.count += 1;
        match piece {
            Piece::Text(text) => Piece::Text(form(self, text)),
            Piece::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Piece::Binary(form(self, text).into_bytes()),
                Err(_) => Piece::Binary(self.flip(bytes)),
            },
            Piece::Rest(_) => self.piece(piece),
        }
    }

    /// Every number is another one of the same length.
    pub(super) fn numbers(&mut self, text: &str) -> String {
        let mut other = String::with_capacity(text.len());
        let mut word = false;
        for c in text.chars() {
            word = if is_part(c) || c == '_' { word || c.is_ascii_alphabetic() } else { false };
            other.push(if c.is_ascii_digit() && !word { char::from(b'1' + self.random(9) as u8) } else { c });
        }
        other
    }

    /// Every text that is no key and has a capital in it, as the names of most venues' symbols have, is another one.
    pub(super) fn names(&mut self, text: &str) -> String {
        let mut other = String::with_capacity(text.len() + 16);
        let pieces: Vec<&str> = text.split('"').collect();
        for (at, piece) in pieces.iter().enumerate() {
            let is_key = pieces.get(at + 1).is_some_and(|next| next.starts_with(':'));
            other.push_str(piece);
            if at % 2 == 1 && !is_key && piece.bytes().any(|byte| byte.is_ascii_uppercase()) {
                other.push_str(&self.count.to_string());
            }
            if at + 1 < pieces.len() {
                other.push('"');
            }
        }
        other
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below.max(1)
    }

    fn text(&mut self, text: &str) -> String {
        match self.random(4) {
            0 => String::from_utf8_lossy(&self.flip(text.as_bytes())).into_owned(),
            1 => String::from_utf8_lossy(&text.as_bytes()[..self.random(text.len())]).into_owned(),
            _ => self.tokens(text),
        }
    }

    fn flip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.random(3) {
            let at = self.random(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = self.random(256) as u8;
            }
        }
        bytes
    }

    /// Up to three names or numbers are others, which never came before: it still is what it was by its form.
    fn tokens(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.random(3) {
            let starts: Vec<usize> = starts(&text).collect();
            let Some(&start) = starts.get(self.random(starts.len())) else { break };
            let rest = &text[start..];
            let end = start + rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let token = text[start..end].to_owned();
            let other: String = if token.bytes().any(|byte| byte.is_ascii_alphabetic()) {
                format!("{}{}", &token[..token.len().min(1 + self.random(8))], self.count)
            } else {
                let digit =
                    |c: char| if c.is_ascii_digit() { char::from(b'1' + self.random(9) as u8) } else { c };
                token.chars().map(digit).collect()
            };
            text.replace_range(start..end, &other);
        }
        text
    }
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.'
}

/// Where names and numbers begin.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let mut before = false;
    text.char_indices().filter_map(move |(at, c)| {
        let begins = is_part(c) && !before;
        before = is_part(c);
        begins.then_some(at)
    })
}
