//! Two readings side by side: which words of one have no counterpart in the other, whatever
//! their form, spelling or place.

use super::lists;
use super::reading::{Kind, Reading, Token};

/// Two texts, compared once for all guards.
pub struct Pair<'a> {
    /// The one remembered.
    pub a: &'a Reading,
    /// The one asked.
    pub b: &'a Reading,
    only_a: Vec<usize>,
    only_b: Vec<usize>,
}

impl<'a> Pair<'a> {
    /// Lays two readings side by side.
    #[must_use]
    pub fn of(a: &'a Reading, b: &'a Reading) -> Self {
        let mut taken = vec![false; b.tokens.len()];
        let mut only_a = Vec::new();
        let mut left = Vec::new();
        // What is equal finds its counterpart before what is only alike.
        for (i, token) in a.tokens.iter().enumerate() {
            match free(&b.tokens, &taken, |other| same(token, other)) {
                Some(j) => taken[j] = true,
                None => left.push(i),
            }
        }
        for i in left {
            let token = &a.tokens[i];
            match free(&b.tokens, &taken, |other| alike(token, other)) {
                Some(j) => taken[j] = true,
                None => only_a.push(i),
            }
        }
        let only_b = (0..taken.len()).filter(|j| !taken[*j]).collect();
        Self {
            a,
            b,
            only_a,
            only_b,
        }
    }

    /// Words of the one remembered, without counterpart, that say something of the matter.
    #[must_use]
    pub fn only_a(&self) -> Vec<&'a Token> {
        content(self.a, &self.only_a)
    }

    /// The same of the one asked.
    #[must_use]
    pub fn only_b(&self) -> Vec<&'a Token> {
        content(self.b, &self.only_b)
    }

    /// All tokens without counterpart, small words included, of both.
    pub(super) fn left(&self) -> (Vec<&'a Token>, Vec<&'a Token>) {
        let all = |reading: &'a Reading, only: &[usize]| {
            only.iter().map(|i| &reading.tokens[*i]).collect()
        };
        (all(self.a, &self.only_a), all(self.b, &self.only_b))
    }
}

fn content<'a>(reading: &'a Reading, only: &[usize]) -> Vec<&'a Token> {
    only.iter()
        .map(|i| &reading.tokens[*i])
        .filter(|t| t.is_content())
        .collect()
}

fn free(tokens: &[Token], taken: &[bool], fits: impl Fn(&Token) -> bool) -> Option<usize> {
    (0..tokens.len()).find(|j| !taken[*j] && fits(&tokens[*j]))
}

fn same(a: &Token, b: &Token) -> bool {
    a.kind == b.kind && (a.stem == b.stem || name(a).is_some() && name(a) == name(b))
}

fn name(token: &Token) -> Option<&'static str> {
    lists::known_name(&token.text)
}

/// A typo or another ending; never two words that are both known.
fn alike(a: &Token, b: &Token) -> bool {
    if a.kind != Kind::Word || b.kind != Kind::Word {
        return false;
    }
    let known = |t: &Token| name(t).is_some() || lists::is_unit(&t.text) || lists::is_stop(&t.text);
    if known(a) && known(b) || lists::are_opposite((&a.text, &a.stem), (&b.text, &b.stem)) {
        return false;
    }
    let (short, long) = if a.text.len() <= b.text.len() {
        (a, b)
    } else {
        (b, a)
    };
    let n = short.text.chars().count();
    // `weigh` and `weight`, `govern` and `government`: the same beginning, an ending more.
    if n >= 5
        && long.text.starts_with(short.stem.as_str())
        && long.text.len() - short.stem.len() <= 4
    {
        return true;
    }
    let most = match n {
        0..=3 => return false,
        4..=7 => 1,
        _ => 2,
    };
    // The first letter is rarely mistyped, and often tells two words apart.
    let first = a.text.chars().next() == b.text.chars().next();
    (first || n >= 6) && within(&a.text, &b.text, most)
}

/// Whether two words are at most so many letters apart, a swap of two counting one.
pub(super) fn within(a: &str, b: &str, most: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most || a.len() > 24 || b.len() > 24 {
        return false;
    }
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()] <= most
}
