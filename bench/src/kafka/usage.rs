//! Resources that a process has used, as counted by the kernel.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Failure;

/// The kernel counts CPU time in hundredths of a second.
const TICK_US: u64 = 10_000;
/// Position of user and system time after the name of the process (`proc(5)`).
const USER_TIME: usize = 11;

/// Resources that a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all its threads, user and system, in microseconds, to ten milliseconds.
    pub cpu_us: u64,
    /// Largest resident memory that it had, in KiB.
    pub rss_peak_kib: u64,
    /// Bytes that it sent to the disk.
    pub disk_write_bytes: u64,
}

impl Usage {
    /// The usage of this process.
    ///
    /// # Errors
    /// If the kernel does not report it, as on systems other than Linux.
    pub fn of_this_process() -> Result<Self, Failure> {
        Self::read("self")
    }

    /// The usage of process `pid`.
    ///
    /// # Errors
    /// If there is no such process, or it belongs to another user.
    pub fn of_process(pid: u32) -> Result<Self, Failure> {
        Self::read(&pid.to_string())
    }

    fn read(process: &str) -> Result<Self, Failure> {
        let file = |name: &str| {
            let path = format!("/proc/{process}/{name}");
            fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
        };
        let stat = file("stat")?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc has another form than expected")?;
        let mut ticks = 0;
        for field in fields.split(' ').skip(USER_TIME).take(2) {
            ticks += field.parse::<u64>()?;
        }
        Ok(Self {
            cpu_us: ticks * TICK_US,
            rss_peak_kib: labelled(&file("status")?, "VmHWM:").unwrap_or(0),
            disk_write_bytes: labelled(&file("io")?, "write_bytes:").unwrap_or(0),
        })
    }
}

/// The number after a label at the beginning of a line.
fn labelled(text: &str, label: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_number_is_found_behind_its_label() {
        assert!(Usage::of_this_process().unwrap().rss_peak_kib > 0);
        assert_eq!(labelled("a: 1\nVmHWM:\t  12345 kB\n", "VmHWM:"), Some(12_345));
        assert_eq!(labelled("", "VmHWM:"), None);
    }
}
