//! Waiting work of one kind, as it is announced: whom it concerns, how much there is, and who asks first.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::List,
    colony,
    identity::Identity,
    model::{Executor, GpuDemand, Name, is_default},
    rendezvous,
    time::Span,
};

/// Names one kind lists. Work that names more executors is announced as if it named none: who is not meant asks in vain.
pub const NAMES_MAX: usize = 16;

/// Waiting work of one kind: what an executor needs to know to decide whether and when to ask.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitingWork {
    /// The executor type it asks for.
    pub executor_type: Name,
    /// Names of the executors that may run it; empty means any.
    #[serde(skip_serializing_if = "is_default")]
    pub executor_names: List<Name, NAMES_MAX>,
    /// Where the executor must be; empty means anywhere.
    #[serde(skip_serializing_if = "is_default")]
    pub location_name: Name,
    /// Machines wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub nodes: u32,
    /// Thousandths of a CPU wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_millis: u64,
    /// Bytes of memory wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: u64,
    /// Bytes of storage wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: u64,
    /// Accelerators wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub gpu: GpuDemand,
    /// How many processes of the kind wait.
    pub count: u64,
    /// The last of them: the wave for [`rendezvous::weight`], so that the next work wakes others.
    pub wave: u64,
    /// Up to this weight, executors that run nothing ask at once.
    pub reach: u64,
    /// Up to this weight, executors that run something ask at once; zero: only after those that run nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub reach_busy: u64,
}

/// An executor that listens: what it knows of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Its identity.
    pub id: Identity,
    /// Its name in the colony.
    pub name: Name,
    /// Its type.
    pub executor_type: Name,
    /// Its row, if it knows it: then it does not ask for work that it could not do.
    pub row: Option<Executor>,
}

impl WaitingWork {
    /// Whether both want the same of an executor, however much of it there is.
    #[must_use]
    pub fn is_kind_of(&self, other: &Self) -> bool {
        let bare = |work: &Self| Self { count: 0, wave: 0, reach: 0, reach_busy: 0, ..work.clone() };
        bare(self) == bare(other)
    }

    /// Whether it may be work for this executor.
    #[must_use]
    pub fn concerns(&self, listener: &Listener) -> bool {
        self.executor_type == listener.executor_type
            && (self.executor_names.is_empty() || self.executor_names.contains(&listener.name))
            && listener.row.as_ref().is_none_or(|row| colony::meets(row, self))
    }

    /// How long this executor holds back. `busy` says whether it runs something already.
    #[must_use]
    pub fn delay(&self, listener: &Listener, busy: bool, pause: Span) -> Span {
        let weight = rendezvous::weight(self.wave, &listener.id);
        if !busy {
            return rendezvous::delay(weight, self.reach, pause);
        }
        if self.reach_busy == 0 {
            let later = rendezvous::delay(weight, self.reach, pause);
            return Span::from_micros(later.as_micros().saturating_add(pause.as_micros()));
        }
        rendezvous::delay(weight, self.reach_busy, pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bounded::Text, rendezvous::EVERYBODY};

    fn listener() -> Listener {
        let (name, executor_type) = (Text::cut("e1"), Text::cut("cli"));
        Listener { id: Identity::from_bytes([7; 32]), name, executor_type, row: None }
    }

    fn work() -> WaitingWork {
        WaitingWork { executor_type: Text::cut("cli"), count: 1, reach: EVERYBODY, ..Default::default() }
    }

    fn named(names: &[&str]) -> WaitingWork {
        let names = names.iter().map(|name| Text::cut(name)).collect();
        WaitingWork { executor_names: List::new(names).unwrap(), ..work() }
    }

    #[test]
    fn work_concerns_executors_of_its_type_and_of_its_names() {
        assert!(work().concerns(&listener()));
        assert!(!WaitingWork { executor_type: Text::cut("CLI"), ..work() }.concerns(&listener()));
        assert!(named(&["x", "e1"]).concerns(&listener()));
        assert!(!named(&["x"]).concerns(&listener()));
    }

    #[test]
    fn who_knows_what_it_has_does_not_answer_to_what_it_lacks() {
        let gpu = WaitingWork { gpu: GpuDemand { count: 1, ..Default::default() }, ..work() };
        let away = WaitingWork { location_name: Text::cut("umeå"), ..work() };
        let executor_type = Text::cut("cli");
        let row = Executor { executor_type, location_name: Text::cut("Umeå"), ..Default::default() };
        let known = Listener { row: Some(row), ..listener() };
        assert!(gpu.concerns(&listener()) && !gpu.concerns(&known));
        assert!(away.concerns(&known));
        assert!(!WaitingWork { location_name: Text::cut("kiel"), ..work() }.concerns(&known));
    }

    #[test]
    fn who_runs_something_lets_the_idle_go_first() {
        let pause = Span::from_millis(100);
        assert_eq!(work().delay(&listener(), false, pause), Span::ZERO);
        assert_eq!(work().delay(&listener(), true, pause), pause);
        let short_of_idle = WaitingWork { reach_busy: EVERYBODY, ..work() };
        assert_eq!(short_of_idle.delay(&listener(), true, pause), Span::ZERO);
    }
}
