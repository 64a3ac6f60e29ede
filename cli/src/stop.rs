//! Ctrl-C and SIGTERM, for commands that run until they are told to stop.

use colony_node::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::Failure;

/// A token that is cancelled by the first Ctrl-C or SIGTERM. The second one ends the program at once: a person who
/// asks twice does not want to wait.
pub(crate) fn on_signals(runtime: &Runtime) -> Result<CancellationToken, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    runtime.spawn("signals", async move {
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
    Ok(token)
}
