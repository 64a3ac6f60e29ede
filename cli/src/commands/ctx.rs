//! `colony ctx`: which colony commands talk to.

use serde_json::{Value, json};

use crate::{
    app::App,
    args::{CtxArgs, CtxVerb},
    context::{Chosen, Context, Contexts},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Listing, Row, column, wide},
};

/// Does what was asked.
pub(super) fn run(app: &App, args: CtxArgs) -> Result<Exit, Failure> {
    match args.verb.unwrap_or(CtxVerb::Ls) {
        CtxVerb::Ls => list(app),
        CtxVerb::Use { name } => choose(app, name),
        CtxVerb::Show => show(app),
    }
}

fn list(app: &App) -> Result<Exit, Failure> {
    let contexts = app.home()?.contexts()?;
    let rows = contexts.contexts.iter().map(|(name, context)| row(&contexts, name, context)).collect();
    let columns = vec![column(""), column("NAME"), column("COLONY"), column("NODES"), wide("COLONYID")];
    Listing { columns, rows, empty: "no contexts" }.print(app.format())?;
    Ok(Exit::DONE)
}

fn row(contexts: &Contexts, name: &str, context: &Context) -> Row {
    let current = contexts.current.as_deref() == Some(name);
    let cells = vec![
        if current { "*" } else { "" }.to_owned(),
        name.to_owned(),
        context.colony.clone(),
        context.nodes.join(" "),
        context.colony_id.to_hex(),
    ];
    Row { cells, json: as_json(name, context, current), quiet: name.to_owned() }
}

fn as_json(name: &str, context: &Context, current: bool) -> Value {
    json!({
        "name": name,
        "current": current,
        "colony": context.colony,
        "colonyid": context.colony_id.to_hex(),
        "key": context.key,
        "ownerkey": context.owner_key,
        "nodes": context.nodes,
    })
}

fn choose(app: &App, name: String) -> Result<Exit, Failure> {
    let home = app.home()?;
    let mut contexts = home.contexts()?;
    if !contexts.contexts.contains_key(&name) {
        let unknown = Failure::usage(format!("there is no context named {name} in this home"));
        let none = contexts.contexts.is_empty();
        return Err(unknown.hint(if none { Hint::StartDev } else { Hint::Contexts }));
    }
    contexts.current = Some(name.clone());
    home.write_contexts(&contexts)?;
    output::note(&format!("commands now use {name}"));
    Ok(Exit::DONE)
}

fn show(app: &App) -> Result<Exit, Failure> {
    let chosen = Chosen::open(&app.home()?, app.global.context.as_deref())?;
    let context = &chosen.context;
    let mut json = as_json(&chosen.name, context, true);
    if let Value::Object(fields) = &mut json {
        fields.remove("current");
        fields.insert("id".to_owned(), chosen.key.identity().to_hex().into());
    }
    let columns = ["NAME", "COLONY", "COLONYID", "SIGNS AS", "KEY", "OWNER KEY", "NODES"].map(column);
    let cells = vec![
        chosen.name.clone(),
        context.colony.clone(),
        context.colony_id.to_hex(),
        chosen.key.identity().to_hex(),
        context.key.display().to_string(),
        context.owner_key.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        context.nodes.join("\n"),
    ];
    let rows = vec![Row { cells, json, quiet: chosen.name }];
    Listing { columns: columns.into(), rows, empty: "" }.print_one(app.format())?;
    Ok(Exit::DONE)
}
