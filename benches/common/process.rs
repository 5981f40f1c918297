//! What a process has used, as the kernel tells.

use std::fs;

use crate::Outcome;

/// A tick of the kernel's accounting, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
    /// Of `now`, what is no part of a file: pages of the program are the system's cache, and shared by all that run it.
    pub(crate) own: f64,
}

pub(crate) fn memory(pid: u32) -> Outcome<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok());
        kibibytes.map(|n| n / 1024.0).ok_or_else(|| format!("no {name} for process {pid}"))
    };
    Ok(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")?, own: field("RssAnon:")? })
}

/// Seconds of processor time used so far, in user and kernel mode.
pub(crate) fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in the second field may hold anything; what follows its closing bracket does not.
    let rest = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<f64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(kernel))) => Ok((user + kernel) / TICKS_PER_SECOND),
        _ => Err(format!("no times for process {pid}").into()),
    }
}

/// The same of all processes whose command line names `word`, of those that live now.
pub(crate) fn cpu_seconds_of(word: &str) -> Outcome<f64> {
    let mut seconds = 0.0;
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(word) {
            // One that ended meanwhile does no more.
            seconds += cpu_seconds(pid).unwrap_or(0.0);
        }
    }
    Ok(seconds)
}

/// The machine, in one line, and how busy it was with other things.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{} with {cores} cores, Linux {}, load average {} at the start",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        load.split_whitespace().next().unwrap_or("unknown")
    )
}
