//! Everything that is printed. stdout carries data and nothing else; people are talked to on stderr.
//!
//! This is the only module that writes to either. Text that came from other members is shown with its control
//! characters made visible, except for a program's own output, which is passed through as it came.

mod age;
mod format;
mod listing;
mod progress;
mod stream;
mod style;
mod views;

pub(crate) use self::{
    age::{ago, spoken},
    format::Format,
    listing::{Listing, Row, column, wide},
    progress::{Bar, Spinner},
    stream::{data, note, pass_through, report},
    style::{cut, is_coloured},
    views::{
        Everybody, Findings, Seen, Silent, blueprint_changes, blueprints, channels, cron_record, crons,
        definitions, executor_record, executors, files, findings, functions, generator_record, generators,
        labels, locations, log_hits, log_lines, member_name, members, policy, process_record, processes,
        processes_with, ran, revisions, snapshots, until, users, workflow_record, workflows,
    },
};
