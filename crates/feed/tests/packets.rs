//! Packet captures are read as recordings of binary frames, and what is broken in them is named.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test ends the test")]

use std::io::Write;

use feed::capture::{CaptureError, CaptureReader, Fault, Payload};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

/// Numbers in one order of bytes.
#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn u16(self, n: u16) -> [u8; 2] {
        if self.0 { n.to_be_bytes() } else { n.to_le_bytes() }
    }
    fn u32(self, n: u32) -> [u8; 4] {
        if self.0 { n.to_be_bytes() } else { n.to_le_bytes() }
    }
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 8) as u16;
    [&[0x28, 0x8a, 0x28, 0x8a], &length.to_be_bytes()[..], &[0, 0], payload].concat()
}

fn ipv4(protocol: u8, fragment: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 24) as u16;
    // Options of four bytes, so that nobody counts on a header of twenty.
    let mut packet = vec![0x46, 0];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[0, 1]);
    packet.extend_from_slice(&fragment.to_be_bytes());
    packet.extend_from_slice(&[64, protocol, 0, 0, 10, 0, 0, 1, 233, 215, 21, 4, 1, 1, 1, 0]);
    packet.extend_from_slice(body);
    packet
}

fn ipv6(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0], &length[..], &[17, 64], &[0; 32], body].concat()
}

fn ethernet(tags: usize, body: &[u8]) -> Vec<u8> {
    let kind: [u8; 2] = if body[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
    // Short frames are padded, so what lies behind a datagram is not part of it.
    [&[1; 12], [0x81, 0, 0, 7].repeat(tags).as_slice(), &kind, body, &[0; 6]].concat()
}

/// A pcap file; each packet with seconds and fraction.
fn pcap(order: Order, nanos: bool, link: u32, packets: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = [order.u32(magic), [0; 4], [0; 4], [0; 4], order.u32(262_144), order.u32(link)].concat();
    for (seconds, fraction, packet) in packets {
        let length = packet.len() as u32;
        file.extend([*seconds, *fraction, length, length].map(|n| order.u32(n)).concat());
        file.extend_from_slice(packet);
    }
    file
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let body = [body, &[0; 3][..body.len().next_multiple_of(4) - body.len()]].concat();
    let length = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

/// A section with an Ethernet interface of nanoseconds and a bare IP one of microseconds, moved by a second.
fn section(order: Order) -> Vec<u8> {
    let head = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let nanos = [
        &order.u16(1)[..],
        &[0; 2],
        &[0; 4],
        &order.u16(2),
        &order.u16(3),
        b"eth0",
        &order.u16(9),
        &order.u16(1),
        &[9, 0, 0, 0],
        &[0; 4],
    ]
    .concat();
    let second = if order.0 { 1_u64.to_be_bytes() } else { 1_u64.to_le_bytes() };
    let moved =
        [&order.u16(101)[..], &[0; 2], &order.u32(64), &order.u16(14), &order.u16(8), &second].concat();
    [
        block(order, 0x0a0d_0d0a, &head),
        block(order, 1, &nanos),
        block(order, 5, &[9; 30]),
        block(order, 1, &moved),
    ]
    .concat()
}

fn enhanced(order: Order, interface: u32, units: u64, packet: &[u8]) -> Vec<u8> {
    let length = packet.len() as u32;
    let numbers = [interface, (units >> 32) as u32, units as u32, length, length];
    block(order, 6, &[numbers.map(|n| order.u32(n)).concat().as_slice(), packet].concat())
}

/// Times and payloads, and the error that ended the reading.
fn read(file: Vec<u8>) -> (Vec<(i64, String)>, Option<CaptureError>) {
    let mut reader = CaptureReader::from_bytes("day.pcap", file).unwrap();
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                let Payload::Binary(bytes) = record.payload else { panic!("{record:?}") };
                frames.push((record.recv_ns, String::from_utf8_lossy(bytes).into_owned()));
            }
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

const AT: i64 = 1_499_697_138;

fn seconds() -> u32 {
    AT as u32
}

#[test]
fn both_orders_and_resolutions_of_pcap_are_read_packed_or_not() {
    for (order, nanos, fraction) in [
        (false, false, 433_824),
        (true, false, 433_824),
        (false, true, 433_824_001),
        (true, true, 433_824_001),
    ] {
        let packets: Vec<_> = ["one", "", "three"]
            .map(|text| (seconds(), fraction, ethernet(0, &ipv4(17, 0x4000, &udp(text.as_bytes())))))
            .to_vec();
        let file = pcap(Order(order), nanos, 1, &packets);
        let at = AT * 1_000_000_000 + i64::from(fraction) * if nanos { 1 } else { 1_000 };
        let expected = ["one", "", "three"].map(|text| (at, text.to_owned()));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&file).unwrap();
        for file in [file, packed.finish().unwrap()] {
            let (frames, error) = read(file);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(frames, expected);
        }
    }
}

#[test]
fn every_link_is_taken_off() {
    let datagram = udp(b"top");
    let (four, six) = (ipv4(17, 0, &datagram), ipv6(&datagram));
    let cooked = |bytes: usize| [vec![0; bytes], four.clone()].concat();
    let links = [
        (1, ethernet(0, &six)),
        (1, ethernet(1, &four)),
        (1, ethernet(2, &six)),
        (101, four.clone()),
        (101, six.clone()),
        (228, four.clone()),
        (229, six),
        (0, cooked(4)),
        (108, cooked(4)),
        (113, cooked(16)),
        (276, cooked(20)),
        (0x1000_0001, ethernet(0, &four)),
    ];
    for (link, packet) in links {
        let (frames, _) = read(pcap(Order(false), false, link, &[(1, 0, packet)]));
        assert_eq!(frames, [(1_000_000_000, "top".to_owned())], "link {link}");
    }
}

#[test]
fn what_is_no_whole_datagram_is_passed_over() {
    let good = ipv4(17, 0, &udp(b"good"));
    let cut = good[..good.len() - 1].to_vec();
    let mut short_udp = ipv4(17, 0, &udp(b"x"));
    short_udp[29] = 7;
    let mut beyond_ip = ipv4(17, 0, &udp(b"x"));
    beyond_ip.extend_from_slice(b"padding");
    beyond_ip[29] = 12;
    let packets = [
        ipv4(6, 0, &udp(b"tcp")),
        ipv4(17, 0x2000, &udp(b"first of two")),
        ipv4(17, 1, &udp(b"second")),
        cut,
        short_udp,
        beyond_ip,
        vec![0x50; 40],
        vec![0x45],
        Vec::new(),
        good,
    ];
    let packets = packets.map(|packet| (1, 0, packet));
    assert_eq!(read(pcap(Order(false), false, 101, &packets)).0, [(1_000_000_000, "good".to_owned())]);
    assert_eq!(read(pcap(Order(false), false, 147, &packets)).0, [], "a link that we do not know");
}

#[test]
fn a_pcapng_file_has_sections_interfaces_and_times_of_their_own() {
    for order in [Order(false), Order(true)] {
        let bare = ipv4(17, 0, &udp(b"bare"));
        let simple = [&order.u32(60)[..], &ethernet(0, &ipv4(17, 0, &udp(b"simple")))].concat();
        let old = [
            &order.u16(1)[..],
            &[0; 2],
            &order.u32(0),
            &order.u32(5),
            &order.u32(bare.len() as u32),
            &[0; 4],
            &bare,
        ]
        .concat();
        let too_much = [[0, 0, 0, 999, 999].map(|n| order.u32(n)).concat(), bare.clone()].concat();
        let file = [
            section(order),
            enhanced(order, 0, AT as u64 * 1_000_000_000 + 7, &ethernet(1, &ipv4(17, 0, &udp(b"nanos")))),
            enhanced(order, 1, AT as u64 * 1_000_000, &bare),
            enhanced(order, 2, 1, &bare),
            block(order, 6, &too_much),
            block(order, 2, &old),
            block(order, 3, &simple),
            // Another section begins with other interfaces, and may have the other order.
            section(Order(!order.0)),
            enhanced(Order(!order.0), 1, 1, &ipv4(17, 0, &udp(b"again"))),
        ];
        let (frames, error) = read(file.concat());
        assert!(error.is_none(), "{error:?}");
        let expected = [
            (AT * 1_000_000_000 + 7, "nanos"),
            ((AT + 1) * 1_000_000_000, "bare"),
            (1_000_005_000, "bare"),
            (0, "simple"),
            (1_000_001_000, "again"),
        ];
        assert_eq!(frames, expected.map(|(at, text)| (at, text.to_owned())));
    }
}

#[test]
fn broken_files_are_named_with_the_datagram_after_the_good_ones() {
    let order = Order(false);
    let packet = ethernet(0, &ipv4(17, 0, &udp(b"x")));
    let whole = pcap(order, false, 1, &[(1, 0, packet.clone()), (2, 0, packet)]);
    let says = |file: Vec<u8>, good: usize, what: &str| {
        let (frames, error) = read(file);
        assert_eq!((frames.len(), error.unwrap().to_string().as_str()), (good, what));
    };
    says(whole[..whole.len() - 1].to_vec(), 1, "day.pcap: line 2: the recording is cut off here");
    says(whole[..30].to_vec(), 0, "day.pcap: line 1: the recording is cut off here");
    says(whole[..9].to_vec(), 0, "day.pcap: line 1: the recording is cut off here");
    let mut huge = whole;
    huge[34] = 0xff;
    says(huge, 0, "day.pcap: line 1: a packet of more than 1 MiB");
    says(
        b"Moby Dick, a text of more than one line\n\n".to_vec(),
        0,
        "day.pcap: line 1: neither a recording nor a packet capture",
    );
    let mut no_order = section(order);
    no_order[8] = 0;
    says(no_order, 0, "day.pcap: line 1: a section that does not tell its order of bytes");
    for length in [0_u32, 11, 13, 15] {
        let block = [order.u32(6), order.u32(length), [0; 4]].concat();
        says([section(order), block].concat(), 0, "day.pcap: line 1: a block of a length that cannot be");
    }
    let skipped = [section(order), order.u32(99).to_vec(), order.u32(u32::MAX - 3).to_vec()].concat();
    says(skipped, 0, "day.pcap: line 1: the recording is cut off here");
    let interface = block(order, 1, &[0; 8]);
    says([section(order), interface.repeat(1_023)].concat(), 0, "day.pcap: line 1: too many interfaces");
    let plain = read(b"\n1\t<\ta\n".to_vec()).1.unwrap();
    assert!(matches!(plain.fault, Fault::BadLine(_)), "an empty line does not begin a packet capture");
}

proptest! {
    #[test]
    fn any_bytes_behind_a_head_are_read_or_refused_but_end(bytes in proptest::collection::vec(any::<u8>(), 0..600), form in 0..3_usize) {
        let order = Order(form == 1);
        let head = if form == 2 { section(Order(false)) } else { pcap(order, false, 1, &[]) };
        let (frames, _) = read([head, bytes].concat());
        prop_assert!(frames.len() < 600);
    }
}
