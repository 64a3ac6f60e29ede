//! What must hold.

use crate::state::{PROCESSES, Stage, State};

/// A promise of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    /// G3: who holds a process is known by its token.
    OneHolder,
    /// G2: a process takes one result.
    OneResult,
    /// G3: a result under an old token is refused.
    StaleRefused,
    /// G1: what was acknowledged is final, and stays.
    AnswerStays,
    /// G4: a request that is sent again gets the answer it got before.
    OneAnswer,
    /// Who was heard in time keeps its lease, whoever coordinates.
    HeardKeeps,
}

impl Promise {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OneHolder => "no two executors hold a process under one token",
            Self::OneResult => "a process takes one result",
            Self::StaleRefused => "a result under an old token is refused",
            Self::AnswerStays => "what was acknowledged is final and stays",
            Self::OneAnswer => "one request has one answer",
            Self::HeardKeeps => "who was heard in time keeps its lease",
        }
    }
}

impl State {
    /// Whether nothing has broken this so far.
    pub(crate) fn keeps(&self, promise: Promise) -> bool {
        self.broken != Some(promise)
    }

    pub(crate) fn has_one_holder_a_token(&self) -> bool {
        (0..PROCESSES).all(|process| {
            let mut tokens: Vec<u8> = self
                .executors
                .iter()
                .map(|executor| executor.holds[process])
                .filter(|token| *token > 0)
                .collect();
            let count = tokens.len();
            tokens.sort_unstable();
            tokens.dedup();
            tokens.len() == count
        })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.processes.iter().all(|process| matches!(process.stage, Stage::Ended(_)))
    }

    pub(crate) fn refuses_a_late_result(&self) -> bool {
        self.executors.iter().any(|executor| executor.answer == Some(crate::state::Told::Stale))
    }

    /// Two believe to hold one process, and one of them does.
    pub(crate) fn has_passed_on(&self) -> bool {
        (0..PROCESSES)
            .any(|process| self.executors.iter().filter(|executor| executor.holds[process] > 0).count() > 1)
    }

    pub(crate) fn has_inherited(&self) -> bool {
        self.proposed.is_some_and(|proposed| proposed.is_inherited)
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.deposed.is_some_and(|believed| believed != self.waiting())
    }
}
