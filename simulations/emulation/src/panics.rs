//! Panics of any task: tokio swallows them, so they are written down here.

use std::sync::{Mutex, PoisonError};

/// What panicked, and where.
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Writes panics down from now on.
pub fn watch() {
    std::panic::set_hook(Box::new(|info| {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(info.to_string().replace('\n', " "));
    }));
}

/// What panicked since the last time.
pub fn take() -> Vec<String> {
    std::mem::take(&mut *SEEN.lock().unwrap_or_else(PoisonError::into_inner))
}
