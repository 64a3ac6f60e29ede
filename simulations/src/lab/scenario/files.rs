//! The files a scenario names: latencies, traces of churn, contact plans, topologies. All are read before anything runs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Scenario, Topology,
    read::{Fault, ScenarioError},
};
use crate::lab::matrix::Matrix;

/// Largest such file.
const BYTES_MAX: u64 = 256 << 20;

/// What is in the files.
#[derive(Debug, Clone)]
pub struct Files {
    /// How far regions are from each other.
    pub matrix: Matrix,
    /// By group: for each node, moments in microseconds and whether it is there from then on.
    pub traces: BTreeMap<usize, BTreeMap<u32, Vec<(u64, bool)>>>,
    /// By group: for each node, when windows begin and end, in microseconds.
    pub windows: BTreeMap<usize, BTreeMap<u32, Vec<(u64, u64)>>>,
    /// Neighbours in the mesh.
    pub edges: Vec<(u32, u32)>,
    /// The files as they are, by name, to be kept with the results.
    pub raw: BTreeMap<String, String>,
}

/// Reads all files of a scenario.
///
/// # Errors
/// [`ScenarioError::Senseless`] naming the key, or [`ScenarioError::Large`].
pub fn load(scenario: &Scenario, name: &str, beside: &Path) -> Result<Files, ScenarioError> {
    let mut reader = Reader { name, beside, raw: BTreeMap::new() };
    let latency = &scenario.network.latency;
    let matrix = match Matrix::shipped(latency) {
        Some(matrix) => matrix,
        None => reader.parse("network.latency", latency, Matrix::from_csv)?,
    };
    let mut traces = BTreeMap::new();
    let mut windows = BTreeMap::new();
    for (place, nodes) in scenario.nodes.iter().enumerate() {
        if let Some(file) = nodes.churn.as_ref().and_then(|churn| churn.file.as_ref()) {
            let key = format!("nodes.{}.churn.file", nodes.name);
            traces.insert(place, reader.parse(&key, file, trace)?);
        }
        if let Some(file) = nodes.contacts.as_ref().and_then(|contacts| contacts.file.as_ref()) {
            let key = format!("nodes.{}.contacts.file", nodes.name);
            windows.insert(place, reader.parse(&key, file, contact_windows)?);
        }
    }
    let edges = match (&scenario.mesh.topology, &scenario.mesh.file) {
        (Topology::File, Some(file)) => reader.parse("mesh.file", file, pairs)?,
        _ => Vec::new(),
    };
    Ok(Files { matrix, traces, windows, edges, raw: reader.raw })
}

struct Reader<'a> {
    name: &'a str,
    beside: &'a Path,
    raw: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn parse<T>(
        &mut self,
        key: &str,
        file: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ScenarioError> {
        let path: PathBuf = self.beside.join(file);
        let fault = |what: String, fix: &str| ScenarioError::Senseless {
            name: self.name.to_owned(),
            faults: vec![Fault { key: key.to_owned(), what, fix: fix.to_owned() }],
        };
        let shipped = if key == "network.latency" { "`lan`, `internet`, `constellation`, or " } else { "" };
        let fix = format!("write {shipped}the path of a CSV file, as seen from the scenario");
        match std::fs::metadata(&path) {
            Ok(about) if about.len() > BYTES_MAX => return Err(ScenarioError::Large { path }),
            Ok(_) => {}
            Err(error) => {
                return Err(fault(format!("names {}, which cannot be read: {error}", path.display()), &fix));
            }
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            fault(format!("names {}, which cannot be read: {error}", path.display()), &fix)
        })?;
        let parsed = parse(&text)
            .map_err(|why| fault(format!("names {}: {why}", path.display()), "correct that line"))?;
        self.raw.insert(file.replace(['/', '\\'], "_"), text);
        Ok(parsed)
    }
}

/// Lines that say something, with their numbers, split into fields.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    // A first line of names is none of numbers.
    let lines = lines.filter(|(place, line)| *place > 1 || line.starts_with(|c: char| c.is_ascii_digit()));
    lines.map(|(place, line)| (place, line.split(',').map(str::trim).collect()))
}

fn number(line: usize, field: &str) -> Result<u32, String> {
    field.parse().map_err(|_| format!("line {line}: `{field}` is no number of a node"))
}

fn micros(line: usize, field: &str) -> Result<u64, String> {
    let time = super::super::amounts::time(&format!("{field}s"));
    time.map(|time| time.0).map_err(|_| format!("line {line}: `{field}` is no number of seconds"))
}

fn trace(text: &str) -> Result<BTreeMap<u32, Vec<(u64, bool)>>, String> {
    let mut nodes: BTreeMap<u32, Vec<(u64, bool)>> = BTreeMap::new();
    for (line, fields) in rows(text) {
        let [node, at, state] = fields[..] else {
            return Err(format!("line {line}: write node,seconds,up or node,seconds,down"));
        };
        let up = match state {
            "up" => true,
            "down" => false,
            other => return Err(format!("line {line}: `{other}` is neither up nor down")),
        };
        nodes.entry(number(line, node)?).or_default().push((micros(line, at)?, up));
    }
    for changes in nodes.values_mut() {
        changes.sort_unstable();
    }
    if nodes.is_empty() { Err("it has no lines".to_owned()) } else { Ok(nodes) }
}

fn contact_windows(text: &str) -> Result<BTreeMap<u32, Vec<(u64, u64)>>, String> {
    let mut nodes: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    for (line, fields) in rows(text) {
        let [node, start, end] = fields[..] else {
            return Err(format!("line {line}: write node,start,end in seconds"));
        };
        let (start, end) = (micros(line, start)?, micros(line, end)?);
        if end <= start {
            return Err(format!("line {line}: the window ends before it begins"));
        }
        nodes.entry(number(line, node)?).or_default().push((start, end));
    }
    for windows in nodes.values_mut() {
        windows.sort_unstable();
        if windows.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end)) {
            return Err("two windows of one node overlap".to_owned());
        }
    }
    if nodes.is_empty() { Err("it has no lines".to_owned()) } else { Ok(nodes) }
}

fn pairs(text: &str) -> Result<Vec<(u32, u32)>, String> {
    let mut pairs = Vec::new();
    for (line, fields) in rows(text) {
        let [from, to] = fields[..] else { return Err(format!("line {line}: write two nodes")) };
        pairs.push((number(line, from)?, number(line, to)?));
    }
    if pairs.is_empty() { Err("it has no lines".to_owned()) } else { Ok(pairs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_windows_and_edges_are_read_or_say_which_line_is_wrong() {
        let traces = trace("node,seconds,state\n0,1.5,down\n0,0,up\n").unwrap();
        assert_eq!(traces[&0], [(0, true), (1_500_000, false)]);
        assert!(trace("0,1,gone").unwrap_err().contains("line 1"));
        assert_eq!(contact_windows("1,0,480\n1,5700,6180").unwrap()[&1].len(), 2);
        assert!(contact_windows("1,480,0").unwrap_err().contains("ends before"));
        assert!(contact_windows("1,0,480\n1,100,500").unwrap_err().contains("overlap"));
        assert_eq!(pairs("# a\n0,1\n1,2"), Ok(vec![(0, 1), (1, 2)]));
        assert!(pairs("0").is_err() && pairs("").is_err());
    }
}
