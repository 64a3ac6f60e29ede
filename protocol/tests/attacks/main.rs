//! What a hostile peer can send, and what it costs us: bytes that claim more than they hold, that nest, repeat or
//! multiply; envelopes that are replayed elsewhere, redirected, stretched in time or altered; forged tickets.
//!
//! The promise under test: any bytes are either decoded within a small multiple of their own size or refused; nothing
//! panics; and a request is acted upon only where, when and as its signer meant it.

#[cfg(test)]
mod bytes;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tickets;
