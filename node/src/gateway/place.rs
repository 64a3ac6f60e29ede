//! Which colony a message belongs to.

use colony_protocol::{
    colonyos::{Fault, Place},
    identity::Identity,
};

use crate::service::Colony;

/// The colony, among those that this node serves.
///
/// A name must fit. An id is looked for in all of them; where it is in none, and for what names neither, the colony that
/// the caller has a part in is meant, or the only one there is.
pub(super) fn find(served: Vec<Colony>, place: &Place, by: &Identity) -> Result<Colony, Fault> {
    let holds = |colony: &Colony| match place {
        Place::Process(id) => colony.desk.has_process(id),
        Place::Workflow(id) => colony.desk.has_workflow(id),
        Place::Colony(_) | Place::Caller | Place::Server => false,
    };
    if let Place::Colony(name) = place {
        let called = |colony: &Colony| colony.desk.name().is_ok_and(|own| own == *name);
        return served
            .into_iter()
            .find(called)
            .ok_or_else(|| Fault::denied(format!("Colony with name {name} does not exists")));
    }
    if served.len() > 1 {
        let found = served.iter().find(|colony| holds(colony));
        let found = found.or_else(|| served.iter().find(|colony| colony.desk.is_known(by))).cloned();
        return found.ok_or_else(|| Fault::missing("no colony here has such a thing"));
    }
    served.into_iter().next().ok_or_else(|| Fault::new(503, "this node serves no colony now"))
}
