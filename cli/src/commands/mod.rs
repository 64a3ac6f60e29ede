//! What each verb does, one file a verb.

mod bench;
mod cancel;
mod completions;
mod ctx;
mod demo;
mod dev;
mod exec;
mod executor;
mod explain;
mod follow;
mod function;
mod get;
mod log;
mod logs;
mod process;
mod ps;
mod retry;
mod status;
mod submit;
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
        Verb::Exec(args) => exec::run(app, args).await,
        Verb::Submit(args) => submit::run(app, &args.file, args.wait, submit::Kind::Any).await,
        Verb::Ps(args) => ps::run(app, &args).await,
        Verb::Get(args) => get::run(app, args.id).await,
        Verb::Wait(args) => wait::run(app, args).await,
        Verb::Logs(args) => logs::run(app, args.id, args.follow).await,
        Verb::Cancel(args) => cancel::run(app, args.id).await,
        Verb::Retry(args) => retry::run(app, args).await,
        Verb::Explain(args) => explain::run(app, args.id).await,
        Verb::Executor(verb) => executor::run(app, verb).await,
        Verb::Workflow(verb) => workflow::run(app, verb).await,
        Verb::Function(verb) => function::run(app, verb).await,
        Verb::Process(verb) => process::run(app, verb).await,
        Verb::User(verb) => user::run(app, verb).await,
        Verb::Log(verb) => log::run(app, verb).await,
        Verb::Status => status::run(app).await,
        Verb::Ctx(args) => ctx::run(app, args),
        Verb::Completions(args) => completions::run(args.shell),
        Verb::Bench(args) => bench::run(app, args).await,
    }
}
