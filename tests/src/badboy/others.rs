//! What can be said in the protocols beside requests: gossip and the table of addresses. Both carry protobuf behind a length.

use super::dice::Dice;

/// Subscriptions in one message.
const SUBSCRIPTIONS: u64 = 2_000;
/// More than a message of gossip may have.
const HUGE: usize = 256 * 1024;

/// Topics without end.
pub(super) fn subscriptions(dice: &mut Dice) -> Vec<u8> {
    let mut rpc = Vec::new();
    for _ in 0..SUBSCRIPTIONS {
        let mut subscription = Vec::new();
        number(&mut subscription, 1, 1);
        bytes(&mut subscription, 2, format!("topic {}", dice.roll()).as_bytes());
        bytes(&mut rpc, 1, &subscription);
    }
    framed(&rpc)
}

/// A message that is too large, or claims to be, or is signed by nobody.
pub(super) fn huge_gossip(dice: &mut Dice) -> Vec<u8> {
    let len = if dice.below(2) == 0 { HUGE } else { 2_000 };
    let mut message = Vec::new();
    bytes(&mut message, 1, &dice.bytes(38));
    bytes(&mut message, 2, &vec![7; len]);
    bytes(&mut message, 3, &dice.bytes(8));
    bytes(&mut message, 4, b"colony");
    bytes(&mut message, 5, &dice.bytes(64));
    let mut rpc = Vec::new();
    bytes(&mut rpc, 2, &message);
    if dice.below(3) > 0 {
        return framed(&rpc);
    }
    let mut out = Vec::new();
    varint(&mut out, 1 << 40);
    out.extend(rpc);
    out
}

/// A record that is a lie, providers who are nobody, or a question that is answered with much.
pub(super) fn poison(key: &[u8], dice: &mut Dice) -> Vec<u8> {
    let key = if dice.below(2) == 0 { key.to_vec() } else { dice.bytes(32) };
    let kind = dice.below(6);
    let mut message = Vec::new();
    number(&mut message, 1, kind);
    bytes(&mut message, 2, &key);
    if kind == 0 {
        let mut record = Vec::new();
        bytes(&mut record, 1, &key);
        bytes(&mut record, 2, &dice.some_bytes(60_000));
        number(&mut record, 777, dice.roll());
        bytes(&mut message, 3, &record);
    }
    for _ in 0..dice.below(200) {
        let mut peer = Vec::new();
        // A public key of kind secp256k1 in a multihash that holds it unhashed, with no key in it.
        let mut id = b"\x00\x25\x08\x02\x12\x21".to_vec();
        id.extend(dice.bytes(33));
        bytes(&mut peer, 1, &id);
        for _ in 0..dice.below(40) {
            let mut address = b"\x04".to_vec();
            address.extend(dice.bytes(4));
            address.extend(b"\x06\x0f\xa1");
            bytes(&mut peer, 2, &address);
        }
        number(&mut peer, 3, 1);
        bytes(&mut message, dice.one_of(&[8, 9]), &peer);
    }
    framed(&message)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, message.len() as u64);
    out.extend(message);
    out
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}
