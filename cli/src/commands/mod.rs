//! What each verb does, one file a verb.

mod bench;
mod blueprint;
mod cancel;
mod channel;
mod cluster;
mod completions;
mod cron;
mod ctx;
mod demo;
mod dev;
mod doctor;
mod exec;
mod executor;
mod explain;
mod file;
mod follow;
mod function;
mod generator;
mod get;
mod init;
mod invite;
mod join;
mod key;
mod leave;
mod location;
mod log;
mod logs;
mod members;
mod policy;
mod process;
mod ps;
mod retry;
mod sim;
mod status;
mod submit;
mod up;
mod user;
mod wait;
mod workflow;

use crate::{
    app::App,
    args::Verb,
    error::{Exit, Failure},
};

/// Does what was asked.
pub(crate) async fn run(app: &App, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Dev(args) => dev::run(app, args).await,
        Verb::Demo(args) => demo::run(app, args).await,
        Verb::Init(args) => init::run(app, args).await,
        Verb::Up(args) => up::run(app, args).await,
        Verb::Invite(args) => invite::run(app, args).await,
        Verb::Join(args) => join::run(app, args).await,
        Verb::Leave => leave::run(app).await,
        Verb::Members(args) => members::run(app, args).await,
        Verb::Doctor(args) => doctor::run(app, args).await,
        Verb::Exec(args) => exec::run(app, args).await,
        Verb::Submit(args) => submit::run(app, &args.file, args.wait, submit::Kind::Any).await,
        Verb::Ps(args) => ps::run(app, &args).await,
        Verb::Get(args) => get::run(app, args.what.id, args.reading).await,
        Verb::Wait(args) => wait::run(app, args).await,
        Verb::Logs(args) => logs::run(app, args.what.id, args.what.follow, args.reading).await,
        Verb::Cancel(args) => cancel::run(app, args.id).await,
        Verb::Retry(args) => retry::run(app, args).await,
        Verb::Explain(args) => explain::run(app, args.what.id, args.reading).await,
        Verb::Executor(verb) => executor::run(app, verb).await,
        Verb::Workflow(verb) => workflow::run(app, verb).await,
        Verb::Cron(verb) => cron::run(app, verb).await,
        Verb::Generator(verb) => generator::run(app, verb).await,
        Verb::Policy(verb) => policy::run(app, verb).await,
        Verb::Function(verb) => function::run(app, verb).await,
        Verb::Process(verb) => process::run(app, verb).await,
        Verb::User(verb) => user::run(app, verb).await,
        Verb::Key(verb) => key::run(app, verb).await,
        Verb::Log(verb) => log::run(app, verb).await,
        Verb::File(verb) => file::run(app, verb).await,
        Verb::Label(verb) => file::labels(app, verb).await,
        Verb::Snapshot(verb) => file::snapshots(app, verb).await,
        Verb::Location(verb) => location::run(app, verb).await,
        Verb::Blueprint(verb) => blueprint::run(app, verb).await,
        Verb::Channel(verb) => channel::run(app, verb).await,
        Verb::Status(reading) => status::run(app, reading).await,
        Verb::Ctx(args) => ctx::run(app, args),
        Verb::Completions(args) => completions::run(args.shell),
        Verb::Bench(args) => bench::run(app, args).await,
        Verb::Sim(verb) => sim::run(app, verb).await,
    }
}
