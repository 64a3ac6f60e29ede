//! A laboratory: whole networks in virtual time, from a scenario file and a seed.
//!
//! * [`scenario`] - what a person writes, and what is wrong with it; [`amounts`] and [`matrix`] - its numbers;
//! * [`engine`] - one run: the shipped rules between modelled nodes, links, disks and clocks;
//! * [`series`] - many runs on all cores; [`results`] - what they leave on disk; [`library`] - scenarios that ship;
//! * [`validate`] - how far it is from whole nodes; [`shadow`] - the same scenario for another simulator;
//! * [`dice`] - distributions that give the same numbers on every machine.

pub mod amounts;
pub mod dice;
pub mod engine;
pub mod library;
pub mod matrix;
pub mod results;
pub mod scenario;
pub mod series;
pub mod shadow;
pub mod validate;
