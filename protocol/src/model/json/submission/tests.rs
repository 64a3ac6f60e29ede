use proptest::prelude::*;

use super::*;
use crate::{
    bounded::{Json, Text},
    model::Limit,
};

fn spec(text: &str) -> FunctionSpec {
    parse_function_spec(text).unwrap_or_else(|error| panic!("{error}"))
}

fn message(text: &str) -> String {
    parse_submission(text).unwrap_err().to_string()
}

/// Every key of a function spec, as ColonyOS documents it.
const FULL: &str = r#"{"nodename":"task_a","funcname":"echo","args":["a",1,{"x":[1]}],"kwargs":{"k":{"n":1}},
 "priority":-3,"maxwaittime":-1,"maxexectime":5,"maxretries":2,
 "conditions":{"colonyname":"dev","executornames":["exec1"],"executortype":"cli","locationname":"home","dependencies":["task_0"],
   "nodes":1,"cpu":"1000m","processes":2,"processespernode":3,"mem":"10240Mi","storage":"1Gi",
   "gpu":{"name":"h200","mem":"2Mi","count":1,"nodecount":4},"walltime":60},
 "label":"lab",
 "fs":{"mount":"/cfs","snapshots":[{"snapshotid":"s","label":"/src","dir":"/src","keepfiles":false,"keepsnapshot":true}],
       "dirs":[{"label":"/res","dir":"/res","keepfiles":true,"onconflicts":{"onstart":{"keeplocal":false},"onclose":{"keeplocal":true}}}]},
 "env":{"E":"v"},"channels":["c1"]}"#;

#[test]
fn every_key_of_a_function_spec_is_read() {
    let spec = spec(FULL);
    assert_eq!((&*spec.node_name, &*spec.func_name, &*spec.label), ("task_a", "echo", "lab"));
    assert_eq!(spec.args.iter().map(Json::as_text).collect::<Vec<_>>(), ["\"a\"", "1", "{\"x\":[1]}"]);
    assert_eq!(spec.kwargs.get("k").unwrap().as_text(), r#"{"n":1}"#);
    assert_eq!((spec.priority, spec.max_retries), (-3, 2));
    assert_eq!((spec.max_wait_time, spec.max_exec_time), (Limit(-1), Limit(5)));
    assert_eq!((&**spec.env.get("E").unwrap(), &*spec.channels[0]), ("v", "c1"));

    let conditions = &spec.conditions;
    assert_eq!((&*conditions.colony_name, &*conditions.executor_type), ("dev", "cli"));
    assert_eq!((&*conditions.executor_names[0], &*conditions.location_name), ("exec1", "home"));
    assert_eq!(&*conditions.dependencies[0], "task_0");
    assert_eq!((conditions.nodes, conditions.processes, conditions.processes_per_node), (1, 2, 3));
    assert_eq!((conditions.cpu_millis, conditions.memory, conditions.storage), (1000, 10 << 30, 1 << 30));
    assert_eq!((&*conditions.gpu.name, conditions.gpu.memory), ("h200", 2 << 20));
    assert_eq!((conditions.gpu.count, conditions.gpu.node_count, conditions.wall_time), (1, 4, 60));

    let (snapshot, directory) = (&spec.fs.snapshots[0], &spec.fs.dirs[0]);
    assert_eq!((&*spec.fs.mount, &*snapshot.snapshot_id, &*snapshot.label), ("/cfs", "s", "/src"));
    assert_eq!((snapshot.keep_files, snapshot.keep_snapshot), (false, true));
    assert_eq!((directory.keep_local_on_start, directory.keep_local_on_close), (false, true));
}

#[test]
fn a_missing_or_null_key_is_the_default() {
    assert_eq!(spec("{}"), FunctionSpec::default());
    let nulls = r#"{"nodename":null,"funcname":null,"args":null,"kwargs":null,"priority":null,"maxwaittime":null,
        "maxexectime":null,"maxretries":null,"conditions":null,"label":null,"fs":null,"env":null,"channels":null}"#;
    assert_eq!(spec(nulls), FunctionSpec::default());
    assert_eq!(FunctionSpec::default().max_exec_time, Limit::NONE);
    let nulls =
        r#"{"conditions":{"gpu":null,"cpu":null,"mem":null,"executornames":null,"dependencies":null}}"#;
    assert_eq!(spec(nulls), FunctionSpec::default());
}

#[test]
fn the_guide_of_colonyos_and_its_old_examples_are_read() {
    let guide = r#"{"conditions":{"executortype":"cli"},"func":"sleep","args":["100"],
        "maxexectime":5,"maxretries":0,"env":{"TEST":"testenv"}}"#;
    assert_eq!(&*spec(guide).func_name, "sleep");
    // `name`, `func`, `desc` of older examples; dashes of the Rust client.
    let old = r#"{"name":"n","func":"f","desc":"what it does","conditions":{"processes-per-node":2}}"#;
    let old = spec(old);
    assert_eq!((&*old.node_name, &*old.func_name, old.conditions.processes_per_node), ("n", "f", 2));
}

#[test]
fn amounts_may_be_text_or_numbers() {
    let conditions = spec(r#"{"conditions":{"cpu":2,"mem":1024,"storage":"1.5GiB"}}"#).conditions;
    assert_eq!((conditions.cpu_millis, conditions.memory, conditions.storage), (2000, 1024, 3 << 29));
}

#[test]
fn values_pass_through_untouched() {
    let spec = spec(
        r#"{"args":[9007199254740993, 1.0, null, [ ], "\u00e5"], "kwargs":{"a":12345678901234567890123}}"#,
    );
    let args: Vec<_> = spec.args.iter().map(Json::as_text).collect();
    assert_eq!(args, ["9007199254740993", "1.0", "null", "[ ]", r#""\u00e5""#]);
    assert_eq!(spec.kwargs.get("a").unwrap().as_text(), "12345678901234567890123");
}

#[test]
fn a_submission_is_recognised_by_its_shape() {
    let kind = |text: &str| match parse_submission(text).unwrap_or_else(|error| panic!("{text}: {error}")) {
        Parsed::Spec(_) => "spec".to_owned(),
        Parsed::Specs(specs) => format!("specs {}", specs.len()),
        Parsed::Workflow(workflow) => {
            format!("workflow {} of `{}`", workflow.nodes.len(), workflow.colony_name)
        }
    };
    assert_eq!(kind("{}"), "spec");
    assert_eq!(kind(r#"\ufeff{"funcname":"f"}"#.replace("\\ufeff", "\u{feff}").as_str()), "spec");
    assert_eq!(kind(r#"[{"funcname":"f"},{"funcname":"g","nodename":"b"}]"#), "specs 2");
    assert_eq!(kind(r#"[{"nodename":"a"},{"nodename":"b"}]"#), "workflow 2 of ``");
    let object = r#"{"colonyname":"dev","functionspecs":[{"nodename":"a"}]}"#;
    assert_eq!(kind(object), "workflow 1 of `dev`");
    let depends = r#"[{"nodename":"a"},{"nodename":"b","conditions":{"dependencies":["a"]}}]"#;
    assert_eq!(kind(depends), "workflow 2 of ``");
    assert_eq!(parse_workflow(depends).unwrap().nodes.len(), 2);
    assert_eq!(parse_workflow(object).unwrap().colony_name, Text::cut("dev"));
}

#[test]
fn broken_json_is_placed() {
    assert_eq!(message(" \n "), "line 1, column 1: there is no JSON: the text is empty");
    assert_eq!(message("{\n  \"a\": 1,\n}"), "line 3, column 1: not valid JSON: trailing comma");
    assert_eq!(message("{\"args\": [1"), "line 1, column 11: not valid JSON: EOF while parsing a list");
    assert_eq!(message("{} x"), "line 1, column 4: not valid JSON: trailing characters");
    assert_eq!(
        message("7"),
        "line 1, column 1: expected a function spec, a list of them or a workflow, found a number"
    );
    // An example of ColonyOS itself that never parsed anywhere.
    assert!(
        message("[{\"args\": [\"0\": \"HU\"]}]")
            .starts_with("line 1, column 15: not valid JSON: expected `,` or `]`")
    );
}

#[test]
fn an_unknown_key_is_placed_and_the_nearest_known_one_is_named() {
    assert_eq!(
        message("{\n  \"funcname\": \"f\",\n  \"maxexecutiontime\": 5\n}"),
        "line 3, column 3: maxexecutiontime: there is no such field; did you mean `maxexectime`?"
    );
    assert_eq!(
        message(r#"[{"nodename":"a","conditions":{"exectype":"cli"}}]"#),
        "line 1, column 32: [0].conditions.exectype: there is no such field; did you mean `executortype`?"
    );
    assert_eq!(
        message(r#"{"conditions":{"gpu":{"zz":1}}}"#),
        "line 1, column 23: conditions.gpu.zz: there is no such field; known fields here: name, mem, count, nodecount"
    );
    // Capitals are ColonyOS's to ignore, ours to point out.
    assert!(message(r#"{"FuncName":"f"}"#).ends_with("did you mean `funcname`?"));
    assert!(message(r#"{"functionspecs":[],"colony":"dev"}"#).ends_with("did you mean `colonyname`?"));
}

#[test]
fn a_repeated_key_is_an_error_also_under_its_alias() {
    assert_eq!(
        message(r#"{"funcname":"a","funcname":"b"}"#),
        "line 1, column 17: funcname: stands twice, first as `funcname`"
    );
    assert_eq!(
        message(r#"{"func":"a","funcname":"b"}"#),
        "line 1, column 13: funcname: stands twice, first as `func`"
    );
    assert_eq!(message(r#"{"env":{"A":"1","A":"2"}}"#), "line 1, column 17: env.A: stands twice");
}

#[test]
fn a_value_of_the_wrong_type_is_placed() {
    for (text, expected) in [
        (
            r#"{"priority":"5"}"#,
            "line 1, column 13: priority: expected a whole number, found text; write 5 without quotes",
        ),
        (r#"{"priority":"high"}"#, "line 1, column 13: priority: expected a whole number, found text"),
        (r#"{"priority":1.5}"#, "line 1, column 13: priority: expected a whole number, found 1.5"),
        (
            r#"{"priority":99999999999}"#,
            "line 1, column 13: priority: 99999999999 is not between -2147483648 and 2147483647",
        ),
        (r#"{"priority":[]}"#, "line 1, column 13: priority: expected a whole number, found an array"),
        (r#"{"conditions":"x"}"#, "line 1, column 15: conditions: expected an object, found text"),
        (r#"{"args":{}}"#, "line 1, column 9: args: expected an array, found an object"),
        (r#"{"env":{"A":1}}"#, "line 1, column 13: env.A: expected text, found a number; write \"1\""),
        (r#"{"env":{"A":null}}"#, "line 1, column 13: env.A: expected text, found null"),
        (
            r#"{"funcname":true}"#,
            "line 1, column 13: funcname: expected text, found true or false; write \"true\"",
        ),
        (
            r#"{"conditions":{"nodes":-1}}"#,
            "line 1, column 24: conditions.nodes: -1 is not between 0 and 4294967295",
        ),
        (
            r#"{"conditions":{"mem":"8GX"}}"#,
            "line 1, column 22: conditions.mem: `8GX` has an unknown unit; write for example `10240Mi`, `1.5GiB` or `100MB`",
        ),
        (
            r#"{"conditions":{"mem":{}}}"#,
            "line 1, column 22: conditions.mem: expected an amount, text or a number, found an object",
        ),
        (
            r#"{"conditions":{"executornames":["a",1]}}"#,
            "line 1, column 37: conditions.executornames[1]: expected text, found a number; write \"1\"",
        ),
        (
            r#"{"fs":{"dirs":[{"keepfiles":1}]}}"#,
            "line 1, column 29: fs.dirs[0].keepfiles: expected true or false, found a number",
        ),
        ("[{}, 7]", "line 1, column 6: [1]: expected an object, found a number"),
        ("[{}, null]", "line 1, column 6: [1]: expected an object, found null"),
        ("[]", "line 1, column 1: the list is empty"),
        (r#"{"functionspecs":7}"#, "line 1, column 18: functionspecs: expected an array, found a number"),
    ] {
        assert_eq!(message(text), expected, "{text}");
    }
}

#[test]
fn a_value_out_of_its_bounds_is_placed() {
    let deep = format!(r#"{{"args":[{}{}]}}"#, "[".repeat(200), "]".repeat(200));
    let text = message(&deep);
    assert!(
        text.starts_with("line 1, column 10: args[0]: not valid JSON: nested more than 120 levels"),
        "{text}"
    );
    let long = format!(r#"{{"label":"{}"}}"#, "x".repeat(257));
    assert_eq!(message(&long), "line 1, column 10: label: 257 is more than the limit of 256 bytes");
    let many = format!(r#"{{"channels":[{}"x"]}}"#, "\"x\",".repeat(100));
    assert_eq!(message(&many), "line 1, column 13: channels: 101 elements, but at most 100 are allowed");
    assert!(message(r#"{"args":[1e999]}"#).contains("args[0]: not valid JSON: number out of range"));
    assert!(message(r#"{"label":"\ud800"}"#).contains("label: not valid JSON: "));
    assert!(message(r#"{"\ud800":1}"#).contains("not valid JSON: "));
}

#[test]
fn a_rule_broken_by_the_decoded_value_is_placed_too() {
    assert_eq!(
        message("{\n\"funcname\": \"f\",\n  \"priority\": 60000}"),
        "line 3, column 15: priority: 60000 is outside -50000 to 50000"
    );
    assert_eq!(
        message("[{\"funcname\":\"a\"},\n {\"priority\":60000}]"),
        "line 2, column 14: [1].priority: 60000 is outside -50000 to 50000"
    );
    let unknown = "{\"functionspecs\":[{\"nodename\":\"a\"},\n{\"nodename\":\"b\",\"conditions\":{\"dependencies\":[\"a\",\"x\"]}}]}";
    assert_eq!(
        message(unknown),
        "line 2, column 51: functionspecs[1].conditions.dependencies[1]: no node of this workflow is named `x`"
    );
    // A missing name has no place of its own: the node that lacks it is shown.
    let bare = "[{\"nodename\":\"a\"},\n{\"conditions\":{\"dependencies\":[\"a\"]}}]";
    assert_eq!(message(bare), "line 2, column 1: [1].nodename: every node of a workflow needs a name");
    let cycle = r#"[{"nodename":"a","conditions":{"dependencies":["b"]}},{"nodename":"b","conditions":{"dependencies":["a"]}}]"#;
    assert_eq!(
        message(cycle),
        "line 1, column 47: [0].conditions.dependencies: a cycle, each waits for the next: a -> b -> a"
    );
    assert_eq!(
        message(r#"{"functionspecs":null}"#),
        "line 1, column 18: functionspecs: a workflow needs at least one node"
    );
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(
        at in 0..FULL.len(), cut in 0..40_usize, insert in r#"[\[\]{}:,"\\ue0-9a-z.\-å ]{0,8}"#,
    ) {
        // A good spec with a hole and something else in it comes closer to the edges than noise does.
        let end = (at + cut).min(FULL.len());
        let text = format!("{}{insert}{}", &FULL[..at], &FULL[end..]);
        if let Err(error) = parse_submission(&text) {
            prop_assert!(error.line.is_some() && error.column.is_some(), "{error}");
            prop_assert!(!error.to_string().is_empty());
        }
        let _ = super::super::parse_executor(&text);
    }
}
