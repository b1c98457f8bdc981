//! The body of one HTTP/1.1 answer out of bytes that may be cut anywhere.

/// Where in an answer we are.
#[derive(Debug)]
enum At {
    /// In the head, of which this is known.
    Head(Vec<u8>),
    /// In the line that says how long the next chunk is.
    Size(Vec<u8>),
    /// In a chunk, or a body of known length, that has so many bytes left.
    Data { left: usize, chunked: bool },
    /// In the line end after a chunk, or in the one after the last.
    LineEnd { left: usize, last: bool },
    /// Behind it.
    End,
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Answer {
    at: At,
    /// The status; 0 until the head is there.
    pub(super) status: u16,
    /// Seconds to wait before asking again, where the answer says so.
    pub(super) retry_after: Option<u64>,
}

impl Answer {
    pub(super) const fn new() -> Answer {
        Answer { at: At::Head(Vec::new()), status: 0, retry_after: None }
    }

    /// Whether the answer has ended in good order.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.at, At::End)
    }

    /// Takes the next bytes and appends what they hold of the body.
    pub(super) fn push(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<(), String> {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Head(head) => {
                    head.push(take(&mut bytes));
                    if head.ends_with(b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
                        self.at = self.begin(&head)?;
                    }
                }
                At::Size(line) => {
                    line.push(take(&mut bytes));
                    if line.ends_with(b"\r\n") {
                        let text = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
                        let left =
                            usize::from_str_radix(&text, 16).map_err(|_| format!("chunk of {text:?}"))?;
                        self.at = match left {
                            0 => At::LineEnd { left: 2, last: true },
                            _ => At::Data { left, chunked: true },
                        };
                    }
                }
                At::Data { left, chunked } => {
                    let (now, rest) = bytes.split_at((*left).min(bytes.len()));
                    body.extend_from_slice(now);
                    bytes = rest;
                    *left -= now.len();
                    if *left == 0 {
                        self.at = if *chunked { At::LineEnd { left: 2, last: false } } else { At::End };
                    }
                }
                At::LineEnd { left, last } => {
                    let byte = take(&mut bytes);
                    if byte != b"\r\n"[2 - *left] {
                        return Err(format!("byte {byte} where a line should end"));
                    }
                    *left -= 1;
                    if *left == 0 {
                        self.at = if *last { At::End } else { At::Size(Vec::new()) };
                    }
                }
                At::End => return Err(format!("{} bytes after the end of the answer", bytes.len())),
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: &str) -> Result<At, String> {
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        self.status = status.ok_or_else(|| format!("a head like {head:?}"))?;
        if head.contains("transfer-encoding: chunked") {
            return Ok(At::Size(Vec::new()));
        }
        self.retry_after = head.lines().find_map(|l| l.strip_prefix("retry-after: ")?.trim().parse().ok());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        match length.and_then(|length| length.trim().parse().ok()) {
            Some(0) => Ok(At::End),
            Some(left) => Ok(At::Data { left, chunked: false }),
            None => Err(format!("neither chunks nor a length: {head:?}")),
        }
    }
}

/// The first byte, which is there.
fn take(bytes: &mut &[u8]) -> u8 {
    let (first, rest) = bytes.split_at(1);
    *bytes = rest;
    first[0]
}

#[test]
fn an_answer_is_read_however_it_is_cut() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nB\r\ndefghijklmn\r\n0\r\n\r\n";
    let plain = "HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\nabcdefghijklmn";
    for (text, status) in [(chunked, 200), (plain, 404)] {
        for cut in 0..text.len() {
            let (mut answer, mut body) = (Answer::new(), Vec::new());
            let (first, second) = text.as_bytes().split_at(cut);
            answer.push(first, &mut body).unwrap();
            assert!(!answer.is_whole());
            answer.push(second, &mut body).unwrap();
            assert_eq!((answer.status, answer.is_whole(), &body[..]), (status, true, &b"abcdefghijklmn"[..]));
        }
    }
}
