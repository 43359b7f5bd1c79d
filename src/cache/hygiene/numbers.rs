//! Numbers as people write them down, in groups, and the checks by which card and bank account numbers are told
//! from others.

/// Digits in groups, each parted from the next by one mark.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    pub(super) parts: Vec<&'a [u8]>,
    marks: Vec<u8>,
}

/// More groups than any number of this kind has.
const MOST: usize = 8;

impl<'a> Groups<'a> {
    /// The groups from `at` on. `) ` counts as one mark: `(212) 555-0123`.
    pub(super) fn read(bytes: &'a [u8], at: usize) -> Self {
        let (mut parts, mut marks) = (Vec::new(), Vec::new());
        let mut from = at;
        while parts.len() <= MOST {
            let length = bytes[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            parts.push(&bytes[from..from + length]);
            let rest = &bytes[from + length..];
            let (mark, width) = match rest {
                [b')', b' ', next, ..] if next.is_ascii_digit() => (b')', 2),
                [mark @ (b' ' | b'-' | b'.' | b'/' | b')'), next, ..] if next.is_ascii_digit() => {
                    (*mark, 1)
                }
                _ => break,
            };
            marks.push(mark);
            from += length + width;
        }
        Self { parts, marks }
    }

    pub(super) fn digits(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    pub(super) fn all_parted_by(&self, mark: u8) -> bool {
        self.marks.iter().all(|m| *m == mark)
    }
}

/// How card numbers are written: in one, in fours, and as American Express does.
const CARD_LAYOUTS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

/// Whether groups begin with a card number; an expiry may stand behind it.
pub(super) fn is_card(groups: &Groups<'_>) -> bool {
    let plain = |part: &[u8]| (13..=19).contains(&part.len()) && is_issued(part);
    if plain(groups.parts[0]) {
        return true;
    }
    CARD_LAYOUTS.iter().any(|layout| {
        let fits = groups.parts.len() >= layout.len()
            && groups
                .parts
                .iter()
                .zip(*layout)
                .all(|(part, length)| part.len() == *length);
        let even = groups.marks.iter().take(layout.len() - 1);
        fits && even
            .clone()
            .all(|m| *m == groups.marks[0] && b" -".contains(m))
            && is_issued(&groups.parts[..layout.len()].concat())
    })
}

/// Whether cards with this beginning have that many digits.
fn is_of_issuer(digits: &[u8]) -> bool {
    match digits {
        [b'4', ..] => matches!(digits.len(), 13 | 16 | 19),
        [b'3', b'4' | b'7', ..] => digits.len() == 15,
        [b'3', b'6' | b'8', ..] => digits.len() == 14,
        [b'2' | b'3' | b'5', ..] => digits.len() == 16,
        [b'6', ..] => digits.len() >= 16,
        _ => false,
    }
}

/// The last digit is a check of the others (Luhn).
fn is_issued(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i % 2, u32::from(digit - b'0')) {
            (0, digit) => digit,
            (_, digit) => (digit * 2) / 10 + (digit * 2) % 10,
        })
        .sum();
    is_of_issuer(digits) && sum.is_multiple_of(10)
}

/// Characters of a bank account number, by country.
const IBAN_LENGTHS: [(&[u8; 2], usize); 36] = [
    (b"AE", 23),
    (b"AT", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BR", 29),
    (b"CH", 21),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"EE", 20),
    (b"ES", 24),
    (b"FI", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GR", 27),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MT", 31),
    (b"NL", 18),
    (b"NO", 15),
    (b"PL", 28),
    (b"PT", 25),
    (b"RO", 24),
    (b"SA", 24),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
];

/// Whether an international bank account number begins at `at`, spaces between its groups or not.
pub(super) fn is_iban(bytes: &[u8], at: usize) -> bool {
    let country = bytes.get(at..at + 2);
    let known = IBAN_LENGTHS
        .iter()
        .find(|(code, _)| country == Some(&code[..]));
    let Some((_, length)) = known else {
        return false;
    };
    let mut account = Vec::with_capacity(*length);
    let mut rest = bytes[at..].iter().copied().peekable();
    while account.len() < *length {
        match rest.next() {
            Some(b) if b.is_ascii_digit() || b.is_ascii_uppercase() => account.push(b),
            Some(b' ') if account.len().is_multiple_of(4) && rest.peek() != Some(&b' ') => {}
            _ => return false,
        }
    }
    !rest.peek().is_some_and(u8::is_ascii_alphanumeric) && has_check(&account)
}

/// ISO 7064: moved to its end and with letters as numbers from 10 on, it leaves 1 when divided by 97.
fn has_check(account: &[u8]) -> bool {
    let (head, tail) = account.split_at(4);
    let rest = tail.iter().chain(head).fold(0_u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b - b'A') + 10) % 97,
    });
    rest == 1
}
