//! What is compared: a unit vector as int8 codes, and the exact cosine that decides.
//! The gate stands here, so that no vector which could match everything ever becomes a [`Code`].

use simsimd::SpatialSimilarity;

use super::dot::dot;

/// How far a norm may be from 1. Models round; anything further off was not normalised.
const NORM_SLACK: f32 = 1e-3;

/// Bytes behind the codes of a row: the reciprocal of their norm, as a little-endian `f32`.
pub(super) const TAIL: usize = 4;

/// Why a vector may not enter the index or search it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Gate {
    /// The partition holds vectors of another length.
    #[error("the vector has {found} numbers where {expected} are due")]
    Dimension {
        /// Numbers that the partition's vectors have.
        expected: usize,
        /// Numbers that this one has.
        found: usize,
    },
    /// A NaN or an infinity: it would compare as equal to everything, or to nothing.
    #[error("the vector has a number that is not finite")]
    NotFinite,
    /// Not a unit vector (an all-zero one has norm 0).
    #[error("the vector has norm {0} where 1 is due")]
    Norm(f32),
    /// The partition has used up its slots; compaction gives it new ones.
    #[error("the partition is full")]
    Full,
}

/// The int8 codes of one unit vector, a quarter of its size.
///
/// Each vector has its own scale (its largest number becomes 127). Cosine does not see the scale, so
/// it is not kept; the reciprocal of the codes' norm is, behind the codes, which makes a comparison
/// one integer dot product. That is why the row can go as it is into a graph whose distance sees
/// nothing but two slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    row: Box<[i8]>,
}

impl Code {
    /// Codes of `vector`.
    ///
    /// # Errors
    /// [`Gate`] when the vector is empty, not finite, or its norm is further than 0.001 from 1.
    pub fn of(vector: &[f32]) -> Result<Self, Gate> {
        if vector.iter().any(|x| !x.is_finite()) {
            return Err(Gate::NotFinite);
        }
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if (norm - 1.0).abs() > NORM_SLACK || norm.is_nan() {
            return Err(Gate::Norm(norm));
        }
        let largest = vector.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let scale = 127.0 / largest;
        let mut row: Vec<i8> = Vec::with_capacity(vector.len() + TAIL);
        row.extend(vector.iter().map(|x| to_code(x * scale)));
        let square: f32 = row.iter().map(|&c| f32::from(c) * f32::from(c)).sum();
        row.extend((1.0 / square.sqrt()).to_le_bytes().map(u8::cast_signed));
        Ok(Self {
            row: row.into_boxed_slice(),
        })
    }

    /// How many numbers the vector had.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.row.len() - TAIL
    }

    /// Codes and tail, as the indexes keep them.
    pub(super) fn row(&self) -> &[i8] {
        &self.row
    }
}

/// Exact cosine of two vectors, in [-1, 1]: the number that decides.
///
/// 0 when the lengths differ or the quotient is not a number, so that a damaged vector never hits.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |x, y| f32::dot(x, y).unwrap_or(0.0);
    let value = product(a, b) / (product(a, a) * product(b, b)).sqrt();
    if value.is_finite() {
        (value as f32).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

/// Cosine of two rows of the same length. Not clamped: ranking needs the true order near 1.
pub(super) fn similarity(a: &[i8], b: &[i8]) -> f32 {
    let (a, a_norm) = split(a);
    let (b, b_norm) = split(b);
    dot(a, b).map_or(-1.0, |dot| dot * a_norm * b_norm)
}

fn split(row: &[i8]) -> (&[i8], f32) {
    match row.split_last_chunk::<TAIL>() {
        Some((codes, tail)) => (codes, f32::from_le_bytes(tail.map(i8::cast_unsigned))),
        None => (row, 0.0),
    }
}

fn to_code(x: f32) -> i8 {
    // `as` saturates; -128 is left out because its negation does not fit.
    (x.round() as i8).max(-127)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(mut v: Vec<f32>) -> Vec<f32> {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        v.iter_mut().for_each(|x| *x /= norm);
        v
    }

    #[test]
    fn a_zero_vector_and_one_of_another_norm_are_refused() {
        assert_eq!(Code::of(&[0.0; 384]), Err(Gate::Norm(0.0)));
        assert_eq!(Code::of(&[]), Err(Gate::Norm(0.0)));
        assert!(matches!(Code::of(&[1.002, 0.0]), Err(Gate::Norm(_))));
        assert!(Code::of(&[1.0009, 0.0]).is_ok());
    }

    #[test]
    fn a_vector_with_nan_or_infinity_is_refused() {
        assert_eq!(Code::of(&[f32::NAN, 1.0]), Err(Gate::NotFinite));
        assert_eq!(Code::of(&[f32::INFINITY, 0.0]), Err(Gate::NotFinite));
    }

    #[test]
    fn the_cosine_of_damaged_or_unequal_vectors_is_zero() {
        assert_eq!(cosine(&[f32::NAN, 0.0], &[1.0, 0.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), 0.0);
    }

    #[test]
    fn the_cosine_of_a_vector_with_itself_is_one_whatever_its_length() {
        let v = unit((1..=384).map(|i| (i as f32).sin()).collect());
        let twice: Vec<f32> = v.iter().map(|x| x * 2.0).collect();
        assert_eq!(cosine(&v, &v), 1.0);
        assert!((cosine(&v, &twice) - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn codes_rank_as_the_exact_cosine_does_within_a_hundredth(
            a in prop::collection::vec(-1.0_f32..1.0, 64),
            b in prop::collection::vec(-1.0_f32..1.0, 64),
        ) {
            prop_assume!(a.iter().any(|x| x.abs() > 0.1) && b.iter().any(|x| x.abs() > 0.1));
            let (a, b) = (unit(a), unit(b));
            let near = similarity(Code::of(&a).unwrap().row(), Code::of(&b).unwrap().row());
            prop_assert!((near - cosine(&a, &b)).abs() < 0.01);
        }

        #[test]
        fn a_code_is_made_or_refused_but_never_panics(v in prop::collection::vec(any::<f32>(), 0..16)) {
            if let Ok(code) = Code::of(&v) {
                prop_assert!((similarity(code.row(), code.row()) - 1.0).abs() < 1e-5);
            }
        }
    }
}
