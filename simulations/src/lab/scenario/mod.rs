//! A scenario as a person writes it, in TOML: every key there is, with what it means and what it is without.
//!
//! Nothing here decides anything; [`read`] turns text into this and says what is wrong with it, [`check`] looks whether it
//! makes sense, [`sweep`] makes many of one. An unknown key is an error everywhere. `simulations/SCENARIOS.md` is this file
//! in the words of its users, and a test keeps the two together.

pub mod check;
pub mod files;
pub mod read;
pub mod sweep;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::amounts::{Rate, Share, Time};

/// Everything that decides a run, but the seed of a series.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called; letters, digits, `-` and `_`.
    pub name: String,
    /// The question it answers.
    #[serde(default)]
    pub question: String,
    /// Fixes all chance.
    #[serde(default = "one")]
    pub seed: u64,
    /// Several seeds: `"1..6"` are five.
    #[serde(default)]
    pub seeds: Option<String>,
    /// How many colonies share the network.
    #[serde(default = "one_colony")]
    pub colonies: u16,
    /// What lies between nodes.
    #[serde(default)]
    pub network: Network,
    /// Who takes part, by groups of equals.
    #[serde(default)]
    pub nodes: Vec<Nodes>,
    /// What is submitted.
    #[serde(default)]
    pub work: Vec<Work>,
    /// How word spreads.
    #[serde(default)]
    pub mesh: Mesh,
    /// Rules that can be turned off to see what they are good for.
    #[serde(default)]
    pub rules: Rules,
    /// What happens when.
    #[serde(default)]
    pub timeline: Vec<Happening>,
    /// When a run ends.
    pub stop: Stop,
    /// What is written down.
    #[serde(default)]
    pub record: Record,
    /// Values to try, by the path of the key: `"nodes.executors.count" = [10, 100]`.
    #[serde(default)]
    pub sweep: BTreeMap<String, toml::Value>,
}

/// What lies between nodes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `lan`, `internet` (8 regions), `constellation`, or a CSV file of round trips in milliseconds.
    pub latency: String,
    /// Mean of the random part of a delay, as a share of the constant one.
    pub jitter: Share,
    /// Packets that are lost. Streams send them again, so this is delay, not loss of messages.
    pub loss: Share,
    /// Of two nodes behind well-behaved NATs, how many pairs punch a hole; the others stay on a relay.
    pub punch: Share,
    /// How long one connection that is cut takes to be noticed.
    pub notice: Time,
    /// The patience of the quorum's members with each other: `auto`, `local` or `internet`.
    pub timing: Patience,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: "internet".to_owned(),
            jitter: Share(100_000),
            loss: Share(0),
            // What large measurements of hole punching in the wild found: about seven of ten.
            punch: Share(700_000),
            notice: Time::secs(2),
            timing: Patience::Auto,
        }
    }
}

/// How patient voters are with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patience {
    /// `local` where all voters are within five milliseconds, else `internet`.
    Auto,
    /// As on one machine or in one building.
    Local,
    /// As anywhere.
    Internet,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// One of the quorum.
    Voter,
    /// Takes work.
    Executor,
    /// Sends work.
    Submitter,
    /// Carries connections of those who cannot be reached.
    Relay,
    /// Listens only.
    Observer,
}

/// A group of equal nodes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// What they are.
    pub class: Class,
    /// What the group is called; the class with an `s` where it says nothing.
    #[serde(default)]
    pub name: String,
    /// How many, in each colony (relays: in all).
    #[serde(default)]
    pub count: Option<u32>,
    /// How many, as a part of `of`.
    #[serde(default)]
    pub share: Option<Share>,
    /// What `share` is a part of.
    #[serde(default)]
    pub of: Option<u32>,
    /// Which colony they belong to, from 0; all, where it says nothing.
    #[serde(default)]
    pub colony: Option<u16>,
    /// Where they are; everywhere by population, where it says nothing.
    #[serde(default)]
    pub regions: Vec<String>,
    /// What they send with.
    #[serde(default = "fast")]
    pub up: Rate,
    /// What they receive with.
    #[serde(default = "fast")]
    pub down: Rate,
    /// Who of them is behind what.
    #[serde(default)]
    pub nat: Nat,
    /// How wrong their clocks are.
    #[serde(default)]
    pub clock: Clock,
    /// How long their disks take.
    #[serde(default)]
    pub disk: Disk,
    /// How they come and go.
    #[serde(default)]
    pub churn: Option<Churn>,
    /// When they can be reached at all.
    #[serde(default)]
    pub contacts: Option<Contacts>,
    /// Executors: how much each runs at once.
    #[serde(default = "one_at_once")]
    pub parallel: u16,
    /// Executors: what work asks for.
    #[serde(default = "cli", rename = "type")]
    pub executor_type: String,
}

/// Shares of nodes by what stands between them and the network. They add up to 1; what is missing is `open`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nat {
    /// Can be dialled.
    pub open: Share,
    /// Behind a translator that keeps one outside port for one inside: holes can be punched.
    pub cone: Share,
    /// Behind one that takes a port for each peer: holes cannot be foretold.
    pub symmetric: Share,
    /// Behind a firewall that lets only connections out, and no UDP.
    pub blocked: Share,
}

/// How wrong clocks are.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// Each is off by up to this, either way.
    pub offset: Time,
    /// Each gains or loses up to so many microseconds a second.
    pub drift_ppm: u32,
}

/// How long disks take to have something for good.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Usually about this long.
    pub fsync: Time,
    /// How many of the writes are slow ones,
    pub slow_share: Share,
    /// and how long those take.
    pub slow: Time,
}

impl Default for Disk {
    fn default() -> Self {
        // An ordinary SSD with a write cache that tells the truth.
        Self { fsync: Time::millis(2), slow_share: Share(1_000), slow: Time::millis(50) }
    }
}

/// How nodes come and go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// By which law.
    pub model: ChurnModel,
    /// Mean time there.
    #[serde(default = "an_hour")]
    pub up: Time,
    /// Mean time away.
    #[serde(default = "ten_minutes")]
    pub down: Time,
    /// Weibull: the shape of sessions; below 1 most are short and some very long.
    #[serde(default = "heavy_tail")]
    pub shape: f64,
    /// Trace: CSV of `node,seconds,up|down`, nodes counted from 0 within the group.
    #[serde(default)]
    pub file: Option<String>,
}

/// Laws of coming and going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChurnModel {
    /// Sessions and absences are exponential.
    Poisson,
    /// Sessions are Weibull, as those of file-sharing networks were measured to be; absences exponential.
    Weibull,
    /// As a file says.
    Trace,
}

/// When nodes can be reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// A window begins this often: an orbit.
    #[serde(default)]
    pub period: Time,
    /// A window lasts this long: a pass.
    #[serde(default)]
    pub window: Time,
    /// Instead: CSV of `node,start,end` in seconds, nodes counted from 0 within the group.
    #[serde(default)]
    pub file: Option<String>,
    /// Windows that do not happen although the plan has them.
    #[serde(default)]
    pub missed: Share,
    /// Windows that begin at another time than the plan says.
    #[serde(default)]
    pub wrong: Share,
    /// By up to how much, either way.
    #[serde(default)]
    pub wrong_by: Time,
    /// How long it takes to get in contact when a window opens.
    #[serde(default = "acquisition")]
    pub acquisition: Time,
}

/// Work that is submitted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// When the submissions come.
    #[serde(default = "poisson")]
    pub arrivals: Arrivals,
    /// Submissions a second, in each colony. A burst: all at once.
    #[serde(default = "one_a_second")]
    pub rate: f64,
    /// At most so many submissions in each colony.
    #[serde(default)]
    pub count: Option<u64>,
    /// From when on.
    #[serde(default)]
    pub from: Time,
    /// Until when; until the end of the run where it says nothing.
    #[serde(default)]
    pub until: Option<Time>,
    /// Processes in a submission.
    #[serde(default = "one_item")]
    pub batch: u16,
    /// In which colony; in all where it says nothing.
    #[serde(default)]
    pub colony: Option<u16>,
    /// What is called, and how often.
    #[serde(default)]
    pub functions: Vec<Function>,
    /// Each submission is a workflow of this shape instead.
    #[serde(default)]
    pub workflow: Option<Flow>,
    /// How long a process may wait; unlimited where it says nothing.
    #[serde(default)]
    pub max_wait: Option<Time>,
    /// How long it may run; unlimited where it says nothing.
    #[serde(default)]
    pub max_exec: Option<Time>,
    /// How often it may go back to the queue; negative is without end.
    #[serde(default = "endless")]
    pub retries: i64,
}

/// When submissions come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At random.
    Poisson,
    /// At equal distances.
    Steady,
    /// All together.
    Burst,
}

/// A kind of work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// What it is called.
    pub name: String,
    /// How much of the work it is.
    #[serde(default = "all")]
    pub share: Share,
    /// Mean time it takes.
    pub takes: Time,
    /// How that varies.
    #[serde(default = "exponential")]
    pub spread: Spread,
    /// Runs that fail.
    #[serde(default)]
    pub fails: Share,
    /// The type of executor it asks for.
    #[serde(default = "cli", rename = "type")]
    pub executor_type: String,
}

/// How durations vary around their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Not at all.
    Fixed,
    /// From nothing to twice the mean, all alike.
    Uniform,
    /// Exponentially.
    Exponential,
    /// Lognormally, with a long tail (sigma 1).
    Lognormal,
}

/// A workflow of stages, each process of which waits for all of the stage before.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Processes in a stage.
    pub width: u16,
    /// Stages.
    pub depth: u16,
}

/// How word spreads.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mesh {
    /// Who is whose neighbour.
    pub topology: Topology,
    /// Neighbours of each, in a topology that is given.
    pub degree: u16,
    /// Two columns of nodes, counted from 0 among the listeners of a colony.
    pub file: Option<String>,
}

impl Default for Mesh {
    fn default() -> Self {
        Self { topology: Topology::Gossipsub, degree: 5, file: None }
    }
}

/// Ways to make a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// As gossipsub grafts and prunes it, with the shipped bounds.
    Gossipsub,
    /// Each has as many neighbours.
    RandomRegular,
    /// Who has many neighbours gets more.
    BarabasiAlbert,
    /// From a file.
    File,
}

/// Rules that can be turned off.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The coordinator announces work.
    pub announcements: bool,
    /// Executors rank themselves; without, everybody who hears asks.
    pub ranking: bool,
    /// Executors declare when they will be reachable, and the colony counts on it.
    pub contact_windows: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { announcements: true, ranking: true, contact_windows: true }
    }
}

/// Something that happens at a moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// When.
    pub at: Time,
    /// What.
    #[serde(rename = "do")]
    pub what: Deed,
    /// To whom, by region.
    #[serde(default)]
    pub regions: Vec<String>,
    /// To whom, by group.
    #[serde(default)]
    pub group: Option<String>,
    /// To the one that coordinates colony 0 then.
    #[serde(default)]
    pub coordinator: bool,
    /// To so many of them.
    #[serde(default)]
    pub count: Option<u32>,
    /// To this part of them.
    #[serde(default)]
    pub share: Option<Share>,
    /// Until it is undone; for good where it says nothing.
    #[serde(default, rename = "for")]
    pub lasts: Option<Time>,
    /// A flash crowd's processes, in each colony.
    #[serde(default)]
    pub processes: Option<u64>,
    /// A clock jump: by how much.
    #[serde(default)]
    pub by: Option<Time>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// These hear no others, nor others them.
    Partition,
    /// All partitions end.
    Heal,
    /// These stop at once and forget what they had in memory.
    Kill,
    /// These start again.
    Start,
    /// Work arrives all at once.
    FlashCrowd,
    /// False nodes take places in tables and meshes: `count` of them.
    Sybil,
    /// The clocks of these jump ahead.
    ClockJump,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// No new work after this much virtual time.
    pub after: Time,
    /// Then at most this long, until all work has ended.
    #[serde(default = "ten_minutes")]
    pub drain: Time,
}

/// What is written down.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Record {
    /// Single events. Without, a run keeps only series and sums.
    pub events: bool,
    /// At most so many; what is beyond is counted.
    pub events_max: u64,
    /// Between two points of the time series; 240 points to the end where it says nothing.
    pub every: Option<Time>,
}

impl Default for Record {
    fn default() -> Self {
        Self { events: true, events_max: 2_000_000, every: None }
    }
}

const fn one() -> u64 {
    1
}
const fn one_colony() -> u16 {
    1
}
const fn one_at_once() -> u16 {
    1
}
const fn one_item() -> u16 {
    1
}
const fn one_a_second() -> f64 {
    1.0
}
const fn endless() -> i64 {
    -1
}
const fn fast() -> Rate {
    Rate(100_000)
}
fn cli() -> String {
    "cli".to_owned()
}
const fn an_hour() -> Time {
    Time::secs(3_600)
}
const fn ten_minutes() -> Time {
    Time::secs(600)
}
/// What sessions of BitTorrent peers were fitted with.
const fn heavy_tail() -> f64 {
    0.6
}
const fn acquisition() -> Time {
    Time::secs(5)
}
const fn poisson() -> Arrivals {
    Arrivals::Poisson
}
const fn exponential() -> Spread {
    Spread::Exponential
}
const fn all() -> Share {
    Share(1_000_000)
}
