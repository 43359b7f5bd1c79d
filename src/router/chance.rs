//! Numbers that look like chance and are made of values, so that a decision can be repeated. Pure; not for secrets.

/// One number out of two, in which every bit of both counts.
#[must_use]
pub fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.rotate_left(29) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        x = (x ^ (x >> 31)).wrapping_mul(factor);
    }
    x ^ (x >> 32)
}

/// What stands for a name wherever it is mixed; the same on every machine and in every version.
#[must_use]
pub fn tag(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(hash.as_bytes().first_chunk::<8>().unwrap_or(&[0; 8]));
    u64::from_le_bytes(first)
}

/// A number as a share, above 0 and below 1.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    reason = "53 bits are kept, which is what fits"
)]
pub fn share(number: u64) -> f64 {
    ((number >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// When this number's turn comes if its owner waits for `weight` turns a second: the first of several owners is each
/// of them in proportion to the weights, and stays the first when others leave. Infinite without a weight.
#[must_use]
pub fn clock(number: u64, weight: u32) -> f64 {
    -share(number).ln() / f64::from(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_spread_evenly_and_never_0_or_1() {
        assert!(share(0) > 0.0 && share(u64::MAX) < 1.0);
        let below = (0..10_000).filter(|n| share(mix(7, *n)) < 0.3).count();
        assert!((2850..3150).contains(&below), "{below}");
    }

    #[test]
    fn both_numbers_and_their_order_count() {
        let seen = [mix(1, 2), mix(2, 1), mix(1, 3), mix(0, 2), mix(0, 0)];
        for (i, a) in seen.iter().enumerate() {
            assert!(seen.iter().skip(i + 1).all(|b| a != b), "{seen:?}");
        }
    }

    #[test]
    fn the_first_clock_belongs_to_each_by_its_weight() {
        let first = |n| clock(mix(n, 1), 3) < clock(mix(n, 2), 1);
        let won = (0..10_000).filter(|n| first(*n)).count();
        assert!((7350..7650).contains(&won), "{won}");
        assert!(clock(5, 0).is_infinite());
    }

    #[test]
    fn a_name_keeps_its_tag() {
        assert_eq!(tag("openai|gpt-4o"), tag("openai|gpt-4o"));
        assert_ne!(tag("a"), tag("b"));
    }
}
