//! The nodes of a development colony: their keys, directories and ports.
//!
//! One node keeps its data in the directory itself; of several, each in a numbered directory of its own, with its ports
//! beside it, because the others must find it there again.

use std::path::{Path, PathBuf};

use colony_node::{node::Data, runtime::Runtime};
use colony_protocol::{bounded::Text, identity::SecretKey};

use super::{super::cluster::Seat, keys::Keys, listen};
use crate::{
    args::DevArgs,
    context::{DEV, Home},
    error::Failure,
    hint::Hint,
    place::{self, Place},
};

/// Where all nodes but the first listen: any free port of this machine.
const ANYWHERE: &str = "/ip4/127.0.0.1/tcp/0";
/// The store's file, by which a directory of one node is told from others.
const STORE_FILE: &str = "store.redb";

/// All of them.
pub(super) fn all(args: &DevArgs, keys: &Keys, runtime: &Runtime) -> Result<Vec<Seat>, Failure> {
    let count = args.nodes.into();
    if let Some(directory) = &args.data {
        fits(directory, count)?;
    }
    (1..=count).map(|number| seat(args, count, number, keys, runtime)).collect()
}

fn seat(
    args: &DevArgs,
    count: usize,
    number: usize,
    keys: &Keys,
    runtime: &Runtime,
) -> Result<Seat, Failure> {
    let key = match number {
        1 => keys.server.clone(),
        _ => SecretKey::derive(format!("colony dev: node {number}").as_bytes()),
    };
    let own = args.data.as_ref().map(|all| directory(all, count, number));
    let asked = match number {
        1 => listen::asked(&args.listen)?,
        _ => vec![ANYWHERE.to_owned()],
    };
    let places = match count {
        1 => asked,
        _ => lasting(asked, own.as_deref(), runtime)?,
    };
    Ok(Seat {
        name: Text::cut(&format!("{DEV}-{number}")),
        key,
        data: own.map_or(Data::Memory, Data::Directory),
        listen: places.iter().map(|text| listen::address(text)).collect::<Result<_, _>>()?,
    })
}

/// The places with ports that are known before the node starts, and the same after a restart.
fn lasting(asked: Vec<String>, own: Option<&Path>, runtime: &Runtime) -> Result<Vec<String>, Failure> {
    let settle = |asked: &[String]| -> Result<Vec<String>, Failure> {
        Ok(place::settle(asked, &[], runtime)?.iter().map(Place::to_string).collect())
    };
    let Some(own) = own else { return settle(&asked) };
    let home = Home::open(Some(own))?;
    let mut file = home.node()?;
    if file.listen.is_empty() || !asked.iter().any(|text| text.split('/').any(|part| part == "0")) {
        file.listen = settle(&asked)?;
        home.write_node(&file)?;
    }
    Ok(file.listen)
}

fn directory(all: &Path, count: usize, number: usize) -> PathBuf {
    if count == 1 { all.to_owned() } else { all.join(number.to_string()) }
}

/// A directory made for another number of nodes would start as another colony, or never find its quorum.
fn fits(directory: &Path, count: usize) -> Result<(), Failure> {
    let one = directory.join(STORE_FILE).exists();
    let many = (1..).take_while(|number: &usize| directory.join(number.to_string()).exists()).count();
    let there = if one { 1 } else { many };
    if there == 0 || there == count {
        return Ok(());
    }
    let shown = directory.display();
    Err(Failure::usage(format!("{shown} holds a development colony of {there} nodes, not of {count}"))
        .hint(Hint::DevAgain { nodes: there.to_string(), data: shown.to_string() }))
}
