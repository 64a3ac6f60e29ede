//! Executors, users, functions and log lines, as people and programs see them.

use colony_protocol::{
    model::{Executor, ProcessId, Reach, RegisteredFunction, StoredLogLine, User, json},
    reply::{LogHit, stream_word},
};

use serde_json::Value;

use super::Seen;
use crate::output::{
    age::{ago, short},
    listing::{Column, Listing, Row, column, wide},
};

fn executor_columns() -> Vec<Column> {
    vec![
        column("NAME"),
        column("TYPE"),
        column("STATE"),
        column("HEARD"),
        column("LOCATION"),
        wide("ADDED"),
        wide("EXECUTORID"),
    ]
}

fn executor_row(seen: Seen<'_>, executor: &Executor) -> Row {
    let cells = vec![
        executor.name.to_string(),
        executor.executor_type.to_string(),
        executor.state.word().to_owned(),
        heard(seen, executor),
        executor.location_name.to_string(),
        ago(seen.now, executor.commissioned_at),
        executor.id.to_hex(),
    ];
    Row { cells, json: json::executor(executor, seen.context()), quiet: executor.name.to_string() }
}

/// When it was last heard, and while it is silent as it said, when it will be heard again.
fn heard(seen: Seen<'_>, executor: &Executor) -> String {
    let last = ago(seen.now, executor.last_heard_at);
    match executor.contacts.reach(seen.now) {
        Reach::Silent(until) => format!("{last}; silent, next contact in {}", short(until.since(seen.now))),
        Reach::InContact(_) | Reach::Unplanned => last,
    }
}

/// Executors as rows.
pub(crate) fn executors(seen: Seen<'_>, executors: &[Executor]) -> Listing {
    let rows = executors.iter().map(|executor| executor_row(seen, executor)).collect();
    Listing { columns: executor_columns(), rows, empty: "no executors" }
}

/// All about one executor.
pub(crate) fn executor_record(seen: Seen<'_>, executor: &Executor) -> Listing {
    let mut columns = executor_columns();
    let mut row = executor_row(seen, executor);
    let hardware = executor.capabilities.hardware.iter().map(|hardware| {
        format!(
            "{} {}: {} x {} cores, {} MiB memory, {} gpu",
            hardware.platform,
            hardware.architecture,
            hardware.nodes,
            hardware.cores,
            hardware.memory / (1024 * 1024),
            hardware.gpu.count
        )
    });
    columns.push(column("HARDWARE"));
    row.cells.push(hardware.collect::<Vec<_>>().join("\n"));
    Listing { columns, rows: vec![row], empty: "" }
}

/// Functions as rows.
pub(crate) fn functions(seen: Seen<'_>, functions: &[RegisteredFunction]) -> Listing {
    let columns = vec![
        column("FUNCTION"),
        column("EXECUTOR"),
        column("TYPE"),
        column("CALLS"),
        column("AVG WAIT"),
        column("AVG RUN"),
        wide("MIN RUN"),
        wide("MAX RUN"),
        wide("DESCRIPTION"),
    ];
    let rows = functions.iter().map(|function| function_row(seen, function)).collect();
    Listing { columns, rows, empty: "no functions: executors register those they offer" }
}

fn function_row(seen: Seen<'_>, function: &RegisteredFunction) -> Row {
    #[expect(clippy::cast_precision_loss, reason = "an average for people")]
    let calls = function.counter.max(1) as f64;
    let seconds = |value: f64| format!("{value:.3}s");
    let cells = vec![
        function.func_name.to_string(),
        function.executor_name.to_string(),
        function.executor_type.to_string(),
        function.counter.to_string(),
        seconds(function.sum_wait / calls),
        seconds(function.sum_exec / calls),
        seconds(function.min_exec),
        seconds(function.max_exec),
        function.description.to_string(),
    ];
    Row { cells, json: json::function(function, seen.context()), quiet: function.func_name.to_string() }
}

/// Users as rows.
pub(crate) fn users(seen: Seen<'_>, users: &[User]) -> Listing {
    let columns = vec![column("NAME"), column("EMAIL"), column("PHONE"), wide("USERID")];
    let rows = users
        .iter()
        .map(|user| Row {
            cells: vec![
                user.name.to_string(),
                user.email.to_string(),
                user.phone.to_string(),
                user.id.to_hex(),
            ],
            json: json::user(user, seen.context()),
            quiet: user.name.to_string(),
        })
        .collect();
    Listing { columns, rows, empty: "no users" }
}

/// Lines of a log as rows.
pub(crate) fn log_lines(seen: Seen<'_>, process: &ProcessId, lines: &[StoredLogLine]) -> Listing {
    let columns = vec![column("LINE"), column("AGE"), column("ON"), column("STREAM"), column("MESSAGE")];
    let rows = lines
        .iter()
        .map(|line| Row {
            cells: vec![
                line.line.to_string(),
                ago(seen.now, line.at),
                line.executor_name.to_string(),
                stream_word(line.stream).to_owned(),
                line.message.to_string(),
            ],
            json: json::log_line(line, process, seen.context()),
            quiet: line.message.trim_end().to_owned(),
        })
        .collect();
    Listing { columns, rows, empty: "no log lines" }
}

/// Lines of all logs as rows.
pub(crate) fn log_hits(seen: Seen<'_>, hits: &[LogHit]) -> Listing {
    let columns = vec![column("PROCESS"), column("AGE"), column("ON"), column("STREAM"), column("MESSAGE")];
    let rows = hits.iter().map(|hit| log_hit(seen, hit)).collect();
    Listing { columns, rows, empty: "no such lines" }
}

fn log_hit(seen: Seen<'_>, hit: &LogHit) -> Row {
    let LogHit { process, id, line } = hit;
    let name = if *process == 0 { "-".to_owned() } else { format!("p{process}") };
    let mut json = json::log_line(line, &id.unwrap_or(ProcessId::from_bytes([0; 32])), seen.context());
    if let (None, Value::Object(fields)) = (id, &mut json) {
        // As ColonyOS has it for what an executor says for itself.
        fields.insert("processid".to_owned(), "".into());
    }
    let cells = vec![
        name,
        ago(seen.now, line.at),
        line.executor_name.to_string(),
        stream_word(line.stream).to_owned(),
        line.message.to_string(),
    ];
    Row { cells, json, quiet: line.message.trim_end().to_owned() }
}
