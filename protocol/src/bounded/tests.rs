use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;
use crate::codec;

/// Sends a value of one type where another is expected.
fn sent<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, codec::CodecError> {
    codec::decode(&codec::encode(value).unwrap())
}

#[test]
fn text_of_the_limit_passes_and_one_byte_more_does_not() {
    assert_eq!(Text::<4>::new("abcd").unwrap().as_str(), "abcd");
    assert_eq!(Text::<4>::new("abcde"), Err(BoundError::TooLong { len: 5, limit: 4 }));
    assert_eq!(sent::<Text<4>>(&"abcd").unwrap().as_str(), "abcd");
    assert!(sent::<Text<4>>(&"abcde").is_err());
    // The limit is in bytes, because memory is.
    assert!(Text::<4>::new("åäö").is_err());
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(Text::<5>::cut("åäö").as_str(), "åä");
    assert_eq!(Text::<0>::cut("å").as_str(), "");
    assert_eq!(Text::<9>::cut("åäö").as_str(), "åäö");
}

#[test]
fn bytes_of_the_limit_pass_and_one_more_does_not() {
    assert_eq!(&*Bytes::<2>::new([1, 2]).unwrap(), [1, 2]);
    assert!(Bytes::<2>::new([1, 2, 3]).is_err());
    assert_eq!(&*sent::<Bytes<2>>(&serde_bytes::Bytes::new(&[1, 2])).unwrap(), [1, 2]);
    assert!(sent::<Bytes<2>>(&serde_bytes::Bytes::new(&[1, 2, 3])).is_err());
    // An array of numbers would cost a byte and a half each, and text is not bytes.
    assert!(sent::<Bytes<2>>(&[1u8, 2]).is_err());
}

#[test]
fn a_list_stops_at_its_limit() {
    assert_eq!(&*sent::<List<u8, 2>>(&[1, 2]).unwrap(), [1, 2]);
    assert!(sent::<List<u8, 2>>(&[1, 2, 3]).is_err());
    assert_eq!(List::<u8, 2>::new(vec![1, 2, 3]), Err(BoundError::TooLong { len: 3, limit: 2 }));
    assert!(sent::<List<u8, 0>>(&[0u8; 0]).is_ok());
}

#[test]
fn a_map_stops_at_its_limit_and_at_a_repeated_key() {
    let two = BTreeMap::from([(1u8, 1u8), (2, 2)]);
    let three = BTreeMap::from([(1u8, 1u8), (2, 2), (3, 3)]);
    assert_eq!(sent::<Map<u8, u8, 2>>(&two).unwrap().into_iter().collect::<BTreeMap<_, _>>(), two);
    assert!(sent::<Map<u8, u8, 2>>(&three).is_err());
    assert!(Map::<u8, u8, 2>::new(three).is_err());
    // {1: 1, 1: 2}: the last would silently win.
    assert!(codec::decode::<Map<u8, u8, 2>>(&[0xa2, 1, 1, 1, 2]).is_err());
    // {2: 1, 1: 1, 2: 2}: nor need the two stand side by side.
    assert!(codec::decode::<Map<u8, u8, 3>>(&[0xa3, 2, 1, 1, 1, 2, 2]).is_err());
}

#[test]
fn a_map_is_in_order_however_it_was_sent() {
    // {3: 30, 1: 10, 2: 20}
    let map: Map<u8, u8, 3> = codec::decode(&[0xa3, 3, 24, 30, 1, 10, 2, 20]).unwrap();
    assert_eq!(map.iter().collect::<Vec<_>>(), [(&1, &10), (&2, &20), (&3, &30)]);
    assert_eq!((map.get(&2), map.get(&4), map.contains_key(&3)), (Some(&20), None, true));
    assert_eq!(map, Map::new(BTreeMap::from([(1, 10), (2, 20), (3, 30)])).unwrap());
}

#[test]
fn a_header_that_claims_much_costs_nothing() {
    // 2^32 elements, 2^64 - 1 elements, and as many bytes of text.
    for header in [&[0x9a, 0xff, 0xff, 0xff, 0xff][..], &[0x9b; 9], &[0xbb; 9], &[0x7b; 9], &[0x5b; 9]] {
        assert!(codec::decode::<List<u64, 1_000_000>>(header).is_err());
        assert!(codec::decode::<Map<u64, u64, 1_000_000>>(header).is_err());
        assert!(codec::decode::<Text<1_000_000>>(header).is_err());
        assert!(codec::decode::<Bytes<1_000_000>>(header).is_err());
    }
}

fn nested(levels: usize, open: &str, close: &str) -> String {
    open.repeat(levels) + "1" + &close.repeat(levels)
}

#[test]
fn json_at_the_deepest_level_can_be_read_back_and_one_level_more_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deepest = Json::new(nested(JSON_DEPTH_MAX, open, close)).unwrap();
        assert_ne!(deepest.to_value(), serde_json::Value::Null);
        for levels in [JSON_DEPTH_MAX + 1, 127, 128, 129, 10_000] {
            let text = nested(levels, open, close);
            assert!(matches!(Json::new(text.as_str()), Err(BoundError::Json(_))), "{levels} levels");
            assert!(sent::<Json>(&text).is_err());
        }
    }
    let error = Json::new(nested(121, "[", "]")).unwrap_err().to_string();
    assert!(error.contains("nested more than 120 levels deep"), "{error}");
}

#[test]
fn wide_json_is_not_deep() {
    let wide = format!("[{}1]", "[[]],".repeat(10_000));
    assert!(Json::new(wide).is_ok());
    // Brackets in text are text.
    assert!(Json::new(format!("\"{}\"", "[".repeat(1_000))).is_ok());
    assert!(Json::new(format!("[\"\\\"{}\"]", "{[".repeat(1_000))).is_ok());
}

#[test]
fn what_a_tree_could_not_hold_is_no_json() {
    for text in
        ["1e400", "-1e999", r#""\ud800""#, "", " ", "[1", "[1]]", "1 2", "nul", "'a'", "{1:2}", "[1,]", "NaN"]
    {
        assert!(matches!(Json::new(text), Err(BoundError::Json(_))), "{text}");
        assert!(sent::<Json>(&text).is_err(), "{text}");
    }
}

#[test]
fn json_keeps_its_text() {
    for text in
        ["9007199254740993", "1.0", "  [1,\t2]\n", r#"{"b":1,"a":2}"#, "123456789012345678901234567890"]
    {
        assert_eq!(Json::new(text).unwrap().as_text(), text);
    }
}

#[test]
fn json_is_bounded_by_its_bytes() {
    assert!(Json::new(format!("\"{}\"", "a".repeat(JSON_MAX - 2))).is_ok());
    let long = format!("\"{}\"", "a".repeat(JSON_MAX - 1));
    assert_eq!(Json::new(long.clone()), Err(BoundError::TooLong { len: JSON_MAX + 1, limit: JSON_MAX }));
    assert!(sent::<Json>(&long).is_err());
}

#[test]
fn a_string_is_cut_where_its_escapes_still_fit() {
    assert_eq!(Json::string("a\"b\n").as_text(), r#""a\"b\n""#);
    for (unit, width) in
        [("a", 1), ("\"", 2), ("\n", 2), ("\u{8}", 2), ("\u{c}", 2), ("\u{1}", 6), ("å", 2), ("\u{7f}", 1)]
    {
        let json = Json::string(&unit.repeat(JSON_MAX));
        assert_eq!(json.as_text().len(), (JSON_MAX - 2) / width * width + 2, "{unit:?}");
        assert_eq!(sent::<Json>(&json), Ok(json));
    }
}

#[test]
fn people_see_strings_without_quotes() {
    assert_eq!(Json::string("a b").to_plain(), "a b");
    assert_eq!(Json::new("[1, \"a\"]").unwrap().to_plain(), "[1, \"a\"]");
}

proptest! {
    #[test]
    fn what_passes_as_json_always_decodes(text in r#"[\[\]{}:,"\\ue0-9a.+\-]{0,24}"#) {
        let tree = serde_json::from_str::<serde_json::Value>(&text);
        prop_assert_eq!(Json::new(text).is_ok(), tree.is_ok());
    }

    #[test]
    fn any_string_survives(text in any::<String>()) {
        prop_assert_eq!(Json::string(&text).to_plain(), text);
    }
}
