//! Compares listed phrases of one family: what one side names and the other does not.
//! Knows nothing of what the lists hold.

use super::lexicon::Family;
use super::pair::Pair;
use super::reading::{Mark, Reading};

/// Phrases of each side that the other has under no name.
pub(super) fn left<'a>(pair: &Pair<'a>, family: Family) -> (Vec<&'a Mark>, Vec<&'a Mark>) {
    (
        side(pair.a, pair.b, pair.only_a(), family),
        side(pair.b, pair.a, pair.only_b(), family),
    )
}

fn side<'a>(of: &'a Reading, other: &Reading, only: &[usize], family: Family) -> Vec<&'a Mark> {
    let named = |mark: &&Mark| {
        let mut others = other.marks(family);
        others.any(|known| known.sense.member == mark.sense.member)
    };
    let spelt = |mark: &&Mark| (mark.first..mark.first + mark.count).all(|i| !only.contains(&i));
    of.marks(family)
        .filter(|mark| !named(mark) && !spelt(mark))
        .collect()
}

/// Whether both name another member of one list.
pub(super) fn rivals(a: &Mark, b: &Mark) -> bool {
    a.sense.class == b.sense.class && a.sense.member != b.sense.member
}

/// Whether two phrases stand in the same place.
pub(super) fn are_aligned(pair: &Pair<'_>, a: &Mark, b: &Mark) -> bool {
    (a.first..a.first + a.count)
        .any(|i| (b.first..b.first + b.count).any(|j| pair.is_aligned(i, j)))
}

/// Whether the sides name rival members anywhere, or only in the same place.
pub(super) fn clash(pair: &Pair<'_>, family: Family, in_place: bool) -> bool {
    let (a, b) = left(pair, family);
    a.iter().any(|x| {
        b.iter()
            .any(|y| rivals(x, y) && (!in_place || are_aligned(pair, x, y)))
    })
}
