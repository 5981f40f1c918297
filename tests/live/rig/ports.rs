//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Outcome;

/// Below the ports that outgoing connections take, on Linux and macOS: a port stays ours while its server is stopped.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port that nobody listens on, never given twice by this process.
pub(crate) fn free() -> Outcome<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        // Processes that run at once begin far apart, so they hardly meet between this look and the server's start.
        let offset = process::id().wrapping_mul(521).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port on loopback".into())
}
