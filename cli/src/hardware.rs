//! What this machine has, as it tells a colony.

use std::{env::consts, fs, num::NonZeroUsize, thread};

use colony_protocol::{
    bounded::{List, Text},
    model::{Capabilities, Hardware},
};

/// Thousandths of a CPU in a core.
const MILLIS: u64 = 1_000;

/// One machine: its cores, its memory, its system. Accelerators are not looked for, so none are claimed.
pub(crate) fn capabilities() -> Capabilities {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let hardware = Hardware {
        nodes: 1,
        cpu_millis: u64::try_from(cores).unwrap_or(1).saturating_mul(MILLIS),
        cores: u32::try_from(cores).unwrap_or(1),
        memory: fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(memory).unwrap_or(0),
        platform: Text::cut(consts::OS),
        architecture: Text::cut(consts::ARCH),
        ..Hardware::default()
    };
    let hardware = List::new(vec![hardware]).unwrap_or_default();
    Capabilities { hardware, ..Capabilities::default() }
}

/// Bytes of memory, from Linux's own account of it; zero means "not stated" where there is none.
fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernels_account() {
        assert_eq!(memory("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(memory("nothing"), None);
    }

    #[test]
    fn this_machine_has_at_least_one_core() {
        assert!(capabilities().hardware[0].cores >= 1);
    }
}
