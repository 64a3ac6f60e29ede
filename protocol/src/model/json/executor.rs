//! Executors as people write them to register one.

use super::{
    error::SpecError,
    read::{Field, FromField},
};
use crate::{
    bounded::List,
    identity::{Identity, IdentityError},
    model::{
        Allocation, Allocations, Capabilities, Executor, FunctionArgument, Gpu, Hardware, Name, Software,
    },
};

/// Reads an executor spec. Its state and its times are the colony's business and are passed over, as is the colony's
/// name; without `executorid` the identity is nobody's, for the caller to fill in.
///
/// # Errors
/// [`SpecError`], with line, column and field.
pub fn parse_executor(text: &str) -> Result<Executor, SpecError> {
    Executor::from_field(&Field::document(text)?)
}

impl FromField for Executor {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        read_executor(field)
    }
}

fn read_executor(document: &Field<'_>) -> Result<Executor, SpecError> {
    if !document.is_object() {
        return Err(document.expected("an object"));
    }
    let mut object = document.object()?;
    let executor = Executor {
        id: object.read_with(&["executorid"], identity)?,
        name: object.read_with(&["executorname"], name)?,
        executor_type: object.read(&["executortype"])?,
        require_func_reg: object.read(&["requirefuncreg"])?,
        location_name: object.read(&["locationname"])?,
        capabilities: object.read(&["capabilities"])?,
        allocations: object.read_with(&["allocations"], allocations)?,
        blueprint_id: object.read(&["blueprintid"])?,
        blueprint_generation: object.read_with(&["blueprintgen"], i64::from_field)?,
        ..Executor::default()
    };
    object.skip(&["colonyname", "state", "commissiontime", "lastheardfromtime"]);
    // `location` is an older form, coordinates instead of a name.
    object.skip(&["location"]);
    object.finish()?;
    Ok(executor)
}

fn name(field: &Field<'_>) -> Result<Name, SpecError> {
    let name = Name::from_field(field)?;
    // ColonyOS joins names with colons and splits them again.
    if name.contains(':') {
        return Err(field.wrong("a name must not contain `:`"));
    }
    Ok(name)
}

/// An identity in hex; empty means nobody's.
pub(crate) fn identity(field: &Field<'_>) -> Result<Identity, SpecError> {
    let text = Name::from_field(field)?;
    if text.is_empty() {
        return Ok(Identity::NOBODY);
    }
    text.parse().map_err(|error: IdentityError| field.wrong(error.to_string()))
}

impl FromField for Capabilities {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let capabilities = Self {
            hardware: object.read_with(&["hardware"], one_or_many)?,
            software: object.read_with(&["software"], one_or_many)?,
        };
        object.finish()?;
        Ok(capabilities)
    }
}

/// A list, or the single object that older clients write instead of one.
fn one_or_many<T: FromField, const N: usize>(field: &Field<'_>) -> Result<List<T, N>, SpecError> {
    if field.is_array() {
        return List::from_field(field);
    }
    List::new(vec![T::from_field(field)?]).map_err(|error| field.wrong(error.to_string()))
}

/// What an executor grants, under `projects`.
pub(crate) fn allocations(field: &Field<'_>) -> Result<Allocations, SpecError> {
    let mut object = field.object()?;
    let projects = object.read_with(&["projects"], Allocations::from_field)?;
    object.finish()?;
    Ok(projects)
}

impl FromField for Allocation {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let mut amount = |name| object.read_with(&[name], i64::from_field);
        let allocation = Self {
            allocated_cpu: amount("allocatedcpu")?,
            used_cpu: amount("usedcpu")?,
            allocated_gpu: amount("allocatedgpu")?,
            used_gpu: amount("usedgpu")?,
            allocated_storage: amount("allocatedstorage")?,
            used_storage: amount("usedstorage")?,
        };
        object.finish()?;
        Ok(allocation)
    }
}

impl FromField for FunctionArgument {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let argument = Self {
            name: object.read(&["name"])?,
            kind: object.read(&["type"])?,
            description: object.read(&["description"])?,
            required: object.read(&["required"])?,
            choices: object.read(&["enum"])?,
        };
        object.finish()?;
        Ok(argument)
    }
}

impl FromField for Hardware {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let hardware = Self {
            model: object.read(&["model"])?,
            nodes: object.read(&["nodes"])?,
            cpu_millis: object.read_with(&["cpu"], Field::cpu)?,
            cores: object.read(&["cores"])?,
            memory: object.read_with(&["mem"], Field::memory)?,
            storage: object.read_with(&["storage"], Field::memory)?,
            gpu: object.read(&["gpu"])?,
            platform: object.read(&["platform"])?,
            architecture: object.read(&["architecture"])?,
            network: object.read(&["network"])?,
        };
        object.finish()?;
        Ok(hardware)
    }
}

impl FromField for Gpu {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let gpu = Self {
            name: object.read(&["name"])?,
            memory: object.read_with(&["mem"], Field::memory)?,
            count: object.read(&["count"])?,
            node_count: object.read(&["nodecount"])?,
        };
        object.finish()?;
        Ok(gpu)
    }
}

impl FromField for Software {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let software = Self {
            name: object.read(&["name"])?,
            kind: object.read(&["type"])?,
            version: object.read(&["version"])?,
        };
        object.finish()?;
        Ok(software)
    }
}

#[cfg(test)]
mod tests;
