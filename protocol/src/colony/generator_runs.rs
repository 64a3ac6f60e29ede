//! Generators start work when enough arguments were packed, or the oldest has waited long enough.
//!
//! What a workflow takes leaves the generator with the entry that starts it, so no argument is lost or taken twice,
//! whatever fails. A pack that would start something that cannot start is refused whole: nothing piles up unseen.
//!
//! What may never happen: arguments taken in another order than they were packed in.

use super::{
    Call, Colony, Outbox, RowKey, generators::bytes_of, handles::missing, members::check_name,
    submit::Origin, weight, workflow_submit::Start,
};
use crate::{
    bounded::{Json, Text},
    envelope::RequestId,
    identity::{Digest, Identity},
    model::{Generator, GeneratorId, NewGenerator, TRIGGER_MAX, Values, WorkflowId, WorkflowSpec},
    refusal::Refusal,
    reply::Reply,
    time::Span,
};

/// The shortest timeout: ColonyOS counts in seconds.
const TIMEOUT_MIN: Span = Span::from_secs(1);
/// How long until a start that was not possible is tried again, at least.
const TRY_AGAIN: Span = Span::from_secs(60);
/// Most bytes that the arguments of one workflow take, all copies counted: each first process gets its own.
const ARGS_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Colony {
    pub(super) fn add_generator(
        &mut self,
        call: &Call,
        new: &NewGenerator,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        check_name("name", &new.name)?;
        if !(1..=TRIGGER_MAX).contains(&new.trigger) {
            let why = format!("{} is not between 1 and {TRIGGER_MAX}", new.trigger);
            return Err(Refusal::invalid("trigger", why));
        }
        if new.timeout.is_some_and(|timeout| timeout < TIMEOUT_MIN) {
            return Err(Refusal::invalid("timeout", "a timeout is at least one second"));
        }
        self.check_workflow(&new.spec)?;
        if self.generators.named(&new.name).is_some() {
            return Err(Refusal::exists(format!("generator `{}`", new.name)));
        }
        if !self.generators.has_room(weight::of_workflow_spec(&new.spec)) {
            return Err(full("the colony has as many generators as it can hold"));
        }
        let number = self.meta.last_generator.saturating_add(1);
        let id = GeneratorId::make(&self.id, &call.by, &call.request, number);
        self.meta.last_generator = number;
        self.generators.put(Generator {
            id,
            name: new.name.clone(),
            initiator: call.by,
            initiator_name: self.name_of(&call.by),
            trigger: new.trigger,
            timeout: new.timeout,
            spec: new.spec.clone(),
            created_at: self.meta.now,
            first_packed: None,
            last_run: None,
            previous: None,
            due: None,
            runs: 0,
            packed: 0,
            taken: 0,
            problem: Text::default(),
        });
        out.touch(RowKey::Generator(number));
        Ok(Reply::GeneratorAdded(id))
    }

    pub(super) fn remove_generator(
        &mut self,
        by: &Identity,
        id: &GeneratorId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let generator = self.known_generator(by, id)?;
        if generator.initiator != *by && *by != self.owner_id() {
            let why = "only who made the generator, or the colony's owner, may remove it";
            return Err(Refusal::denied(*by, why));
        }
        let (number, waiting) = (id.number(), generator.taken..generator.packed);
        for place in waiting {
            drop(self.generators.take_arg(number, place));
            out.touch(RowKey::Packed(number, place));
        }
        drop(self.generators.take(number));
        out.touch(RowKey::Generator(number));
        Ok(Reply::Done)
    }

    pub(super) fn pack(
        &mut self,
        by: &Identity,
        id: &GeneratorId,
        args: &[Json],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let generator = self.known_generator(by, id)?.clone();
        self.room_for_args(&generator, args)?;
        let number = id.number();
        for (place, arg) in (generator.packed..).zip(args) {
            self.generators.put_arg(number, place, arg.clone());
            out.touch(RowKey::Packed(number, place));
        }
        let now = self.meta.now;
        let packed = args.len() as u64;
        self.change_generator(number, |generator| {
            if generator.waiting() == 0 {
                generator.due = generator.timeout.map(|timeout| now.after(timeout));
            }
            generator.first_packed = generator.first_packed.or(Some(now));
            generator.packed = generator.packed.saturating_add(packed);
        });
        out.touch(RowKey::Generator(number));
        let mut started = Vec::new();
        while let Some(trigger) = self.enough(number) {
            started.push(self.take_and_start(number, trigger, out)?);
        }
        let waiting = self.generators.get(number).map(Generator::waiting).unwrap_or_default();
        Ok(Reply::Packed { waiting, started })
    }

    /// Refuses arguments that could not be kept, or that would start what cannot start.
    fn room_for_args(&self, generator: &Generator, args: &[Json]) -> Result<(), Refusal> {
        if args.is_empty() {
            return Err(Refusal::invalid("args", "there is nothing to pack"));
        }
        let bytes: usize = args.iter().map(bytes_of).sum();
        let waiting = self.generators.waiting_bytes(generator.id.number()).saturating_add(bytes);
        if waiting.saturating_mul(roots(&generator.spec)) > ARGS_BYTES_MAX
            || !self.generators.has_bytes(bytes)
        {
            return Err(full("the arguments that wait in the generator are as large as they can be"));
        }
        let together = generator.waiting().saturating_add(args.len() as u64);
        let starts = usize::try_from(together / generator.trigger.max(1)).unwrap_or(usize::MAX);
        if starts > 0 {
            self.may_start(generator)?;
            self.room_for_processes(starts.saturating_mul(generator.spec.nodes.len()))?;
        }
        Ok(())
    }

    /// Whoever made a generator must still be a member for it to start anything.
    fn may_start(&self, generator: &Generator) -> Result<(), Refusal> {
        self.member(&generator.initiator).map_err(|refusal| {
            let why = format!("generator `{}` can start nothing: {refusal}", generator.name);
            Refusal::invalid("generatorid", why)
        })
    }

    /// How many arguments the next workflow takes, if there are enough.
    fn enough(&self, number: u64) -> Option<u64> {
        let generator = self.generators.get(number)?;
        (generator.waiting() >= generator.trigger).then_some(generator.trigger)
    }

    /// The oldest argument of a generator has waited long enough: all go.
    pub(super) fn generator_is_due(&mut self, number: u64, out: &mut Outbox) {
        let now = self.meta.now;
        let waiting = self.generators.get(number).map(Generator::waiting).unwrap_or_default();
        let outcome =
            if waiting == 0 { Ok(None) } else { self.take_and_start(number, waiting, out).map(Some) };
        self.change_generator(number, |generator| match outcome {
            Ok(_) => generator.due = None,
            Err(refusal) => {
                generator.problem = Text::cut(&refusal.to_string());
                let again = generator.timeout.unwrap_or(TRY_AGAIN).max(TRY_AGAIN);
                generator.due = Some(now.after(again));
            }
        });
        out.touch(RowKey::Generator(number));
    }

    /// Starts a workflow with the oldest arguments; on a refusal they all stay.
    fn take_and_start(&mut self, number: u64, count: u64, out: &mut Outbox) -> Result<WorkflowId, Refusal> {
        let generator = self.generators.get(number).cloned();
        let generator = generator.ok_or_else(|| Refusal::not_found("the generator"))?;
        self.may_start(&generator)?;
        let places = generator.taken..generator.taken.saturating_add(count);
        let args = places.clone().filter_map(|place| self.generators.packed(number, place).cloned());
        let args =
            Values::new(args.collect()).map_err(|error| Refusal::invalid("args", error.to_string()))?;
        let origin = Origin { by: generator.initiator, request: run_request(&generator.id, generator.runs) };
        let start = Start { root_args: Some(args), ..Start::plain(&generator.spec) };
        let (workflow, _) = self.start_workflow(&origin, start, out)?;
        for place in places {
            drop(self.generators.take_arg(number, place));
            out.touch(RowKey::Packed(number, place));
        }
        let now = self.meta.now;
        self.change_generator(number, |generator| {
            generator.taken = generator.taken.saturating_add(count);
            generator.runs = generator.runs.saturating_add(1);
            generator.last_run = Some(now);
            generator.previous = Some(workflow);
            generator.problem = Text::default();
            // What is left was packed just now.
            let left = generator.waiting() > 0;
            generator.due = generator.timeout.filter(|_| left).map(|timeout| now.after(timeout));
        });
        out.touch(RowKey::Generator(number));
        Ok(workflow)
    }

    fn change_generator(&mut self, number: u64, change: impl FnOnce(&mut Generator)) {
        if let Some(mut generator) = self.generators.take(number) {
            change(&mut generator);
            self.generators.put(generator);
        }
    }

    /// A generator that is there, for a member. Whoever is none learns nothing of it.
    fn known_generator(&self, by: &Identity, id: &GeneratorId) -> Result<&Generator, Refusal> {
        self.member(by)?;
        let generator = self.generators.get(id.number()).filter(|generator| generator.id == *id);
        generator.ok_or_else(|| missing("generator", &id.to_hex()))
    }
}

/// How many processes of a workflow start first.
fn roots(spec: &WorkflowSpec) -> usize {
    spec.nodes.iter().filter(|node| node.conditions.dependencies.is_empty()).count()
}

/// What a run counts as in the ids of what it makes.
fn run_request(generator: &GeneratorId, run: u64) -> RequestId {
    let hash = Digest::of(&[b"colony/generator-run/1\n", generator.as_bytes(), &run.to_be_bytes()]);
    let mut request = [0; 16];
    request.copy_from_slice(&hash.0[..16]);
    RequestId::from_bytes(request)
}

fn full(why: &str) -> Refusal {
    Refusal::Busy(Text::cut(why))
}
