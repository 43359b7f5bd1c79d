//! Two texts side by side: which words only one of them has, and which stand in
//! the same place. Computed once for all guards, knows nothing of what they look for.

use std::cell::OnceCell;

use super::polarity::Polarity;
use super::reading::Reading;
use super::token::{Kind, Token};
use super::words::mistyped;

/// No place in the other text.
const NOWHERE: u16 = u16::MAX;

/// Two texts and what became of the words of one in the other.
#[derive(Debug)]
pub struct Pair<'a> {
    /// One text.
    pub a: &'a Reading,
    /// The other.
    pub b: &'a Reading,
    only_a: Vec<usize>,
    only_b: Vec<usize>,
    common: usize,
    gap_a: Vec<u16>,
    gap_b: Vec<u16>,
    gaps: u16,
    /// What the guards of yes and no found, who share it.
    pub(super) polarity: OnceCell<Polarity>,
}

impl<'a> Pair<'a> {
    /// Aligns two texts.
    #[must_use]
    pub fn of(a: &'a Reading, b: &'a Reading) -> Self {
        // Always from the same side, so that ties fall the same way in both orders.
        let keys = |of: &Reading| -> Vec<u64> { of.tokens().iter().map(|t| t.key).collect() };
        let turned = keys(b) < keys(a);
        let (first, second) = if turned { (b, a) } else { (a, b) };
        let (mut gap_a, mut gap_b, gaps) = align(first.tokens(), second.tokens());
        let (mut only_a, mut only_b, common) =
            leftovers((first.tokens(), &gap_a), (second.tokens(), &gap_b));
        if turned {
            std::mem::swap(&mut only_a, &mut only_b);
            std::mem::swap(&mut gap_a, &mut gap_b);
        }
        Self {
            a,
            b,
            only_a,
            only_b,
            common,
            gap_a,
            gap_b,
            gaps,
            polarity: OnceCell::new(),
        }
    }

    /// Tokens of `a` that `b` has not, in any place: indexes, stop words included.
    #[must_use]
    pub fn only_a(&self) -> &[usize] {
        &self.only_a
    }

    /// Tokens of `b` that `a` has not, in any place: indexes, stop words included.
    #[must_use]
    pub fn only_b(&self) -> &[usize] {
        &self.only_b
    }

    /// How many content words both have.
    #[must_use]
    pub fn common(&self) -> usize {
        self.common
    }

    /// Content words of `a` alone and of `b` alone.
    #[must_use]
    pub fn strays(&self) -> (usize, usize) {
        let count = |of: &Reading, only: &[usize]| {
            let content = only.iter().filter(|i| !of.tokens()[**i].stop);
            content.count()
        };
        (count(self.a, &self.only_a), count(self.b, &self.only_b))
    }

    /// Share of the words that both have, from 0 to 1; a stop word counts half, and "a" or "an" nothing, since the
    /// word behind it chooses.
    #[must_use]
    pub fn likeness(&self) -> f32 {
        let weight = |token: &Token| {
            let article = token.is_of(&["a", "an"]);
            usize::from(!article) + usize::from(!token.stop)
        };
        let weigh = |of: &Reading, only: &[usize]| -> (usize, usize) {
            let strays = only.iter().map(|i| weight(&of.tokens()[*i]));
            (of.tokens().iter().map(weight).sum(), strays.sum())
        };
        let (all_a, stray_a) = weigh(self.a, &self.only_a);
        let (all_b, stray_b) = weigh(self.b, &self.only_b);
        let share = |part: usize, whole: usize| {
            let [part, whole] = [part, whole].map(|n| u16::try_from(n).unwrap_or(u16::MAX));
            f32::from(part) / f32::from(whole.max(1))
        };
        1.0 - share(stray_a + stray_b, all_a + all_b)
    }

    /// Whether a token of `a` stands where one of `b` stands: between the same words that both have.
    #[must_use]
    pub fn is_aligned(&self, in_a: usize, in_b: usize) -> bool {
        let gap = |gaps: &[u16], i: usize| gaps.get(i).copied().unwrap_or(NOWHERE);
        let at = gap(&self.gap_a, in_a);
        at != NOWHERE && at == gap(&self.gap_b, in_b)
    }

    /// Whether a place holds the same letters on both sides, cut or typed in another way.
    pub(super) fn is_respelt(&self, in_a: usize) -> bool {
        let at = self.gap_a.get(in_a).copied().unwrap_or(NOWHERE);
        let joined = |of: &Reading, gaps: &[u16]| -> String {
            let here = of.tokens().iter().zip(gaps).filter(|(_, gap)| **gap == at);
            here.map(|(token, _)| token.lower.as_str()).collect()
        };
        let count = |gaps: &[u16]| gaps.iter().filter(|gap| **gap == at).count();
        let (a, b) = (joined(self.a, &self.gap_a), joined(self.b, &self.gap_b));
        let cut = count(&self.gap_a) + count(&self.gap_b) > 2;
        at != NOWHERE && cut && (a == b || mistyped(&a, &b))
    }

    /// How many places differ.
    #[must_use]
    pub fn places(&self) -> usize {
        usize::from(self.gaps)
    }
}

/// Whether two tokens say the same.
fn same(a: &Token, b: &Token) -> bool {
    a.key == b.key || a.meaning == b.meaning
}

/// Tokens without a counterpart, and how many content words have one. Of a word that is there twice the one in its
/// place counts first: `turn on the light on the stairs`, `turn off the light on the stairs`.
fn leftovers(
    (a, gap_a): (&[Token], &[u16]),
    (b, gap_b): (&[Token], &[u16]),
) -> (Vec<usize>, Vec<usize>, usize) {
    let mut used: Vec<bool> = gap_b.iter().map(|gap| *gap == NOWHERE).collect();
    let in_place = a
        .iter()
        .zip(gap_a)
        .filter(|(token, gap)| **gap == NOWHERE && !token.stop);
    let (mut only_a, mut common) = (Vec::new(), in_place.count());
    for (i, token) in a.iter().enumerate().filter(|(i, _)| gap_a[*i] != NOWHERE) {
        let free = |(j, other): (usize, &Token)| !used[j] && same(token, other);
        match b.iter().enumerate().position(free) {
            Some(j) => {
                used[j] = true;
                common += usize::from(!token.stop);
            }
            None => only_a.push(i),
        }
    }
    let mut only_b: Vec<usize> = (0..b.len()).filter(|j| !used[*j]).collect();
    // What is left may be the same word, mistyped.
    only_a.retain(|i| {
        let typo = |j: &usize| is_typo(&a[*i], &b[*j]);
        match only_b.iter().position(typo) {
            Some(place) => {
                only_b.remove(place);
                common += usize::from(!a[*i].stop);
                false
            }
            None => true,
        }
    });
    (only_a, only_b, common)
}

/// Whether one word is the other's typing error: neither is in a list.
fn is_typo(a: &Token, b: &Token) -> bool {
    let plain = |t: &Token| t.kind == Kind::Word && !t.stop && !super::is_listed(t);
    let near = (plain(a) || plain(b)) && a.kind == b.kind && mistyped(&a.lower, &b.lower);
    near && !super::opposites::are_opposite(a, b)
}

/// Longest common subsequence; each run of tokens outside of it gets a number, the
/// same on both sides.
fn align(a: &[Token], b: &[Token]) -> (Vec<u16>, Vec<u16>, u16) {
    let head = a.iter().zip(b).take_while(|(x, y)| same(x, y)).count();
    let (mid_a, mid_b) = (&a[head..], &b[head..]);
    let tail = mid_a.iter().rev().zip(mid_b.iter().rev());
    let tail = tail.take_while(|(x, y)| same(x, y)).count();
    let (n, m) = (mid_a.len() - tail, mid_b.len() - tail);
    let width = m + 1;
    let mut best = vec![0_u16; (n + 1) * width];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            best[i * width + j] = if same(&mid_a[i], &mid_b[j]) {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut gap_a, mut gap_b) = (vec![NOWHERE; a.len()], vec![NOWHERE; b.len()]);
    let (mut i, mut j, mut gap, mut open) = (0, 0, 0_u16, false);
    while i < n || j < m {
        if i < n && j < m && same(&mid_a[i], &mid_b[j]) {
            gap += u16::from(open);
            (i, j, open) = (i + 1, j + 1, false);
            continue;
        }
        open = true;
        let down = j == m || (i < n && best[(i + 1) * width + j] >= best[i * width + j + 1]);
        if down {
            gap_a[head + i] = gap;
            i += 1;
        } else {
            gap_b[head + j] = gap;
            j += 1;
        }
    }
    (gap_a, gap_b, gap + u16::from(open))
}
