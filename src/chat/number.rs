//! How numbers of single precision are spelled: as short as they are, and not with the digits that a wider
//! type adds to them.

use serde::{Serialize, Serializer};

/// The number that prints as short as the original does.
#[must_use]
pub fn shortest(value: f32) -> f64 {
    value
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(value))
}

/// US dollars to a thousand-millionth: finer than any price is, and without the digits that adding up leaves.
#[must_use]
pub fn usd(amount: f64) -> f64 {
    // A sum of nothing is minus nothing, which nobody wants to read.
    (amount * 1e9).round() / 1e9 + 0.0
}

/// For `serialize_with`.
///
/// # Errors
/// The serializer's own.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
pub fn short<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(shortest(*value))
}

/// The same where there may be none.
///
/// # Errors
/// The serializer's own.
#[allow(clippy::ref_option, reason = "serde asks for it so")]
pub fn short_option<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(shortest).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        #[serde(serialize_with = "short")]
        a: f32,
        #[serde(serialize_with = "short_option")]
        b: Option<f32>,
        #[serde(serialize_with = "short_option")]
        c: Option<f32>,
    }

    #[test]
    fn a_number_has_the_digits_that_it_was_given() {
        let row = Row {
            a: 0.7,
            b: Some(0.937_845_2),
            c: None,
        };
        let told = serde_json::to_value(row).unwrap().to_string();
        assert_eq!(told, r#"{"a":0.7,"b":0.9378452,"c":null}"#);
    }
}
