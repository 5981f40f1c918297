//! Memory use of the process, as the system counts it.

/// Resident bytes; `None` without `/proc`.
pub(super) fn resident() -> Option<u64> {
    read(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn read(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_systems_own_line_is_read() {
        assert_eq!(super::read("Name:\tqd\nVmRSS:\t   48212 kB\nThreads: 4\n"), Some(48_212 * 1024));
        assert_eq!(super::read("Name:\tqd\n"), None);
    }
}
