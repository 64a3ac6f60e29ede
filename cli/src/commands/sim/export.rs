//! `colony sim export`: a scenario as the configuration of another simulator. What is written is decided in
//! `colony_simulations::lab::shadow`; it is built beside its place and moved there whole.

use std::{fs, io, path::Path};

use colony_simulations::lab::shadow::{self, Export};

use super::{one_plan, source};
use crate::{
    args::SimExportArgs,
    error::{Exit, Failure},
    output,
};

/// Writes the directory, and says what could not be written.
pub(super) fn run(args: &SimExportArgs) -> Result<Exit, Failure> {
    let plan = one_plan(&source(&args.scenario)?, args.seed)?;
    let program = match &args.program {
        Some(program) => fs::canonicalize(program),
        None => std::env::current_exe(),
    };
    let program = program.map_err(|error| Failure::usage(format!("no program to run: {error}")))?;
    let export = shadow::export(&plan, &program.to_string_lossy());
    let export = export.map_err(|error| Failure::caused(&error).exit(Exit::USAGE))?;
    let place = &args.shadow;
    if place.exists() {
        return Err(Failure::usage(format!("{} exists already", place.display())));
    }
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = place.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = write(&export, &draft).and_then(|()| fs::rename(&draft, place));
    if let Err(error) = written {
        // Nothing of it shall stay; whether it could be removed changes nothing about the failure.
        drop(fs::remove_dir_all(&draft));
        return Err(Failure::new(format!("{}: {error}", place.display())));
    }
    for what in &export.left_out {
        output::note(&format!("left out: {what}"));
    }
    output::data(&place.join("shadow.yaml").display().to_string())?;
    Ok(Exit::DONE)
}

fn write(export: &Export, draft: &Path) -> io::Result<()> {
    for (name, text) in &export.files {
        let path = draft.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
