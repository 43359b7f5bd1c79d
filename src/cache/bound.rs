//! What a number of wrong hits among labelled ones proves: Clopper-Pearson bounds on the true
//! share, exact for any count. Pure.

use statrs::distribution::{Beta, ContinuousCDF};

/// Upper bound on the true share of wrong ones, one-sided, that holds with confidence `1 - alpha`
/// when `wrong` of `n` independent ones were seen to be wrong. 1 without any.
#[must_use]
pub fn upper(wrong: usize, n: usize, alpha: f64) -> f64 {
    if wrong >= n {
        return 1.0;
    }
    quantile(wrong + 1, n - wrong, 1.0 - alpha).unwrap_or(1.0)
}

/// Lower bound on the true share of wrong ones, one-sided, with confidence `1 - alpha`.
#[must_use]
pub fn lower(wrong: usize, n: usize, alpha: f64) -> f64 {
    if wrong == 0 || wrong > n {
        return 0.0;
    }
    quantile(wrong, n - wrong + 1, alpha).unwrap_or(0.0)
}

/// The two-sided interval of confidence `1 - alpha`.
#[must_use]
pub fn interval(wrong: usize, n: usize, alpha: f64) -> (f64, f64) {
    (lower(wrong, n, alpha / 2.0), upper(wrong, n, alpha / 2.0))
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of labels, far below 2^52"
)]
fn quantile(a: usize, b: usize, p: f64) -> Option<f64> {
    Some(Beta::new(a as f64, b as f64).ok()?.inverse_cdf(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4
    }

    #[test]
    fn one_per_cent_takes_299_labels_without_a_wrong_one() {
        assert!(upper(0, 299, 0.05) <= 0.01);
        assert!(upper(0, 298, 0.05) > 0.01);
    }

    #[test]
    fn the_interval_is_that_of_the_textbooks() {
        // Clopper and Pearson's own example: 7 of 10.
        let (low, high) = interval(7, 10, 0.05);
        assert!(near(low, 0.3475) && near(high, 0.9333), "{low} {high}");
        assert_eq!(interval(0, 0, 0.05), (0.0, 1.0));
        assert_eq!(interval(5, 5, 0.05).1.to_bits(), 1.0_f64.to_bits());
        assert_eq!(interval(0, 5, 0.05).0.to_bits(), 0.0_f64.to_bits());
    }
}
