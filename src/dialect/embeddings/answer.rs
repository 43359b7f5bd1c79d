//! Vectors as they come and go: as numbers, or as the base64 form of little-endian 32-bit floats. Either way they are
//! kept as those, which is all that the models give.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// In which form vectors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As a list of numbers.
    Float,
    /// As text.
    Base64,
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// One vector to each item, in order.
    pub vectors: Vec<Vec<f32>>,
    /// The model as the answer names it.
    pub model: String,
    /// Tokens of all items together.
    pub tokens: u64,
}

impl Answer {
    /// Reads an answer to `count` items. None where it has one vector to each, and what they are cannot be told: in
    /// another form than floats (bits, a vector to each token), or not numbered one to each. That can be passed on and
    /// not kept.
    ///
    /// # Errors
    /// Why it is none; for the log, never for a client.
    pub fn read(body: &[u8], count: usize) -> Result<Option<Self>, String> {
        match serde_json::from_slice(body) {
            Ok(said) => Self::of(said, count),
            Err(_) if is_in_another_form(body, count) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn of(said: Said, count: usize) -> Result<Option<Self>, String> {
        if said.data.len() != count {
            return Err(format!("{} vectors to {count} texts", said.data.len()));
        }
        let lengths = said.data.iter().map(|datum| datum.embedding.0.len());
        let longest = lengths.clone().max().unwrap_or(0);
        if longest == 0 || lengths.min() != Some(longest) {
            return Err("vectors of several lengths, or without numbers".to_owned());
        }
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); count];
        for (at, datum) in said.data.into_iter().enumerate() {
            let place = datum.index.unwrap_or(at);
            match vectors.get_mut(place).filter(|slot| slot.is_empty()) {
                Some(slot) => *slot = datum.embedding.0,
                None => return Ok(None),
            }
        }
        // Bytes that were no floats look like such that are no numbers.
        let sound = vectors.iter().flatten().all(|number| number.is_finite());
        Ok(sound.then(|| Self {
            vectors,
            model: said.model.unwrap_or_default(),
            tokens: said.usage.map_or(0, Usage::tokens),
        }))
    }
}

fn is_in_another_form(body: &[u8], count: usize) -> bool {
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        data: Vec<Datum<'a>>,
    }
    #[derive(Deserialize)]
    struct Datum<'a> {
        #[serde(borrow)]
        embedding: &'a RawValue,
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(body) else {
        return false;
    };
    let of_numbers = |list: &str| {
        let first = list.trim_start().chars().next();
        first.is_some_and(|c| c == '-' || c == '[' || c.is_ascii_digit())
    };
    let is_vector = |datum: &Datum<'_>| {
        let told = datum.embedding.get();
        let text = told.starts_with('"') && told.len() > 2;
        text || told.strip_prefix('[').is_some_and(of_numbers)
    };
    said.data.len() == count && said.data.iter().all(is_vector)
}

/// Writes an answer.
#[must_use]
pub fn write(vectors: &[&[f32]], model: &str, tokens: u64, format: Format) -> Bytes {
    let data = vectors.iter().enumerate().map(|(index, numbers)| Told {
        object: "embedding",
        index,
        embedding: Written(numbers, format),
    });
    let list = List {
        object: "list",
        data: data.collect(),
        model,
        usage: Counted {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    };
    // A list of numbers and texts is never refused.
    serde_json::to_vec(&list).unwrap_or_default().into()
}

#[derive(Deserialize)]
struct Said {
    data: Vec<Datum>,
    model: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Datum {
    index: Option<usize>,
    embedding: Numbers,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

impl Usage {
    fn tokens(self) -> u64 {
        self.prompt_tokens.or(self.total_tokens).unwrap_or(0)
    }
}

struct Numbers(Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(Either).map(Self)
    }
}

/// A list of numbers or a text, told apart without a copy of either.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers, or their base64 form")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<f32>, E> {
        let bytes = STANDARD.decode(text).map_err(E::custom)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("base64 of something else than floats"));
        }
        Ok(numbers.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<f32>, A::Error> {
        let mut numbers = Vec::with_capacity(list.size_hint().unwrap_or(1536));
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        numbers.shrink_to_fit();
        Ok(numbers)
    }
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Told<'a>>,
    model: &'a str,
    usage: Counted,
}

#[derive(Serialize)]
struct Told<'a> {
    object: &'static str,
    index: usize,
    embedding: Written<'a>,
}

#[derive(Serialize)]
struct Counted {
    prompt_tokens: u64,
    total_tokens: u64,
}

struct Written<'a>(&'a [f32], Format);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            Format::Float => self.0.serialize(to),
            Format::Base64 => {
                let bytes: Vec<u8> = self.0.iter().flat_map(|n| n.to_le_bytes()).collect();
                to.serialize_str(&STANDARD.encode(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(data: serde_json::Value) -> Result<Option<Answer>, String> {
        let body = json!({"data": data, "model": "m", "usage": {"prompt_tokens": 3}});
        Answer::read(body.to_string().as_bytes(), 2)
    }

    #[test]
    fn vectors_are_put_in_their_places() {
        let answer =
            read(json!([{"index": 1, "embedding": [2.5, 3]}, {"index": 0, "embedding": [0, 1]}]));
        let expected = Answer {
            vectors: vec![vec![0.0, 1.0], vec![2.5, 3.0]],
            model: "m".into(),
            tokens: 3,
        };
        assert_eq!(answer, Ok(Some(expected)));
    }

    #[test]
    fn what_is_not_one_vector_to_each_text_is_no_answer() {
        for data in [
            json!([]),
            json!([{"index": 0, "embedding": [1]}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]),
            json!([{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": null}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": ["1"]}]),
        ] {
            assert!(read(data.clone()).is_err(), "{data}");
        }
        assert!(Answer::read(b"{}", 0).is_err());
    }

    #[test]
    fn vectors_that_cannot_be_told_are_an_answer_that_is_not_kept() {
        for data in [
            json!([{"embedding": "AACA"}, {"embedding": "AACA"}]),
            json!([{"embedding": [[1, 2], [3, 4]]}, {"embedding": [[1, 2]]}]),
            // Not a number.
            json!([{"index": 0, "embedding": "AADAfw=="}, {"index": 1, "embedding": "AACAPw=="}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]),
        ] {
            assert_eq!(read(data.clone()), Ok(None), "{data}");
        }
        assert!(read(json!([{"embedding": "AACA"}])).is_err());
    }

    proptest! {
        #[test]
        fn a_vector_is_the_same_in_either_form(numbers in prop::collection::vec(-1e30f32..1e30, 1..40)) {
            for format in [Format::Float, Format::Base64] {
                let body = write(&[&numbers, &numbers], "m", 7, format);
                let answer = Answer::read(&body, 2).unwrap().unwrap();
                prop_assert_eq!(&answer.vectors[1], &numbers);
                prop_assert_eq!(answer.tokens, 7);
            }
        }
    }
}
