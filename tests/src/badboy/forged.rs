//! Requests that are almost right, and tickets that nobody made. None may be accepted, ever.

use std::time::{SystemTime, UNIX_EPOCH};

use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::Command,
    envelope::{Body, RequestId, Signed},
    identity::{Digest, Identity, SecretKey},
    model::{
        Name,
        member::{Addresses, MemberKey, NewMember, Role, StoreId},
    },
    query::Query,
    ticket::{SignedTicket, Ticket},
    time::{Span, Timestamp},
};

use super::dice::Dice;

/// One who forges: a stranger with keys of its own.
#[derive(Debug, Clone)]
pub(super) struct Forger {
    colony: Identity,
    key: SecretKey,
}

impl Forger {
    pub(super) fn new(colony: Identity, dice: &mut Dice) -> Self {
        Self { colony, key: SecretKey::derive(&dice.bytes(32)) }
    }

    /// The colony it lies to.
    pub(super) const fn colony(&self) -> &Identity {
        &self.colony
    }

    /// A signed request that is wrong in one way.
    pub(super) fn request(&self, dice: &mut Dice) -> Vec<u8> {
        match dice.below(4) {
            0 => self.unread(dice),
            1 => {
                let mut request = self.signed(&self.wrong_body(dice));
                let bit = dice.place(request.len() * 8);
                request[bit / 8] ^= 1 << (bit % 8);
                request
            }
            2 => self.signed(&self.body("query", Query::Status.encode().unwrap(), now(), dice)),
            _ => self.signed(&self.wrong_body(dice)),
        }
    }

    /// A request to be let in by a ticket that the colony's owner did not make.
    pub(super) fn join(&self, dice: &mut Dice) -> Vec<u8> {
        let own = SecretKey::derive(&dice.bytes(32));
        let other_colony = dice.below(3) == 0;
        let colony = if other_colony { own.identity() } else { self.colony };
        let ticket = Ticket {
            colony,
            colony_name: Name::cut("lab"),
            id: dice.bytes(16).try_into().unwrap(),
            role: dice.one_of(&[Role::Voter, Role::Executor, Role::User, Role::Observer]),
            member_name: None,
            uses: u32::MAX,
            issued: now(),
            expires: now().after(Span::from_secs(3_600)),
            member_until: None,
            nodes: List::default(),
        };
        let mut ticket = SignedTicket::sign(&ticket, &own).unwrap();
        if dice.below(3) == 0 {
            ticket.signature.0[dice.place(65)] ^= 1 << dice.place(8);
        }
        let member = NewMember {
            key: MemberKey::of(&self.key),
            name: Name::cut(&format!("badboy-{}", dice.below(1_000_000))),
            addresses: Addresses::default(),
            store: StoreId::from_bytes(dice.bytes(16).try_into().unwrap()),
            executor: None,
        };
        let command = Command::Join { ticket, member };
        self.signed(&self.body(command.kind(), command.encode().unwrap(), now(), dice))
    }

    /// A signature over bytes that are no body.
    fn unread(&self, dice: &mut Dice) -> Vec<u8> {
        let body = dice.some_bytes(600);
        let signature = self.key.sign(&Digest::of(&[&body]));
        Signed { signature, body: Bytes::new(body).unwrap(), foreign: None }.to_bytes().unwrap()
    }

    fn wrong_body(&self, dice: &mut Dice) -> Body {
        let mut body = self.body("query", Query::Statistics.encode().unwrap(), now(), dice);
        match dice.below(7) {
            0 => body.colony = Identity::from_bytes([9; 32]),
            1 => body.kind = Text::cut("submit"),
            2 => body.payload = Bytes::new(dice.some_bytes(1000)).unwrap(),
            3 => body.expires = Timestamp::from_micros(u64::MAX),
            4 => body.issued = Timestamp::from_micros(dice.below(1 << 60)),
            5 => {
                body.kind = Text::cut("pause");
                body.payload = Bytes::new(Command::Pause.encode().unwrap()).unwrap();
            }
            _ => body.audience = Identity::NOBODY,
        }
        body
    }

    fn body(&self, kind: &str, payload: Vec<u8>, issued: Timestamp, dice: &mut Dice) -> Body {
        Body {
            colony: self.colony,
            kind: Text::cut(kind),
            audience: self.colony,
            request: RequestId::from_bytes(dice.bytes(16).try_into().unwrap()),
            issued,
            expires: issued.after(Span::from_secs(30)),
            grants: List::default(),
            payload: Bytes::new(payload).unwrap(),
        }
    }

    fn signed(&self, body: &Body) -> Vec<u8> {
        Signed::sign(body, &self.key).unwrap().to_bytes().unwrap()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap())
}
