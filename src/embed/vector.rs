//! A vector that is safe to compare: finite and of length one; and which others it may be compared with. Knows nothing of
//! where it came from.

use std::ops::Deref;
use std::sync::Arc;

/// How far from 1 a norm may be before it means a fault rather than rounding.
const NORM_SLACK: f64 = 1e-3;

/// A finite vector of unit norm. Its maker checks the dimension; cloning shares the numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

/// Which vectors may be compared with each other: those of one model. A hash of its fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Space([u8; 32]);

impl Space {
    /// The space of the model with this fingerprint.
    pub fn of(fingerprint: &str) -> Self {
        Self(*blake3::hash(fingerprint.as_bytes()).as_bytes())
    }

    /// The space that [`Space::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form that is written down.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a list of numbers is no embedding.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotAVector {
    /// A number is infinite or not a number.
    #[error("a component is not finite")]
    NotFinite,
    /// The length is not near one, nothing at all included.
    #[error("the norm is {0}, not 1")]
    Norm(f64),
}

impl Embedding {
    /// Takes numbers whose norm is within 1 ± 1e-3 and makes it 1.
    ///
    /// # Errors
    /// [`NotAVector`]: an index fed with such numbers would match everything or end the process.
    pub fn new(mut numbers: Vec<f32>) -> Result<Self, NotAVector> {
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(NotAVector::NotFinite);
        }
        let norm = norm(&numbers);
        if (norm - 1.0).abs() > NORM_SLACK {
            return Err(NotAVector::Norm(norm));
        }
        scale(&mut numbers, norm);
        Ok(Self(numbers.into()))
    }
}

impl Deref for Embedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

/// Euclidean length, summed in f64.
pub(super) fn norm(numbers: &[f32]) -> f64 {
    numbers
        .iter()
        .map(|&number| f64::from(number).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Divides every component by `norm`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a component of a unit vector loses digits, never magnitude"
)]
pub(super) fn scale(numbers: &mut [f32], norm: f64) {
    for number in numbers {
        *number = (f64::from(*number) / norm) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_that_is_nearly_of_unit_norm_is_made_exactly_so() {
        let vector = Embedding::new(vec![0.6005, 0.8]).unwrap();
        assert!((norm(&vector) - 1.0).abs() < 1e-7);
    }

    #[test]
    fn a_number_that_is_not_finite_is_no_vector() {
        assert_eq!(
            Embedding::new(vec![f32::NAN, 1.0]),
            Err(NotAVector::NotFinite)
        );
        assert_eq!(
            Embedding::new(vec![f32::INFINITY, 1.0]),
            Err(NotAVector::NotFinite)
        );
    }

    #[test]
    fn a_norm_far_from_one_is_no_vector() {
        assert!(matches!(
            Embedding::new(vec![0.6, 0.81]),
            Err(NotAVector::Norm(_))
        ));
        assert!(matches!(
            Embedding::new(vec![0.0, 0.0]),
            Err(NotAVector::Norm(_))
        ));
        assert!(matches!(Embedding::new(vec![]), Err(NotAVector::Norm(_))));
    }
}
