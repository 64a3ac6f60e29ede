//! From a process to the command that runs it: program, arguments, environment.
//!
//! Pure but for the paths it is given.

use std::ffi::{OsStr, OsString};

use colony_protocol::{bounded::Json, model::Process};

use super::{config::ExecutorConfig, scratch::Scratch};
use colony_protocol::identity::Identity;

/// What to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// The program: a path, or a name to look for in `PATH`.
    pub(super) program: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Variables added to the environment.
    pub(super) env: Vec<(String, OsString)>,
}

impl Plan {
    /// How to run `process` in `scratch`.
    pub(super) fn of(
        process: &Process,
        config: &ExecutorConfig,
        colony: Identity,
        scratch: &Scratch,
    ) -> Self {
        let spec = &process.spec;
        let mut env: Vec<(String, OsString)> =
            spec.env.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect();
        // After the user's own, so that ours are true.
        let mut set = |name: &str, value: OsString| env.push((name.to_owned(), value));
        set("COLONY_PROCESS_ID", process.id.to_hex().into());
        set("COLONY_PROCESS_NUMBER", process.number().to_string().into());
        set("COLONY_ATTEMPT", process.attempt().to_string().into());
        set("COLONY_NAME", config.colony_name.as_str().into());
        set("COLONY_ID", colony.to_hex().into());
        set("COLONY_EXECUTOR_NAME", config.name.as_str().into());
        set("COLONY_EXECUTOR_TYPE", config.executor_type.as_str().into());
        if let Some(workflow) = process.workflow {
            set("COLONY_WORKFLOW_ID", workflow.to_hex().into());
            set("COLONY_NODE_NAME", spec.node_name.as_str().into());
        }
        if let Some(input) = &scratch.input {
            set("COLONY_INPUT", input.text.clone().into());
            set("COLONY_INPUT_JSON", input.json.clone().into());
        }
        if let Some(kwargs) = &scratch.kwargs {
            set("COLONY_KWARGS", kwargs.clone().into());
        }
        Self {
            program: spec.func_name.to_string(),
            args: spec.args.iter().map(Json::to_plain).collect(),
            env,
        }
    }
}

/// Whether a variable of the executor's own environment may hold a key: then no program sees it.
pub(super) fn is_secret(name: &OsString) -> bool {
    let name = OsStr::to_string_lossy(name).to_ascii_uppercase();
    let ours = ["COLONY_", "COLONIES_", "EXECUTOR_", "AWS_S3_"].iter().any(|prefix| name.starts_with(prefix));
    let secret = ["KEY", "PASSWORD", "SECRET", "TOKEN", "TICKET"].iter().any(|word| name.contains(word));
    name.contains("PRVKEY") || (ours && secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_colony_are_secret_and_ordinary_variables_are_not() {
        for name in [
            "COLONIES_PRVKEY",
            "COLONIES_COLONY_PRVKEY",
            "EXECUTOR_PRVKEY",
            "COLONIES_DB_PASSWORD",
            "AWS_S3_SECRETKEY",
            "COLONY_TICKET",
        ] {
            assert!(is_secret(&name.into()), "{name}");
        }
        for name in ["PATH", "HOME", "COLONIES_COLONY_NAME", "COLONY_HOME", "SSH_AUTH_SOCK", "MONKEY"] {
            assert!(!is_secret(&name.into()), "{name}");
        }
    }
}
