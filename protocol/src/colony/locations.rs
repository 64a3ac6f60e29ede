//! Locations, by number and by name. Executors and processes name them freely; that one exists tells people and
//! blueprints where it is.

use std::collections::BTreeMap;

use super::{Call, Colony, Outbox, RowKey, members::check_name};
use crate::{
    bounded::Text,
    command::LocationsCommand,
    model::{Name, location::Location},
    refusal::Refusal,
    reply::Reply,
};

/// Most locations: all of them fit one answer, with the longest descriptions.
const LOCATIONS_MAX: usize = 5_000;

/// All locations.
#[derive(Debug, Default)]
pub(super) struct Locations {
    by_number: BTreeMap<u64, Location>,
    names: BTreeMap<Name, u64>,
}

impl Locations {
    pub(super) fn get(&self, number: u64) -> Option<&Location> {
        self.by_number.get(&number)
    }

    pub(super) fn put(&mut self, number: u64, location: Location) {
        self.names.insert(location.name.clone(), number);
        self.by_number.insert(number, location);
    }
}

impl Colony {
    pub(super) fn change_locations(
        &mut self,
        call: &Call,
        command: &LocationsCommand,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(&call.by)?;
        match command {
            LocationsCommand::Add { location } => {
                check_name("name", &location.name)?;
                if self.locations.names.contains_key(&location.name) {
                    return Err(Refusal::exists(format!("location `{}`", location.name)));
                }
                self.put_location(location.clone(), out)?;
            }
            LocationsCommand::Remove { name } => {
                let number = self.locations.names.remove(name);
                let number = number.ok_or_else(|| Refusal::not_found(format!("location `{name}`")))?;
                self.locations.by_number.remove(&number);
                out.touch(RowKey::Object(number));
            }
        }
        Ok(Reply::Done)
    }

    /// A blueprint's location exists from then on.
    pub(super) fn need_location(&mut self, name: &Name, out: &mut Outbox) -> Result<(), Refusal> {
        if name.is_empty() || self.locations.names.contains_key(name) {
            return Ok(());
        }
        check_name("locationname", name)?;
        self.put_location(Location { name: name.clone(), ..Location::default() }, out)
    }

    fn put_location(&mut self, location: Location, out: &mut Outbox) -> Result<(), Refusal> {
        if self.locations.by_number.len() >= LOCATIONS_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many locations as it can hold")));
        }
        let number = self.next_object();
        self.locations.put(number, location);
        out.touch(RowKey::Object(number));
        Ok(())
    }

    /// All locations, by name.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        self.locations.names.values().filter_map(|number| self.locations.by_number.get(number))
    }
}
