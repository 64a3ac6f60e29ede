//! What whole-system tests share: the real `colony` binary, homes that vanish, nodes that can be killed.
//!
//! The tests themselves are in `tests/tests/`, one file per area. They drive the binary as a person or a script would:
//! arguments, standard streams, exit codes, signals. Nothing here knows how a node works inside.
//!
//! * [`badboy`] - a peer that means harm;
//! * [`bench`] - `colony bench`, and what it says it did;
//! * [`binary`] - where the binary is, built if need be;
//! * [`home`] - a user's home that lasts as long as a test, and commands run in it;
//! * [`outcome`] - what a command left behind, with a deadline so that no test hangs;
//! * [`cluster`] - a colony of real processes that joined by tickets, to kill, pause and cut off;
//! * [`crowd`] - many clients at once, everything they ask and are told recorded;
//! * [`dev`] - a running development colony;
//! * [`http`] - a client of ColonyOS's HTTP form;
//! * [`internet`] - public machines, and homes behind every kind of NAT;
//! * [`observed`] - every call of many clients, and whether an honest colony could have answered them so;
//! * [`mount`] - a disk that can be full or read-only;
//! * [`run`] - a crowd, the faults it goes through, and the verdict;
//! * [`served`] - a running node: ready line, kill -9, pauses, memory;
//! * [`websocket`] - a client of ColonyOS's WebSocket;
//! * [`parameter`] - counts that make a test long;
//! * [`document`] - the command blocks of a Markdown file, run as written.

pub mod badboy;
pub mod bench;
pub mod binary;
pub mod cluster;
pub mod crowd;
pub mod dev;
pub mod document;
pub mod home;
pub mod http;
pub mod internet;
pub mod mount;
mod netns;
pub mod observed;
pub mod outcome;
pub mod parameter;
pub mod run;
pub mod served;
pub mod websocket;
