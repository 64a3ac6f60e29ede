//! The deterministic state machine that decides everything about a colony's queue.
//!
//! It owns the live state of one colony: waiting and running processes, unfinished workflows, crons, generators,
//! members, used tickets, functions, remembered requests. It is driven by log entries alone: same entries in, same bytes out, on every replica. It
//! has no clock: the time of an entry is the time. It keeps finished work only until it has told the store.
//!
//! An entry is applied as one [`Colony::begin`] and an [`Colony::apply`] for each request in it. What the store shall
//! write and whom the node shall wake is collected in an [`Outbox`].
//!
//! How it is built: `transitions` is the only place where a process changes its state, so that counts, queue, deadlines
//! and rows cannot come apart; each command has a file of its own on top of it. What is not stored (`index`, tallies of
//! workflows) follows from what is.
//!
//! What may never happen: an iteration order that depends on anything but keys, a panic on any input, a rule about the
//! queue decided elsewhere, a refused command that changed anything.

mod access;
mod assign;
mod blueprints;
mod cancel;
mod channel_pieces;
mod channels;
mod children;
mod close;
mod contacts;
mod cron_commands;
mod cron_runs;
mod crons;
mod deadlines;
mod delegating;
mod encoding;
mod executor_log;
mod executors;
mod explain;
mod files;
mod founding;
mod functions;
mod generator_runs;
mod generators;
mod handles;
mod index;
mod joining;
mod keys;
mod lease;
mod leases;
mod locations;
mod matching;
mod members;
mod membership;
mod meta;
mod object;
mod outbox;
mod queue;
mod reading;
mod release;
mod remove;
mod report;
mod restore;
mod retention;
mod roster;
mod row;
mod seen;
mod submit;
#[cfg(test)]
mod tests;
mod tickets;
mod transitions;
mod users;
mod waiting;
mod weight;
mod workflow_flow;
mod workflow_submit;

use std::{collections::BTreeMap, sync::Arc};

pub use channels::ChannelEnds;
pub use encoding::{
    RowError, decode_blueprint_change, decode_entry, decode_log_line, decode_process, decode_workflow,
    encode_log_line, encode_process, encode_workflow,
};
pub use executor_log::NO_PROCESS;
pub use matching::meets;
pub use outbox::{Archived, Change, Event, Outbox};
pub use reading::Load;
pub use retention::Expiry;
pub use row::{RestoreError, RowKey};

use self::{
    blueprints::Blueprints, channels::Channels, crons::Crons, files::Files, functions::Functions,
    generators::Generators, index::Index, keys::Servers, locations::Locations, members::Members, meta::Meta,
    roster::Roster, seen::Seen, tickets::Tickets, workflow_flow::LiveWorkflow,
};
use crate::{
    bounded::Text,
    charter::SignedDelegation,
    command::Command,
    envelope::RequestId,
    identity::Identity,
    model::{Policy, Process},
    mutant,
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

/// Most processes in memory: about 4 GB with ordinary specs. Beyond it submissions are refused as busy.
pub const LIVE_MAX: usize = 4_000_000;

/// One verified request, as it comes out of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Who signed it.
    pub by: Identity,
    /// The term of the coordinator that put it into the log.
    pub term: u64,
    /// Its idempotency key.
    pub request: RequestId,
    /// After this moment it is refused.
    pub expires: Timestamp,
    /// What is asked.
    pub command: Arc<Command>,
}

/// The live state of one colony.
#[derive(Debug)]
pub struct Colony {
    id: Identity,
    meta: Meta,
    members: Members,
    roster: Roster,
    tickets: Tickets,
    /// Who may speak for the colony to strangers, as the owner last said.
    delegation: Option<SignedDelegation>,
    functions: Functions,
    crons: Crons,
    generators: Generators,
    /// How long finished work is kept.
    policy: Policy,
    /// Waiting and running processes, and finished ones of unfinished workflows. Boxed, because the map's nodes are
    /// only two thirds full.
    processes: BTreeMap<u64, Box<Process>>,
    workflows: BTreeMap<u64, LiveWorkflow>,
    index: Index,
    seen: Seen,
    files: Files,
    locations: Locations,
    blueprints: Blueprints,
    channels: Channels,
    servers: Servers,
}

impl Colony {
    /// A colony before [`Command::Found`]; `id` is its owner's identity.
    #[must_use]
    pub fn new(id: Identity) -> Self {
        Self {
            id,
            meta: Meta::default(),
            members: Members::default(),
            roster: Roster::default(),
            tickets: Tickets::default(),
            delegation: None,
            functions: Functions::default(),
            crons: Crons::default(),
            generators: Generators::default(),
            policy: Policy::default(),
            processes: BTreeMap::new(),
            workflows: BTreeMap::new(),
            index: Index::default(),
            seen: Seen::default(),
            files: Files::default(),
            locations: Locations::default(),
            blueprints: Blueprints::default(),
            channels: Channels::default(),
            servers: Servers::default(),
        }
    }

    /// Starts an entry: time moves on to `at` (never back), the leases of all `heard` are renewed, then every deadline
    /// that has passed fires.
    pub fn begin(&mut self, at: Timestamp, heard: &[Identity], out: &mut Outbox) {
        self.meta.now = self.meta.now.max(at);
        out.touch(RowKey::Meta);
        self.seen.purge(self.meta.now, out);
        for id in heard {
            self.heard(id, out);
        }
        self.fire_deadlines(out);
    }

    /// Applies one request at the time that [`Self::begin`] set.
    ///
    /// # Errors
    /// A [`Refusal`] if it was not carried out; then nothing changed, except that the caller was heard.
    pub fn apply(&mut self, call: &Call, out: &mut Outbox) -> Result<Reply, Refusal> {
        if call.expires < self.meta.now && !mutant::is("apply-what-expired") {
            let late = self.meta.now.since(call.expires);
            return Err(Refusal::Envelope(Text::cut(&format!("the request expired {late:?} ago"))));
        }
        if let Some(answer) = self.recall(call) {
            return answer;
        }
        self.heard(&call.by, out);
        self.seen.room_for(&call.by)?;
        let was_known = self.is_known(&call.by);
        let answer = self.dispatch(call, out);
        out.touch(RowKey::Meta);
        // A stranger's request was refused without effect, and there is no end of strangers. Who gave up its key was none.
        if was_known || self.is_known(&call.by) {
            self.remember(call, &answer, out);
        }
        answer
    }

    fn dispatch(&mut self, call: &Call, out: &mut Outbox) -> Result<Reply, Refusal> {
        if !self.meta.founded && !matches!(*call.command, Command::Found { .. }) {
            return Err(Refusal::not_found("the colony (it was not founded yet)"));
        }
        let by = &call.by;
        match &*call.command {
            Command::Join { ticket, member } => self.join(by, ticket, member, out),
            Command::AddMember { member, role } => self.add_member(by, member, *role, out),
            Command::UpdateMember { addresses } => self.update_member(by, addresses, out),
            Command::PromoteMember { name } => self.promote_member(by, name, out),
            Command::DemoteMember { name } => self.demote_member(by, name, out),
            Command::RemoveMember { name } => self.remove_member(by, name, out),
            Command::Leave => self.leave(by, out),
            Command::Delegate { delegation } => self.delegate(by, delegation, out),
            Command::Found { name } => self.found(by, name),
            Command::Submit { items } => self.submit(call, items, out),
            Command::SubmitWorkflow { spec, retry_of } => self.submit_workflow(call, spec, *retry_of, out),
            Command::AddChild(ask) => self.add_child(call, ask, out),
            Command::Assign(ask) => self.assign(by, call.term, ask, out),
            Command::Renew { leases } => self.renew(by, leases),
            Command::Close { items } => self.close(by, items, out),
            Command::Release { items } => self.release(by, items, out),
            Command::SetOutput { lease, output } => self.set_output(by, lease, output, out),
            Command::AddAttribute { lease, attribute } => self.add_attribute(by, lease, attribute, out),
            Command::AddLog { lease, lines } => self.add_log(by, lease, lines, out),
            Command::Cancel { process } => self.cancel(by, process, out),
            Command::CancelWorkflow { workflow } => self.cancel_workflow(by, workflow, out),
            Command::Remove { process } => self.remove(by, process, out),
            Command::RemoveAll { state } => self.remove_all(by, *state, out),
            Command::RemoveWorkflow { workflow } => self.remove_workflow(by, workflow, out),
            Command::AddExecutor { executor, approved } => self.add_executor(by, executor, *approved, out),
            Command::ApproveExecutor { name } => self.approve_executor(by, name, out),
            Command::RejectExecutor { name } => self.reject_executor(by, name, out),
            Command::RemoveExecutor { name } => self.remove_executor(by, name, out),
            Command::UpdateExecutor { capabilities } => self.update_executor(by, capabilities, out),
            Command::AddUser { user } => self.add_user(by, user, out),
            Command::RemoveUser { name } => self.remove_user(by, name, out),
            Command::AddFunction { func_name, description, arguments } => {
                self.add_function(by, func_name, description, arguments, out)
            }
            Command::RemoveFunction { number } => self.remove_function(by, *number, out),
            Command::Pause => self.pause(by),
            Command::Resume => self.resume(by, out),
            Command::Files(command) => self.files(call, command, out),
            Command::Blueprints(command) => self.change_blueprints(call, command, out),
            Command::Locations(command) => self.change_locations(call, command, out),
            Command::Append(ask) => self.append(by, ask, out),
            Command::ChangeKey(change) => self.change_key(by, change, out),
            Command::ReportAllocations { allocations } => self.report_allocations(by, allocations, out),
            Command::AddCron { cron } => self.add_cron(call, cron, out),
            Command::RemoveCron { cron } => self.remove_cron(by, cron, out),
            Command::RunCron { cron } => self.run_cron_now(by, cron, out),
            Command::AddGenerator { generator } => self.add_generator(call, generator, out),
            Command::RemoveGenerator { generator } => self.remove_generator(by, generator, out),
            Command::Pack { generator, args } => self.pack(by, generator, args, out),
            Command::AddExecutorLog { lines } => self.add_executor_log(by, lines, out),
            Command::SetPolicy { policy } => self.set_policy(by, policy, out),
            Command::DeclareContacts { plan } => self.declare_contacts(by, plan, out),
        }
    }
}
