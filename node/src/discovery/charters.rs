//! What a voter says of its colony to strangers, made from the colony's state.

use colony_protocol::{
    bounded::List,
    charter::{
        Charter, CharterError, CharterNode, NODE_ADDRESSES_MAX, SignedCharter, SignedDelegation, VOTERS_MAX,
    },
    colony::Colony,
    identity::{Identity, SecretKey},
    model::member::{Address, Role},
    time::Timestamp,
};
use libp2p::Multiaddr;

use crate::net::discovery::address::{Scope, scope};

/// What there is to say, as long as nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) delegation: SignedDelegation,
    pub(super) charter: Charter,
}

/// Whether a node votes in a colony, and so speaks for it or at least tells where it is.
pub(super) fn votes(colony: &Colony, me: &Identity) -> bool {
    colony.member_by_id(me).is_some_and(|member| member.is_active() && member.role == Role::Voter)
}

/// What `me` may say of its colony; `None` if it is not for it to speak.
pub(super) fn word(colony: &Colony, me: &Identity) -> Option<Word> {
    let signed = colony.delegation().filter(|_| votes(colony, me))?;
    let delegation = signed.verify().ok().filter(|delegation| delegation.speakers.contains(me))?;
    let voters = colony.members().filter(|member| member.is_active() && member.role == Role::Voter);
    let nodes = voters
        .take(VOTERS_MAX)
        .map(|voter| CharterNode { key: voter.key, addresses: best(&voter.addresses) });
    let charter = Charter {
        colony: delegation.colony,
        name: colony.name().clone(),
        sequence: 0,
        issued: Timestamp::ZERO,
        voters: List::new(nodes.collect()).unwrap_or_default(),
    };
    Some(Word { delegation: signed.clone(), charter })
}

/// The addresses that lead farthest come first; those of the machine itself are of use only if there are no others.
fn best(addresses: &[Address]) -> List<Address, NODE_ADDRESSES_MAX> {
    let reach =
        |address: &Address| address.parse::<Multiaddr>().map_or(Scope::Nowhere, |address| scope(&address));
    let mut best: Vec<&Address> =
        addresses.iter().filter(|address| reach(address) > Scope::Machine).collect();
    if best.is_empty() {
        best = addresses.iter().collect();
    }
    best.sort_by_key(|address| std::cmp::Reverse(reach(address)));
    List::new(best.into_iter().take(NODE_ADDRESSES_MAX).cloned().collect()).unwrap_or_default()
}

impl Word {
    /// Signs. Where all addresses do not fit, each voter gives up its last.
    pub(super) fn sign(
        &self,
        sequence: u64,
        issued: Timestamp,
        key: &SecretKey,
    ) -> Result<SignedCharter, CharterError> {
        let mut charter = Charter { sequence, issued, ..self.charter.clone() };
        for most in (1..=NODE_ADDRESSES_MAX).rev() {
            let fewer = charter.voters.iter().map(|node| {
                let addresses = node.addresses.iter().take(most).cloned().collect();
                CharterNode { key: node.key, addresses: List::new(addresses).unwrap_or_default() }
            });
            charter.voters = List::new(fewer.collect()).unwrap_or_default();
            match SignedCharter::sign(&charter, &self.delegation, key) {
                Err(CharterError::TooLarge) => {}
                signed => return signed,
            }
        }
        Err(CharterError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::Text,
        charter::Delegation,
        colony::{Call, Outbox},
        command::Command,
        envelope::RequestId,
        model::member::{MemberKey, NewMember, StoreId},
    };

    use super::*;

    fn key(name: &str) -> SecretKey {
        SecretKey::derive(name.as_bytes())
    }

    fn colony(speakers: &[&str]) -> Colony {
        let owner = key("owner");
        let mut colony = Colony::new(owner.identity());
        let member = |name: &str| NewMember {
            key: MemberKey::of(&key(name)),
            name: Text::cut(name),
            addresses: List::new(vec![Text::cut(&format!("/ip4/192.0.2.1/tcp/1/p2p/{name}"))]).unwrap(),
            store: StoreId::default(),
            executor: None,
        };
        let speakers = List::new(speakers.iter().map(|name| key(name).identity()).collect()).unwrap();
        let delegation =
            Delegation { colony: owner.identity(), sequence: 1, issued: Timestamp::ZERO, speakers };
        let commands = [
            Command::Found { name: Text::cut("dev") },
            Command::AddMember { member: member("a"), role: Role::Voter },
            Command::AddMember { member: member("b"), role: Role::Voter },
            Command::AddMember { member: member("c"), role: Role::Observer },
            Command::Delegate { delegation: SignedDelegation::sign(&delegation, &owner).unwrap() },
        ];
        for (number, command) in commands.into_iter().enumerate() {
            let mut request = [0; 16];
            request[0] = u8::try_from(number).unwrap();
            let by = owner.identity();
            let expires = Timestamp::from_micros(1);
            let call = Call {
                by,
                term: 1,
                request: RequestId::from_bytes(request),
                expires,
                command: command.into(),
            };
            colony.apply(&call, &mut Outbox::default()).unwrap();
        }
        colony
    }

    #[test]
    fn a_voter_that_the_owner_named_lists_all_voters() {
        let colony = colony(&["a"]);
        let word = word(&colony, &key("a").identity()).unwrap();
        let signed = word.sign(5, Timestamp::from_micros(7), &key("a")).unwrap();
        let proven = signed.verify().unwrap();
        assert_eq!((proven.rank.sequence, proven.rank.issued), (5, Timestamp::from_micros(7)));
        let mut listed: Vec<_> = proven.charter.voters.iter().map(|node| node.key).collect();
        listed.sort_unstable();
        let mut voters = [MemberKey::of(&key("a")), MemberKey::of(&key("b"))];
        voters.sort_unstable();
        assert_eq!(listed, voters);
    }

    #[test]
    fn others_do_not_speak() {
        let colony = colony(&["a", "c"]);
        for silent in ["b", "c", "owner", "stranger"] {
            assert_eq!(word(&colony, &key(silent).identity()), None, "{silent}");
        }
    }

    #[test]
    fn addresses_that_lead_farther_come_first_and_too_many_are_left_out() {
        let text = |address: &str| Text::cut(address);
        let (machine, site, world) =
            (text("/ip4/127.0.0.1/tcp/1"), text("/ip4/10.0.0.1/tcp/1"), text("/ip4/8.8.8.8/tcp/1"));
        let all = [machine.clone(), site.clone(), world.clone()];
        assert_eq!(&*best(&all), [world, site]);
        assert_eq!(&*best(std::slice::from_ref(&machine)), [machine]);

        let mut word = word(&colony(&["a"]), &key("a").identity()).unwrap();
        let long = || List::new((0..NODE_ADDRESSES_MAX).map(|_| text(&"x".repeat(256))).collect()).unwrap();
        let node = || CharterNode { key: MemberKey::of(&key("a")), addresses: long() };
        word.charter.voters = List::new((0..VOTERS_MAX).map(|_| node()).collect()).unwrap();
        let signed = word.sign(1, Timestamp::ZERO, &key("a")).unwrap();
        let charter = signed.verify().unwrap().charter;
        assert_eq!(charter.voters.len(), VOTERS_MAX);
        assert!(!charter.voters[0].addresses.is_empty());
    }
}
