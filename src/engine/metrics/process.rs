//! Figures of this process from the kernel: memory, CPU, threads, descriptors. Linux only; elsewhere there are none.

use std::fs;
use std::time::Duration;

/// Ticks a second, from proc(5): Linux shows user space this number on every architecture we build for.
const TICKS: u64 = 100;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) threads: u64,
    pub(crate) open_fds: u64,
    pub(crate) max_fds: Option<u64>,
    /// Start time, in seconds since 1970.
    pub(crate) started: Option<u64>,
}

/// Returns the figures of this process; `None` if there is no `/proc`.
pub(crate) fn read() -> Option<Process> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
    let mut process = parse(&status, &stat, boot)?;
    // The folder's own descriptor is one of them.
    process.open_fds = fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count().saturating_sub(1) as u64);
    process.max_fds = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    Some(process)
}

fn parse(status: &str, stat: &str, boot: Option<u64>) -> Option<Process> {
    let of_status = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // What follows the name, which may hold anything; the first of these is field 3 of proc(5).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Process {
        resident_bytes: of_status("VmRSS")? * 1_024,
        virtual_bytes: of_status("VmSize")? * 1_024,
        cpu_seconds: Duration::from_millis((field(14)? + field(15)?) * 1_000 / TICKS).as_secs_f64(),
        threads: of_status("Threads")?,
        open_fds: 0,
        max_fds: None,
        started: boot.and_then(|boot| Some(boot + field(22)? / TICKS)),
    })
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let status = "Name:\tq ) d\nVmSize:\t    9000 kB\nVmRSS:\t     100 kB\nThreads:\t3\n";
        let stat = "7 (q ) d) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 3 0 1000 9000 25 18446744073709551615 1";
        let process = parse(status, stat, Some(50)).unwrap();
        assert_eq!(process.resident_bytes, 102_400);
        assert_eq!((process.virtual_bytes, process.threads, process.started), (9_216_000, 3, Some(60)));
        assert!((process.cpu_seconds - 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_boot_time_is_read() {
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\nprocesses 5\n"), Some(1_700_000_000));
    }
}
