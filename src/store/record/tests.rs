use super::*;

pub(crate) fn entry(id: u64, exact: u8, answer: &str) -> Entry {
    Entry {
        id,
        scope: [3; 32],
        exact: [exact; 32],
        tenant: "acme".into(),
        namespace: "acme".into(),
        model: "gpt-4o".into(),
        origin: "openai".into(),
        question: Some(Question::Text(format!("question {id}?"))),
        tokens: Some([9; 16]),
        created_ms: 1,
        expires_ms: u64::MAX,
        asker: Some([7; 16]),
        earlier: vec![1, u64::MAX],
        made: Made {
            generation: 5,
            fresh_ms: Some(9),
            tags: vec!["prices".into()],
            prompt_version: Some("v1".into()),
        },
        answer: serde_json::value::to_raw_value(answer).unwrap().into(),
    }
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(1, 1024).unwrap().entry(entry, &mut out);
    out
}

#[test]
fn an_entry_comes_back_byte_for_byte_packed_or_not() {
    for answer in ["short", &"long ".repeat(1000)] {
        let entry = entry(7, 1, answer);
        let record = encoded(&entry);
        let back = decode_entry(7, &record).unwrap();
        assert_eq!(back.answer.get(), entry.answer.get());
        assert_eq!(
            (back.exact, back.question, back.tokens, back.made),
            (entry.exact, entry.question, entry.tokens, entry.made)
        );
    }
    assert!(encoded(&entry(7, 1, &"long ".repeat(1000))).len() < 1000);
}

#[test]
fn the_largest_answer_that_a_setting_lets_in_comes_back() {
    let mut largest = entry(7, 1, "");
    let answer = format!("\"{}\"", "a".repeat(MAX_UNPACKED - 2));
    largest.answer = RawValue::from_string(answer).unwrap().into();
    let record = encoded(&largest);
    assert!(record.len() < MAX_UNPACKED / 2, "it is packed");
    let back = decode_entry(7, &record).unwrap();
    assert_eq!(back.answer.get(), largest.answer.get());
}

#[test]
fn a_question_that_was_kept_as_a_digest_comes_back_as_one_and_its_text_is_nowhere() {
    for answer in ["short", &"long ".repeat(1000)] {
        let mut entry = entry(7, 1, answer);
        entry.question = Some(Question::keep("Who knows?", false));
        let record = encoded(&entry);
        let back = decode_entry(7, &record).unwrap();
        assert_eq!(back.question, entry.question);
        assert_eq!(back.answer.get(), entry.answer.get());
        assert!(!String::from_utf8_lossy(&record).contains("Who knows"));
    }
}

#[test]
fn a_record_without_what_later_builds_write_is_read_as_before() {
    let mut plain = entry(7, 1, "a");
    (plain.asker, plain.earlier, plain.made) = (None, Vec::new(), Made::default());
    let record = encoded(&plain);
    assert_eq!(record[1], 0, "as earlier builds wrote it");
    let back = decode_entry(7, &record).unwrap();
    assert_eq!((back.made, back.expires_ms), (Made::default(), u64::MAX));
}

#[test]
fn a_record_under_another_id_is_refused() {
    assert!(decode_entry(8, &encoded(&entry(7, 1, "a"))).is_none());
    let mut vector = Vec::new();
    encode_vector(7, &[3; 32], &[1.0, 0.0], &mut vector);
    assert_eq!(decode_vector(7, &vector), Some(([3; 32], vec![1.0, 0.0])));
    assert_eq!(decode_vector(8, &vector), None);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let record = encoded(&entry(7, 1, "an answer"));
    for at in 0..record.len() {
        let mut bad = record.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(decode_entry(7, &bad).is_none(), "byte {at}");
        assert!(decode_entry(7, &record[..at]).is_none(), "cut at {at}");
    }
}
