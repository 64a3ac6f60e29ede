//! Function specs, normalised as ColonyOS normalises them when it stores one.

use serde_json::{Map, Value, json};

use super::ColonyContext;
use crate::{
    bounded::{Json, List},
    model::{Conditions, Filesystem, FunctionSpec, GpuDemand},
    units::{format_cpu, format_memory},
};

/// A function spec.
#[must_use]
pub fn function_spec(spec: &FunctionSpec, colony: ColonyContext<'_>) -> Value {
    let kwargs: Map<String, Value> =
        spec.kwargs.iter().map(|(key, value)| (key.to_string(), value.to_value())).collect();
    let env: Map<String, Value> =
        spec.env.iter().map(|(key, value)| (key.to_string(), Value::from(value.as_str()))).collect();
    let mut object = json!({
        "nodename": spec.node_name.as_str(),
        "funcname": spec.func_name.as_str(),
        "args": values(&spec.args),
        "kwargs": kwargs,
        "priority": spec.priority,
        "maxwaittime": spec.max_wait_time.0,
        "maxexectime": spec.max_exec_time.0,
        "maxretries": spec.max_retries,
        "conditions": conditions(&spec.conditions, colony),
        "label": spec.label.as_str(),
        "fs": filesystem(&spec.fs),
        "env": env,
    });
    if !spec.channels.is_empty() {
        object["channels"] = texts(&spec.channels);
    }
    object
}

fn conditions(conditions: &Conditions, colony: ColonyContext<'_>) -> Value {
    let colony_name = match conditions.colony_name.as_str() {
        "" => colony.name,
        name => name,
    };
    // A lone star means any executor, which an empty list means too.
    let executor_names = match &conditions.executor_names[..] {
        [star] if star.as_str() == "*" => Value::from(Vec::<Value>::new()),
        _ => texts(&conditions.executor_names),
    };
    let mut object = json!({
        "colonyname": colony_name,
        "executornames": executor_names,
        "executortype": conditions.executor_type.as_str(),
        "dependencies": texts(&conditions.dependencies),
        "nodes": conditions.nodes,
        "cpu": format_cpu(conditions.cpu_millis),
        "processes": conditions.processes,
        "processespernode": conditions.processes_per_node,
        "mem": format_memory(conditions.memory),
        "storage": format_memory(conditions.storage),
        "gpu": gpu(&conditions.gpu),
        "walltime": conditions.wall_time,
    });
    if !conditions.location_name.is_empty() {
        object["locationname"] = Value::from(conditions.location_name.as_str());
    }
    object
}

fn gpu(gpu: &GpuDemand) -> Value {
    json!({
        "name": gpu.name.as_str(),
        "mem": format_memory(gpu.memory),
        "count": gpu.count,
        "nodecount": gpu.node_count,
    })
}

/// ColonyOS leaves the lists null where there are none.
fn filesystem(fs: &Filesystem) -> Value {
    let snapshots = fs.snapshots.iter().map(|mount| {
        json!({
            "snapshotid": mount.snapshot_id.as_str(),
            "label": mount.label.as_str(),
            "dir": mount.dir.as_str(),
            "keepfiles": mount.keep_files,
            "keepsnapshot": mount.keep_snapshot,
        })
    });
    let dirs = fs.dirs.iter().map(|directory| {
        json!({
            "label": directory.label.as_str(),
            "dir": directory.dir.as_str(),
            "keepfiles": directory.keep_files,
            "onconflicts": {
                "onstart": {"keeplocal": directory.keep_local_on_start},
                "onclose": {"keeplocal": directory.keep_local_on_close},
            },
        })
    });
    json!({
        "mount": fs.mount.as_str(),
        "snapshots": none_as_null(snapshots.collect()),
        "dirs": none_as_null(dirs.collect()),
    })
}

/// A list that ColonyOS leaves null when it was never set.
pub(super) fn none_as_null(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::Array(items) }
}

/// Values that passed through.
pub(super) fn values<const N: usize>(values: &List<Json, N>) -> Value {
    values.iter().map(Json::to_value).collect()
}

/// A list of texts.
pub(super) fn texts<const M: usize, const N: usize>(texts: &List<crate::bounded::Text<M>, N>) -> Value {
    texts.iter().map(|text| text.as_str()).collect()
}
