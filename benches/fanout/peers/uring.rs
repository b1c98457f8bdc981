//! Many sends in one system call, by io_uring.
//!
//! # Why this file may use `unsafe`
//!
//! The kernel is handed raw addresses of the bytes to send. [`Ring::send_all`] borrows those bytes until it returns, and
//! returns only when the kernel has completed every send that it was handed: so no address outlives its borrow. Where
//! that cannot be known, because waiting itself fails, the process ends instead of returning.
#![expect(unsafe_code, reason = "the interface takes addresses; argued above")]

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, types};

/// Sends that one system call hands over.
const ENTRIES: u32 = 1_024;
/// Linux's MSG_DONTWAIT: a full socket answers at once instead of keeping the round waiting.
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
    pub(crate) fn new() -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_coop_taskrun();
        builder.build(ENTRIES).map(Ring).map_err(|error| {
            io::Error::new(error.kind(), format!("io_uring is not to be had on this machine: {error}"))
        })
    }

    /// Sends each of these; what each came to stands in `sent` in the same order: bytes, or an error as a negative number.
    pub(crate) fn send_all(&mut self, sends: &[(BorrowedFd<'_>, &[u8])], sent: &mut Vec<i32>) {
        sent.clear();
        sent.resize(sends.len(), 0);
        for (first, part) in sends.chunks(ENTRIES as usize).enumerate() {
            let first = first * ENTRIES as usize;
            for (n, (socket, bytes)) in part.iter().enumerate() {
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length)
                    .flags(DONT_WAIT)
                    .build()
                    .user_data((first + n) as u64);
                // SAFETY: the bytes are borrowed until this function returns, which is after the completion of this
                // entry (below); the socket is borrowed as long. The queue has room, since it is empty at this point
                // and has as many places as a part has sends.
                let pushed = unsafe { self.0.submission().push(&send) };
                if pushed.is_err() {
                    std::process::abort();
                }
            }
            let mut left = part.len();
            while left > 0 {
                match self.0.submit_and_wait(left) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Sends may be in flight with addresses that are about to become invalid.
                    Err(_) => std::process::abort(),
                }
                for done in self.0.completion() {
                    sent[done.user_data() as usize] = done.result();
                    left -= 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn every_send_arrives_and_tells_what_it_came_to() {
        // Where the kernel or a sandbox has no io_uring there is nothing to hold to anything.
        let Ok(mut ring) = Ring::new() else { return };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let texts: Vec<String> = (0..3_000).map(|n| format!("{n},")).collect();
        let sends: Vec<(BorrowedFd<'_>, &[u8])> =
            texts.iter().map(|text| (server.as_fd(), text.as_bytes())).collect();
        let mut sent = Vec::new();
        ring.send_all(&sends, &mut sent);
        let lengths: Vec<i32> = texts.iter().map(|text| text.len() as i32).collect();
        assert_eq!(sent, lengths);
        let mut read = vec![0; lengths.iter().sum::<i32>() as usize];
        client.read_exact(&mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), texts.concat());
        // A socket that is full says so and keeps nobody waiting.
        let much = vec![0; 64 << 20];
        ring.send_all(&[(server.as_fd(), &much), (server.as_fd(), &much)], &mut sent);
        assert!(sent[0] > 0 && sent[0] < 64 << 20 && sent[1] < 0, "{sent:?}");
    }
}
