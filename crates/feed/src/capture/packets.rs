//! Packet captures: the UDP payloads of a pcap or pcapng file, each with the time at which it was captured.
//!
//! | | |
//! |---|---|
//! | files | pcap in both byte orders, with microseconds or nanoseconds; pcapng with its sections, interfaces and resolutions |
//! | links | Ethernet with or without VLAN tags, Linux cooked (both forms), loopback, bare IP |
//! | packets | UDP over IPv4 and IPv6, whole ones: fragments, and packets that the capture cut short, are passed over like everything else |
//!
//! Formats as in the pcap and pcapng Internet-Drafts (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng) and the list of link
//! types of tcpdump.org. One packet is held at a time, of at most [`PACKET_MAX`] bytes.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::Range;

/// Longest packet. The longest that capture programs keep has 256 KiB.
const PACKET_MAX: usize = 1 << 20;
/// Most interfaces of one section.
const INTERFACES_MAX: usize = 1_024;
/// Nanoseconds of a second.
const NANOS: u128 = 1_000_000_000;

/// Reads one file's packets.
#[derive(Debug)]
pub(super) struct Packets {
    form: Form,
    big_endian: bool,
    interfaces: Vec<Interface>,
    packet: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Nothing of the file was read yet.
    Unread,
    Pcap,
    Pcapng,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u32,
    /// Units of its times in a second.
    per_second: u64,
    /// Seconds to add to them.
    offset: i64,
    /// Most bytes of a packet.
    kept: u32,
}

impl Packets {
    /// Whether a file that begins so may be a packet capture. A recording begins with a digit.
    pub(super) fn recognise(head: &[u8]) -> Option<Packets> {
        let ours = matches!(head, [0xa1 | 0xd4 | 0x4d, ..] | [0x0a, 0x0d, ..]);
        let (interfaces, packet) = (Vec::new(), Vec::new());
        ours.then_some(Packets { form: Form::Unread, big_endian: false, interfaces, packet })
    }

    /// The next datagram: when it was captured, in nanoseconds since 1970 (0 when the file does not say), and where it lies
    /// in [`Packets::bytes`]. `None` at the end.
    pub(super) fn next(&mut self, input: &mut dyn BufRead) -> io::Result<Option<(i64, Range<usize>)>> {
        if self.form == Form::Unread {
            self.begin(input)?;
        }
        loop {
            if input.fill_buf()?.is_empty() {
                return Ok(None);
            }
            let found = match self.form {
                Form::Pcap => self.record(input)?,
                Form::Pcapng | Form::Unread => self.block(input)?,
            };
            let Some((recv_ns, link, packet)) = found else { continue };
            if let Some(payload) = payload(link, &self.packet[packet.clone()]) {
                let payload = packet.start + payload.start..packet.start + payload.end;
                return Ok(Some((recv_ns, payload)));
            }
        }
    }

    /// What was read last.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.packet.get(range).unwrap_or_default()
    }

    /// Reads the head of a pcap file. A pcapng file has none: its first block is like any other.
    fn begin(&mut self, input: &mut dyn BufRead) -> io::Result<()> {
        if input.fill_buf()?.first() == Some(&0x0a) {
            self.form = Form::Pcapng;
            return Ok(());
        }
        let mut head = [0; 24];
        input.read_exact(&mut head)?;
        let magic: [u8; 4] = [head[0], head[1], head[2], head[3]];
        let (big_endian, per_second) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1_000_000),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1_000_000),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1_000_000_000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1_000_000_000),
            _ => return Err(invalid("neither a recording nor a packet capture")),
        };
        (self.form, self.big_endian) = (Form::Pcap, big_endian);
        // The upper bits of the link type hold the length of a checksum behind the packet.
        let link = self.u32(&head, 20) & 0x0fff_ffff;
        self.interfaces = vec![Interface { link, per_second, offset: 0, kept: u32::MAX }];
        Ok(())
    }

    /// One record of a pcap file.
    fn record(&mut self, input: &mut dyn BufRead) -> io::Result<Option<(i64, u32, Range<usize>)>> {
        let mut head = [0; 16];
        input.read_exact(&mut head)?;
        let [seconds, fraction, length] = [0, 4, 8].map(|at| self.u32(&head, at));
        self.fill(input, length)?;
        let Some(&Interface { link, per_second, .. }) = self.interfaces.first() else { return Ok(None) };
        let units = u64::from(seconds) * per_second + u64::from(fraction);
        Ok(Some((nanos(units, per_second, 0), link, 0..self.packet.len())))
    }

    /// One block of a pcapng file.
    fn block(&mut self, input: &mut dyn BufRead) -> io::Result<Option<(i64, u32, Range<usize>)>> {
        let mut head = [0; 8];
        input.read_exact(&mut head)?;
        let is_section = head[..4] == [0x0a, 0x0d, 0x0d, 0x0a];
        let mut read = 8;
        if is_section {
            // The order of bytes is told behind the length, which is written in it.
            let mut order = [0; 4];
            input.read_exact(&mut order)?;
            read += 4;
            self.big_endian = match order {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return Err(invalid("a section that does not tell its order of bytes")),
            };
            self.interfaces.clear();
        }
        let kind = self.u32(&head, 0);
        let rest = self.u32(&head, 4).checked_sub(read + 4).filter(|rest| rest % 4 == 0);
        let rest = rest.ok_or_else(|| invalid("a block of a length that cannot be"))?;
        let found = match kind {
            1 | 2 | 3 | 6 if !is_section => {
                self.fill(input, rest)?;
                self.known(kind)?
            }
            _ => {
                let skipped = io::copy(&mut input.take(u64::from(rest)), &mut io::sink())?;
                if skipped < u64::from(rest) {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                None
            }
        };
        // The length once more, for readers who go backwards.
        input.read_exact(&mut [0; 4])?;
        Ok(found)
    }

    /// A block whose body was read: an interface, or a packet.
    fn known(&mut self, kind: u32) -> io::Result<Option<(i64, u32, Range<usize>)>> {
        let body = std::mem::take(&mut self.packet);
        let found = match kind {
            1 => {
                if self.interfaces.len() >= INTERFACES_MAX {
                    return Err(invalid("too many interfaces"));
                }
                let interface = self.interface(&body);
                self.interfaces.push(interface);
                None
            }
            3 => {
                let kept = self.interfaces.first().map_or(0, |interface| interface.kept);
                let length = self.u32(&body, 0).min(kept) as usize;
                self.interfaces.first().map(|interface| (0, interface.link, 4..4 + length))
            }
            _ => {
                let number =
                    if kind == 6 { self.u32(&body, 0) } else { u32::from(self.u16(&body, 0)) } as usize;
                let units = u64::from(self.u32(&body, 4)) << 32 | u64::from(self.u32(&body, 8));
                let length = self.u32(&body, 12) as usize;
                self.interfaces.get(number).map(|interface| {
                    (nanos(units, interface.per_second, interface.offset), interface.link, 20..20 + length)
                })
            }
        };
        self.packet = body;
        // A packet that claims more than its block holds is none.
        Ok(found.filter(|(_, _, packet)| packet.end <= self.packet.len()))
    }

    /// What an interface's description says of its packets.
    fn interface(&self, body: &[u8]) -> Interface {
        let kept = match self.u32(body, 4) {
            0 => u32::MAX,
            kept => kept,
        };
        let mut interface =
            Interface { link: u32::from(self.u16(body, 0)), per_second: 1_000_000, offset: 0, kept };
        let mut at = 8;
        while at + 4 <= body.len() {
            let (code, length) = (self.u16(body, at), usize::from(self.u16(body, at + 2)));
            match (code, length) {
                (0, _) => break,
                // The resolution of times: a power of ten, or of two with the upper bit set.
                (9, 1) => {
                    let power = body.get(at + 4).copied().unwrap_or(6);
                    let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
                    interface.per_second = base.checked_pow(u32::from(power & 0x7f)).unwrap_or(u64::MAX);
                }
                (14, 8) => {
                    let [first, second] = [4, 8].map(|by| u64::from(self.u32(body, at + by)));
                    let (high, low) = if self.big_endian { (first, second) } else { (second, first) };
                    interface.offset = (high << 32 | low).cast_signed();
                }
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        interface
    }

    /// Reads that many bytes in place of the last packet.
    fn fill(&mut self, input: &mut dyn BufRead, length: u32) -> io::Result<()> {
        let length = length as usize;
        if length > PACKET_MAX {
            return Err(invalid("a packet of more than 1 MiB"));
        }
        self.packet.resize(length, 0);
        input.read_exact(&mut self.packet)
    }

    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let part = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self.big_endian { u16::from_be_bytes(part) } else { u16::from_le_bytes(part) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let part = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(part) } else { u32::from_le_bytes(part) }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Units of a clock since 1970 as nanoseconds; 0 when that cannot be said.
fn nanos(units: u64, per_second: u64, offset: i64) -> i64 {
    let nanos = u128::from(units) * NANOS / u128::from(per_second.max(1));
    let shifted =
        i128::try_from(nanos).unwrap_or(i128::MAX).saturating_add(i128::from(offset) * NANOS as i128);
    i64::try_from(shifted).unwrap_or(0).max(0)
}

/// Where the payload of a whole UDP datagram lies in a packet of that link.
fn payload(link: u32, packet: &[u8]) -> Option<Range<usize>> {
    let be16 = |at: usize| packet.get(at..)?.first_chunk().map(|part| u16::from_be_bytes(*part));
    let ip = match link {
        // Ethernet; each VLAN tag puts four bytes in front of the type.
        1 => {
            let mut at = 12;
            while matches!(be16(at)?, 0x8100 | 0x88a8 | 0x9100) {
                at += 4;
            }
            at + 2
        }
        0 | 108 => 4,
        12 | 14 | 101 | 228 | 229 => 0,
        113 => 16,
        276 => 20,
        _ => return None,
    };
    let first = *packet.get(ip)?;
    let (udp, end) = match first >> 4 {
        4 => {
            let header = usize::from(first & 0x0f) * 4;
            let fragment = be16(ip + 6)? & 0x3fff != 0;
            let length = usize::from(be16(ip + 2)?);
            if header < 20 || fragment || *packet.get(ip + 9)? != 17 {
                return None;
            }
            (ip + header, ip + length)
        }
        6 if *packet.get(ip + 6)? == 17 => (ip + 40, ip + 40 + usize::from(be16(ip + 4)?)),
        _ => return None,
    };
    let length = usize::from(be16(udp + 4)?);
    let datagram = udp + 8..udp + length;
    (length >= 8 && datagram.end <= end && datagram.end <= packet.len()).then_some(datagram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_resolution_become_nanoseconds() {
        assert_eq!(nanos(1_499_697_138_433_824, 1_000_000, 0), 1_499_697_138_433_824_000);
        assert_eq!(nanos(3, 2, -1), 500_000_000);
        assert_eq!(nanos(5, 1, -9), 0, "before 1970");
        assert_eq!(nanos(u64::MAX, 1, i64::MAX), 0, "beyond what can be said");
        assert_eq!(nanos(1, 0, 0), 1_000_000_000);
    }
}
