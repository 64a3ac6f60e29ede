//! A line that moves while a person waits; nothing at all when nobody watches.

use std::{
    env,
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner turns: smooth to the eye, nothing to the machine.
const TURN: Duration = Duration::from_millis(100);

/// A spinner on stderr, if that is a terminal and nobody declined it.
#[derive(Debug)]
pub(crate) struct Spinner {
    /// Hidden or drawn.
    bar: ProgressBar,
}

impl Spinner {
    /// Starts it.
    pub(crate) fn start(text: String) -> Self {
        if !is_watched() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner()).with_message(text);
        bar.enable_steady_tick(TURN);
        Self { bar }
    }

    /// Changes what it says.
    pub(crate) fn say(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Takes it away, before anything else is printed.
    pub(crate) fn stop(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A bar on stderr that fills up, under the same conditions.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Hidden or drawn.
    bar: ProgressBar,
}

impl Bar {
    /// An empty one.
    pub(crate) fn start(length: u64, what: &'static str) -> Self {
        Self::like("{bar:40} {pos}/{len} {msg}", length, what)
    }

    /// An empty one of a hundred percent, in so many steps.
    pub(crate) fn percent(steps: u64) -> Self {
        Self::like("{bar:40} {percent:>3} % {msg}", steps, "")
    }

    fn like(template: &str, length: u64, what: &'static str) -> Self {
        let style = ProgressStyle::with_template(template).ok();
        let bar = match style.filter(|_| is_watched()) {
            Some(style) => ProgressBar::new(length).with_style(style).with_message(what),
            None => ProgressBar::hidden(),
        };
        Self { bar }
    }

    /// So many are done.
    pub(crate) fn reach(&self, done: usize) {
        self.bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// Some more are done.
    pub(crate) fn advance(&self, count: u64) {
        self.bar.inc(count);
    }

    /// Changes what stands beside it.
    pub(crate) fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Tells a person something while it goes on.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| super::note(text));
    }

    /// Takes it away, before anything else is printed.
    pub(crate) fn stop(&self) {
        self.bar.finish_and_clear();
    }
}

/// A terminal, and nobody declined.
fn is_watched() -> bool {
    let declined = env::var_os("COLONY_NO_PROGRESS").is_some_and(|value| !value.is_empty());
    !declined && io::stderr().is_terminal()
}
