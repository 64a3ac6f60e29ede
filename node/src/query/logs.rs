//! Logs: the lines of one process after a moment, and lines found by what they say, whoever wrote them.
//!
//! A search walks from the newest process to the oldest, and through each log backwards. It looks at a bounded number of
//! lines and then tells where to go on, so looking for what is nowhere costs many small answers, not a long one.

use std::{collections::BTreeMap, ops::ControlFlow};

use colony_protocol::{
    model::{Process, StoredLogLine},
    query::{LogPlace, LogSearch},
    refusal::Refusal,
    reply::{Answer, LogHit},
    time::Timestamp,
};

use super::{ANSWER_BYTES_MAX, Desk, page, storage};

/// Most lines one search looks at: some tenths of a second on the pool.
const SCAN_MAX: usize = 100_000;
/// What a line costs on the wire beside its text.
const LINE_BYTES: usize = 256;

impl Desk {
    /// At most `limit` lines of a process that were written after `since`, oldest first.
    pub(super) fn log_since(
        &self,
        process: &Process,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<StoredLogLine>, Refusal> {
        // Lines stand in the order of their time: halve until the first later one is found.
        let (mut low, mut high) = (0, process.log_lines);
        while low < high {
            let middle = low.midpoint(high);
            let line = self.view.log_lines(process.number(), middle, 1).map_err(storage)?;
            match line.first() {
                Some(line) if line.at <= since => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        self.log(process, low, limit, false)
    }

    /// Lines that fit, newest process first.
    pub(super) fn search_log(&self, search: &LogSearch) -> Result<Answer, Refusal> {
        let mut walk = Walk { search, found: Vec::new(), room: ANSWER_BYTES_MAX, seen: 0, next: None };
        let after = search.after.map(|place| (place.process, place.line));
        self.view.log_lines_before(after, |process, line| walk.visit(process, line)).map_err(storage)?;
        let Walk { found, next, .. } = walk;
        let mut ids = BTreeMap::new();
        for (process, _) in &found {
            if !ids.contains_key(process) {
                ids.insert(*process, self.process_by_number(*process)?.map(|process| process.id));
            }
        }
        let hit = |(process, line)| LogHit { process, id: ids.get(&process).copied().flatten(), line };
        Ok(Answer::LogHits { hits: found.into_iter().map(hit).collect(), next })
    }
}

/// A search under way.
struct Walk<'a> {
    search: &'a LogSearch,
    found: Vec<(u64, StoredLogLine)>,
    room: usize,
    seen: usize,
    /// The last line looked at, when the page ends before the logs do.
    next: Option<LogPlace>,
}

impl Walk<'_> {
    fn visit(&mut self, process: u64, line: StoredLogLine) -> ControlFlow<()> {
        let place = LogPlace { process, line: line.line };
        self.seen += 1;
        if fits(self.search, &line) {
            self.room = self.room.saturating_sub(line.message.len().saturating_add(LINE_BYTES));
            self.found.push((process, line));
        }
        let full = self.found.len() >= page::limit(self.search.limit) || self.room == 0;
        if full || self.seen >= SCAN_MAX {
            self.next = Some(place);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn fits(search: &LogSearch, line: &StoredLogLine) -> bool {
    search.since.is_none_or(|since| line.at > since)
        && search.executor_name.as_ref().is_none_or(|name| line.executor_name == *name)
        && line.message.contains(&*search.text)
}
