//! Function specs as people and ColonyOS clients write them.

use super::{
    error::SpecError,
    read::{Field, FromField},
};
use crate::model::{Conditions, Filesystem, FunctionSpec, GpuDemand, SnapshotMount, SyncDirectory};

impl FromField for FunctionSpec {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        if !field.is_object() {
            return Err(field.expected("an object"));
        }
        let mut object = field.object()?;
        let spec = Self {
            // `name` and `func` are the older spellings; ColonyOS's examples and guides still have them.
            node_name: object.read(&["nodename", "name"])?,
            func_name: object.read(&["funcname", "func"])?,
            args: object.read(&["args"])?,
            kwargs: object.read(&["kwargs"])?,
            priority: object.read(&["priority"])?,
            max_wait_time: object.read(&["maxwaittime"])?,
            max_exec_time: object.read(&["maxexectime"])?,
            max_retries: object.read(&["maxretries"])?,
            conditions: object.read(&["conditions"])?,
            label: object.read(&["label"])?,
            fs: object.read(&["fs"])?,
            env: object.read(&["env"])?,
            channels: object.read(&["channels"])?,
        };
        // A description for people.
        object.skip(&["desc", "description"]);
        object.finish()?;
        Ok(spec)
    }
}

impl FromField for Conditions {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let conditions = Self {
            colony_name: object.read(&["colonyname"])?,
            executor_names: object.read(&["executornames"])?,
            executor_type: object.read(&["executortype"])?,
            location_name: object.read(&["locationname"])?,
            dependencies: object.read(&["dependencies"])?,
            nodes: object.read(&["nodes"])?,
            cpu_millis: object.read_with(&["cpu"], Field::cpu)?,
            processes: object.read(&["processes"])?,
            // The Rust client writes dashes.
            processes_per_node: object.read(&["processespernode", "processes-per-node"])?,
            memory: object.read_with(&["mem"], Field::memory)?,
            storage: object.read_with(&["storage"], Field::memory)?,
            gpu: object.read(&["gpu"])?,
            wall_time: object.read(&["walltime"])?,
        };
        object.finish()?;
        Ok(conditions)
    }
}

impl FromField for GpuDemand {
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

impl FromField for Filesystem {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let fs = Self {
            mount: object.read(&["mount"])?,
            snapshots: object.read(&["snapshots"])?,
            dirs: object.read(&["dirs"])?,
        };
        object.finish()?;
        Ok(fs)
    }
}

impl FromField for SnapshotMount {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let mount = Self {
            snapshot_id: object.read(&["snapshotid"])?,
            label: object.read(&["label"])?,
            dir: object.read(&["dir"])?,
            keep_files: object.read(&["keepfiles"])?,
            keep_snapshot: object.read(&["keepsnapshot"])?,
        };
        object.finish()?;
        Ok(mount)
    }
}

impl FromField for SyncDirectory {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let (keep_local_on_start, keep_local_on_close) = object.read_with(&["onconflicts"], |field| {
            let mut object = field.object()?;
            let start = object.read_with(&["onstart"], keep_local)?;
            let close = object.read_with(&["onclose"], keep_local)?;
            object.finish()?;
            Ok((start, close))
        })?;
        let directory = Self {
            label: object.read(&["label"])?,
            dir: object.read(&["dir"])?,
            keep_files: object.read(&["keepfiles"])?,
            keep_local_on_start,
            keep_local_on_close,
        };
        object.finish()?;
        Ok(directory)
    }
}

fn keep_local(field: &Field<'_>) -> Result<bool, SpecError> {
    let mut object = field.object()?;
    let keep = object.read(&["keeplocal"])?;
    object.finish()?;
    Ok(keep)
}
