//! Judges of the machine: its disk, its keys, its clock.

use std::{io, time::Duration};

use colony_protocol::envelope::SKEW_MAX;

use super::{
    Check,
    facts::{Clock, KeyFile, Space},
    words,
};

/// A write that takes longer makes every acknowledgement slow: solid-state disks take a tenth of it.
const SLOW: Duration = Duration::from_millis(20);
/// A write that takes longer comes near the time after which a coordinator is thought to be dead.
const DEAD_SLOW: Duration = Duration::from_millis(200);
/// Less room than this is used up by a busy colony within days.
const TIGHT: u64 = 1024 * 1024 * 1024;
/// Less room than this, and the store may find none for its next growth.
const FULL: u64 = 64 * 1024 * 1024;
/// Who may do anything with a key beside its owner.
const OTHERS: u32 = 0o077;
/// Clocks this far apart order what happens in a way that surprises people, and are about to get worse.
const ODD: f64 = 1.0;

/// Whether writes are safe soon.
#[must_use]
pub fn disk(latency: &Result<Duration, io::Error>) -> Check {
    const NAME: &str = "disk";
    let slow = "put the home on a local solid-state disk, and see what else writes to this one: iostat -x 1";
    match latency {
        Ok(latency) => {
            let finding = format!("a write is safe after {}", words::duration(*latency));
            match *latency {
                latency if latency > DEAD_SLOW => Check::fail(NAME, finding, slow),
                latency if latency > SLOW => Check::warn(NAME, finding, slow),
                _ => Check::ok(NAME, finding),
            }
        }
        Err(error) => Check::fail(
            NAME,
            format!("the data directory cannot be written: {error}"),
            "give this user the right to write there, or choose another home: colony --home DIR",
        ),
    }
}

/// Whether there is room to write.
#[must_use]
pub fn space(space: Option<Space>) -> Check {
    const NAME: &str = "space";
    let Some(Space { free, total }) = space else {
        return Check::unknown(NAME, "the system does not tell how much room the disk has", "df -h");
    };
    let finding = format!("{} of {} free", words::bytes(free), words::bytes(total));
    let fix = "make room: what fills the disk is shown by du -xh / | sort -h | tail";
    match free {
        ..FULL => Check::fail(NAME, finding, fix),
        FULL..TIGHT => Check::warn(NAME, finding, fix),
        _ => Check::ok(NAME, finding),
    }
}

/// Whether the keys are this user's alone.
#[must_use]
pub fn keys(keys: &[KeyFile]) -> Check {
    const NAME: &str = "keys";
    let open: Vec<&KeyFile> = keys.iter().filter(|key| key.mode & OTHERS != 0).collect();
    if let Some(first) = open.first() {
        let paths: Vec<String> = open.iter().map(|key| words::quoted(&key.path)).collect();
        let more = if open.len() > 1 { format!(", and {} more", open.len() - 1) } else { String::new() };
        return Check::fail(
            NAME,
            format!("others may read {} (mode {:o}){more}", first.path.display(), first.mode & 0o777),
            format!("chmod 600 {}", paths.join(" ")),
        );
    }
    match keys.len() {
        0 => Check::unknown(NAME, "there is no key in this home", "colony join TICKET"),
        1 => Check::ok(NAME, "1 key, readable by its owner only"),
        many => Check::ok(NAME, format!("{many} keys, readable by their owner only")),
    }
}

/// Whether the clock agrees with those of the `others` that were asked. Most of several decide: if one is off, it is not
/// ours.
#[must_use]
pub fn clock(clocks: &[Clock], others: usize) -> Check {
    const NAME: &str = "clock";
    let mut sorted: Vec<&Clock> = clocks.iter().collect();
    sorted.sort_by(|one, other| one.ahead.total_cmp(&other.ahead));
    let Some(middle) = sorted.get(sorted.len() / 2) else {
        let finding = match others {
            0 => "there is no other node whose clock this one could be held against",
            _ => "no other node told its time",
        };
        return Check::unknown(NAME, finding, "hold it against a clock you trust: date -u");
    };
    // What the question itself may have cost is held against nobody.
    let off = (middle.ahead.abs() - middle.doubt).max(0.0);
    let limit = SKEW_MAX.as_secs_f64();
    let finding = words::off(middle.ahead, &middle.name);
    let fix = "set this machine's clock and keep it so: timedatectl set-ntp true";
    if off > limit {
        let finding = format!("{finding}; beyond {limit:.0}s requests and tickets are refused");
        return Check::fail(NAME, finding, fix);
    }
    if off > ODD {
        return Check::warn(NAME, finding, fix);
    }
    // Ours is right; is theirs?
    let stray = clocks.iter().find(|clock| (clock.ahead - middle.ahead).abs() - clock.doubt > ODD);
    match stray {
        Some(stray) => Check::warn(
            NAME,
            format!("{}, but {}", words::agrees(clocks.len()), words::theirs(stray.ahead, &stray.name)),
            format!("on {}: timedatectl set-ntp true", stray.name),
        ),
        None => Check::ok(NAME, finding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Health;

    #[test]
    fn a_disk_that_is_slow_or_shut_is_named() {
        let healths = [1, 21, 201].map(|millis| disk(&Ok(Duration::from_millis(millis))).health);
        assert_eq!(healths, [Health::Ok, Health::Warn, Health::Fail]);
        let shut = disk(&Err(io::ErrorKind::ReadOnlyFilesystem.into()));
        assert_eq!(shut.health, Health::Fail);
        assert!(shut.finding.contains("read-only"), "{shut:?}");
    }

    #[test]
    fn a_disk_that_is_about_to_be_full_is_named() {
        let of = |free| space(Some(Space { free, total: 100 * TIGHT })).health;
        assert_eq!([TIGHT, TIGHT - 1, FULL - 1, 0].map(of), {
            [Health::Ok, Health::Warn, Health::Fail, Health::Fail]
        });
        assert_eq!(space(None).health, Health::Unknown);
    }

    #[test]
    fn a_key_that_others_may_read_is_named_with_the_command_that_helps() {
        let file = |name: &str, mode| KeyFile { path: name.into(), mode };
        assert_eq!(keys(&[file("a.key", 0o100_600)]).health, Health::Ok);
        assert_eq!(keys(&[]).health, Health::Unknown);
        let check = keys(&[file("a.key", 0o600), file("/h/b c.key", 0o100_644)]);
        assert_eq!(check.health, Health::Fail);
        assert!(check.finding.contains("b c.key (mode 644)"), "{check:?}");
        assert_eq!(check.fix, "chmod 600 '/h/b c.key'");
    }

    fn told(name: &str, ahead: f64) -> Clock {
        Clock { name: name.to_owned(), ahead, doubt: 0.05 }
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_by_how_much() {
        for others in [0, 2] {
            assert_eq!(clock(&[], others).health, Health::Unknown);
        }
        assert_eq!(clock(&[told("b", 0.3)], 1).health, Health::Ok);
        assert_eq!(clock(&[told("b", -1.2)], 1).health, Health::Warn);
        let hour = clock(&[told("b", 3_600.2), told("c", 3_599.9)], 2);
        assert_eq!(hour.health, Health::Fail);
        assert!(hour.finding.starts_with("an hour behind"), "{hour:?}");
        assert!(hour.fix.contains("timedatectl"), "{hour:?}");
        let early = clock(&[told("b", -3_600.0)], 1);
        assert!(early.finding.starts_with("an hour ahead"), "{early:?}");
    }

    #[test]
    fn one_of_many_that_is_off_is_not_held_against_us() {
        let check = clock(&[told("b", 0.0), told("c", 0.1), told("d", 3_600.0)], 3);
        assert_eq!(check.health, Health::Warn);
        assert!(check.finding.contains("d's is an hour ahead"), "{check:?}");
        assert!(check.fix.contains("on d"), "{check:?}");
    }

    #[test]
    fn a_question_that_took_long_makes_no_clock_wrong() {
        let far = Clock { name: "b".to_owned(), ahead: 1.5, doubt: 0.8 };
        assert_eq!(clock(&[far], 1).health, Health::Ok);
    }
}
