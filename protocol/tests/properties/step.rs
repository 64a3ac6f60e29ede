//! What can happen next. Steps name processes, leases and earlier calls by index into what there is, so that every
//! step means something in every history, and stays meaningful while a failing history is made smaller.

use crate::objects;
use colony_protocol::model::member::Role;
use proptest::{collection::vec, prelude::*, sample::Index};

/// Who acts: the owner (1), a user (4), three executors (5 to 7), a stranger (9), three nodes (10 to 12).
pub(crate) type Who = u8;

/// One step of a history.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Time passes; some executors are heard.
    Wait {
        millis: u64,
        heard: Vec<Who>,
    },
    Submit {
        by: Who,
        count: u8,
        work: Work,
    },
    Workflow {
        by: Who,
        nodes: u8,
        edges: Vec<(u8, u8)>,
        given: bool,
        work: Work,
    },
    Assign {
        by: Who,
        max: u16,
        heartbeat: Option<u64>,
        memory: Option<u64>,
    },
    Close {
        by: Option<Who>,
        leases: Vec<Index>,
        success: bool,
        output: u8,
    },
    Renew {
        by: Option<Who>,
        lease: Index,
    },
    Release {
        by: Option<Who>,
        lease: Index,
        began: bool,
    },
    SetOutput {
        by: Option<Who>,
        lease: Index,
        output: u8,
    },
    Attribute {
        by: Option<Who>,
        lease: Index,
        key: u8,
    },
    Log {
        by: Option<Who>,
        lease: Index,
        lines: u8,
    },
    Child {
        lease: Index,
        child: Option<Index>,
        insert: bool,
        work: Work,
    },
    Cancel {
        by: Who,
        process: Index,
    },
    CancelWorkflow {
        by: Who,
        workflow: Index,
    },
    Remove {
        by: Who,
        process: Index,
    },
    RemoveAll {
        by: Who,
        state: u8,
    },
    RemoveWorkflow {
        by: Who,
        workflow: Index,
    },
    AddExecutor {
        executor: Who,
        approved: bool,
    },
    Approve {
        executor: Who,
    },
    Reject {
        executor: Who,
    },
    RemoveExecutor {
        by: Who,
        executor: Who,
    },
    Hardware {
        by: Who,
        memory: Option<u64>,
    },
    AddFunction {
        by: Who,
    },
    RemoveFunction {
        by: Who,
        number: u64,
    },
    Pause {
        by: Who,
    },
    Resume {
        by: Who,
    },
    /// The owner makes a ticket; times are in seconds from now.
    Invite {
        role: Role,
        uses: u32,
        life: u64,
        member_life: Option<u64>,
    },
    Join {
        by: Who,
        ticket: Index,
        disk: u8,
        executor: bool,
        forged: bool,
    },
    AddMember {
        by: Who,
        member: Who,
        role: Role,
        disk: u8,
    },
    Promote {
        by: Who,
        member: Who,
    },
    Demote {
        by: Who,
        member: Who,
    },
    RemoveMember {
        by: Who,
        member: Who,
    },
    Leave {
        by: Who,
    },
    Move {
        by: Who,
        port: u8,
    },
    /// The last number is what the schedule is.
    AddCron {
        by: Who,
        name: u8,
        wait: bool,
        nodes: u8,
        schedule: u8,
    },
    RunCron {
        by: Who,
        cron: Index,
    },
    RemoveCron {
        by: Who,
        cron: Index,
    },
    AddGenerator {
        by: Who,
        name: u8,
        trigger: u64,
        timeout: Option<u64>,
    },
    Pack {
        by: Who,
        generator: Index,
        args: u8,
    },
    RemoveGenerator {
        by: Who,
        generator: Index,
    },
    /// Files, blueprints, locations, channels and keys: `what` says which change, `number` of which thing.
    Object {
        by: Who,
        what: u8,
        number: u8,
        process: Index,
    },
    /// Another coordinator takes over, with a clock that is behind.
    Elect {
        behind_millis: u64,
    },
    /// An earlier call comes again.
    Again {
        call: Index,
    },
}

/// What the work asks for.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) priority: i32,
    pub(crate) wait: i64,
    pub(crate) exec: i64,
    pub(crate) retries: i64,
    pub(crate) memory: u64,
    pub(crate) named: Option<Who>,
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![2 => Just(1), 6 => Just(4), 20 => 5..=7u8, 1 => Just(9), 3 => 10..=12u8]
}

fn executor() -> impl Strategy<Value = Who> {
    5..=7u8
}

/// Mostly the holder itself, at times somebody else.
fn holder() -> impl Strategy<Value = Option<Who>> {
    prop_oneof![8 => Just(None), 1 => who().prop_map(Some)]
}

fn work() -> impl Strategy<Value = Work> {
    let limit = || prop_oneof![3 => Just(-1), 1 => Just(0), 3 => 1..30i64];
    let priority = prop_oneof![60 => -2..=2i32, 1 => Just(60_000)];
    let named = prop_oneof![4 => Just(None), 1 => executor().prop_map(Some)];
    (priority, limit(), limit(), -1..3i64, 0..3u64, named).prop_map(
        |(priority, wait, exec, retries, memory, named)| Work {
            priority,
            wait,
            exec,
            retries,
            memory,
            named,
        },
    )
}

/// Mostly graphs as they should be: edges between nodes that exist, from lower to higher numbers.
fn workflow() -> impl Strategy<Value = Step> {
    let edges = vec((0..6u8, 0..6u8), 0..8);
    (who(), 1..6u8, edges, any::<bool>(), work(), prop::bool::weighted(0.1)).prop_map(
        |(by, nodes, edges, given, work, wild)| {
            let sane = |(a, b): &(u8, u8)| a != b && *a < nodes && *b < nodes;
            let edges = edges.into_iter().filter(|edge| wild || sane(edge));
            let edges = edges.map(|(a, b)| if wild { (a, b) } else { (a.min(b), a.max(b)) }).collect();
            let nodes = if wild { nodes - 1 } else { nodes };
            Step::Workflow { by, nodes, edges, given, work }
        },
    )
}

fn of_holders() -> impl Strategy<Value = Step> {
    let lease = any::<Index>;
    prop_oneof![
        8 => (holder(), vec(lease(), 1..4), prop::bool::weighted(0.8), 0..4u8)
            .prop_map(|(by, leases, success, output)| Step::Close { by, leases, success, output }),
        2 => (holder(), lease()).prop_map(|(by, lease)| Step::Renew { by, lease }),
        1 => (holder(), lease(), any::<bool>())
            .prop_map(|(by, lease, began)| Step::Release { by, lease, began }),
        1 => (holder(), lease(), 0..4u8)
            .prop_map(|(by, lease, output)| Step::SetOutput { by, lease, output }),
        1 => (holder(), lease(), 0..3u8).prop_map(|(by, lease, key)| Step::Attribute { by, lease, key }),
        1 => (holder(), lease(), 0..3u8).prop_map(|(by, lease, lines)| Step::Log { by, lease, lines }),
        3 => (lease(), prop::option::of(any::<Index>()), any::<bool>(), work())
            .prop_map(|(lease, child, insert, work)| Step::Child { lease, child, insert, work }),
    ]
}

fn of_members() -> impl Strategy<Value = Step> {
    let any_index = any::<Index>;
    prop_oneof![
        4 => (executor(), any::<bool>())
            .prop_map(|(executor, approved)| Step::AddExecutor { executor, approved }),
        2 => executor().prop_map(|executor| Step::Approve { executor }),
        1 => executor().prop_map(|executor| Step::Reject { executor }),
        1 => (prop_oneof![1 => who(), 1 => Just(1)], executor()).prop_map(|(by, executor)| Step::RemoveExecutor { by, executor }),
        1 => (who(), prop::option::of(0..3u64)).prop_map(|(by, memory)| Step::Hardware { by, memory }),
        1 => who().prop_map(|by| Step::AddFunction { by }),
        1 => (who(), 0..4u64).prop_map(|(by, number)| Step::RemoveFunction { by, number }),
        1 => prop_oneof![who(), Just(1)].prop_map(|by| Step::Pause { by }),
        2 => prop_oneof![who(), Just(1)].prop_map(|by| Step::Resume { by }),
        2 => (who(), any_index()).prop_map(|(by, process)| Step::Cancel { by, process }),
        1 => (who(), any_index()).prop_map(|(by, workflow)| Step::CancelWorkflow { by, workflow }),
        1 => (who(), any_index()).prop_map(|(by, process)| Step::Remove { by, process }),
        1 => (prop_oneof![who(), Just(1)], 0..5u8).prop_map(|(by, state)| Step::RemoveAll { by, state }),
        1 => (who(), any_index()).prop_map(|(by, workflow)| Step::RemoveWorkflow { by, workflow }),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Voter), 3 => Just(Role::Observer), 2 => Just(Role::Executor), 1 => Just(Role::User)]
}

/// Who may become a member: nodes, and the executors that the owner also adds by hand.
fn joiner() -> impl Strategy<Value = Who> {
    prop_oneof![3 => 10..=12u8, 1 => executor()]
}

/// The owner, mostly.
fn governor() -> impl Strategy<Value = Who> {
    prop_oneof![12 => Just(1), 1 => joiner()]
}

fn of_membership() -> impl Strategy<Value = Step> {
    let lives = || prop_oneof![1 => 0..5u64, 2 => 5..200u64];
    prop_oneof![
        5 => (role(), prop_oneof![1 => Just(0), 9 => 1..4u32], lives(), prop::option::of(lives())).prop_map(
            |(role, uses, life, member_life)| Step::Invite { role, uses, life, member_life }),
        8 => (joiner(), any::<Index>(), 0..2u8, prop::bool::weighted(0.7), prop::bool::weighted(0.05)).prop_map(
            |(by, ticket, disk, executor, forged)| Step::Join { by, ticket, disk, executor, forged }),
        1 => (governor(), joiner(), role(), 0..2u8)
            .prop_map(|(by, member, role, disk)| Step::AddMember { by, member, role, disk }),
        2 => (governor(), 10..=12u8).prop_map(|(by, member)| Step::Promote { by, member }),
        2 => (governor(), 10..=12u8).prop_map(|(by, member)| Step::Demote { by, member }),
        2 => (governor(), joiner()).prop_map(|(by, member)| Step::RemoveMember { by, member }),
        2 => joiner().prop_map(|by| Step::Leave { by }),
        1 => (joiner(), 1..4u8).prop_map(|(by, port)| Step::Move { by, port }),
    ]
}

fn of_automation() -> impl Strategy<Value = Step> {
    let timeout = || prop::option::of(0..20u64);
    prop_oneof![
        2 => (who(), 0..3u8, any::<bool>(), 1..3u8, 0..6u8)
            .prop_map(|(by, name, wait, nodes, schedule)| Step::AddCron { by, name, wait, nodes, schedule }),
        1 => (who(), any::<Index>()).prop_map(|(by, cron)| Step::RunCron { by, cron }),
        1 => (who(), any::<Index>()).prop_map(|(by, cron)| Step::RemoveCron { by, cron }),
        2 => (who(), 0..2u8, 0..4u64, timeout())
            .prop_map(|(by, name, trigger, timeout)| Step::AddGenerator { by, name, trigger, timeout }),
        8 => (who(), any::<Index>(), 0..5u8)
            .prop_map(|(by, generator, args)| Step::Pack { by, generator, args }),
        1 => (who(), any::<Index>()).prop_map(|(by, generator)| Step::RemoveGenerator { by, generator }),
    ]
}

/// Any step, those that move work more often than the others.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let heartbeat = prop_oneof![1 => Just(None), 2 => (0..20u64).prop_map(Some)];
    prop_oneof![
        6 => (prop_oneof![3 => 0..3_000u64, 1 => 0..40_000u64], vec(executor(), 0..2))
            .prop_map(|(millis, heard)| Step::Wait { millis, heard }),
        6 => (who(), 0..4u8, work()).prop_map(|(by, count, work)| Step::Submit { by, count, work }),
        4 => workflow(),
        9 => (who(), 0..4u16, heartbeat, prop::option::of(0..3u64))
            .prop_map(|(by, max, heartbeat, memory)| Step::Assign { by, max, heartbeat, memory }),
        14 => of_holders(),
        4 => of_members(),
        9 => of_membership(),
        5 => of_automation(),
        8 => (prop_oneof![4 => who(), 2 => Just(1), 1 => Just(8)], 0..objects::KINDS, 0..4u8, any::<Index>())
            .prop_map(|(by, what, number, process)| Step::Object { by, what, number, process }),
        1 => (0..20_000u64).prop_map(|behind_millis| Step::Elect { behind_millis }),
        2 => any::<Index>().prop_map(|call| Step::Again { call }),
    ]
}
