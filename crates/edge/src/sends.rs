//! Many sends in one system call, where the system has io_uring; one call for each where it has not.
//!
//! # Why this file may use `unsafe`
//!
//! The kernel is handed raw addresses of the bytes to send. [`Ring::send_all`] borrows those bytes and sockets until it
//! returns, and returns only when the kernel has completed every send that it was handed: so no address outlives its
//! borrow. Where that cannot be known, because waiting itself fails, the process ends instead of returning. Nothing that is
//! not its own is called in between, so nothing can unwind past it.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "the interface takes addresses; argued above"))]

use std::io;
use std::os::fd::BorrowedFd;

use socket2::SockRef;

/// From so many on one call for all costs less than one for each.
const WORTH_IT: usize = 3;

/// Sends for one thread.
#[derive(Debug)]
pub(crate) struct Sends {
    ring: Option<Ring>,
    /// Whether io_uring is to be used, and has not been tried yet.
    untried: bool,
}

impl Sends {
    /// Tries io_uring at the first send, from the thread that sends, if it is `wanted`.
    pub(crate) fn new(wanted: bool) -> Sends {
        Sends { ring: None, untried: wanted }
    }

    /// Sends each of these, without waiting for a socket that is full; `sent` gets what each came to, in the same order.
    pub(crate) fn send_all<'a>(
        &mut self,
        sends: impl ExactSizeIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        sent: &mut Vec<io::Result<usize>>,
    ) {
        sent.clear();
        if std::mem::take(&mut self.untried) {
            match Ring::new() {
                Ok(ring) => self.ring = Some(ring),
                // In most containers it is forbidden, which is no fault.
                Err(error) => {
                    tracing::info!(%error, "no io_uring here; each write is a system call of its own")
                }
            }
        }
        match &mut self.ring {
            Some(ring) if sends.len() >= WORTH_IT => ring.send_all(sends, sent),
            _ => sent.extend(sends.map(|(socket, bytes)| SockRef::from(&socket).send(bytes))),
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Ring;

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt;
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd};

    use io_uring::{IoUring, opcode, types};

    /// Sends that one system call hands over.
    const ENTRIES: u32 = 64;
    /// Linux's MSG_DONTWAIT: a full socket answers at once instead of keeping the others waiting.
    const DONT_WAIT: i32 = 0x40;

    /// A submission and a completion queue.
    pub(crate) struct Ring(IoUring);

    impl fmt::Debug for Ring {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Ring")
        }
    }

    impl Ring {
        /// A ring for this thread alone.
        pub(super) fn new() -> io::Result<Ring> {
            let mut builder = IoUring::builder();
            builder.setup_single_issuer().setup_coop_taskrun();
            let mut ring = builder.build(ENTRIES).map(Ring)?;
            // A sandbox may allow to set one up, and not to use it.
            let nothing = opcode::Nop::new().build();
            // SAFETY: it has no addresses.
            unsafe { ring.0.submission().push(&nothing) }.map_err(io::Error::other)?;
            ring.0.submit_and_wait(1)?;
            let works = ring.0.completion().next().is_some();
            if works { Ok(ring) } else { Err(io::ErrorKind::Unsupported.into()) }
        }

        pub(super) fn send_all<'a>(
            &mut self,
            mut sends: impl ExactSizeIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
            sent: &mut Vec<io::Result<usize>>,
        ) {
            loop {
                let first = sent.len();
                // What makes them is the caller's, and may do anything: so all are there before the first is handed over.
                let part: Vec<_> = sends.by_ref().take(ENTRIES as usize).collect();
                for (socket, bytes) in part {
                    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length)
                        .flags(DONT_WAIT)
                        .build()
                        .user_data(sent.len() as u64);
                    // SAFETY: bytes and socket are borrowed for 'a, which is longer than this call, and this call ends after
                    // the completion of this entry (below). The queue has room: it is empty when a part begins, and a part
                    // has no more sends than it has places.
                    let pushed = unsafe { self.0.submission().push(&send) };
                    if pushed.is_err() {
                        std::process::abort();
                    }
                    sent.push(Ok(0));
                }
                let mut left = sent.len() - first;
                if left == 0 {
                    return;
                }
                while left > 0 {
                    use io::ErrorKind::{Interrupted, ResourceBusy, WouldBlock};
                    match self.0.submit_and_wait(left) {
                        Ok(_) => {}
                        // A signal came, or memory for requests is short: nothing is lost, it is asked again.
                        Err(error) if matches!(error.kind(), Interrupted | ResourceBusy | WouldBlock) => {}
                        // Sends may be in flight with addresses that are about to become invalid.
                        Err(_) => std::process::abort(),
                    }
                    for done in self.0.completion() {
                        let result = done.result();
                        sent[done.user_data() as usize] = usize::try_from(result)
                            .map_err(|_| io::Error::from_raw_os_error(result.wrapping_neg()));
                        left -= 1;
                    }
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) enum Ring {}

#[cfg(not(target_os = "linux"))]
impl Ring {
    fn new() -> io::Result<Ring> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn send_all<'a>(
        &mut self,
        _: impl ExactSizeIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        _: &mut Vec<io::Result<usize>>,
    ) {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        (server, client)
    }

    #[test]
    fn every_send_arrives_and_says_what_it_came_to() {
        for wanted in [true, false] {
            let mut sends = Sends::new(wanted);
            let (server, mut client) = pair();
            let texts: Vec<String> = (0..300).map(|n| format!("{n},")).collect();
            let mut sent = Vec::new();
            sends.send_all(texts.iter().map(|text| (server.as_fd(), text.as_bytes())), &mut sent);
            let lengths: Vec<usize> = sent.iter().map(|sent| *sent.as_ref().unwrap()).collect();
            assert_eq!(lengths, texts.iter().map(String::len).collect::<Vec<_>>());
            let mut read = vec![0; lengths.iter().sum::<usize>()];
            client.read_exact(&mut read).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), texts.concat());
        }
    }

    #[test]
    fn a_full_socket_and_a_lost_one_keep_nobody_waiting() {
        for wanted in [true, false] {
            let mut sends = Sends::new(wanted);
            let ((full, _reads_nothing), (lost, gone), (well, mut client)) = (pair(), pair(), pair());
            drop(gone);
            let much = vec![0; 64 << 20];
            let mut sent = Vec::new();
            // The first send to what is gone is answered with a reset, which the next one finds.
            for _ in 0..2 {
                let all = [(&full, &much[..]), (&full, &much), (&lost, &much), (&lost, b"x"), (&well, b"x")];
                sends.send_all(all.iter().map(|(socket, bytes)| (socket.as_fd(), *bytes)), &mut sent);
            }
            assert_eq!(sent[1].as_ref().unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert!(sent[3].is_err());
            assert_eq!(*sent[4].as_ref().unwrap(), 1);
            let mut read = [0; 2];
            client.read_exact(&mut read).unwrap();
            assert_eq!(&read, b"xx");
        }
    }
}
