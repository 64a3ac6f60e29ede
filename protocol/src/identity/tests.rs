use super::*;

/// What the Go, Python and Rust clients of ColonyOS produce, byte for byte.
struct Vector {
    secret: &'static str,
    public: &'static str,
    id: &'static str,
    message: &'static str,
    digest: &'static str,
    signature: &'static str,
}

/// V4 and V5 are the smallest and the largest secret key.
const VECTORS: [Vector; 5] = [
    // V1
    Vector {
        secret: "6c1f0d8a0b3de7e2d0a5d4a3b9b0f1e2c3d4e5f60718293a4b5c6d7e8f901234",
        public: "0487ddccdbb5a58e14cc5cb9804b6c58513fcee1bb7e3b6f69e66a8214b678fceaa33efdb384a3749973d7e4b64444a89415e616d9ac120c13dd0a3ebb583c77d4",
        id: "d3c82c740dcd057e40e51d324d03f042a3624e31b2d928d2bc296a6e95299ea2",
        message: "eyJtc2d0eXBlIjogImdldGNvbG9uaWVzbXNnIn0=",
        digest: "eadda7cf07edf81c2803ef44e180181d037cc68dfce136f18b91891f1e39be17",
        signature: "f18ff0713f72d6f13767558241055a90d069649c582a92874b3f38b23c4600165dffbb165630de30e4b5605c48623baf06c8d3fe5b67894739d2aff250b4b64301",
    },
    // V2
    Vector {
        secret: "1b2c3d4e5f60718293a4b5c6d7e8f9011223344556677889900aabbccddeeff0",
        public: "045402d4115ce783f40e661ad841db6c270c2c3bf61e1b9019f72094eb4a8231842398110b3b11998266323e66f05ae91e38eabb331268eec47a8c8ad0c7e4a3ac",
        id: "541d777d121298e1c86c619b97e617a4827733a279bb08455ecd92b568dbb66e",
        message: "eyJtc2d0eXBlIjogImFzc2lnbnByb2Nlc3Ntc2ciLCAidGltZW91dCI6IDEwLCAiY29sb255bmFtZSI6ICJkZXYifQ==",
        digest: "7ab9e36989e50a3082c82699b23e3c7df0b3196419ad301bccb42eca70c40042",
        signature: "137c369f6aab901e356859f20045310a8dca0aa44ffd6453db86735f2f9c624d282e6f2821f3ba55cd92b6ce6a8e3f7f57933df3d1ade1784113b2f02efecb1901",
    },
    // V3
    Vector {
        secret: "2222222222222222222222222222222222222222222222222222222222222222",
        public: "04466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f276728176c3c6431f8eeda4538dc37c865e2784f3a9e77d044f33e407797e1278a",
        id: "428a7ee5feb0fb642b0778ea2537d220b68b8ad6aca66339846f4afe4ea2414a",
        message: "test",
        digest: "36f028580bb02cc8272a9a020f4200e346e276ae664e45ee80745574e2f5ab80",
        signature: "45226b643e11945da918cdbed43bf0f3a49814b8a713ab12fd066b6a87fc33b67b84ed78f39a0b22a26be3e673dd487da281277d37dab937d687d087b9d5bd0900",
    },
    // V4
    Vector {
        secret: "0000000000000000000000000000000000000000000000000000000000000001",
        public: "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        id: "2036f5bc759cfb3589fb4e2342bc9b3c843c5ef27dc8ded538de328a7567089b",
        message: "",
        digest: "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
        signature: "ab1a548e7964281d13c2e4c3d260fdf29acd9d6e8d21edc63522c972ab3d2aba0e94f1d6c7a3282498a7f15eaabda6ed2c60adf28208d7f3ffcaef36a23d1eb200",
    },
    // V5
    Vector {
        secret: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
        public: "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798b7c52588d95c3b9aa25b0403f1eef75702e84bb7597aabe663b82f6f04ef2777",
        id: "8a1239501ae5ad811ed1de202778d48556f8977f597b971baa2d4e20deb49dd9",
        message: "åäö ☃",
        digest: "e98a6e83acb55fe4da0ac175545aa5a2d88d4e3751e121ea10601c3b2657eb9c",
        signature: "73491bc4b9cbd15fa5da0063ce9ddcd4cd2c658f57af85906d7b298969d7b1da586c9ee6e1c9e69ef9cd9f6a168f78ac6149dc2605e35a7213c65b1b13b4fe9400",
    },
];

/// V6: the key of V3 signs the message of V1.
const CROSSED: &str = "b4eb93d5176ab3b337b757ca9db84a61a78e90fde4ee3452ec6c60e6cb9c030d70a8e0bee5fe07f08cbbe6fadd15b8ff08b1fdb305a6b523ff6f368db54ed7d801";

fn of_hex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn every_vector_gives_the_same_key_identity_digest_and_signature_as_colonyos() {
    for vector in VECTORS {
        let key: SecretKey = vector.secret.parse().unwrap();
        assert_eq!(key.to_hex(), vector.secret);
        assert_eq!(hex::encode(key.public_key()), vector.public);
        assert_eq!(key.identity().to_hex(), vector.id);

        let digest = Digest::of(&[vector.message.as_bytes()]);
        assert_eq!(hex::encode(digest.0), vector.digest);
        let signature = key.sign(&digest);
        assert_eq!(signature.to_hex(), vector.signature);
        assert_eq!(signature.recover(&digest), Ok(key.identity()));
    }
}

#[test]
fn a_signature_by_another_key_recovers_the_other_identity() {
    let digest = Digest::of(&[VECTORS[0].message.as_bytes()]);
    let signature: Signature = CROSSED.parse().unwrap();
    assert_eq!(signature.recover(&digest).unwrap().to_hex(), VECTORS[2].id);
    assert_eq!(VECTORS[2].secret.parse::<SecretKey>().unwrap().sign(&digest), signature);
}

#[test]
fn the_three_development_keys_have_the_documented_identities() {
    let keys = [
        // Server, colony, executor.
        (
            "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d",
            "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103",
        ),
        (
            "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514",
            "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4",
        ),
        (
            "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05",
            "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac",
        ),
    ];
    for (secret, id) in keys {
        assert_eq!(secret.parse::<SecretKey>().unwrap().identity().to_hex(), id);
    }
}

#[test]
fn both_forms_of_a_public_key_have_one_identity() {
    let long = hex::decode(VECTORS[0].public).unwrap();
    let parity = 2 + (long[64] & 1);
    let short: Vec<u8> = std::iter::once(parity).chain(long[1..33].iter().copied()).collect();
    let id = VECTORS[0].id.parse().unwrap();
    assert_eq!(Identity::of_public_key(&long), Ok(id));
    assert_eq!(Identity::of_public_key(&short), Ok(id));
}

#[test]
fn bytes_that_are_no_point_of_the_curve_are_no_public_key() {
    let good = hex::decode(VECTORS[0].public).unwrap();
    let mut off_curve = good.clone();
    off_curve[64] ^= 1;
    let mut tag = good.clone();
    tag[0] = 5;
    for bytes in [&[][..], &[0], &good[..64], &[good.as_slice(), &[0]].concat(), &off_curve, &tag] {
        assert_eq!(Identity::of_public_key(bytes), Err(IdentityError::PublicKey));
    }
}

#[test]
fn a_secret_key_is_64_hex_characters_between_one_and_the_order() {
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for text in [&"0".repeat(64), order, &"f".repeat(64)] {
        assert_eq!(text.parse::<SecretKey>().unwrap_err(), IdentityError::SecretKey);
    }
    for text in ["", "22", &"2".repeat(63), &"2".repeat(66), &"z".repeat(64), &"é".repeat(32)] {
        assert_eq!(text.parse::<SecretKey>().unwrap_err(), IdentityError::SecretKeyText);
    }
    // As it comes out of a key file, or out of a shell variable in capitals.
    let upper = format!(" {}\n", VECTORS[0].secret.to_uppercase());
    assert_eq!(upper.parse::<SecretKey>().unwrap().to_hex(), VECTORS[0].secret);
}

#[test]
fn a_secret_key_does_not_show_itself() {
    let key: SecretKey = VECTORS[0].secret.parse().unwrap();
    assert_eq!(format!("{key:?}"), format!("SecretKey(of {})", VECTORS[0].id));
}

#[test]
fn keys_are_derived_from_any_seed_and_differ_with_it() {
    let keys = [&b""[..], b"a", b"b", &[0; 4096]].map(SecretKey::derive);
    for (index, key) in keys.iter().enumerate() {
        assert!(keys[..index].iter().all(|other| other.to_bytes() != key.to_bytes()));
    }
    assert_eq!(SecretKey::derive(b"a").to_bytes(), keys[1].to_bytes());
}

/// The first vector's signature, with something done to its bytes.
fn tampered(change: impl FnOnce(&mut [u8; SIGNATURE_LEN])) -> Result<Identity, IdentityError> {
    let mut bytes = of_hex(VECTORS[0].signature);
    change(&mut bytes);
    Signature(bytes).recover(&Digest::of(&[VECTORS[0].message.as_bytes()]))
}

/// n - s for a 32-byte big-endian s: the other valid half of an ECDSA signature.
fn negate(s: &mut [u8]) {
    let order: [u8; 32] = of_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut borrow = 0;
    for (digit, high) in s.iter_mut().zip(order).rev() {
        let difference = 256 + i32::from(high) - i32::from(*digit) - borrow;
        borrow = i32::from(difference < 256);
        *digit = (difference % 256).try_into().unwrap();
    }
}

#[test]
fn a_malleated_signature_is_refused_although_it_verifies() {
    // Both the bare high-S form and the one with the recovery id that would recover the signer.
    assert_eq!(tampered(|bytes| negate(&mut bytes[32..64])), Err(IdentityError::Signature));
    let twin = tampered(|bytes| {
        negate(&mut bytes[32..64]);
        bytes[64] ^= 1;
    });
    assert_eq!(twin, Err(IdentityError::Signature));

    // Negating twice gives the original, so `negate` is what it says.
    let twice = tampered(|bytes| {
        negate(&mut bytes[32..64]);
        negate(&mut bytes[32..64]);
    });
    assert_eq!(twice.unwrap().to_hex(), VECTORS[0].id);
}

#[test]
fn only_recovery_ids_up_to_three_are_read() {
    let signer = VECTORS[0].id.parse().unwrap();
    for id in 0..=u8::MAX {
        let found = tampered(|bytes| bytes[64] = id);
        match id {
            1 => assert_eq!(found, Ok(signer)),
            // The point's other half: some other key, nobody we know.
            0 => assert!(found.is_ok_and(|other| other != signer)),
            // 2 and 3 need r + n below the field's size, which this r is not.
            _ => assert_eq!(found, Err(IdentityError::Signature), "recovery id {id}"),
        }
    }
}

#[test]
fn scalars_out_of_range_are_refused() {
    let order: [u8; 32] = of_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    for scalar in [[0; 32], order, [0xff; 32]] {
        assert_eq!(tampered(|bytes| bytes[..32].copy_from_slice(&scalar)), Err(IdentityError::Signature));
        assert_eq!(tampered(|bytes| bytes[32..64].copy_from_slice(&scalar)), Err(IdentityError::Signature));
    }
    assert_eq!(tampered(|bytes| bytes.fill(0)), Err(IdentityError::Signature));
}

#[test]
fn signature_text_is_130_hex_characters_in_either_case() {
    let good = VECTORS[0].signature;
    assert_eq!(good.to_uppercase().parse::<Signature>().unwrap().to_hex(), good);
    for text in ["", &good[..128], &format!("{good}00"), &good[1..], &good.replace('f', "g")] {
        assert_eq!(text.parse::<Signature>(), Err(IdentityError::Signature));
    }
}

#[test]
fn an_id_is_64_hex_characters() {
    let id: Identity = VECTORS[0].id.parse().unwrap();
    assert_eq!(id.to_string(), VECTORS[0].id);
    assert_eq!(VECTORS[0].id.to_uppercase().parse(), Ok(id));
    for text in ["", &VECTORS[0].id[..62], &format!("{id}00"), &"x".repeat(64)] {
        assert_eq!(text.parse::<Identity>(), Err(IdentityError::IdentityText));
    }
}

#[test]
fn another_message_recovers_somebody_else_or_nobody() {
    let signature: Signature = VECTORS[0].signature.parse().unwrap();
    let other = signature.recover(&Digest::of(&[b"another message"]));
    assert!(other.map_or(true, |id| id.to_hex() != VECTORS[0].id));
}
