//! What ColonyOS's clients say, as commands and questions, and what they are told.
//!
//! A client sends a small JSON envelope with a JSON message in it, and signs the message's text ([`Rpc`]). A message
//! becomes an [`Ask`]: where it belongs, and what is to be done. What comes of it is shown in the shapes that the clients
//! know, and what is refused as a [`Fault`] with an HTTP status.
//!
//! All of it is pure: who carries a message, and who carries it out, is the business of the gateway. Of the same text
//! everybody makes the same commands, so a member need not believe another one's reading ([`says`]).
//!
//! What may never happen: a field that ColonyOS's clients spell otherwise than it is spelt here; a message that changes
//! something and is taken for a question.

mod ask;
mod blueprints;
mod channels;
mod colonies;
mod crons;
mod executors;
mod fault;
mod files;
mod keys;
mod logs;
mod message;
mod pages;
mod places;
mod processes;
mod rpc;
mod says;
mod show;
mod subscribe;
#[cfg(test)]
mod tests;
mod then;
mod workflows;

pub use ask::{Action, Ask, LogSpan, Place};
pub use fault::Fault;
pub use message::read;
pub use pages::{ENTRIES_BYTES_MAX, PAGES_MAX, entries_bytes, joined, next_page};
pub use rpc::{BODY_MAX, LARGE_BODY_MAX, Rpc, fault_reply, reply};
pub use says::says;
pub use show::{Show, colony};
pub use subscribe::{Subscription, subscription};
pub use then::{Next, Then};
