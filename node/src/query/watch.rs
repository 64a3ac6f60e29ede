//! Waiting for news of one process, and of what is said in its channels.

use std::time::Duration;

use colony_protocol::{
    identity::Identity,
    model::{Process, State},
    query::Selector,
    refusal::Refusal,
};

use super::Desk;

impl Desk {
    /// Completes when a process has log lines from `from` on, is in another state than `state`, has ended, or when
    /// `wait` is over.
    ///
    /// # Errors
    /// As [`Desk::answer`]; [`Refusal::Busy`] if too many watches are open.
    pub async fn await_news(
        &self,
        by: &Identity,
        selector: &Selector,
        from: u64,
        state: Option<State>,
        wait: Duration,
    ) -> Result<(), Refusal> {
        self.authorise(by)?;
        let number = self.process(selector)?.number();
        self.until(number, wait, || {
            let process = self.process(&Selector::Number(number))?;
            Ok(is_news(&process, from, state))
        })
        .await
    }

    /// Completes when there is something to see, looked for again at each news of a process; when the node stops; or when
    /// `wait` is over.
    pub(super) async fn until(
        &self,
        process: u64,
        wait: Duration,
        is_there: impl Fn() -> Result<bool, Refusal>,
    ) -> Result<(), Refusal> {
        let watch = self.coordinator.events().watch(process)?;
        let over = self.runtime.timer(wait);
        tokio::pin!(over);
        loop {
            // Registered before the look: news in between wakes.
            let news = watch.news();
            if is_there()? {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.coordinator.stopping() => return Ok(()),
                () = news => {}
                () = &mut over => return Ok(()),
            }
        }
    }
}

/// True if a watcher that saw `state` and the lines before `from` has something to see, or will never have.
fn is_news(process: &Process, from: u64, state: Option<State>) -> bool {
    process.log_lines > from || state != Some(process.state) || process.state.is_terminal()
}
