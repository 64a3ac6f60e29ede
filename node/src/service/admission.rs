//! Who may go on, once it is known who signed and what for.
//!
//! A connection whose key is no member's is a stranger's until a request comes over it that a member signed: that is
//! found out here, and its small share ends. Then each signer's requests are counted by class, and attempts to join by
//! where they come from, because whoever joins has a new key each time.
//!
//! Whether the signer may do what it asks is not decided here but by the rules, where the colony's state is the
//! coordinator's.

use std::time::Duration;

use colony_protocol::{bounded::Text, command::Command, identity::Identity, refusal::Refusal};

use super::{
    Colony,
    check::{Ask, Checked},
};
use crate::net::{
    Caller, Subnet,
    bounds::{Class, rates::Rates},
};

/// How often who asked what.
#[derive(Debug, Default)]
pub(super) struct Admission {
    by_signer: Rates<Identity>,
    joins: Rates<Subnet>,
}

impl Admission {
    /// Lets a checked request go on.
    ///
    /// # Errors
    /// [`Refusal::Busy`], with the time to wait.
    pub(super) fn admit(
        &self,
        from: &Caller,
        colony: &Colony,
        checked: &Checked,
        now: Duration,
    ) -> Result<(), Refusal> {
        let by = checked.item.by;
        if from.is_stranger() && colony.desk.may_read(&by) {
            from.vouch();
        }
        let class = class(&checked.ask);
        let taken = match class {
            // This machine, and those of a laboratory behind it, are not strangers of the Internet.
            Class::Join if from.subnet() != Subnet::Near => self.joins.take(from.subnet(), class, now),
            _ => self.by_signer.take(by, class, now),
        };
        taken.map_err(|wait| too_often(class, wait))
    }

    /// Lets a request go on that a door of this node brought: counted for its signer alone.
    ///
    /// # Errors
    /// [`Refusal::Busy`], with the time to wait.
    pub(super) fn admit_signer(&self, checked: &Checked, now: Duration) -> Result<(), Refusal> {
        let class = class(&checked.ask);
        self.by_signer.take(checked.item.by, class, now).map_err(|wait| too_often(class, wait))
    }
}

fn too_often(class: Class, wait: Duration) -> Refusal {
    let wait = wait.as_millis().max(1);
    Refusal::Busy(Text::cut(&format!("too many {}; room for the next in {wait} ms", class.word())))
}

/// The class of a request.
fn class(ask: &Ask) -> Class {
    let command = match ask {
        Ask::Query(_) | Ask::Stale(_) => return Class::Query,
        Ask::Command(command) => &**command,
    };
    match command {
        Command::Submit { .. } | Command::SubmitWorkflow { .. } | Command::AddChild(_) => Class::Submit,
        Command::Assign(_) | Command::Renew { .. } => Class::Assign,
        Command::Close { .. }
        | Command::Release { .. }
        | Command::SetOutput { .. }
        | Command::AddAttribute { .. }
        | Command::AddLog { .. } => Class::Close,
        Command::Join { .. } => Class::Join,
        _ => Class::Manage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_there_was_too_much_of_and_how_long_to_wait() {
        let refusal = too_often(Class::Join, Duration::from_micros(1));
        assert_eq!(refusal.to_string(), "busy: too many attempts to join; room for the next in 1 ms");
    }

    #[test]
    fn what_is_asked_has_a_class() {
        let of = |command| class(&Ask::Command(std::sync::Arc::new(command)));
        assert_eq!(of(Command::Pause), Class::Manage);
        assert_eq!(of(Command::Renew { leases: Default::default() }), Class::Assign);
        assert_eq!(class(&Ask::Stale(colony_protocol::query::Query::Status)), Class::Query);
    }
}
