//! Real nodes behind real NATs, in an Internet of network namespaces: whoever has a ticket can work, from anywhere, and
//! the way between two members is the best that their NATs allow.
//!
//! Needs root, `ip` and `nft`; says loudly where it cannot run.

mod changes;
mod doctor;
mod matrix;
mod town;
mod ways;
