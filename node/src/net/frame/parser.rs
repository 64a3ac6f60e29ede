//! From bytes to frames, without a connection.

use std::sync::Arc;

use super::{Frame, FrameError, Header, LENGTH, NUMBERED};
use crate::net::budget::{Budget, Charge};

/// First memory taken for a body; it doubles as bytes arrive.
pub(super) const FIRST_STEP: usize = 4 * 1024;

/// Finds frames in bytes.
#[derive(Debug)]
pub(crate) struct Parser {
    header: Header,
    limit: usize,
    budget: Arc<Budget>,
    /// The bytes of a header that is not complete yet.
    head: Vec<u8>,
    /// The body under way.
    body: Option<Body>,
}

/// A body under way.
#[derive(Debug)]
struct Body {
    number: u64,
    len: usize,
    /// Bytes that have not arrived.
    missing: usize,
    bytes: Option<Vec<u8>>,
    charge: Charge,
}

/// Where a parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Between frames.
    Between,
    /// Within a header.
    Header,
    /// Within a body of so many bytes.
    Body(usize),
}

impl Parser {
    /// A parser that refuses frames longer than `limit` and charges what it keeps to `budget`.
    pub(crate) fn new(header: Header, limit: usize, budget: Arc<Budget>) -> Self {
        Self { header, limit, budget, head: Vec::with_capacity(NUMBERED), body: None }
    }

    /// Charges the frames that begin from now on to another budget.
    pub(super) fn charge_to(&mut self, budget: Arc<Budget>) {
        self.budget = budget;
    }

    /// Takes bytes up to the end of one frame. Gives how many it took, and the frame if it is complete.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Frame>), FrameError> {
        let mut taken = 0;
        if self.body.is_none() {
            let size = if self.header == Header::Length { LENGTH } else { NUMBERED };
            taken = input.len().min(size.saturating_sub(self.head.len()));
            self.head.extend_from_slice(&input[..taken]);
            if self.head.len() < size {
                return Ok((taken, None));
            }
            self.body = Some(self.begin()?);
            self.head.clear();
        }
        let Some(body) = &mut self.body else { return Ok((taken, None)) };
        let part = &input[taken..];
        let part = &part[..part.len().min(body.missing)];
        body.take(part);
        let taken = taken.saturating_add(part.len());
        if body.missing > 0 {
            return Ok((taken, None));
        }
        let frame =
            self.body.take().map(|Body { number, bytes, charge, .. }| Frame { number, bytes, charge });
        Ok((taken, frame))
    }

    fn begin(&self) -> Result<Body, FrameError> {
        let (len, number) = self.head.split_at(LENGTH);
        let len = len.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let number = number.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        if len > self.limit {
            return Err(FrameError::TooLarge(len, self.limit));
        }
        Ok(Body { number, len, missing: len, bytes: Some(Vec::new()), charge: self.budget.open() })
    }

    /// Where it stands, for whoever watches the time.
    pub(super) fn stage(&self) -> Stage {
        match &self.body {
            Some(body) => Stage::Body(body.len),
            None if self.head.is_empty() => Stage::Between,
            None => Stage::Header,
        }
    }
}

impl Body {
    fn take(&mut self, part: &[u8]) {
        if let Some(bytes) = &mut self.bytes {
            let short = part.len().saturating_sub(bytes.capacity().saturating_sub(bytes.len()));
            if short > 0 {
                // Twice what has arrived, but never more than was announced.
                let step = part.len().max(bytes.len()).max(FIRST_STEP).min(self.missing);
                let before = bytes.capacity();
                if self.charge.grow(bytes.len().saturating_add(step).saturating_sub(before)) {
                    bytes.reserve_exact(step);
                } else {
                    // No memory left for it: the rest passes unread, and the sender is told to try again.
                    self.bytes = None;
                }
            }
        }
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(part);
        }
        self.missing = self.missing.saturating_sub(part.len());
    }
}
