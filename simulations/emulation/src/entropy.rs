//! All randomness of the process from one seed.
//!
//! Every library asks the C library's `getrandom`: the keys of hash maps, the ephemeral keys of handshakes, the network
//! stack's own draws. This file answers in its place. It is for the emulator alone, where nothing is secret: there is no
//! other `unsafe` in the workspace, and no shipped binary is linked with it.
#![expect(unsafe_code, reason = "answering a function of the C library takes its name and its pointers")]

use std::sync::atomic::{AtomicU64, Ordering};

/// The state of the generator: one for the whole process, since one thread runs everything.
static STATE: AtomicU64 = AtomicU64::new(0);

/// Starts the sequence. Call it before anything draws.
pub fn seed(seed: u64) {
    // Neighbouring seeds must not share the start of their sequences.
    STATE.store(mix(seed ^ 0x00c0_1011_e417_0001), Ordering::Relaxed);
}

/// Splitmix64: every state gives another number, and the states never repeat within 2^64 draws.
fn next() -> u64 {
    mix(STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
}

const fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// What the C library offers under this name.
///
/// # Safety
/// `buffer` must be valid for `length` bytes, as its callers promise to the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if !buffer.is_null() {
        // SAFETY: the caller promises that the bytes are its own.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
        }
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}
