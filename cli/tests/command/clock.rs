//! A machine whose clock is an hour off: the doctor names it, and everything that carries a time is refused clearly.
//!
//! The command's view of the time is shifted below it, by a small library that the system's loader puts in between; it is
//! built with the compiler that links this program.

use std::{path::PathBuf, process::Command};

use super::{lab::Home, machine::Machine};

/// Answers for the system, so many seconds ahead.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    const char *ahead = getenv("CLOCK_AHEAD");
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && ahead) now->tv_sec += atol(ahead);
    return failed ? -1 : 0;
}
"#;

/// The library, in a home.
fn shift(home: &Home) -> PathBuf {
    let source = home.file("shift.c", SHIFT);
    let library = home.path("shift.so");
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status().unwrap();
    assert!(built.success(), "cc: {built}");
    library
}

#[test]
fn a_clock_that_is_an_hour_off_is_named_and_nothing_with_a_time_is_taken_from_it() {
    let alpha = Machine::founder(&[]);
    let bob = Home::new();
    let library = shift(&bob).display().to_string();
    bob.run(&["join", &alpha.ticket(&["--role", "user"]), "--name", "bob"]).exits(0);
    bob.run(&["doctor"]).exits(0).prints("ok      clock       within");

    for (ahead, word) in [("3600", "an hour ahead of"), ("-3600", "an hour behind")] {
        let off = [("LD_PRELOAD", library.as_str()), ("CLOCK_AHEAD", ahead)];
        bob.run_with(&off, &["doctor"]).exits(1).prints(&format!("fail    clock       {word}"));
        bob.run_with(&off, &["doctor"]).prints("fail    colony").prints("see the check `clock`");
        let told = bob.run_with(&off, &["doctor", "-o", "json"]).exits(1).json();
        let clock = told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "clock").unwrap();
        assert_eq!(clock["status"], "fail", "{told:#}");
        assert!(clock["fix"].as_str().unwrap().contains("timedatectl"), "{clock:#}");
        // A request is refused as what it is, with a way on; and a ticket too.
        bob.run_with(&off, &["ps"]).exits(4).says("clock").says("`colony doctor`");
        let carol = Home::new();
        let ticket = alpha.ticket(&["--role", "user"]);
        carol.run_with(&off, &["join", &ticket]).exits(4).says("clock").says("`colony doctor`");
        // It was the clock and nothing else.
        carol.run(&["join", &ticket]).exits(0);
    }
}
