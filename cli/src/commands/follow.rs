//! Following a process: its lines as they come, its state as it changes.

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    model::{Process, State, StoredLogLine},
    query::{Query, Selector},
    reply::Answer,
    time::Span,
};

/// How long one watch waits. Longer saves nothing; a broken connection would be noticed later.
const WATCH: Span = Span::from_secs(30);

/// What is known of a process, and where its log was read to.
#[derive(Debug)]
pub(super) struct Follow {
    /// Who is asked.
    client: Client,
    /// Which process.
    process: Selector,
    /// The first line not yet seen.
    from: u64,
    /// The state last seen.
    state: Option<State>,
}

impl Follow {
    /// Starts before the first line.
    pub(super) fn start(client: Client, process: Selector) -> Self {
        Self { client, process, from: 0, state: None }
    }

    /// Waits for the next news. `None` after the end: it has ended and every line was given out.
    pub(super) async fn next(&mut self) -> Result<Option<(Process, Vec<StoredLogLine>)>, ClientError> {
        let mut pages = 0;
        loop {
            let watch = Query::Watch {
                process: self.process.clone(),
                from: self.from,
                state: self.state,
                wait: WATCH,
            };
            let Answer::Watch { process, lines } = self.client.query(&watch).await? else {
                return Err(ClientError::Unexpected("to watch"));
            };
            // `last` may be another one next time.
            self.process = process.id.into();
            if let Some(line) = lines.last() {
                self.from = line.line.saturating_add(1);
            }
            let changed = self.state.replace(process.state) != Some(process.state);
            if changed || !lines.is_empty() {
                return Ok(Some((*process, lines)));
            }
            pages += 1;
            if process.state.is_terminal() && (self.from >= process.log_lines || pages > 1) {
                return Ok(None);
            }
        }
    }
}
