//! Members, executors, users and functions.

use serde_json::{Value, json};

use super::{
    ColonyContext, rfc3339,
    spec::{none_as_null, texts},
    time::maybe,
};
use crate::{
    model::{
        Allocation, Allocations, Capabilities, Executor, FunctionArgument, Gpu, Hardware, RegisteredFunction,
        User,
        member::{MemberView, Path},
    },
    units::{format_cpu, format_memory},
};

/// An executor.
#[must_use]
pub fn executor(executor: &Executor, colony: ColonyContext<'_>) -> Value {
    let mut object = json!({
        "executorid": executor.id.to_hex(),
        "executortype": executor.executor_type.as_str(),
        "executorname": executor.name.as_str(),
        "colonyname": colony.name,
        "state": u8::from(executor.state),
        "requirefuncreg": executor.require_func_reg,
        "commissiontime": rfc3339(executor.commissioned_at),
        "lastheardfromtime": rfc3339(executor.last_heard_at),
        "capabilities": capabilities(&executor.capabilities),
        "allocations": {"projects": projects(&executor.allocations)},
    });
    if !executor.location_name.is_empty() {
        object["locationname"] = Value::from(executor.location_name.as_str());
    }
    if !executor.blueprint_id.is_empty() {
        object["blueprintid"] = Value::from(executor.blueprint_id.as_str());
    }
    if executor.blueprint_generation != 0 {
        object["blueprintgen"] = Value::from(executor.blueprint_generation);
    }
    object
}

fn projects(allocations: &Allocations) -> Value {
    if allocations.is_empty() {
        return Value::Null;
    }
    let project = |project: &Allocation| {
        json!({
            "allocatedcpu": project.allocated_cpu,
            "usedcpu": project.used_cpu,
            "allocatedgpu": project.allocated_gpu,
            "usedgpu": project.used_gpu,
            "allocatedstorage": project.allocated_storage,
            "usedstorage": project.used_storage,
        })
    };
    allocations.iter().map(|(name, one)| (name.to_string(), project(one))).collect()
}

fn capabilities(capabilities: &Capabilities) -> Value {
    let software = capabilities.software.iter().map(|software| {
        json!({
            "name": software.name.as_str(),
            "type": software.kind.as_str(),
            "version": software.version.as_str(),
        })
    });
    json!({
        "hardware": none_as_null(capabilities.hardware.iter().map(hardware).collect()),
        "software": none_as_null(software.collect()),
    })
}

fn hardware(hardware: &Hardware) -> Value {
    let network = if hardware.network.is_empty() { Value::Null } else { texts(&hardware.network) };
    json!({
        "model": hardware.model.as_str(),
        "nodes": hardware.nodes,
        "cpu": format_cpu(hardware.cpu_millis),
        "cores": hardware.cores,
        "mem": format_memory(hardware.memory),
        "storage": format_memory(hardware.storage),
        "gpu": gpu(&hardware.gpu),
        "platform": hardware.platform.as_str(),
        "architecture": hardware.architecture.as_str(),
        "network": network,
    })
}

fn gpu(gpu: &Gpu) -> Value {
    json!({
        "name": gpu.name.as_str(),
        "mem": format_memory(gpu.memory),
        "count": gpu.count,
        "nodecount": gpu.node_count,
    })
}

/// A member as one node sees it, a shape of ours. `peer_id` is the key's name on the network, which the protocol does
/// not know. A path that is not known is `-`, a round trip that is not known null, a moment that never came the first of
/// the year 1.
#[must_use]
pub fn member(view: &MemberView, peer_id: &str) -> Value {
    let member = &view.member;
    json!({
        "id": member.id.to_hex(),
        "name": member.name.as_str(),
        "roles": [member.role.word()],
        "peerid": peer_id,
        "state": member.state.word(),
        "seat": view.seat.word(),
        "path": view.path.map_or("-", Path::word),
        "pathsince": maybe(view.path_since),
        "rtt_ms": view.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
        "lastheard": maybe(view.last_heard),
        "addresses": texts(&member.addresses),
        "jointime": rfc3339(member.joined_at),
        "until": maybe(member.until),
        "endtime": maybe(member.ended_at),
    })
}

/// A user.
#[must_use]
pub fn user(user: &User, colony: ColonyContext<'_>) -> Value {
    json!({
        "colonyname": colony.name,
        "userid": user.id.to_hex(),
        "name": user.name.as_str(),
        "email": user.email.as_str(),
        "phone": user.phone.as_str(),
    })
}

/// A registered function, with `number` of ours. Its id is the number in ColonyOS's form, 64 hex characters.
#[must_use]
pub fn function(function: &RegisteredFunction, colony: ColonyContext<'_>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 runs an average is exact enough")]
    let runs = function.counter.max(1) as f64;
    let mut object = json!({
        "functionid": format!("{:064x}", function.number),
        "executorname": function.executor_name.as_str(),
        "executortype": function.executor_type.as_str(),
        "colonyname": colony.name,
        "funcname": function.func_name.as_str(),
        "counter": function.counter,
        "minwaittime": function.min_wait,
        "maxwaittime": function.max_wait,
        "minexectime": function.min_exec,
        "maxexectime": function.max_exec,
        "avgwaittime": function.sum_wait / runs,
        "avgexectime": function.sum_exec / runs,
        "number": function.number,
    });
    if !function.description.is_empty() {
        object["description"] = Value::from(function.description.as_str());
    }
    if !function.arguments.is_empty() {
        object["args"] = function.arguments.iter().map(argument).collect();
    }
    if !function.location_name.is_empty() {
        object["locationname"] = Value::from(function.location_name.as_str());
    }
    object
}

fn argument(argument: &FunctionArgument) -> Value {
    let mut object = json!({"name": argument.name.as_str(), "type": argument.kind.as_str()});
    if !argument.description.is_empty() {
        object["description"] = Value::from(argument.description.as_str());
    }
    if argument.required {
        object["required"] = Value::from(true);
    }
    if !argument.choices.is_empty() {
        object["enum"] = texts(&argument.choices);
    }
    object
}
